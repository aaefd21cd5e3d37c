//! Tests of the Infobip provider.

use std::time::Duration;

use otpost_shared::{outcome::ErrorClass, price::Cost};
use serde_json::{Value, json};

use super::{ERRORS, Infobip, InfobipConfig, NETWORK_ERRORS, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::{ErrorTable, assert_sorted},
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const OWN_ID: &str = "00000000-0000-0000-0000-000000000007";

const ACCEPTED: &str = r#"{"bulkId": "2034072219640523072", "messages": [{
    "messageId": "00000000-0000-0000-0000-000000000007",
    "status": {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED",
        "description": "Message sent to next instance"},
    "destination": "15551234567", "details": {"messageCount": 1}}]}"#;

const NO_REPORTS: &str = r#"{"results": []}"#;

/// Recorded from the SDK `infobip-api-python-client` 6.0.0 sending the same message with the
/// key `secret`.
const SDK_LINE: &str = "POST /sms/3/messages HTTP/1.1";
const SDK_AUTHORIZATION: &str = "App secret";
const SDK_BODY: &str = r#"{"messages": [{"sender": "Otpost", "destinations": [{"to": "15551234567",
    "messageId": "00000000-0000-0000-0000-000000000007"}],
    "content": {"text": "Your code: 12 & \u00e9"},
    "options": {"validityPeriod": {"amount": 120, "timeUnit": "SECONDS"}}}]}"#;

/// What it adds for a delivery address and a content type.
const SDK_WEBHOOKS: &str = r#"{"delivery": {"url": "https://codes.example/r?of=A-_b"},
    "contentType": "application/json"}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body), OWN_ID.to_owned())
}

/// An answer of 200 about a message with this status, and this error unless it is 0.
fn message(group: u32, status: u32, error: u32) -> Outcome {
    let mut message = json!({
        "messageId": OWN_ID,
        "status": {"groupId": group, "id": status, "name": "A_STATUS", "description": "Said so"},
        "destination": "15551234567",
    });
    message["error"] = json!({"groupId": 0, "id": error, "name": "AN_ERROR", "permanent": false});
    read(200, &json!({"messages": [message]}).to_string())
}

fn built(keys: &str) -> Result<Infobip, String> {
    let config: InfobipConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Infobip::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer) -> Infobip {
    let url = server.url();
    built(&format!("base_url = '{url}'\napi_key = 'secret'\nfrom = 'Otpost'")).unwrap()
}

async fn recorded(text: &str, validity: Duration) -> Recorded {
    let mut message = outgoing(text);
    message.validity = validity;
    sent(&message).await
}

