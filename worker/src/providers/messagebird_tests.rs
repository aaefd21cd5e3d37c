//! Tests of the `messagebird` provider.

use std::time::Duration;

use otpost_shared::{
    outcome::ErrorClass,
    price::{Cost, Currency, Price},
};
use serde_json::{Value, json};

use super::{ERRORS, FAILURES, MessageBird, MessageBirdConfig, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_sorted,
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

/// What `messagebird` 2.2.0, the vendor's own Python SDK, sends for this message with `validity`,
/// `reference` and `datacoding` given.
const SDK_LINE: &str = "POST /messages HTTP/1.1";
const SDK_AUTHORIZATION: &str = "AccessKey secret";
const SDK_CONTENT_TYPE: &str = "application/json; charset=UTF-8";
const SDK_BODY: &str = r#"{"validity": 120, "reference": "00000000-0000-0000-0000-000000000007",
    "datacoding": "auto", "originator": "Otpost", "body": "Your code: 12 & é",
    "recipients": "15551234567"}"#;

/// The same for `reportUrl` and another `reference`.
const SDK_REPORTS: &str = r#"{"validity": 120, "reference": "A-_b", "datacoding": "auto",
    "reportUrl": "https://codes.example/r", "originator": "Otpost", "body": "Your code: 12 & é",
    "recipients": "15551234567"}"#;

const ACCEPTED: &str = r#"{"id": "m0123", "href": "https://gateway.test/messages/m0123",
    "direction": "mt", "type": "sms", "originator": "Otpost", "body": "hi", "reference": null,
    "validity": 120, "gateway": 10, "typeDetails": {}, "datacoding": "plain", "mclass": 1,
    "scheduledDatetime": null, "createdDatetime": "2026-01-05T10:02:59+00:00",
    "recipients": {"totalCount": 1, "totalSentCount": 1, "totalDeliveredCount": 0,
    "totalDeliveryFailedCount": 0, "items": [{"recipient": 15551234567, "status": "sent",
    "statusDatetime": "2026-01-05T10:02:59+00:00", "messagePartCount": 1}]}}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

/// A refusal with one error for each code and parameter.
fn refusal(status: u16, errors: &[(u32, Option<&str>)]) -> Outcome {
    let errors: Vec<Value> = errors
        .iter()
        .map(|(code, parameter)| {
            json!({"code": code, "description": format!("no {code}"), "parameter": parameter})
        })
        .collect();
    read(status, &json!({ "errors": errors }).to_string())
}

/// A created message whose one recipient is in this state already.
fn created(status: &str, code: Option<u32>) -> Outcome {
    let item = json!({"status": status, "statusErrorCode": code, "statusReason": "reason"});
    read(201, &json!({"id": "m1", "recipients": {"items": [item]}}).to_string())
}

fn built(keys: &str) -> Result<MessageBird, String> {
    let config: MessageBirdConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    MessageBird::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, key: &str) -> MessageBird {
    let url = server.url();
    built(&format!("access_key = '{key}'\noriginator = 'Otpost'\nbase_url = '{url}'")).unwrap()
}

async fn recorded(text: &str, validity: Duration) -> Recorded {
    let mut message = outgoing(text);
    message.validity = validity;
    sent(&message).await
}

async fn sent(message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", ACCEPTED))]).await;
    let outcome = at(&server, "secret").send(message).await;
    let expected = Outcome::accepted(Some("m0123".to_owned()));
    assert_eq!(outcome, expected.costing(Cost::of_segments(Some(1))));
    server.requests().remove(0)
}

#[test]
fn the_tables_are_sorted_and_used() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            for status in [200, 201, 400, 422, 500] {
                let outcome = refusal(status, &[(code, None)]);
                assert_eq!(outcome.class, *class, "{code}");
                assert_eq!(outcome.code, Some(code.to_string()));
                assert_eq!(outcome.detail, Some(format!("no {code}")));
            }
        }
    }
    assert_sorted(FAILURES);
    for (first, last, class) in FAILURES {
        for code in [*first, *last] {
            assert_eq!(created("delivery_failed", Some(code)).class, *class, "{code}");
        }
    }
}

