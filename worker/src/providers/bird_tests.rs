//! Tests of the Bird provider.

use std::time::Duration;

use otpost_shared::{
    outcome::ErrorClass,
    price::{Cost, Currency, Price},
    queue::Lane,
};
use serde_json::{Value, json};

use super::{Bird, BirdConfig, FAILURES, REFUSALS, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_unique,
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

/// What `messagebird-sdk` 0.106.0, Bird's own Python SDK, sends for this message with `metadata`
/// and `idempotency_key` given.
const SDK_LINE: &str = "POST /v1/sms/messages HTTP/1.1";
const SDK_AUTHORIZATION: &str = "Bearer bk_eu1_secret";
const SDK_CONTENT_TYPE: &str = "application/json";
const SDK_IDEMPOTENCY_KEY: &str = "00000000-0000-0000-0000-000000000007/Otpost";
const SDK_BODY: &str = r#"{"to":"+15551234567","from":"Otpost","text":"Your code: 12 & é",
    "category":"authentication","metadata":{"message_id":"00000000-0000-0000-0000-000000000007"}}"#;

/// The metadata it sends when a reference is put there too.
const SDK_METADATA: &str =
    r#"{"message_id":"00000000-0000-0000-0000-000000000007","reference":"A-_b"}"#;

const ACCEPTED: &str = r#"{"id": "sms_01a", "direction": "outbound", "status": "accepted",
    "to": "+15551234567", "from": "Otpost", "text": "**REDACTED**", "category": "authentication",
    "segments": {"count": 1, "encoding": "GSM_7BIT", "characters": 2}, "cost": null,
    "created_at": "2026-01-05T10:02:59Z", "sent_at": null}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

/// A refusal as Bird writes it, with more fields.
fn refusal(status: u16, kind: &str, name: &str, more: &Value) -> Outcome {
    let mut error = json!({"type": kind, "code": "E01001", "name": name, "message": "no",
        "doc_url": "https://gateway.test/E01001", "request_id": "req_1"});
    error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(status, &json!({ "error": error }).to_string())
}

fn created(status: &str, code: &str) -> Outcome {
    let last_error = json!({"code": code, "description": "why", "occurred_at": "now"});
    read(202, &json!({"id": "sms_1", "status": status, "last_error": last_error}).to_string())
}

fn built(keys: &str) -> Result<Bird, String> {
    let config: BirdConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Bird::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> Bird {
    let url = server.url();
    built(&format!("api_key = 'bk_eu1_secret'\nfrom = 'Otpost'\nbase_url = '{url}'\n{more}"))
        .unwrap()
}

async fn recorded(more: &str, message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(202, "", ACCEPTED))]).await;
    let outcome = at(&server, more).send(message).await;
    let expected = Outcome::accepted(Some("sms_01a".to_owned()));
    assert_eq!(outcome, expected.costing(Cost::of_segments(Some(1))));
    server.requests().remove(0)
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[test]
fn the_tables_are_used() {
    assert_unique(REFUSALS);
    for (word, class) in REFUSALS {
        let named = refusal(422, "validation_error", word, &json!({}));
        assert_eq!(named.class, *class, "{word}");
        assert_eq!(named.code.as_deref(), Some("E01001"));
        assert_eq!(named.detail, Some(format!("{word}: no")));
        assert_eq!(refusal(421, word, "New", &json!({})).class, *class, "{word}");
        // Also under a status that promises something else.
        assert_eq!(refusal(200, "error", word, &json!({})).class, *class, "{word}");
    }
    assert_unique(FAILURES);
    for (word, class) in FAILURES {
        for status in ["rejected", "failed", "undelivered", "expired", "canceled"] {
            let failed = created(status, word);
            assert_eq!(failed.class, *class, "{word}");
            assert_eq!(failed.code.as_deref(), Some(*word));
            assert_eq!(failed.provider_message_id.as_deref(), Some("sms_1"));
        }
    }
}

#[test]
fn accepted_only_with_an_id() {
    let outcome = Outcome::accepted(Some("sms_01a".to_owned()));
    assert_eq!(read(202, ACCEPTED), outcome.costing(Cost::of_segments(Some(1))));
    for status in ["accepted", "scheduled", "sent", "delivered"] {
        assert_eq!(created(status, "unknown").class, ErrorClass::Ok, "{status}");
    }
    for body in ["", "{", "{}", "null", "[]", "<html>", "\u{0}", r#"{"id": ""}"#, r#"{"id": 1}"#] {
        assert_eq!(read(202, body).class, ErrorClass::Unknown, "{body}");
    }
    assert_eq!(read(202, &ACCEPTED[..ACCEPTED.len() - 9]).class, ErrorClass::Unknown);
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
}

