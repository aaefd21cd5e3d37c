//! The binary, run to its end or in the background, with what it printed.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes this long; what does hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An address that nobody has, and that no other test of this process gets.
pub fn free_address() -> SocketAddr {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().expect("no panic");
    let given = given.get_or_insert_default();
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        if given.insert(address.port()) {
            return address;
        }
    }
}

/// Where the command runs: a folder of its own, with nothing of this process's environment that
/// would configure it.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
    }

    /// With this as `otpost.toml`.
    pub fn with(config: &str) -> Self {
        let place = Self::empty();
        std::fs::write(place.path().join("otpost.toml"), config).expect("written");
        place
    }

    /// With a configuration that is already in its folder.
    pub fn in_folder(dir: TempDir) -> Self {
        Self { dir, variables: Vec::new() }
    }

    /// With a database and keys, as after a first start.
    pub fn migrated(self) -> Self {
        self.run(&["migrate"]).exits(0);
        self
    }

    pub fn set(mut self, name: &str, value: &impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Runs to its end.
    pub fn run(&self, args: &[&str]) -> Finished {
        self.start(args).end()
    }

    pub fn start(&self, args: &[&str]) -> Running {
        start(self.dir.path(), &self.variables, args)
    }
}

fn start(folder: &Path, variables: &[(String, String)], args: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otpost"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTPOST_") {
            command.env_remove(name);
        }
    }
    Running::of(command.args(args).envs(variables.iter().cloned()).current_dir(folder))
}

/// What came out of one stream so far.
#[derive(Debug)]
pub struct Printed(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    text: String,
    ended: bool,
}

impl Printed {
    fn read(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (writer, mut lines) = (Arc::clone(&shared), BufReader::new(stream));
        std::thread::spawn(move || {
            loop {
                let mut line = Vec::new();
                let ended = !matches!(lines.read_until(b'\n', &mut line), Ok(n) if n > 0);
                let mut state = writer.0.lock().expect("no panic");
                state.text.push_str(&String::from_utf8_lossy(&line));
                state.ended = ended;
                writer.1.notify_all();
                if ended {
                    return;
                }
            }
        });
        Self(shared)
    }

    /// Waits until a line with `part` has been printed, and gives that line.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> String {
        let found =
            |state: &State| state.text.lines().find(|l| l.contains(part)).map(str::to_owned);
        let text = self.wait(|state| state.ended || found(state).is_some());
        let line = text.lines().find(|line| line.contains(part)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{part:?} was not printed, but: {text}"))
    }

    /// Everything, once the process has closed the stream.
    fn whole(&self) -> String {
        self.wait(|state| state.ended)
    }

    fn wait(&self, until: impl Fn(&State) -> bool) -> String {
        let give_up = Instant::now() + PATIENCE;
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        while !until(&state) {
            let left = give_up.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came any more after: {}", state.text);
            state = changed.wait_timeout(state, left).expect("no panic").0;
        }
        state.text.clone()
    }
}

/// A process in the background; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pub stdout: Printed,
    pub stderr: Printed,
}

impl Running {
    /// Starts a program, which may be another one than ours.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Printed::read(child.stdout.take().expect("piped"));
        let stderr = Printed::read(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr }
    }

    /// Asks it to end, as a service manager does, and waits for that.
    pub fn terminate(self) -> Finished {
        self.end_by("TERM")
    }

    /// Ends it as Ctrl-C does.
    pub fn interrupt(self) -> Finished {
        self.end_by("INT")
    }

    fn end_by(self, signal: &str) -> Finished {
        self.signal(signal);
        self.end()
    }

    /// Sends it a signal, by its short name.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {pid}")).status();
        assert!(sent.expect("a shell").success());
    }

    /// Waits for its end.
    pub fn end(mut self) -> Finished {
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        let status = self.child.wait().expect("ours");
        Finished { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// It failed with one sentence for the person, which holds all these.
    #[track_caller]
    pub fn fails_with(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.exits(1)
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("JSON on standard output")
    }
}
