//! Tests of the Sinch provider.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use otpost_shared::outcome::ErrorClass;
use serde_json::{Value, json};

use super::{ERRORS, Sinch, SinchConfig, expire_at, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_unique,
        http_call::{Answer, call},
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const ACCEPTED: &str = r#"{"id": "01FC66621VHDBN119Z8PMV1QPU", "to": ["15551234567"],
    "from": "Otpost", "canceled": false, "body": "hi", "type": "mt_text",
    "created_at": "2026-11-20T08:28:40.007Z", "modified_at": "2026-11-20T08:28:40.007Z",
    "delivery_report": "none", "expire_at": "2026-11-20T08:30:40Z", "flash_message": false}"#;

const NO_BATCHES: &str = r#"{"count": 0, "page": 0, "batches": [], "page_size": 0}"#;

/// Recorded from the SDK `sinch` 2.3.0 for Python sending the same message with the token `secret`.
const SDK_LINE: &str = "POST /xms/v1/plan1/batches HTTP/1.1";
const SDK_AUTHORIZATION: &str = "Bearer secret";
const SDK_CONTENT_TYPE: &str = "application/json";
const SDK_BODY: &str = r#"{"to": ["+15551234567"], "from": "Otpost",
    "body": "Your code: 12 & \u00e9", "type": "mt_text",
    "delivery_report": "per_recipient_final", "expire_at": "2026-11-20T08:30:40Z",
    "callback_url": "https://codes.example/v1/inbound/sms/reports?of=AAAA",
    "client_reference": "00000000-0000-0000-0000-000000000007"}"#;

const REPORT_TO: &str = "https://codes.example/v1/inbound/sms/reports?of=AAAA";

/// 2026-11-20 08:28:40 UTC.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_163_320)
}

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

fn refusal(status: u16, code: &str) -> Outcome {
    read(status, &json!({"code": code, "text": "no"}).to_string())
}