#[test]
fn accepted_only_with_an_id() {
    let outcome = Outcome::accepted(Some("m0123".to_owned()));
    assert_eq!(read(201, ACCEPTED), outcome.costing(Cost::of_segments(Some(1))));
    assert_eq!(read(201, r#"{"id": "m1"}"#), Outcome::accepted(Some("m1".to_owned())));
    assert_eq!(created("buffered", None), Outcome::accepted(Some("m1".to_owned())));
    for body in ["", "{", "{}", "null", "[]", "<html>", "\u{0}", r#"{"id": ""}"#, r#"{"id": 1}"#] {
        assert_eq!(read(201, body).class, ErrorClass::Unknown, "{body}");
    }
    assert_eq!(read(201, &ACCEPTED[..ACCEPTED.len() - 9]).class, ErrorClass::Unknown);
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
    let both = r#"{"id": "m1", "errors": [{"code": 25, "description": "no"}]}"#;
    assert_eq!(read(201, both).class, ErrorClass::Account);
}

#[test]
fn the_cost_of_the_one_recipient() {
    let cost = |item: Value| {
        read(201, &json!({"id": "m1", "recipients": {"items": [item]}}).to_string()).cost
    };
    let priced = json!({"status": "sent", "messagePartCount": 2,
        "price": {"amount": 0.0333, "currency": "EUR"}});
    let price = Some(Price { micros: 33_300, currency: Currency::EUR });
    assert_eq!(cost(priced), Cost { segments: Some(2), price, is_per_segment: false });
    let unpriced = json!({"messagePartCount": 2, "price": {"amount": null, "currency": null}});
    assert_eq!(cost(unpriced), Cost::of_segments(Some(2)));
    assert_eq!(cost(json!({})), Cost::default());
    let failed = json!({"status": "expired", "messagePartCount": 2});
    assert_eq!(cost(failed), Cost::default());
}

#[test]
fn created_but_failed() {
    let failed = created("delivery_failed", Some(1));
    assert_eq!(failed.class, ErrorClass::Recipient);
    assert_eq!(failed.provider_message_id.as_deref(), Some("m1"));
    assert_eq!(failed.code.as_deref(), Some("1"));
    assert_eq!(failed.detail.as_deref(), Some("reason"));
    let silent = created("expired", None);
    assert_eq!((silent.class, silent.code), (ErrorClass::Transient, None));
    assert_eq!(created("delivery_failed", Some(34)).class, ErrorClass::Transient);
}

#[test]
fn the_parameter_says_what_is_wrong() {
    let class = |parameter| refusal(422, &[(9, Some(parameter))]).class;
    assert_eq!(class("recipient"), ErrorClass::Recipient);
    assert_eq!(class("recipients"), ErrorClass::Recipient);
    assert_eq!(class("body"), ErrorClass::Content);
    assert_eq!(class("originator"), ErrorClass::Sender);
    assert_eq!(refusal(401, &[(2, Some("access_key"))]).class, ErrorClass::Account);
    let listed_nowhere = refusal(422, &[(77, Some("recipients"))]);
    assert_eq!(listed_nowhere.class, ErrorClass::Recipient);
    assert_eq!(refusal(404, &[(77, None)]).class, ErrorClass::Account);
}

#[test]
fn of_several_errors_the_number_is_the_last_to_blame() {
    let both = refusal(422, &[(9, Some("recipients")), (10, Some("originator"))]);
    assert_eq!((both.class, both.code.as_deref()), (ErrorClass::Sender, Some("10")));
    let key = refusal(401, &[(9, Some("recipients")), (2, Some("access_key"))]);
    assert_eq!(key.class, ErrorClass::Account);
    let number = refusal(422, &[(9, Some("recipients")), (10, Some("recipient"))]);
    assert_eq!((number.class, number.code.as_deref()), (ErrorClass::Recipient, Some("9")));
}

#[test]
fn a_trial_account_is_not_the_numbers_fault() {
    let body = r#"{"errors": [{"code": 9, "parameter": "recipient",
        "description": "not your own number, and this is your test period"}]}"#;
    assert_eq!(read(422, body).class, ErrorClass::Account);
}

