//! Connections that stall, break off or outlive the server.

use std::sync::Arc;

use otpost_shared::{tenant::DEFAULT_TENANT, verify_service::Sid};
use otpost_testbed::{Bed, Kind, on_both_homes};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    outages::{silent, without_database},
    service::{Service, Stored, VERIFICATIONS, number},
    twilio::basic,
};

/// The head of a create with a body of `length` bytes.
fn head(service: &Service, length: usize) -> String {
    format!(
        "POST {VERIFICATIONS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: {length}\r\n\r\n",
        service.address, service.key
    )
}

/// Writes `request` and no more; what comes back until the server closes.
async fn say(service: &Service, request: &str) -> String {
    let mut stream = TcpStream::connect(service.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an end");
    String::from_utf8(answer).expect("text")
}

on_both_homes! {
    async fn a_caller_that_goes_away_can_come_back(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1) }).to_string();
        let whole = format!("{}{body}", head(&service, body.len()));
        for end in (0..40).map(|n| whole.len() - n) {
            let mut stream = TcpStream::connect(service.address).await.expect("a connection");
            stream.write_all(&whole.as_bytes()[..end]).await.expect("written");
        }
        let first = service.post_text(VERIFICATIONS, body.clone()).once("k").await.is(202);
        let again = service.post_text(VERIFICATIONS, body).once("k").await.is(202);
        assert_eq!(first.text, again.text);
        let stored = service.stored().await;
        // The hint may be lost with the caller; the row never is.
        assert_eq!(stored, Stored { codes: 1, records: 1, hints: stored.hints, ..Stored::default() });
        assert!(stored.hints <= 1, "{stored:?}");
    }

    async fn an_error_does_not_spoil_the_connection(bed, "") {
        let service = Service::start(&bed).await;
        let mut stream = TcpStream::connect(service.address).await.expect("a connection");
        let body = json!({ "to": number(1) }).to_string();
        let refused = format!("{}{{", head(&service, 1));
        let large = format!("{}{}", head(&service, 70_000), " ".repeat(70_000));
        let good = format!("{}{body}", head(&service, body.len()));
        for (request, status) in [(refused, "400"), (large, "413"), (good, "202")] {
            stream.write_all(request.as_bytes()).await.expect("written");
            let mut answer = String::new();
            while !answer.contains("\"}") {
                let mut piece = [0; 4_096];
                let length = stream.read(&mut piece).await.expect("an answer");
                assert!(length > 0, "closed after {answer}");
                answer.push_str(std::str::from_utf8(&piece[..length]).expect("text"));
            }
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
        assert_eq!(service.end_pending().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_is_not_waited_for() {
    let bed = Bed::make(Kind::Embedded, "[compat.twilio]\nenabled = true\n").await;
    let service = Service::start(&bed).await;
    let of_library = format!(
        "POST /twilio/v2/Services HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nF",
        service.address,
        basic(&Sid::Account.write(DEFAULT_TENANT), &service.key)
    );
    let (stalled, unfinished) =
        (format!("{}{{", head(&service, 100)), "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ");
    let (body, head, of_library) = tokio::join!(
        say(&service, &stalled),
        say(&service, unfinished),
        say(&service, &of_library)
    );
    let is_in_its_words = of_library.contains("\"code\":20503") && !of_library.contains("\"type\"");
    assert!(of_library.starts_with("HTTP/1.1 503 ") && is_in_its_words, "{of_library}");
    assert!(body.starts_with("HTTP/1.1 408 ") && body.contains("request_timeout"), "{body}");
    assert!(body.contains("application/problem+json"), "{body}");
    assert!(!head.contains("200"), "{head}");
    assert_eq!(service.stored().await, Stored::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_at_the_end_is_answered() {
    let dir = tempfile::tempdir().expect("a folder");
    let (listener, address) = silent().await;
    let service = Arc::new(without_database(&dir, &address).await);
    let asking = Arc::clone(&service);
    let asked =
        tokio::spawn(async move { asking.post(VERIFICATIONS, &json!({ "to": number(1) })).await });
    // The request is in its handler once that asks the database.
    let _connection = listener.accept().await.expect("a connection");
    service.stop();
    asked.await.expect("no panic").refused(503, "unavailable");
    service.stopped().await;
    let late = TcpStream::connect(service.address).await;
    assert!(late.is_err(), "nobody listens any more");
}
