//! Tests of the Telnyx provider.

use std::time::Duration;

use otpost_shared::{
    outcome::ErrorClass,
    price::{Cost, Currency, Price},
};
use serde_json::{Value, json};

use super::{ERRORS, Telnyx, TelnyxConfig, read_answer, read_check};
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

const PROFILE: &str = "4001932d-9b55-4bb8-9cd1-85de6c4d83d9";

/// Recorded from the Python SDK `telnyx` 4.189.0: `messages.send` with `to`, `from_`, `text`,
/// `messaging_profile_id`, `webhook_url` and `idempotency_key`.
const SDK_LINE: &str = "POST /v2/messages HTTP/1.1";
const SDK_HEADERS: [(&str, &str); 3] = [
    ("authorization", "Bearer KEY0123"),
    ("content-type", "application/json"),
    ("idempotency-key", "00000000-0000-0000-0000-000000000007"),
];
const SDK_BODY: &str = r#"{"to":"+15551234567","from":"Otpost","messaging_profile_id":"4001932d-9b55-4bb8-9cd1-85de6c4d83d9","text":"Your code: 12 & é","webhook_url":"https://codes.example/v1/inbound/sms/reports?of=AAAA"}"#;

const REPORT_TO: &str = "https://codes.example/v1/inbound/sms/reports?of=AAAA";

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

fn accepted() -> String {
    with_status("queued", &json!([]))
}

fn outcome_of_accepted() -> Outcome {
    Outcome::accepted(Some("4031-2d82".to_owned())).costing(Cost::of_segments(Some(1)))
}

fn with_status(status: &str, errors: &Value) -> String {
    json!({"data": {
        "record_type": "message", "direction": "outbound", "id": "4031-2d82", "type": "SMS",
        "to": [{"phone_number": "+15551234567", "status": status, "carrier": "A"}],
        "text": "hi", "parts": 1, "valid_until": null, "errors": errors,
    }})
    .to_string()
}

fn problem(code: &str, detail: &str) -> Value {
    json!({"code": code, "title": "Title", "detail": detail})
}

fn refusal(status: u16, problem: &Value) -> Outcome {
    read(status, &json!({"errors": [problem]}).to_string())
}

fn built(keys: &str) -> Result<Telnyx, String> {
    let config: TelnyxConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Telnyx::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, sender: &str) -> Telnyx {
    built(&format!("api_key = 'KEY0123'\nbase_url = '{}'\n{sender}", server.url())).unwrap()
}

async fn recorded(sender: &str, message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", &accepted()))]).await;
    let outcome = at(&server, sender).send(message).await;
    assert_eq!(outcome, outcome_of_accepted());
    server.requests().remove(0)
}

#[test]
fn the_table_is_sorted_and_used() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let code = code.to_string();
            let outcome = refusal(400, &problem(&code, "It is so."));
            assert_eq!(outcome, Outcome::refused(*class, Some(code), "It is so."));
        }
    }
}

#[test]
fn each_class_is_in_the_table() {
    for class in ErrorClass::ALL {
        let listed = ERRORS.iter().any(|(_, _, found)| *found == class);
        assert_eq!(listed, class != ErrorClass::Ok, "{class:?}");
    }
}