#[test]
fn without_a_code_the_status_decides() {
    for (status, class) in [
        (401, ErrorClass::Account),
        (404, ErrorClass::Account),
        (405, ErrorClass::Account),
        (413, ErrorClass::Content),
        (422, ErrorClass::Sender),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
        (504, ErrorClass::Unknown),
    ] {
        for body in ["", "<html>", "{}", r#"{"errors": []}"#, r#"{"errors": [{}]}"#] {
            assert_eq!(read(status, body).class, class, "{status} {body}");
        }
        assert_eq!(read(status, r#"{"errors": [{"code": -1}]}"#).class, class, "{status}");
    }
    assert_eq!(refusal(429, &[(9, Some("recipients"))]).class, ErrorClass::Throttled);
}

#[test]
fn keys_that_cannot_be() {
    for wrong in [
        "originator = 'a'",
        "access_key = 'k'",
        "access_key = ''\noriginator = 'a'",
        "access_key = 'k'\noriginator = ''",
        "access_key = \"a\\nb\"\noriginator = 'a'",
        "access_key = 'k'\noriginator = 'a'\nbase_url = 'gateway'",
        "access_key = 'k'\noriginator = 'a'\nfrom = 'b'",
        "access_key = 'k'\noriginator = 'a'\nsigning_key = ''",
    ] {
        assert!(built(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_request_is_as_the_sdk_makes_it() {
    let request = recorded("Your code: 12 & é", Duration::from_mins(2)).await;
    assert_eq!(request.line(), SDK_LINE);
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
    assert_eq!(request.header("content-type"), Some(SDK_CONTENT_TYPE));
    assert_eq!(request.header("accept"), Some("application/json"));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body, serde_json::from_str::<Value>(SDK_BODY).unwrap());
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own() {
    for (message, originator) in
        [(outgoing("hi"), "Otpost"), (outgoing_from("12025550123", "hi"), "12025550123")]
    {
        let body: Value = serde_json::from_str(&sent(&message).await.body).unwrap();
        assert_eq!(body["originator"], originator);
    }
    let messagebird = built("access_key = 'k'\noriginator = 'a'").unwrap();
    assert_eq!(messagebird.check_sender("12025550123"), Ok(()));
    assert!(messagebird.check_sender("").is_err());
}

#[tokio::test]
async fn reports_are_asked_for_as_the_sdk_does() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some("https://codes.example/r?of=A-_b".to_owned());
    let body: Value = serde_json::from_str(&sent(&message).await.body).unwrap();
    assert_eq!(body, serde_json::from_str::<Value>(SDK_REPORTS).unwrap());
}

#[tokio::test]
async fn no_time_left() {
    let request = recorded("hi", Duration::ZERO).await;
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["validity"], 1);
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let busy = answer(429, "Retry-After: 3\r\n", "{}");
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "secret").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_check_asks_for_the_balance() {
    let balance = r#"{"payment": "prepaid", "type": "credits", "amount": 9.2}"#;
    let good = || Reply::Whole(answer(200, "", balance));
    let server = TestServer::start(vec![good(), good()]).await;
    let said = at(&server, "secret").check().await.unwrap();
    assert_eq!(said, "messagebird: access key good, balance 9.20 credits, prepaid");
    let said = at(&server, "test_secret").check().await.unwrap();
    assert!(said.ends_with("; a test key, nothing is sent"), "{said}");
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /balance HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    let denied = check(401, r#"{"errors": [{"code": 2, "description": "wrong key"}]}"#);
    assert_eq!(denied.unwrap_err(), "messagebird answered HTTP 401: wrong key");
    assert_eq!(check(502, "<html>").unwrap_err(), "messagebird answered HTTP 502");
    assert!(check(200, "<html>").is_err());
    assert!(check(200, "{}").is_err());
}
