//! Tests of the Vonage provider.

use std::time::Duration;

use otpost_shared::{
    outcome::ErrorClass,
    price::{Cost, Currency, Price},
};

use super::{ERRORS, Vonage, VonageConfig, read_answer, read_check, wait_in};
use crate::{
    provider::{Outcome, Provider},
    providers::{
        Net,
        error_table::assert_sorted,
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const ACCEPTED: &str = r#"{"message-count": "1", "messages": [{"to": "15551234567",
    "message-id": "0A1", "status": "0", "remaining-balance": "3.1", "message-price": "0.03",
    "network": "12345"}]}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

/// What this many accepted parts cost, if all of them say it.
fn costing(segments: u16, micros: Option<i64>) -> Cost {
    let price = micros.map(|micros| Price { micros, currency: Currency::EUR });
    Cost { segments: Some(segments), price, is_per_segment: false }
}

/// An answer with one part of each status; parts are named `m0`, `m1`, ….
fn parts(statuses: &[&str], text: &str) -> Outcome {
    let messages: Vec<_> = statuses
        .iter()
        .enumerate()
        .map(|(at, status)| match *status {
            "0" => serde_json::json!({"status": "0", "message-id": format!("m{at}")}),
            _ => serde_json::json!({"status": status, "error-text": text}),
        })
        .collect();
    let body = serde_json::json!({"message-count": "1", "messages": messages});
    read(200, &body.to_string())
}

fn vonage(server: &TestServer) -> Vonage {
    let keys = format!(
        "api_key = 'key'\napi_secret = 'secret'\nfrom = 'Otpost'\nbase_url = '{}'",
        server.url()
    );
    let config: VonageConfig = toml::from_str(&keys).unwrap();
    Vonage::new("sms", config, &Net::default()).unwrap()
}

async fn recorded(text: &str, validity: Duration) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", ACCEPTED))]).await;
    let vonage = vonage(&server);
    let mut message = outgoing(text);
    message.validity = validity;
    let outcome = vonage.send(&message).await;
    let expected = Outcome::accepted(Some("0A1".to_owned()));
    assert_eq!(outcome, expected.costing(costing(1, Some(30_000))));
    server.requests().remove(0)
}

#[test]
fn the_table_is_sorted_and_used() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let outcome = parts(&[&code.to_string()], "text");
            assert_eq!(outcome.class, *class, "{code}");
            assert_eq!(outcome.code, Some(code.to_string()));
        }
    }
}

#[test]
fn every_part_must_be_accepted() {
    let all = parts(&["0", "0"], "");
    assert_eq!(all, Outcome::accepted(Some("m0".to_owned())).costing(costing(2, None)));
    let some = parts(&["0", "9"], "Partner quota violation");
    assert_eq!(some.class, ErrorClass::Unknown);
    assert_eq!(some.code.as_deref(), Some("9"));
    assert_eq!(some.provider_message_id.as_deref(), Some("m0"));
    assert_eq!(parts(&["7", "7"], "").class, ErrorClass::Recipient);
}

