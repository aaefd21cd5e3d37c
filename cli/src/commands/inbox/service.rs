//! Asking the service that runs here for what its console provider was given.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::entry::Entry;
use crate::output::Failure;

const PATIENCE: Duration = Duration::from_secs(5);

/// Newest first.
pub(super) async fn read(address: SocketAddr) -> Result<Vec<Entry>, Failure> {
    let answer = timeout(PATIENCE, ask(address)).await.unwrap_or_else(|late| Err(late.into()));
    let answer = answer.map_err(|error| {
        Failure::new(format!(
            "no service answers at {address} ({error}): start it with `otpost`, or name a sandbox with --tenant"
        ))
    })?;
    body(&answer).and_then(|body| serde_json::from_str(body).ok()).ok_or_else(|| {
        Failure::new(format!(
            "what answers at {address} has no inbox: server.listen says where this Otpost is to be"
        ))
    })
}

/// The service is on this very machine and speaks HTTP/1.0 too, in which an answer ends with the connection.
async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /inbox.json HTTP/1.0\r\nHost: localhost:{}\r\n\r\n", address.port());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// None for anything but success.
fn body(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body("HTTP/1.0 200 OK\r\na: b\r\n\r\n[]"), Some("[]"));
        assert_eq!(body("HTTP/1.1 404 Not Found\r\n\r\n{}"), None);
        assert_eq!(body("220 mail.example ESMTP\r\n"), None);
    }
}
