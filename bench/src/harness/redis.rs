//! A private Redis with `appendonly everysec`.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Child, find, free_address};
use crate::error::Result;

#[derive(Debug)]
pub(crate) struct Redis {
    address: SocketAddr,
    server: Child,
}

impl Redis {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("redis");
        fs::create_dir_all(&data)?;
        let address = free_address()?;
        let mut command = Command::new(find("redis-server")?);
        command
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            .args(["--save", "", "--dir"])
            .arg(&data);
        let server = Child::start(command, "redis", folder)?;
        let mut redis = Self { address, server };
        let began = Instant::now();
        while redis.ask("PING").await.is_err() {
            if !redis.server.is_alive() || began.elapsed() > Duration::from_secs(20) {
                return Err(format!("Redis did not start:\n{}", redis.server.last_words()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    pub(crate) async fn flush_all(&self) -> Result<()> {
        self.ask("FLUSHALL").await.map(drop)
    }

    pub(crate) fn freeze(&self) -> Result<()> {
        self.server.signal(Signal::SIGSTOP)
    }

    pub(crate) fn thaw(&self) -> Result<()> {
        self.server.signal(Signal::SIGCONT)
    }

    /// One inline command, answered by a number; nothing counts as 0.
    pub(crate) async fn number(&self, command: &str) -> Result<u64> {
        let answer = self.ask(command).await?;
        Ok(answer.trim().trim_start_matches(':').parse().unwrap_or(0))
    }

    /// One inline command, answered by a status line, a number or nothing.
    async fn ask(&self, command: &str) -> Result<String> {
        let asked = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(format!("{command}\r\n").as_bytes()).await?;
            let mut answer = [0; 256];
            let read = stream.read(&mut answer).await?;
            let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
            if answer.starts_with(['+', ':']) || answer.starts_with("$-1") {
                Ok(answer)
            } else {
                Err(format!("Redis answered {command} with {answer}").into())
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asked)
            .await
            .map_err(|_| "Redis did not answer within 10 s")?
    }
}