#[test]
fn parts_are_priced_one_by_one() {
    let part = |status: &str, price: &str| format!(r#"{{"status": "{status}", {price}}}"#);
    let price = r#""message-price": "0.03330000""#;
    for (parts, cost) in [
        (vec![part("0", price)], costing(1, Some(33_300))),
        (vec![part("0", price), part("0", price)], costing(2, Some(66_600))),
        (vec![part("0", price), part("0", r#""message-price": 0.01"#)], costing(2, Some(43_300))),
        // Not the price of all.
        (vec![part("0", price), part("0", r#""network": "12345""#)], costing(2, None)),
        (vec![part("0", price), part("0", r#""message-price": """#)], costing(2, None)),
        // The person gets one of them.
        (vec![part("0", price), part("9", price)], costing(1, Some(33_300))),
        (vec![part("9", price), part("9", price)], Cost::default()),
    ] {
        let body = format!(r#"{{"message-count": "1", "messages": [{}]}}"#, parts.join(","));
        assert_eq!(read(200, &body).cost, cost, "{body}");
    }
}

#[test]
fn throttled_says_how_long() {
    let text = "Throughput Rate Exceeded - please wait [ 250 ] and retry";
    let outcome = parts(&["1"], text);
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_millis(250)));
    assert_eq!(wait_in("wait [x]"), None);
    assert_eq!(wait_in("wait ]1["), None);
    assert_eq!(wait_in("wait [ -1 ]"), None);
    assert_eq!(wait_in(""), None);
}

#[test]
fn what_cannot_be_read() {
    for body in ["", "{", "{}", r#"{"messages": []}"#, r#"{"messages": [{}]}"#, "<html>"] {
        assert_eq!(read(200, body).class, ErrorClass::Unknown, "{body}");
        assert_eq!(read(401, body).class, ErrorClass::Account, "{body}");
        assert_eq!(read(503, body).class, ErrorClass::Transient, "{body}");
    }
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
}

#[test]
fn statuses_of_another_kind() {
    let number = read(200, r#"{"messages": [{"status": 0, "message-id": "m"}]}"#);
    assert_eq!(number.class, ErrorClass::Ok);
    assert_eq!(parts(&["77"], "new").class, ErrorClass::Sender);
    assert_eq!(parts(&["odd"], "new").class, ErrorClass::Sender);
}

#[tokio::test]
async fn the_request_is_as_vonage_wants_it() {
    let request = recorded("Your code is 123456", Duration::from_mins(2)).await;
    assert_eq!(request.line(), "POST /sms/json HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Basic a2V5OnNlY3JldA=="));
    let expected = [
        ("from", "Otpost"),
        ("to", "15551234567"),
        ("text", "Your code is 123456"),
        ("ttl", "120000"),
        ("client-ref", "00000000-0000-0000-0000-000000000007"),
    ];
    assert_eq!(request.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own() {
    let replies = [(); 2].map(|()| Reply::Whole(answer(200, "", ACCEPTED)));
    let server = TestServer::start(replies.into()).await;
    let vonage = vonage(&server);
    vonage.send(&outgoing("hi")).await;
    vonage.send(&outgoing_from("12025550123", "hi")).await;
    let senders = server.requests().into_iter().map(|request| request.form().swap_remove(0));
    let expected = ["Otpost", "12025550123"].map(|from| ("from".to_owned(), from.to_owned()));
    assert_eq!(senders.collect::<Vec<_>>(), expected);
    assert_eq!(vonage.check_sender("Otpost"), Ok(()));
    assert!(vonage.check_sender("").is_err());
}

#[tokio::test]
async fn unicode_and_short_lives() {
    let request = recorded("Код 123456", Duration::from_secs(1)).await;
    let form = request.form();
    assert!(form.contains(&("type".to_owned(), "unicode".to_owned())));
    assert!(form.contains(&("ttl".to_owned(), "20000".to_owned())));
    let request = recorded("hi", Duration::from_secs(10_000_000)).await;
    assert!(request.body.contains("ttl=604800000"));
}

#[tokio::test]
async fn the_check_asks_for_the_balance_and_keeps_the_secret_out_of_the_address() {
    let server = TestServer::start(vec![Reply::Whole(answer(401, "", "{}"))]).await;
    assert!(vonage(&server).check().await.is_err());
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /account/get-balance HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Basic a2V5OnNlY3JldA=="));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    let good = check(200, r#"{"value": 10.284, "autoReload": false}"#);
    assert_eq!(good.unwrap(), "vonage: credentials good, balance 10.28 EUR");
    let bad = check(401, r#"{"error-code": "401"}"#);
    assert_eq!(bad.unwrap_err(), "vonage answered HTTP 401");
    assert!(check(200, "<html>").is_err());
}
