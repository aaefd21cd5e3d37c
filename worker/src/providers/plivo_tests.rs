//! Tests of the Plivo provider.

use std::time::Duration;

use otpost_shared::outcome::ErrorClass;
use serde_json::{Value, json};

use super::{ERRORS, Plivo, PlivoConfig, read_answer, read_check};
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

const ACCEPTED: &str = r#"{"api_id": "948b53a2-3f08-11e7-b6f4-061564b78b75",
    "message": "message(s) queued", "message_uuid": ["5b40a428-bfc7"]}"#;

const DIGITS: &str = "15551234567";

/// Recorded from the Python SDK `plivo` 4.63.0: `messages.create` with `src`, `dst`, `text`, `url` and
/// `message_expiry`.
const SDK_LINE: &str = "POST /v1/Account/MAXXXXXXXXXXXXXXXXXX/Message/ HTTP/1.1";
const SDK_HEADERS: [(&str, &str); 2] = [
    ("authorization", "Basic TUFYWFhYWFhYWFhYWFhYWFhYWFg6c2VjcmV0"),
    ("content-type", "application/json"),
];
const SDK_BODY: &str = r#"{"dst": "15551234567", "text": "Your code: 12 & \u00e9", "src": "15550100", "type": "sms", "url": "https://codes.example/v1/inbound/sms/reports?of=AAAA", "method": "POST", "log": "true", "trackable": false, "message_expiry": 120}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body), DIGITS)
}

fn refusal(status: u16, sentence: &str) -> Outcome {
    read(status, &json!({"api_id": "df5d4304-66af", "error": sentence}).to_string())
}

fn built(keys: &str) -> Result<Plivo, String> {
    let config: PlivoConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Plivo::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> Plivo {
    let url = server.url();
    let account = "auth_id = 'MAXXXXXXXXXXXXXXXXXX'\nauth_token = 'secret'";
    built(&format!("{account}\nbase_url = '{url}'\n{more}")).unwrap()
}

async fn recorded(keys: &str, message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(202, "", ACCEPTED))]).await;
    let outcome = at(&server, keys).send(message).await;
    assert_eq!(outcome, Outcome::accepted(Some("5b40a428-bfc7".to_owned())));
    server.requests().remove(0)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_sentence_is_used() {
    assert_unique(ERRORS);
    for (words, class) in ERRORS {
        assert_eq!(words.to_lowercase(), *words);
        for said in [(*words).to_owned(), words.to_uppercase()] {
            let outcome = refusal(400, &format!("{DIGITS}: {said}."));
            let detail = format!("the number: {said}.");
            assert_eq!(outcome, Outcome::refused(*class, None, detail));
        }
    }
}

#[test]
fn an_invalid_number_is_the_recipients_only_if_it_is_named() {
    let documented = refusal(400, "15551234567 is not a valid phone number");
    assert_eq!(documented.class, ErrorClass::Recipient);
    assert_eq!(documented.detail.as_deref(), Some("the number is not a valid phone number"));
    let quoted = refusal(400, "'15551234567' is not a valid phone number.");
    assert_eq!(quoted.class, ErrorClass::Recipient);
    let other = refusal(400, "15550100 is not a valid phone number");
    assert_eq!(other.class, ErrorClass::Sender);
}

#[test]
fn accepted_only_with_an_id() {
    assert_eq!(read(202, ACCEPTED), Outcome::accepted(Some("5b40a428-bfc7".to_owned())));
    let no_error = r#"{"message_uuid": ["a"], "error": ""}"#;
    assert_eq!(read(202, no_error).class, ErrorClass::Ok);
    let cut = &ACCEPTED[..100];
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        "\u{0}",
        cut,
        r#"{"message": "message(s) queued"}"#,
        r#"{"message_uuid": []}"#,
        r#"{"message_uuid": [""]}"#,
        r#"{"message_uuid": [7]}"#,
        r#"{"message_uuid": "a"}"#,
        r#"{"message_uuid": null, "error": null}"#,
    ] {
        assert_eq!(read(202, body).class, ErrorClass::Unknown, "{body}");
        assert_eq!(read(401, body).class, ErrorClass::Account, "{body}");
        assert_eq!(read(503, body).class, ErrorClass::Transient, "{body}");
    }
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
    assert_eq!(read(502, ACCEPTED).provider_message_id, None);
}

