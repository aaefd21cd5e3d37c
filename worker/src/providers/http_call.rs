//! One HTTP request and what may go wrong with it before there is an answer to read.
//!
//! The line that matters is whether the request may have left: before it, the message was
//! certainly not sent and the outcome is transient; after it, only a complete answer tells.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use otpost_shared::outcome::ErrorClass;
use reqwest::{RequestBuilder, Response, header::RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::http_status::class_of_status;
use crate::{provider::Outcome, retry_after::retry_after};

/// No gateway's answer to one message comes near this.
const LONGEST_BODY: usize = 64 * 1024;

/// So much of a gateway's words is handed on, in characters: more than is kept of them, so that nothing
/// is cut before numbers and codes have been taken out.
const LONGEST_DETAIL: usize = 1_000;

/// How long a check of the credentials may take; sends are bounded by their caller.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// A complete answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A refusal in the gateway's words, or the bare status without them.
    pub(super) fn refused(
        &self,
        class: ErrorClass,
        code: Option<String>,
        detail: Option<&str>,
    ) -> Outcome {
        let detail = detail.map_or_else(
            || format!("HTTP {}", self.status),
            |text| text.chars().take(LONGEST_DETAIL).collect(),
        );
        Outcome::refused(class, code, detail).retry_after(self.retry_after)
    }

    /// A body that says nothing we know: only the status is left to go by.
    pub(super) fn unreadable(&self) -> Outcome {
        let detail = format!("HTTP {} with an unreadable body", self.status);
        self.refused(class_of_status(self.status), None, Some(&detail))
    }
}

/// Sends once and reads the answer to its end; the error is the finished outcome.
pub(super) async fn call(request: RequestBuilder) -> Result<Answer, Outcome> {
    let response = request.send().await.map_err(|error| not_answered(&error))?;
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after(value, SystemTime::now()));
    let body = read_body(response).await?;
    Ok(Answer { status, retry_after, body })
}

/// The same for a check of the credentials: the error is a sentence for the operator.
pub(super) async fn call_check(request: RequestBuilder) -> Result<Answer, String> {
    call(request.timeout(CHECK_TIMEOUT)).await.map_err(|outcome| outcome.detail.unwrap_or_default())
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                return Err(unknown("the answer is too long"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(unknown(format!("the answer broke off: {}", innermost(&error))));
            }
        }
    }
}

/// Only failing to connect (refused, no such host, TLS, connect timeout) is certainly unsent.
///
/// A pooled connection that the gateway closed meanwhile: as long as the request was still whole
/// in our hands, the HTTP client takes another connection by itself, which is no repetition. Once
/// the first byte was handed over it reports the close as an error, and whether the gateway read
/// the request before closing cannot be known.
fn not_answered(error: &reqwest::Error) -> Outcome {
    if error.is_connect() {
        let detail = format!("not connected: {}", innermost(error));
        return Outcome::refused(ErrorClass::Transient, None, detail);
    }
    if error.is_builder() {
        return Outcome::refused(ErrorClass::Account, None, "the request could not be made");
    }
    unknown(format!("no answer: {}", innermost(error)))
}

fn unknown(detail: impl Into<String>) -> Outcome {
    Outcome::refused(ErrorClass::Unknown, None, detail)
}

/// The cause at the end of the chain. The outer errors name the address, which may hold a number.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    let mut text = "failed".to_owned();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use otpost_shared::outcome::ErrorClass;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::{LONGEST_BODY, call};
    use crate::{
        provider::Outcome,
        providers::{
            Net,
            test_server::{Reply, TestServer, answer},
        },
    };

    async fn get(url: &str) -> Result<(u16, Option<Duration>), Outcome> {
        let client = Net::default().client("test").unwrap();
        let answer = call(client.get(url)).await?;
        Ok((answer.status, answer.retry_after))
    }

    async fn class(reply: Reply) -> ErrorClass {
        let server = TestServer::start(vec![reply]).await;
        get(&server.url()).await.unwrap_err().class
    }

    #[tokio::test]
    async fn what_never_left_is_transient() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let refused = get(&format!("http://{address}/")).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::Transient);
        assert!(refused.detail.unwrap().contains("refused"));

        let no_host = get("http://otpost.invalid/").await.unwrap_err();
        assert_eq!(no_host.class, ErrorClass::Transient);

        let address = speaks_no_tls().await;
        let no_tls = get(&format!("https://{address}/")).await.unwrap_err();
        assert_eq!(no_tls.class, ErrorClass::Transient);
    }

    /// A listener that answers the TLS greeting with plain words.
    async fn speaks_no_tls() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"this is no TLS\r\n").await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn what_left_without_a_whole_answer_is_unknown() {
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"sid\"".to_vec();
        assert_eq!(class(Reply::ThenClose(Vec::new())).await, ErrorClass::Unknown);
        assert_eq!(class(Reply::ThenReset(Vec::new())).await, ErrorClass::Unknown);
        assert_eq!(class(Reply::ThenClose(cut.clone())).await, ErrorClass::Unknown);
        assert_eq!(class(Reply::ThenReset(cut)).await, ErrorClass::Unknown);
        let noise = b"SSH-2.0-OpenSSH_9.7\r\n".to_vec();
        assert_eq!(class(Reply::ThenClose(noise)).await, ErrorClass::Unknown);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let fits = answer(200, "", &"x".repeat(LONGEST_BODY));
        let server = TestServer::start(vec![Reply::Whole(fits)]).await;
        assert_eq!(get(&server.url()).await.unwrap().0, 200);

        let huge = answer(200, "", &"x".repeat(10 * 1024 * 1024));
        assert_eq!(class(Reply::Whole(huge)).await, ErrorClass::Unknown);
    }

    #[tokio::test]
    async fn a_pooled_connection_that_dies_is_not_tried_again() {
        let server = TestServer::start(vec![
            Reply::Whole(answer(200, "", "{}")),
            Reply::ThenClose(Vec::new()),
        ])
        .await;
        let client = Net::default().client("test").unwrap();
        assert!(call(client.get(server.url())).await.is_ok());
        let second = call(client.get(server.url())).await.err().unwrap();
        assert_eq!(second.class, ErrorClass::Unknown);
        assert_eq!((server.requests().len(), server.connections()), (2, 1));
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let moved = answer(307, "Location: http://127.0.0.1:1/\r\n", "");
        let server = TestServer::start(vec![Reply::Whole(moved)]).await;
        assert_eq!(get(&server.url()).await.unwrap().0, 307);
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn retry_after_is_read_in_each_form() {
        for (header, wait) in [
            ("Retry-After: 7\r\n", Some(7)),
            ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", Some(0)),
            ("Retry-After: Wed, 21 Oct 2199 07:28:00 GMT\r\n", Some(3_600)),
            ("Retry-After: later\r\n", None),
            ("Retry-After: \u{e9}\r\n", None),
            ("", None),
        ] {
            let server = TestServer::start(vec![Reply::Whole(answer(429, header, "{}"))]).await;
            let (status, found) = get(&server.url()).await.unwrap();
            assert_eq!(status, 429);
            assert_eq!(found, wait.map(Duration::from_secs), "{header}");
        }
    }

    #[tokio::test]
    async fn a_send_given_up_leaves_the_client_usable() {
        let server =
            TestServer::start(vec![Reply::Never, Reply::Whole(answer(200, "", "{}"))]).await;
        let client = Net::default().client("test").unwrap();
        tokio::select! {
            _ = call(client.get(server.url())) => panic!("the server says nothing"),
            () = server.received() => {}
        }
        assert!(call(client.get(server.url())).await.is_ok());
    }
}
