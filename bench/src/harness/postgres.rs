//! A private Postgres: durable as in production (fsync and `synchronous_commit` stay on).

use std::{
    fs,
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::Signal,
    unistd::{Uid, User},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Child, child::send, find, free_address, usage};
use crate::error::{Result, while_doing};

const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 512MB
max_wal_size = 4GB
checkpoint_timeout = 15min
fsync = on
synchronous_commit = on
logging_collector = off
log_min_messages = fatal
log_min_error_statement = panic
";

#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    /// Whom the server runs as; it refuses to run as root.
    user: Option<User>,
    server: Child,
}

impl Postgres {
    /// A fresh cluster under `folder`, running, with an empty database `otpost`; `more` is added
    /// to its configuration.
    pub(crate) async fn start(folder: &Path, more: &str) -> Result<Self> {
        let user = if Uid::effective().is_root() {
            let user = User::from_name("postgres")?.or(User::from_name("nobody")?);
            Some(user.ok_or("running as root, and there is no user `postgres` or `nobody`")?)
        } else {
            None
        };
        let folder = folder.join("postgres");
        fs::create_dir_all(&folder)?;
        if let Some(user) = &user {
            chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let address = free_address()?;
        let data = folder.join("data");
        let mut init = command("initdb", user.as_ref())?;
        init.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(&folder);
        let made = init.output().map_err(while_doing("running initdb"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        let settings = data.join("postgresql.auto.conf");
        fs::write(
            &settings,
            format!(
                "{SETTINGS}port = {}\nunix_socket_directories = '{}'\n{more}\n",
                address.port(),
                folder.display()
            ),
        )?;
        let server = launch(&data, &folder, user.as_ref(), &[])?;
        let mut postgres = Self { address, folder, user, server };
        postgres.wait_until_ready().await?;
        postgres.create_database("otpost").await?;
        Ok(postgres)
    }

    pub(crate) async fn create_database(&self, name: &str) -> Result<()> {
        let mut maintenance = PgConnection::connect(&self.url("postgres")).await?;
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut maintenance).await?;
        Ok(())
    }

    /// Restarts the server in good order with `settings` on its command line, which go before
    /// those of its file and are gone with the next restart.
    pub(crate) async fn restart_with(&mut self, settings: &[&str]) -> Result<()> {
        self.server.end()?;
        let data = self.folder.join("data");
        self.server = launch(&data, &self.folder, self.user.as_ref(), settings)?;
        self.wait_until_ready().await
    }

    pub(crate) fn url(&self, database: &str) -> String {
        Self::url_at(self.address, database)
    }

    /// The same at another address, a proxy's.
    pub(crate) fn url_at(address: SocketAddr, database: &str) -> String {
        format!("postgres://postgres@{address}/{database}")
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Freezes the server and all its processes: connections stay open and nobody answers.
    pub(crate) fn freeze(&mut self) -> Result<()> {
        self.signal_all(Signal::SIGSTOP)
    }

    pub(crate) fn thaw(&mut self) -> Result<()> {
        self.signal_all(Signal::SIGCONT)
    }

    /// Ends the server at once, as after a crash: what was committed is recovered at the start.
    pub(crate) fn crash(&mut self) -> Result<()> {
        self.server.signal(Signal::SIGQUIT)?;
        let began = Instant::now();
        while self.server.is_alive() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("Postgres did not end within 20 s of SIGQUIT".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts it again unless it runs.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        if self.server.is_alive() {
            return self.wait_until_ready().await;
        }
        let data = self.folder.join("data");
        self.server = launch(&data, &self.folder, self.user.as_ref(), &[])?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let url = self.url("postgres");
            let connected = PgConnection::connect(&url);
            match tokio::time::timeout(Duration::from_secs(2), connected).await {
                Ok(Ok(connection)) => {
                    let _ = connection.close().await;
                    return Ok(());
                }
                _ if !self.server.is_alive() || began.elapsed() > Duration::from_mins(1) => {
                    let words = self.server.last_words();
                    return Err(format!("Postgres did not start:\n{words}").into());
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn signal_all(&mut self, signal: Signal) -> Result<()> {
        self.server.signal(signal)?;
        for id in usage::children_of(self.server.id()) {
            // One that has just ended is none that could answer.
            let _ = send(id, signal);
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.thaw();
    }
}

fn launch(data: &Path, folder: &Path, user: Option<&User>, settings: &[&str]) -> Result<Child> {
    let mut server = command("postgres", user)?;
    server.arg("-D").arg(data).current_dir(folder);
    for setting in settings {
        server.args(["-c", setting]);
    }
    let logs = folder.parent().unwrap_or(folder);
    // SIGINT is Postgres's fast shutdown; SIGTERM would wait for every client to leave.
    Ok(Child::start(server, "postgres", logs)?.says_goodbye_to(Signal::SIGINT))
}

fn command(program: &str, user: Option<&User>) -> Result<Command> {
    let mut command = Command::new(find(program)?);
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}