async fn sent(message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", ACCEPTED))]).await;
    let outcome = at(&server).send(message).await;
    let expected = Outcome::accepted(Some(OWN_ID.to_owned()));
    assert_eq!(outcome, expected.costing(Cost::of_segments(Some(1))));
    server.requests().remove(0)
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

/// Each code of a table and its class.
fn rows(table: &ErrorTable) -> impl Iterator<Item = (u32, ErrorClass)> {
    table.iter().flat_map(|(first, last, class)| (*first..=*last).map(|code| (code, *class)))
}

#[test]
fn the_tables_are_sorted_and_used() {
    assert_sorted(ERRORS);
    assert_sorted(NETWORK_ERRORS);
    for (status, class) in rows(ERRORS) {
        let outcome = message(5, status, 0);
        assert_eq!((outcome.class, outcome.retry_after), (class, None), "{status}");
        assert_eq!(outcome.code, Some(status.to_string()));
        assert_eq!(outcome.detail.as_deref(), Some("A_STATUS, Said so"));
        // What the status says goes before what the error says.
        assert_eq!(message(5, status, 1).class, class, "{status}");
    }
    for (error, class) in rows(NETWORK_ERRORS) {
        let outcome = message(2, 9, error);
        assert_eq!(outcome.class, class, "{error}");
        assert_eq!(outcome.code.as_deref(), Some("9"));
        assert_eq!(outcome.detail.as_deref(), Some("A_STATUS, Said so, AN_ERROR"));
    }
}

/// A repeat has the same id, and one that is rejected for it counts as sent.
#[test]
fn no_refusal_is_repeated() {
    for (code, class) in rows(ERRORS).chain(rows(NETWORK_ERRORS)) {
        let repeated = matches!(class, ErrorClass::Transient | ErrorClass::Throttled);
        assert!(!repeated, "{code}");
    }
    for (group, status) in [(2, 4), (2, 9), (2, 31), (4, 15), (4, 29), (5, 999)] {
        assert_eq!(message(group, status, 0).class, ErrorClass::Sender, "{status}");
        // Permanent or not: 27 is a handset that is off.
        assert_eq!(message(group, status, 27).class, ErrorClass::Sender, "{status}");
    }
}

#[test]
fn a_duplicate_may_have_been_sent_before() {
    let outcome = message(5, 23, 0);
    assert_eq!(outcome.class, ErrorClass::Unknown);
    assert_eq!(outcome.provider_message_id.as_deref(), Some(OWN_ID));
    assert_eq!(outcome.code.as_deref(), Some("23"));
    assert_eq!(outcome.cost, Cost::of_segments(Some(0)), "the earlier attempt counts");
    let without_id = r#"{"messages": [{"status": {"groupId": 5, "id": 23}}]}"#;
    assert_eq!(read(200, without_id).provider_message_id.as_deref(), Some(OWN_ID));
    // Only when it is a rejection.
    assert_eq!(message(7, 23, 0).class, ErrorClass::Unknown);
}

#[test]
fn accepted_only_with_an_id() {
    let outcome = Outcome::accepted(Some(OWN_ID.to_owned()));
    assert_eq!(read(200, ACCEPTED), outcome.costing(Cost::of_segments(Some(1))));
    for (group, status) in [(0, 0), (1, 3), (1, 7), (1, 26), (3, 2), (3, 5)] {
        assert_eq!(message(group, status, 0).class, ErrorClass::Ok, "{status}");
    }
    assert_eq!(message(6, 1, 0).class, ErrorClass::Unknown);
    let pending = r#""status": {"groupId": 1, "id": 26}"#;
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        r#"{"messages": []}"#,
        r#"{"messages": [{}]}"#,
        r#"{"messages": [{"messageId": "m"}]}"#,
        r#"{"messages": [{"messageId": "m", "status": {"groupId": 1}}]}"#,
        r#"{"messages": [{"messageId": "m", "status": {"groupId": "1", "id": 26}}]}"#,
        &format!(r#"{{"messages": [{{{pending}}}]}}"#),
        &format!(r#"{{"messages": [{{"messageId": "", {pending}}}]}}"#),
        &format!(r#"{{"messages": [{{"messageId": "a", {pending}}}, {{{pending}}}]}}"#),
        &ACCEPTED[..ACCEPTED.len() - 2],
    ] {
        assert_eq!(read(200, body).class, ErrorClass::Unknown, "{body}");
    }
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
}

#[test]
fn refused_requests() {
    let newer = r#"{"errorCode": "E400", "description": "Request cannot be processed.",
        "action": "Adjust the request.", "resources": [],
        "violations": [{"property": "messages[0].sender", "violation": "must not be blank"}]}"#;
    let words = "Request cannot be processed., messages[0].sender, must not be blank";
    let code = Some("E400".to_owned());
    assert_eq!(read(400, newer), Outcome::refused(ErrorClass::Sender, code, words));
    let older = r#"{"requestError": {"serviceException": {"messageId": "UNAUTHORIZED",
        "text": "Invalid login details"}}}"#;
    let code = Some("UNAUTHORIZED".to_owned());
    let expected = Outcome::refused(ErrorClass::Account, code, "Invalid login details");
    assert_eq!(read(401, older), expected);
}