/// A message is priced later; a repeat may be answered with it.
#[test]
fn the_cost_where_it_is_known() {
    let cost = |cost: Value| {
        let segments = json!({"count": 2, "encoding": "UCS2"});
        read(202, &json!({"id": "sms_1", "segments": segments, "cost": cost}).to_string()).cost
    };
    let price = Some(Price { micros: 66_600, currency: Currency::EUR });
    let told = json!({"amount": "0.0666", "currency_code": "EUR", "transaction_amount": "0.06"});
    assert_eq!(cost(told), Cost { segments: Some(2), price, is_per_segment: false });
    let fees = json!({"amount": "0.0066", "currency_code": "EUR", "transaction_amount": null});
    assert_eq!(cost(fees), Cost::of_segments(Some(2)));
    assert_eq!(cost(json!(null)), Cost::of_segments(Some(2)));
}

#[test]
fn created_but_failed_without_a_known_reason() {
    assert_eq!(created("failed", "new_reason").class, ErrorClass::Transient);
    let silent = read(202, r#"{"id": "sms_1", "status": "rejected"}"#);
    assert_eq!((silent.class, silent.code.as_deref()), (ErrorClass::Transient, None));
    assert_eq!(silent.detail.as_deref(), Some("rejected"));
}

#[test]
fn the_field_says_what_is_wrong() {
    let class = |more| refusal(422, "validation_error", "ValidationError", &more).class;
    assert_eq!(class(json!({"param": "to"})), ErrorClass::Recipient);
    assert_eq!(class(json!({"param": "text"})), ErrorClass::Content);
    assert_eq!(class(json!({"param": "from"})), ErrorClass::Sender);
    assert_eq!(class(json!({})), ErrorClass::Sender);
    let to = json!({"param": "to", "message": "no"});
    let category = json!({"param": "category", "message": "no"});
    assert_eq!(class(json!({"details": [to]})), ErrorClass::Recipient);
    assert_eq!(class(json!({"details": [to, category]})), ErrorClass::Sender);
    assert_eq!(class(json!({"details": [{"message": "no"}, 1]})), ErrorClass::Sender);
    assert_eq!(class(json!({"details": "no"})), ErrorClass::Sender);
    // A name that is known says more than a field.
    let named = refusal(422, "validation_error", "SMSInvalidRecipient", &json!({"param": "from"}));
    assert_eq!(named.class, ErrorClass::Recipient);
}

#[test]
fn otherwise_the_status_decides() {
    for (status, kind, class) in [
        (400, "bad_request_error", ErrorClass::Sender),
        (401, "auth_error", ErrorClass::Account),
        (402, "billing_error", ErrorClass::Account),
        (403, "permission_error", ErrorClass::Account),
        (404, "not_found_error", ErrorClass::Account),
        // The same key again while the first is under way, or with another body.
        (409, "conflict_error", ErrorClass::Unknown),
        (413, "payload_too_large_error", ErrorClass::Content),
        (422, "validation_error", ErrorClass::Sender),
        (425, "too_early_error", ErrorClass::Transient),
        (429, "rate_limit_error", ErrorClass::Throttled),
        (500, "internal_error", ErrorClass::Transient),
        (502, "internal_error", ErrorClass::Unknown),
        (503, "service_unavailable_error", ErrorClass::Transient),
        (504, "internal_error", ErrorClass::Unknown),
    ] {
        assert_eq!(refusal(status, kind, "New", &json!({})).class, class, "{status}");
        for body in ["", "<html>", "{}", "[]", r#"{"error": "no"}"#, r#"{"error": {"name": 1}}"#] {
            assert_eq!(read(status, body).class, class, "{status} {body}");
        }
    }
    let bare = read(401, r#"{"type": "auth_error", "message": "no"}"#);
    assert_eq!(bare, Outcome::refused(ErrorClass::Account, None, "no"));
}

#[test]
fn the_region_is_in_the_key_or_beside_it() {
    let url = |keys: &str| {
        built(&format!("from = 'a'\n{keys}")).map(|bird| bird.messages_url.to_string())
    };
    let eu = "https://eu1.platform.bird.com/v1/sms/messages";
    let us = "https://us1.platform.bird.com/v1/sms/messages";
    assert_eq!(url("api_key = 'bk_eu1_k'").unwrap(), eu);
    assert_eq!(url("api_key = 'bk_eu1_k'\nregion = 'us1'").unwrap(), us);
    assert_eq!(url("api_key = 'k'\nregion = 'us1'").unwrap(), us);
    for wrong in [
        "api_key = 'k'",
        "api_key = 'bk_k'",
        "api_key = 'bk_e.u_k'",
        "api_key = 'k'\nregion = ''",
        "api_key = 'k'\nregion = 'evil.test/'",
        "api_key = 'k'\nbase_url = 'gateway'",
        "api_key = 'bk_eu1_k'\ncategory = 'authentication'",
        "region = 'us1'",
    ] {
        assert!(url(wrong).is_err(), "{wrong}");
    }
    for secret in ["''", "'whsec_'", "'whsec_*'", "'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'"] {
        let built = url(&format!("api_key = 'bk_eu1_k'\nsigning_secret = {secret}"));
        assert!(built.is_err_and(|error| error.contains("signing_secret")), "{secret}");
    }
    let secret = "signing_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'";
    assert_eq!(url(&format!("api_key = 'bk_eu1_k'\n{secret}")).unwrap(), eu);
    for from in ["''", "'Döner'", "\"a\\nb\""] {
        assert!(built(&format!("api_key = 'bk_eu1_k'\nfrom = {from}")).is_err(), "{from}");
    }
}

#[tokio::test]
async fn the_request_is_as_the_sdk_makes_it() {
    let mut message = outgoing("Your code: 12 & é");
    message.attempt = 3;
    let request = recorded("", &message).await;
    assert_eq!(request.line(), SDK_LINE);
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
    assert_eq!(request.header("content-type"), Some(SDK_CONTENT_TYPE));
    assert_eq!(request.header("idempotency-key"), Some(SDK_IDEMPOTENCY_KEY));
    assert_eq!(body(&request), serde_json::from_str::<Value>(SDK_BODY).unwrap());
}

/// It is in the idempotency key too: with another sender it is another request.
#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own() {
    for (message, from) in
        [(outgoing("hi"), "Otpost"), (outgoing_from("+12025550123", "hi"), "+12025550123")]
    {
        let request = recorded("", &message).await;
        assert_eq!(body(&request)["from"], from);
        let key = format!("00000000-0000-0000-0000-000000000007/{from}");
        assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
    }
    let bird = built("api_key = 'bk_eu1_k'\nfrom = 'Otpost'").unwrap();
    assert_eq!(bird.check_sender("+12025550123"), Ok(()));
    for wrong in ["", "Ötpost", "a\nb"] {
        assert_eq!(bird.check_sender(wrong), Err("must be printable ASCII"), "{wrong}");
    }
}

#[tokio::test]
async fn the_reference_is_in_the_metadata() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some("https://codes.example/r?of=A-_b".to_owned());
    let mut expected: Value = serde_json::from_str(SDK_BODY).unwrap();
    expected["metadata"] = serde_json::from_str(SDK_METADATA).unwrap();
    assert_eq!(body(&recorded("", &message).await), expected);
}