#[test]
fn accepted_only_with_an_id() {
    assert_eq!(read(200, &accepted()), outcome_of_accepted());
    assert_eq!(read(200, r#"{"data": {"id": "a"}}"#).class, ErrorClass::Ok);
    let cut = &accepted()[..40];
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        "\u{0}",
        cut,
        r#"{"data": null}"#,
        r#"{"data": {}}"#,
        r#"{"data": {"id": null}}"#,
        r#"{"data": {"id": ""}}"#,
        r#"{"data": {"id": 7}}"#,
        r#"{"errors": []}"#,
    ] {
        assert_eq!(read(200, body).class, ErrorClass::Unknown, "{body}");
        assert_eq!(read(401, body).class, ErrorClass::Account, "{body}");
        assert_eq!(read(503, body).class, ErrorClass::Transient, "{body}");
    }
    // A success in the body of a failure is no success.
    assert_eq!(read(502, &accepted()).class, ErrorClass::Unknown);
}

#[test]
fn the_cost_where_it_is_known() {
    let cost = |more: &str| read(200, &format!(r#"{{"data": {{"id": "a", {more}}}}}"#)).cost;
    let price = Some(Price { micros: 5_100, currency: Currency::USD });
    let told = r#""parts": 2, "cost": {"amount": "0.0051", "currency": "USD"}"#;
    assert_eq!(cost(told), Cost { segments: Some(2), price, is_per_segment: false });
    assert_eq!(cost(r#""parts": 2, "cost": null"#), Cost::of_segments(Some(2)));
    let odd = r#""parts": "x", "cost": {"amount": "free", "currency": "USD"}"#;
    assert_eq!(cost(odd), Cost::default());
}

#[test]
fn an_error_in_a_good_status_follows_the_table() {
    assert_eq!(refusal(200, &problem("40300", "")).class, ErrorClass::OptedOut);
    assert_eq!(refusal(200, &problem("99999", "")).class, ErrorClass::Unknown);
}

#[test]
fn created_but_failed() {
    let failed = read(200, &with_status("sending_failed", &json!([problem("40001", "")])));
    assert_eq!(failed.class, ErrorClass::Recipient);
    assert_eq!(failed.code.as_deref(), Some("40001"));
    assert_eq!(failed.provider_message_id.as_deref(), Some("4031-2d82"));
    let unlisted = read(200, &with_status("delivery_failed", &json!([problem("49999", "")])));
    assert_eq!(unlisted.class, ErrorClass::Transient);
    let silent = read(200, &with_status("expired", &json!([])));
    assert_eq!((silent.class, silent.code), (ErrorClass::Transient, None));
    assert_eq!(silent.detail.as_deref(), Some("expired"));
    let delivered = read(200, &with_status("delivery_unconfirmed", &json!([])));
    assert_eq!(delivered.class, ErrorClass::Ok);
}

#[test]
fn a_general_code_is_about_the_field_beside_it() {
    let class = |code: &str, pointer: Value| {
        let mut problem = problem(code, "Invalid.");
        problem["source"] = json!({ "pointer": pointer });
        refusal(422, &problem).class
    };
    assert_eq!(class("10002", json!("/to")), ErrorClass::Recipient);
    assert_eq!(class("10016", json!("/data/to")), ErrorClass::Recipient);
    assert_eq!(class("10015", json!("/text")), ErrorClass::Content);
    assert_eq!(class("10002", json!("/from")), ErrorClass::Sender);
    assert_eq!(class("10002", json!("")), ErrorClass::Sender);
    assert_eq!(class("10002", Value::Null), ErrorClass::Sender);
    // These know by themselves what they are about.
    assert_eq!(class("10009", json!("/to")), ErrorClass::Account);
    assert_eq!(class("40305", json!("/to")), ErrorClass::Sender);
}

#[test]
fn unlisted_codes_leave_it_to_the_status() {
    for code in ["99999", "40303x", "", "-1", "99999999999999999999"] {
        for (status, class) in [
            (400, ErrorClass::Sender),
            (403, ErrorClass::Account),
            (409, ErrorClass::Unknown),
            (429, ErrorClass::Throttled),
            (500, ErrorClass::Transient),
            (504, ErrorClass::Unknown),
        ] {
            let outcome = refusal(status, &problem(code, "New."));
            assert_eq!(outcome.class, class, "{status} {code}");
            assert_eq!(outcome.code.as_deref(), Some(code));
        }
    }
}

#[test]
fn no_number_comes_into_a_detail() {
    let named = "Messages cannot be sent from '+15550100' to '+15551234567'.";
    assert_eq!(refusal(400, &problem("40300", named)).detail.as_deref(), Some("Title"));
    assert_eq!(refusal(400, &problem("40300", "")).detail.as_deref(), Some("Title"));
    let bare = refusal(400, &json!({"code": "40300", "detail": named}));
    assert_eq!(bare.detail.as_deref(), Some("HTTP 400"));
}

#[test]
fn a_number_or_a_name_with_its_profile() {
    let key = "api_key = 'k'\n";
    for wrong in ["", "from = ''", "from = 'Otpost'", "messaging_profile_id = ''"] {
        let sentence = built(&format!("{key}{wrong}")).err().unwrap();
        assert!(sentence.contains("providers.sms.from"), "{wrong}: {sentence}");
    }
    for right in [
        "from = '+15550100'",
        "from = '12345'",
        "messaging_profile_id = 'p'",
        "from = 'Otpost'\nmessaging_profile_id = 'p'",
    ] {
        assert!(built(&format!("{key}{right}")).is_ok(), "{right}");
    }
    assert!(built("from = '+15550100'").is_err());
    assert!(built(&format!("{key}from = '1'\nbase_url = 'a.test'")).is_err());
}

#[test]
fn a_public_key_is_32_bytes() {
    let with = |public_key: &str| {
        built(&format!("api_key = 'k'\nfrom = '1'\npublic_key = '{public_key}'")).err()
    };
    assert_eq!(with("TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE="), None);
    for wrong in ["", "KEY0123", "TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE", "AAAA"] {
        let sentence = with(wrong).unwrap();
        assert!(sentence.contains("providers.sms.public_key"), "{wrong}: {sentence}");
    }
}

#[tokio::test]
async fn the_request_is_what_the_official_client_sends() {
    let sender = format!("from = 'Otpost'\nmessaging_profile_id = '{PROFILE}'");
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some(REPORT_TO.to_owned());
    let request = recorded(&sender, &message).await;
    assert_eq!(request.line(), SDK_LINE);
    for (name, value) in SDK_HEADERS {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let body = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(body(&request.body), body(SDK_BODY));
}

#[tokio::test]
async fn what_is_not_configured_is_not_sent() {
    let request = recorded("from = '+15550100'", &outgoing("hi")).await;
    assert_eq!(request.body, r#"{"to":"+15551234567","from":"+15550100","text":"hi"}"#);
    let request = recorded("messaging_profile_id = 'p'", &outgoing("hi")).await;
    assert_eq!(request.body, r#"{"to":"+15551234567","messaging_profile_id":"p","text":"hi"}"#);
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_a_number_and_a_profile_s_choice() {
    let number = outgoing_from("+12025550123", "hi");
    let request = recorded("from = '+15550100'", &number).await;
    assert_eq!(request.body, r#"{"to":"+15551234567","from":"+12025550123","text":"hi"}"#);
    let request = recorded("messaging_profile_id = 'p'", &outgoing_from("Otpost", "hi")).await;
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["from"], &body["messaging_profile_id"]), (&json!("Otpost"), &json!("p")));
    // A name needs the profile, as in `from`.
    for (keys, name_is_good) in
        [("from = '+15550100'", false), ("messaging_profile_id = 'p'", true)]
    {
        let telnyx = built(&format!("api_key = 'k'\n{keys}")).unwrap();
        assert_eq!(telnyx.check_sender("Otpost").is_ok(), name_is_good, "{keys}");
        assert_eq!(telnyx.check_sender("+12025550123"), Ok(()));
        assert!(telnyx.check_sender("").is_err());
    }
}

#[tokio::test]
async fn a_later_attempt_is_the_same_request() {
    let replies = [(); 2].map(|()| Reply::Whole(answer(200, "", &accepted())));
    let server = TestServer::start(replies.into()).await;
    let telnyx = at(&server, "from = '+15550100'");
    let mut message = outgoing("hi");
    telnyx.send(&message).await;
    message.attempt = 2;
    message.validity = Duration::from_secs(3);
    telnyx.send(&message).await;
    let requests = server.requests();
    assert_eq!(requests[0].head, requests[1].head);
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let body = r#"{"errors": [{"code": "10011", "title": "Too many requests"}]}"#;
    let busy = answer(429, "Retry-After: 3\r\n", body);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "from = '+15550100'").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.detail.as_deref(), Some("Too many requests"));
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    let good = check(
        200,
        r#"{"data": {"record_type": "balance", "balance": "300.00", "credit_limit": "100.00",
            "available_credit": "400.00", "currency": "USD"}}"#,
    );
    assert_eq!(good.unwrap(), "telnyx: credentials good, balance 300.00 USD");
    let denied = check(
        401,
        r#"{"errors": [{"code": "10009", "title": "Authentication failed",
            "detail": "The API key looks malformed."}]}"#,
    );
    assert_eq!(denied.unwrap_err(), "telnyx answered HTTP 401: The API key looks malformed.");
    assert_eq!(check(503, "<html>").unwrap_err(), "telnyx answered HTTP 503");
    assert_eq!(check(200, "<html>").unwrap_err(), "telnyx's answer is not readable");
}

#[tokio::test]
async fn the_check_asks_for_the_balance() {
    let server = TestServer::start(vec![Reply::Whole(answer(401, "", "{}"))]).await;
    assert!(at(&server, "from = '1'").check().await.is_err());
    let request = &server.requests()[0];
    assert_eq!(request.line(), "GET /v2/balance HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer KEY0123"));
}