fn built(keys: &str) -> Result<Sinch, String> {
    let config: SinchConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Sinch::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> Sinch {
    let url = server.url();
    built(&format!("service_plan_id = 'plan1'\napi_token = 'secret'\nbase_url = '{url}'\n{more}"))
        .unwrap()
}

async fn recorded(more: &str, message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", ACCEPTED))]).await;
    let sinch = at(&server, more);
    let taken = call(sinch.request(message, now())).await.unwrap();
    let id = "01FC66621VHDBN119Z8PMV1QPU".to_owned();
    assert_eq!(read_answer(&taken), Outcome::accepted(Some(id)));
    server.requests().remove(0)
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[test]
fn the_table_is_used() {
    assert_unique(ERRORS);
    for (code, class) in ERRORS {
        let status = if code.starts_with("syntax") { 400 } else { 403 };
        let expected = Outcome::refused(*class, Some((*code).to_owned()), "no");
        assert_eq!(refusal(status, code), expected, "{code}");
    }
}

#[test]
fn accepted_only_with_an_id() {
    let id = "01FC66621VHDBN119Z8PMV1QPU".to_owned();
    assert_eq!(read(201, ACCEPTED), Outcome::accepted(Some(id)));
    for body in ["", "{", "{}", "null", "[]", "<html>", r#"{"id": ""}"#, r#"{"id": 7}"#] {
        assert_eq!(read(201, body).class, ErrorClass::Unknown, "{body}");
    }
    assert_eq!(read(201, &ACCEPTED[..60]).class, ErrorClass::Unknown);
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
}

#[test]
fn without_a_known_code_the_status_decides() {
    for (status, class) in [
        (400, ErrorClass::Sender),
        (401, ErrorClass::Account),
        (403, ErrorClass::Account),
        (404, ErrorClass::Account),
        (405, ErrorClass::Account),
        (415, ErrorClass::Sender),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (503, ErrorClass::Transient),
        (504, ErrorClass::Unknown),
    ] {
        for body in ["", "<html>", "{}", "[1", "null"] {
            let outcome = read(status, body);
            assert_eq!((outcome.class, outcome.code), (class, None), "{status} {body}");
        }
        assert_eq!(refusal(status, "new_rule").class, class, "{status}");
    }
}

#[test]
fn the_other_shape_of_a_refusal() {
    let body = r#"{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [],
        "message": "parsing field \"type\""}}"#;
    let code = Some("INVALID_ARGUMENT".to_owned());
    let expected = Outcome::refused(ErrorClass::Sender, code, "parsing field \"type\"");
    assert_eq!(read(400, body), expected);
    let of_a_balancer = read(400, r#"{"status": 400, "error": "Bad Request", "path": "/x"}"#);
    assert_eq!(of_a_balancer, Outcome::refused(ErrorClass::Sender, None, "HTTP 400"));
}

#[test]
fn configuration() {
    let base = "service_plan_id = 'plan1'\napi_token = 't'\n";
    for right in [
        "",
        "from = 'Otpost'",
        "region = 'eu'",
        "delivery_report = 'none'",
        "signature_secret = 's'",
        "base_url = 'http://localhost:1'",
    ] {
        assert!(built(&format!("{base}{right}")).is_ok(), "{right}");
    }
    for wrong in [
        "from = ''",
        "signature_secret = ''",
        "region = 'us'\nbase_url = 'http://localhost:1'",
        "base_url = 'localhost'",
        "colour = 1",
    ] {
        assert!(built(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
    assert!(built("service_plan_id = '../x'\napi_token = 't'").is_err());
    assert!(built("service_plan_id = ''\napi_token = 't'").is_err());
    assert!(built("service_plan_id = 'plan1'").is_err());
    let error = |more: &str| built(&format!("{base}{more}")).err().unwrap();
    let sentence = error("region = 'uk'");
    assert!(sentence.contains("(known: au, br, ca, eu, us)"), "{sentence}");
    let sentence = error("delivery_report = 'per_recipients'");
    assert!(sentence.contains("did you mean \"per_recipient\"?"), "{sentence}");
}

#[test]
fn a_region_is_a_host() {
    let base = "service_plan_id = 'plan1'\napi_token = 't'\n";
    let url = |more: &str| String::from(built(&format!("{base}{more}")).unwrap().batches_url);
    assert_eq!(url(""), "https://us.sms.api.sinch.com/xms/v1/plan1/batches");
    assert_eq!(url("region = 'br'"), "https://br.sms.api.sinch.com/xms/v1/plan1/batches");
}

#[test]
fn lives_within_what_sinch_allows() {
    let at = |secs| expire_at(Duration::from_secs(secs), now());
    assert_eq!(at(120).as_deref(), Some("2026-11-20T08:30:40Z"));
    assert_eq!(at(0).as_deref(), Some("2026-11-20T08:28:50Z"));
    assert_eq!(at(259_199).as_deref(), Some("2026-11-23T08:28:39Z"));
    assert_eq!(at(259_200), None);
    assert_eq!(at(u64::MAX), None);
}

#[tokio::test]
async fn the_request_is_the_one_of_the_sdk() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some(REPORT_TO.to_owned());
    let request = recorded("from = 'Otpost'", &message).await;
    assert_eq!(request.line(), SDK_LINE);
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
    assert_eq!(request.header("content-type"), Some(SDK_CONTENT_TYPE));
    assert_eq!(body_of(&request), serde_json::from_str::<Value>(SDK_BODY).unwrap());
}

#[tokio::test]
async fn what_is_not_configured_is_not_sent() {
    let mut message = outgoing("hi");
    message.validity = Duration::from_hours(72);
    let expected = json!({
        "to": ["+15551234567"],
        "body": "hi",
        "type": "mt_text",
        "client_reference": "00000000-0000-0000-0000-000000000007",
    });
    assert_eq!(body_of(&recorded("", &message).await), expected);
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own_and_the_plan_s() {
    for keys in ["", "from = 'Otpost'"] {
        let own = body_of(&recorded(keys, &outgoing("hi")).await);
        assert_eq!(own.get("from").is_some(), !keys.is_empty());
        let body = body_of(&recorded(keys, &outgoing_from("+12025550123", "hi")).await);
        assert_eq!(body["from"], "+12025550123");
    }
    let sinch = built("service_plan_id = 'p'\napi_token = 't'").unwrap();
    assert_eq!(sinch.check_sender("Otpost"), Ok(()));
    assert!(sinch.check_sender("").is_err());
}

#[tokio::test]
async fn which_reports_is_a_choice() {
    for report_to in [None, Some(REPORT_TO)] {
        let mut message = outgoing("hi");
        message.report_to = report_to.map(str::to_owned);
        let body = body_of(&recorded("delivery_report = 'full'", &message).await);
        assert_eq!(body["delivery_report"], "full");
        assert_eq!(body.get("callback_url").and_then(Value::as_str), report_to);
    }
}

#[tokio::test]
async fn sent_with_the_time_of_now() {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", ACCEPTED))]).await;
    let sinch = at(&server, "");
    let earliest = expire_at(Duration::from_mins(2), SystemTime::now()).unwrap();
    assert_eq!(sinch.send(&outgoing("hi")).await.class, ErrorClass::Ok);
    let latest = expire_at(Duration::from_mins(2), SystemTime::now()).unwrap();
    let body = body_of(&server.requests()[0]);
    let sent = body["expire_at"].as_str().unwrap();
    assert!((earliest.as_str()..=latest.as_str()).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let busy = answer(429, "Retry-After: 3\r\n", r#"{"code": "busy", "text": "Slow down"}"#);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    assert_eq!(check(200, NO_BATCHES).unwrap(), "sinch: token good for the service plan");
    assert!(check(200, r#"{"count": 1, "batches": [{"id": "01"}]}"#).is_ok());
    let blocked = check(403, r#"{"code": "blocked_account", "text": "Account blocked"}"#);
    assert_eq!(blocked.unwrap_err(), "sinch answered HTTP 403: blocked_account, Account blocked");
    assert_eq!(check(401, "").unwrap_err(), "sinch answered HTTP 401");
    for odd in ["<html>", "{}", "[]", ""] {
        assert!(check(200, odd).is_err(), "{odd}");
    }
}

#[tokio::test]
async fn the_check_lists_batches() {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", NO_BATCHES))]).await;
    at(&server, "").check().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /xms/v1/plan1/batches?page_size=1 HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
}