#[tokio::test]
async fn other_messages_have_the_configured_category() {
    let mut message = outgoing("hi");
    message.lane = Lane::Bulk;
    let request = recorded("", &message).await;
    assert_eq!(body(&request)["category"], "transactional");
    let request = recorded("category = 'marketing'", &message).await;
    assert_eq!(body(&request)["category"], "marketing");
    message.lane = Lane::Otp;
    let request = recorded("category = 'service'", &message).await;
    assert_eq!(body(&request)["category"], "authentication");
}

/// A repeat must be the same to the byte, however little time is left.
#[tokio::test]
async fn a_repeat_is_the_same_request() {
    let mut message = outgoing("hi");
    let first = recorded("", &message).await;
    message.attempt = 2;
    message.validity = Duration::from_secs(1);
    let second = recorded("", &message).await;
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let text = r#"{"error": {"type": "rate_limit_error", "code": "E01003", "message": "slow"}}"#;
    let busy = answer(429, "Retry-After: 3\r\n", text);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_check_asks_for_the_workspace() {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", r#"{"id": "ws_1"}"#))]).await;
    let said = at(&server, "").check().await;
    assert_eq!(said.unwrap(), "bird: key good, workspace ws_1");
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /v1/workspace HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    let denied = check(401, r#"{"error": {"type": "auth_error", "message": "no such key"}}"#);
    assert_eq!(denied.unwrap_err(), "bird answered HTTP 401: no such key");
    let narrow = check(403, r#"{"error": {"type": "permission_error", "message": "no"}}"#);
    assert_eq!(narrow.unwrap(), "bird: key known, but it may not read the workspace");
    assert_eq!(check(502, "<html>").unwrap_err(), "bird answered HTTP 502");
    assert!(check(200, "<html>").is_err());
}
