//! A private Redis with `appendonly everysec`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
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
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    server: Child,
}

impl Redis {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let server = launch(folder, address)?;
        let mut redis = Self { address, folder: folder.to_owned(), server };
        redis.wait_until_ready().await?;
        Ok(redis)
    }

    /// `SIGKILL`.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Starts it again with what it has written to disk.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.server = launch(&self.folder, self.address)?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.ask("PING").await.is_err() {
            if !self.server.is_alive() || began.elapsed() > Duration::from_secs(20) {
                return Err(format!("Redis did not start:\n{}", self.server.last_words()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        self.url_of(0)
    }

    /// Of one of its sixteen separate databases.
    pub(crate) fn url_of(&self, database: u8) -> String {
        format!("redis://{}/{database}", self.address)
    }

    /// At another address, a proxy's.
    pub(crate) fn url_at(address: SocketAddr) -> String {
        format!("redis://{address}/0")
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    pub(crate) async fn flush_all(&self) -> Result<()> {
        self.ask("FLUSHALL").await.map(drop)
    }

    pub(crate) fn freeze(&mut self) -> Result<()> {
        self.server.signal(Signal::SIGSTOP)
    }

    pub(crate) fn thaw(&mut self) -> Result<()> {
        self.server.signal(Signal::SIGCONT)
    }

    /// One inline command, answered by a number; what is not there counts as 0.
    pub(crate) async fn number(&self, command: &str) -> Result<u64> {
        let answer = self.ask(command).await?;
        let number = match answer.trim() {
            "$-1" => Some(0),
            answer => answer.strip_prefix(':').and_then(|number| number.parse().ok()),
        };
        number.ok_or_else(|| format!("Redis answered {command} with {answer}").into())
    }

    /// Pushes these values to the front of a list, each so many times over.
    pub(crate) async fn push(&self, list: &str, values: &[Vec<u8>], times: usize) -> Result<()> {
        let mut command = Vec::new();
        for value in values.iter().flat_map(|value| std::iter::repeat_n(value, times)) {
            let head = format!("*3\r\n$5\r\nLPUSH\r\n${}\r\n{list}\r\n", list.len());
            command.extend_from_slice(head.as_bytes());
            command.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
            command.extend_from_slice(value);
            command.extend_from_slice(b"\r\n");
        }
        if command.is_empty() {
            return Ok(());
        }
        self.exchange("LPUSH", &command).await.map(drop)
    }

    /// One inline command, answered by a status line, a number or nothing.
    pub(crate) async fn ask(&self, command: &str) -> Result<String> {
        self.exchange(command, format!("{command}\r\n").as_bytes()).await
    }

    async fn exchange(&self, command: &str, bytes: &[u8]) -> Result<String> {
        let asked = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(bytes).await?;
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

fn launch(folder: &Path, address: SocketAddr) -> Result<Child> {
    let data = folder.join("redis");
    fs::create_dir_all(&data)?;
    let mut command = Command::new(find("redis-server")?);
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "everysec"])
        .args(["--save", "", "--dir"])
        .arg(&data);
    Child::start(command, "redis", folder)
}
