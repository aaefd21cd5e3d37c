//! A small HTTP/1.1 client that keeps its connection: the load generator shares two cores with
//! what it measures, so it must cost little, and requests are written as bytes made beforehand.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::error::Result;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, or null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One open connection, used by one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// False after an error or a `Connection: close`: open another one.
    pub(crate) usable: bool,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096), usable: true })
    }

    /// Sends one request and reads its answer. An error, or dropping this half-way, leaves the
    /// connection unusable.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.usable = false;
        self.received.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(end) = head_end(&self.received) {
                break Head::parse(&self.received[..end])?;
            }
            self.fill().await?;
        };
        let body = if head.chunked {
            self.read_chunks(head.length).await?
        } else {
            while self.received.len() < head.length + head.body {
                self.fill().await?;
            }
            self.received[head.length..head.length + head.body].to_vec()
        };
        self.usable = !head.closes;
        Ok(Answer { status: head.status, retry_after: head.retry_after, body })
    }

    async fn read_chunks(&mut self, mut at: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                let rest = &self.received[at..];
                if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                    break at + end;
                }
                self.fill().await?;
            };
            let size = std::str::from_utf8(&self.received[at..line])?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)?;
            let (from, to) = (line + 2, line + 2 + size);
            while self.received.len() < to + 2 {
                self.fill().await?;
            }
            body.extend_from_slice(&self.received[from..to]);
            at = to + 2;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }
}

#[derive(Default)]
struct Head {
    /// Of the head itself, with the empty line.
    length: usize,
    status: u16,
    /// Bytes of the body.
    body: usize,
    chunked: bool,
    closes: bool,
    retry_after: Option<String>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.ok_or("not an HTTP answer")?.parse()?;
        let mut head = Self { length: bytes.len(), status, ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body = value.parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes = value.eq_ignore_ascii_case("close");
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = Some(value.to_owned());
            }
        }
        Ok(head)
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// Whom to call and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Client {
    /// The bytes of a POST; with `idempotency_key` where the call creates something.
    pub(crate) fn post(&self, path: &str, idempotency_key: Option<&str>, body: &str) -> Vec<u8> {
        let repeat =
            idempotency_key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{repeat}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        )
        .into_bytes()
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.address, self.key
        )
        .into_bytes()
    }

    /// One request on a connection of its own, at most `within`.
    pub(crate) async fn call(&self, request: &[u8], within: Duration) -> Result<Answer> {
        let called = async { Connection::open(self.address).await?.call(request).await };
        tokio::time::timeout(within, called)
            .await
            .map_err(|_| format!("no answer within {within:?}"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answered_with(answer: &'static [u8]) -> Answer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            for piece in answer.chunks(7) {
                stream.write_all(piece).await.expect("written");
                stream.flush().await.expect("flushed");
            }
        });
        let key = "k".to_owned();
        let client = Client { address, key };
        let answer = client.call(&client.get("/"), Duration::from_secs(5)).await;
        server.await.expect("the server ended well");
        answer.expect("an answer")
    }

    #[tokio::test]
    async fn reads_a_body_of_known_length() {
        let answer = answered_with(
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\ncontent-length: 5\r\n\r\nhello",
        )
        .await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.retry_after.as_deref(), Some("2"));
        assert_eq!(answer.text(), "hello");
    }

    #[tokio::test]
    async fn reads_chunks() {
        let answer = answered_with(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(answer.text(), "abcde");
    }
}