#[test]
fn the_status_decides_about_a_request() {
    for (status, class) in [
        (400, ErrorClass::Sender),
        (401, ErrorClass::Account),
        (403, ErrorClass::Account),
        (404, ErrorClass::Account),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
        (503, ErrorClass::Transient),
        (504, ErrorClass::Unknown),
    ] {
        for body in ["", "<html>", "{}", "[1", "null", r#"{"errorCode": "E1"}"#] {
            assert_eq!(read(status, body).class, class, "{status} {body}");
        }
    }
}

#[test]
fn configuration() {
    let base = "base_url = 'https://xyz.api.infobip.com'\n";
    assert!(built(&format!("{base}api_key = 'k'\nfrom = 'Otpost'")).is_ok());
    for wrong in [
        "api_key = 'k'",
        "from = 'Otpost'",
        "api_key = 'k'\nfrom = ''",
        "api_key = ''\nfrom = 'Otpost'",
        "api_key = \"k\\n\"\nfrom = 'Otpost'",
        "api_key = 'k'\nfrom = 'Otpost'\ncolour = 1",
    ] {
        assert!(built(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
    let no_scheme = "base_url = 'xyz.api.infobip.com'\napi_key = 'k'\nfrom = 'Otpost'";
    assert!(built(no_scheme).err().unwrap().contains("base_url"));
    assert!(built("api_key = 'k'\nfrom = 'Otpost'").is_err());
}

#[tokio::test]
async fn the_request_is_the_one_of_the_sdk() {
    let request = recorded("Your code: 12 & é", Duration::from_mins(2)).await;
    assert_eq!(request.line(), SDK_LINE);
    assert_eq!(request.header("authorization"), Some(SDK_AUTHORIZATION));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(body_of(&request), serde_json::from_str::<Value>(SDK_BODY).unwrap());
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own() {
    for (message, sender) in
        [(outgoing("hi"), "Otpost"), (outgoing_from("12025550123", "hi"), "12025550123")]
    {
        assert_eq!(body_of(&sent(&message).await)["messages"][0]["sender"], sender);
    }
    let keys = "base_url = 'https://xyz.api.infobip.com'\napi_key = 'k'\nfrom = 'Otpost'";
    let infobip = built(keys).unwrap();
    assert_eq!(infobip.check_sender("12025550123"), Ok(()));
    assert!(infobip.check_sender("").is_err());
}

#[tokio::test]
async fn reports_are_asked_for_as_the_sdk_does() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some("https://codes.example/r?of=A-_b".to_owned());
    let mut expected: Value = serde_json::from_str(SDK_BODY).unwrap();
    expected["messages"][0]["webhooks"] = serde_json::from_str(SDK_WEBHOOKS).unwrap();
    assert_eq!(body_of(&sent(&message).await), expected);
}

#[tokio::test]
async fn lives_within_what_infobip_allows() {
    for (secs, amount) in [(0, 1), (90, 90), (172_800, 172_800), (1_000_000, 172_800)] {
        let body = body_of(&recorded("hi", Duration::from_secs(secs)).await);
        let validity = &body["messages"][0]["options"]["validityPeriod"];
        assert_eq!(*validity, json!({"amount": amount, "timeUnit": "SECONDS"}));
    }
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let body = r#"{"errorCode": "E429", "description": "Too many requests sent."}"#;
    let busy = answer(429, "Retry-After: 3\r\n", body);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server).send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
    assert_eq!(outcome.code.as_deref(), Some("E429"));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    assert_eq!(check(200, NO_REPORTS).unwrap(), "infobip: API key good for sending SMS");
    let denied = check(403, r#"{"errorCode": "E403", "description": "Insufficient permissions"}"#);
    assert_eq!(denied.unwrap_err(), "infobip answered HTTP 403: E403, Insufficient permissions");
    assert_eq!(check(401, "").unwrap_err(), "infobip answered HTTP 401");
    for odd in ["<html>", "{}", "[]", "", r#"{"results": 1}"#] {
        assert!(check(200, odd).is_err(), "{odd}");
    }
}

#[tokio::test]
async fn the_check_asks_for_reports_of_no_message() {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", NO_REPORTS))]).await;
    at(&server).check().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /sms/3/reports?messageId=otpost-check&limit=1 HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("App secret"));
}
