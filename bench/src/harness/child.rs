//! One process of ours: its log file, its signals, and its certain end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::error::{Result, while_doing};

/// How long a process may take to end in good order before it is killed.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    process: std::process::Child,
    log: PathBuf,
    /// What asks this process to end in good order.
    goodbye: Signal,
    patience: Duration,
}

impl Child {
    /// Starts `command` with both its outputs in `<folder>/<name>.log`.
    pub(crate) fn start(mut command: Command, name: &str, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let open = || File::options().create(true).append(true).open(&log);
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let process = command.spawn().map_err(while_doing(&format!("starting {name}")))?;
        let name = name.to_owned();
        Ok(Self { name, process, log, goodbye: Signal::SIGTERM, patience: PATIENCE })
    }

    pub(crate) fn says_goodbye_to(mut self, goodbye: Signal) -> Self {
        self.goodbye = goodbye;
        self
    }

    /// Gives it longer than usual to end when it is dropped.
    pub(crate) fn waits(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Whether it has ended with exit code 0.
    pub(crate) fn is_well(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(status)) if status.success())
    }

    /// None while it runs, and when a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.try_wait().ok().flatten()?.code()
    }

    /// An error once it has ended: its id may be another's by then.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Err(format!("{} has ended: {}", self.name, self.last_words()).into());
        }
        send(self.process.id(), signal)
    }

    /// `SIGKILL`, and gone when this returns.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks the process to end in good order and says how long it took; kills it when it takes
    /// too long, which is an error.
    pub(crate) fn end(&mut self) -> Result<Duration> {
        let began = Instant::now();
        if self.is_alive() {
            self.signal(self.goodbye)?;
        }
        while began.elapsed() < PATIENCE * 4 {
            if !self.is_alive() {
                return Ok(began.elapsed());
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.kill()?;
        Err(format!("{} did not end within {:?}", self.name, PATIENCE * 4).into())
    }

    /// Everything it has written.
    pub(crate) fn all_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The last lines of its log, for error messages.
    pub(crate) fn last_words(&self) -> String {
        let text = self.all_words();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_alive() {
            return;
        }
        let _ = self.signal(Signal::SIGCONT);
        let _ = self.signal(self.goodbye);
        let began = Instant::now();
        while began.elapsed() < self.patience {
            if !self.is_alive() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.kill();
    }
}

/// Sends a signal to one process of ours.
pub(crate) fn send(id: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(id)?;
    kill(Pid::from_raw(id), signal).map_err(while_doing(&format!("{signal} to process {id}")))
}
