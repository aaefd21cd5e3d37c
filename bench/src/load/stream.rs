//! One request with a long body, whose answer is read while the body is still being written: a
//! server that answers line by line would otherwise wait for us while we wait for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::apart;
use crate::{error::Result, http::Client};

/// What is kept of the answer's end.
const TAIL: usize = 4_096;
const PIECE: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
pub(crate) struct Streamed {
    pub(crate) status: u16,
    pub(crate) lines: u64,
    /// The last line of the body.
    pub(crate) last: String,
    /// From the first byte written to the last byte read.
    pub(crate) elapsed: Duration,
}

/// Posts `body` and reads the answer to its end.
pub(crate) async fn stream(
    client: &Client,
    path: &str,
    content_type: &str,
    body: Arc<Vec<u8>>,
) -> Result<Streamed> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        client.address,
        client.key,
        body.len()
    );
    let address = client.address;
    apart(move || async move {
        let (mut incoming, mut outgoing) = TcpStream::connect(address).await?.into_split();
        let began = Instant::now();
        let writing = tokio::task::spawn_local(async move {
            outgoing.write_all(head.as_bytes()).await?;
            for piece in body.chunks(PIECE) {
                outgoing.write_all(piece).await?;
            }
            Ok::<_, std::io::Error>(outgoing)
        });
        let (mut reader, mut piece) = (Reader::default(), vec![0; PIECE]);
        while !reader.is_done() {
            match incoming.read(&mut piece).await? {
                0 => break,
                read => reader.take(&piece[..read])?,
            }
        }
        // One that refuses early closes before it has read everything.
        writing.abort();
        let mut streamed = reader.into_answer()?;
        streamed.elapsed = began.elapsed();
        Ok(streamed)
    })
    .await
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Head,
    /// So many bytes of the body are missing; nothing known: until the connection ends.
    Plain(Option<usize>),
    ChunkSize,
    /// With its line end.
    Chunk(usize),
    Done,
}

/// Reads an answer of any length and keeps little of it.
#[derive(Debug, Default)]
struct Reader {
    at: At,
    rest: Vec<u8>,
    tail: Vec<u8>,
    answer: Streamed,
}

impl Reader {
    fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.rest.extend_from_slice(bytes);
        while self.step()? {}
        Ok(())
    }

    /// True if there is more to be made of what is there.
    fn step(&mut self) -> Result<bool> {
        match self.at {
            At::Head => {
                let Some(end) = find(&self.rest, b"\r\n\r\n") else { return Ok(false) };
                let head = String::from_utf8_lossy(&self.rest[..end]).to_ascii_lowercase();
                let status = head.split(' ').nth(1).and_then(|word| word.get(..3)?.parse().ok());
                self.answer.status = status.ok_or("not an HTTP answer")?;
                let length = head.split("content-length:").nth(1);
                let length = length.and_then(|rest| rest.split("\r\n").next()?.trim().parse().ok());
                let chunked = head.contains("transfer-encoding: chunked");
                self.at = if chunked { At::ChunkSize } else { At::Plain(length) };
                if self.answer.status == 100 {
                    self.at = At::Head;
                }
                self.rest.drain(..end + 4);
                Ok(true)
            }
            At::ChunkSize => {
                let Some(end) = find(&self.rest, b"\r\n") else { return Ok(false) };
                let size = String::from_utf8_lossy(&self.rest[..end]).into_owned();
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16)?;
                self.at = if size == 0 { At::Done } else { At::Chunk(size + 2) };
                self.rest.drain(..end + 2);
                Ok(size > 0)
            }
            At::Chunk(left) => {
                let taken = left.min(self.rest.len());
                let text = taken.min(left.saturating_sub(2));
                self.keep(text, taken);
                self.at = if taken == left { At::ChunkSize } else { At::Chunk(left - taken) };
                Ok(taken == left)
            }
            At::Plain(left) => {
                let taken = left.unwrap_or(usize::MAX).min(self.rest.len());
                self.keep(taken, taken);
                let left = left.map(|left| left - taken);
                self.at = if left == Some(0) { At::Done } else { At::Plain(left) };
                Ok(false)
            }
            At::Done => Ok(false),
        }
    }

    /// Counts the lines in the first `text` bytes and drops the first `taken`.
    fn keep(&mut self, text: usize, taken: usize) {
        let body = &self.rest[..text];
        self.answer.lines += (body.split(|byte| *byte == b'\n').count() - 1) as u64;
        self.tail.extend_from_slice(body);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
        self.rest.drain(..taken);
    }

    fn into_answer(self) -> Result<Streamed> {
        if !matches!(self.at, At::Done | At::Plain(None)) {
            return Err("the server closed the connection within its answer".into());
        }
        let tail = String::from_utf8_lossy(&self.tail).into_owned();
        let last = tail.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        Ok(Streamed { last: last.to_owned(), ..self.answer })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str, pieces: usize) -> Streamed {
        let mut reader = Reader::default();
        for piece in answer.as_bytes().chunks(pieces) {
            reader.take(piece).expect("readable");
        }
        reader.into_answer().expect("complete")
    }

    #[test]
    fn reads_lines_across_chunks() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      4\r\n{}\n{\r\n3\r\n}\n{\r\n7\r\n\"n\":2}\n\r\n0\r\n\r\n";
        for pieces in [1, 2, 3, 7, 1_000] {
            let read = read(answer, pieces);
            assert_eq!((read.status, read.lines, read.last.as_str()), (200, 3, "{\"n\":2}"));
        }
    }

    #[test]
    fn reads_a_body_of_known_length() {
        let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nno\r\n";
        let read = read(answer, 5);
        assert_eq!((read.status, read.last.as_str()), (404, "no"));
    }

    /// A server that writes a line for each it has read, and reads no further before that.
    #[tokio::test]
    async fn an_answer_longer_than_any_buffer_is_read_meanwhile() {
        const LINES: usize = 200_000;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            let (mut incoming, mut outgoing) = stream.into_split();
            outgoing.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let (mut piece, mut answered) = (vec![0; PIECE], 0);
            while answered < LINES {
                let read = incoming.read(&mut piece).await?;
                let lines = piece[..read].split(|byte| *byte == b'#').count() - 1;
                answered += lines;
                let text = "{\"outcome\":\"accepted\",\"place\":0}\n".repeat(lines);
                let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                if lines > 0 {
                    outgoing.write_all(chunk.as_bytes()).await?;
                }
            }
            outgoing.write_all(b"d\r\n{\"sum\":true}\n\r\n0\r\n\r\n").await?;
            Ok::<_, std::io::Error>(())
        });
        let key = "k".to_owned();
        let body = Arc::new("#234567890\n".repeat(LINES).into_bytes());
        let client = Client { address, key };
        let streamed = stream(&client, "/batch", "application/x-ndjson", body);
        let streamed = tokio::time::timeout(Duration::from_secs(30), streamed).await;
        let streamed = streamed.expect("in time").expect("an answer");
        assert_eq!((streamed.status, streamed.lines), (200, LINES as u64 + 1));
        assert_eq!(streamed.last, "{\"sum\":true}");
        server.await.expect("the server ended").expect("well");
    }
}