#[test]
fn an_error_in_a_good_status() {
    assert_eq!(refusal(202, "Insufficient Credit").class, ErrorClass::Account);
    assert_eq!(refusal(202, "something new").class, ErrorClass::Unknown);
    let both = read(202, r#"{"message_uuid": ["a"], "error": "insufficient credit"}"#);
    assert_eq!(both.class, ErrorClass::Unknown);
    assert_eq!(both.provider_message_id.as_deref(), Some("a"));
}

#[test]
fn an_unlisted_sentence_leaves_it_to_the_status() {
    for (status, class) in [
        (400, ErrorClass::Sender),
        (401, ErrorClass::Account),
        (402, ErrorClass::Account),
        (403, ErrorClass::Region),
        (404, ErrorClass::Account),
        (413, ErrorClass::Content),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (504, ErrorClass::Unknown),
    ] {
        assert_eq!(refusal(status, "new"), Outcome::refused(class, None, "new"), "{status}");
    }
    // Without Plivo's own words a 403 may be anybody's.
    assert_eq!(read(403, "<html>").class, ErrorClass::Account);
    let plain = "Could not verify your access level for that URL.";
    assert_eq!(read(401, plain).class, ErrorClass::Account);
}

#[test]
fn an_account_and_one_sender() {
    let base = "auth_id = 'MA1'\nauth_token = 't'\n";
    for wrong in ["", "src = ''", "src = '1'\npowerpack_uuid = 'p'", "src = '1'\nbase_url = 'a'"] {
        assert!(built(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
    for wrong in ["", "../x", "MA 1"] {
        let keys = format!("auth_id = '{wrong}'\nauth_token = 't'\nsrc = '1'");
        assert!(built(&keys).err().unwrap().contains("providers.sms.auth_id"), "{wrong}");
    }
    assert!(built("auth_id = 'MA1'\nsrc = '1'").is_err());
    assert!(built(&format!("{base}src = 'Otpost'")).is_ok());
    assert!(built(&format!("{base}powerpack_uuid = 'p'")).is_ok());
}

#[tokio::test]
async fn the_request_is_what_the_official_client_sends() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some("https://codes.example/v1/inbound/sms/reports?of=AAAA".to_owned());
    let request = recorded("src = '15550100'", &message).await;
    assert_eq!(request.line(), SDK_LINE);
    for (name, value) in SDK_HEADERS {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(json_of(&request.body), json_of(SDK_BODY));
}

#[tokio::test]
async fn a_powerpack_no_logs_and_no_reports() {
    let keys = "powerpack_uuid = 'p-1'\nlog = false";
    let request = recorded(keys, &outgoing("hi")).await;
    let body = json_of(&request.body);
    assert_eq!(body["powerpack_uuid"], "p-1");
    assert_eq!(body["log"], "false");
    assert_eq!((body.get("src"), body.get("url")), (None, None));
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_a_number_and_a_powerpack() {
    for keys in ["src = '15550100'", "powerpack_uuid = 'p-1'"] {
        let own = json_of(&recorded(keys, &outgoing("hi")).await.body);
        let is_number = keys.starts_with("src");
        assert_eq!(own.get("src").is_some(), is_number);
        assert_eq!(own.get("powerpack_uuid").is_some(), !is_number);
        let body = json_of(&recorded(keys, &outgoing_from("Otpost", "hi")).await.body);
        assert_eq!(body["src"], "Otpost");
        assert_eq!(body.get("powerpack_uuid"), None);
    }
    let plivo = built("auth_id = 'MA1'\nauth_token = 't'\npowerpack_uuid = 'p'").unwrap();
    assert_eq!(plivo.check_sender("12025550123"), Ok(()));
    assert!(plivo.check_sender("").is_err());
}

#[tokio::test]
async fn the_expiry_keeps_to_its_range() {
    for (secs, sent) in [(0, 5), (5, 5), (600, 600), (10_799, 10_799), (86_400, 10_799)] {
        let mut message = outgoing("hi");
        message.validity = Duration::from_secs(secs);
        let request = recorded("src = '1'", &message).await;
        assert_eq!(json_of(&request.body)["message_expiry"], sent, "{secs}");
    }
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let busy = answer(429, "Retry-After: 3\r\n", r#"{"error": "rate_limit_exceeded"}"#);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "src = '1'").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    let good = check(200, r#"{"auth_id": "MA1", "cash_credits": "4.88860", "name": "A"}"#);
    assert_eq!(good.unwrap(), "plivo: credentials good, account MA1, balance 4.88860 USD");
    let part = check(200, r#"{"auth_id": "SA1", "enabled": true}"#);
    assert_eq!(part.unwrap(), "plivo: credentials good, account SA1");
    let denied = check(401, r#"{"api_id": "a", "error": "authentication_failed"}"#);
    assert_eq!(denied.unwrap_err(), "plivo answered HTTP 401: authentication_failed");
    assert_eq!(check(401, "Could not verify").unwrap_err(), "plivo answered HTTP 401");
    assert_eq!(check(200, "<html>").unwrap_err(), "plivo's answer is not readable");
}

#[tokio::test]
async fn the_check_asks_for_the_account() {
    let server = TestServer::start(vec![Reply::Whole(answer(401, "", "{}"))]).await;
    assert!(at(&server, "src = '1'").check().await.is_err());
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /v1/Account/MAXXXXXXXXXXXXXXXXXX/ HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(SDK_HEADERS[0].1));
}
