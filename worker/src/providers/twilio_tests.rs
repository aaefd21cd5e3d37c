//! Tests of the Twilio provider.

use std::time::Duration;

use otpost_shared::{outcome::ErrorClass, price::Cost};

use super::{ERRORS, Twilio, TwilioConfig, read_answer};
use crate::{
    provider::{Outcome, Provider},
    providers::{
        Net,
        error_table::assert_sorted,
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Reply, TestServer, answer},
        twilio_account::read_check,
    },
};

const ACCEPTED: &str = r#"{"sid": "SM0123", "status": "queued", "error_code": null,
    "error_message": null, "num_segments": "1", "body": "hi"}"#;

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

fn refusal(status: u16, code: u32, message: &str) -> Outcome {
    let body = serde_json::json!({"code": code, "message": message, "status": status});
    read(status, &body.to_string())
}

fn built(keys: &str) -> Result<Twilio, String> {
    let config: TwilioConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    Twilio::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> Twilio {
    let url = server.url();
    built(&format!("account_sid = 'AC01'\nbase_url = '{url}'\n{more}")).unwrap()
}

#[test]
fn the_table_is_sorted_and_used() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let outcome = refusal(400, code, "text");
            assert_eq!(outcome.class, *class, "{code}");
            assert_eq!(outcome.code, Some(code.to_string()));
        }
    }
}

#[test]
fn accepted_only_with_an_id() {
    let outcome = Outcome::accepted(Some("SM0123".to_owned()));
    assert_eq!(read(201, ACCEPTED), outcome.costing(Cost::of_segments(Some(1))));
    for body in ["", "{", "{}", "null", "[]", "<html>", "\u{0}"] {
        assert_eq!(read(201, body).class, ErrorClass::Unknown, "{body}");
    }
}

/// Twilio prices a message after it was sent.
#[test]
fn segments_are_told_and_prices_are_not() {
    for (told, segments) in [
        (r#""num_segments": "3", "price": null, "price_unit": "USD""#, Some(3)),
        (r#""num_segments": "0", "price": null"#, None),
        (r#""num_segments": null"#, None),
        (r#""num_segments": [1]"#, None),
        (r#""num_media": "0""#, None),
    ] {
        let outcome = read(201, &format!(r#"{{"sid": "SM1", "status": "accepted", {told}}}"#));
        assert_eq!(outcome.class, ErrorClass::Ok, "{told}");
        assert_eq!(outcome.cost, Cost::of_segments(segments), "{told}");
    }
    let failed = read(201, r#"{"sid": "SM1", "status": "failed", "num_segments": "1"}"#);
    assert_eq!(failed.cost, Cost::default());
}

#[test]
fn created_but_failed() {
    let failed = read(201, r#"{"sid": "SM1", "status": "failed", "error_code": 21610}"#);
    assert_eq!(failed.class, ErrorClass::OptedOut);
    assert_eq!(failed.provider_message_id.as_deref(), Some("SM1"));
    let silent = read(201, r#"{"sid": "SM1", "status": "undelivered"}"#);
    assert_eq!((silent.class, silent.code), (ErrorClass::Transient, None));
}

#[test]
fn unlisted_codes() {
    let class = |status, code, message| refusal(status, code, message).class;
    let short = "'To' number cannot be a Short Code";
    assert_eq!(class(400, 21999, short), ErrorClass::Recipient);
    let both = "'To' and 'From' number cannot be the same";
    assert_eq!(class(400, 21999, both), ErrorClass::Sender);
    assert_eq!(class(400, 21999, "new rule"), ErrorClass::Sender);
    assert_eq!(class(400, 30999, "new rule"), ErrorClass::Transient);
    assert_eq!(class(404, 20404, "not found"), ErrorClass::Account);
    assert_eq!(class(429, 99999, "slow down"), ErrorClass::Throttled);
}

#[test]
fn without_a_code_the_status_decides() {
    for (status, class) in [
        (401, ErrorClass::Account),
        (404, ErrorClass::Account),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
        (504, ErrorClass::Unknown),
    ] {
        assert_eq!(read(status, "<html>").class, class, "{status}");
        let silent = read(status, r#"{"message": "no code"}"#);
        assert_eq!(silent, Outcome::refused(class, None, "no code"), "{status}");
    }
}

#[test]
fn one_sender_and_one_credential() {
    let base = "account_sid = 'AC01'\n";
    let token = "auth_token = 't'\n";
    for wrong in [
        token,
        "auth_token = 't'\nfrom = 'a'\nmessaging_service_sid = 'MG'",
        "from = 'a'",
        "from = 'a'\napi_key_sid = 'SK'",
        "from = 'a'\nauth_token = 't'\napi_key_sid = 'SK'",
    ] {
        assert!(built(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
    assert!(built("account_sid = '../x'\nauth_token = 't'\nfrom = 'a'").is_err());
    assert!(built(&format!("{base}{token}messaging_service_sid = 'MG'")).is_ok());
    for (secret, good) in [("s", true), ("", false)] {
        let keys = format!("{base}{token}from = 'a'\nshared_key_secret = '{secret}'");
        assert_eq!(built(&keys).is_ok(), good, "{secret}");
    }
    let both = built(&format!("{base}{token}from = 'a'\napi_key_sid = 'SK'\napi_key_secret = 's'"));
    assert_eq!(both.unwrap().messages.user, "SK", "the token is then for signatures alone");
}

#[tokio::test]
async fn the_request_is_as_twilio_wants_it() {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", ACCEPTED))]).await;
    let twilio = at(&server, "auth_token = 'secret'\nfrom = '+15550100'");
    let mut message = outgoing("Your code: 12 & é");
    message.validity = Duration::from_hours(25);
    let report_to = "https://codes.example/v1/inbound/sms/reports?of=AAAA";
    message.report_to = Some(report_to.to_owned());
    assert_eq!(twilio.send(&message).await.class, ErrorClass::Ok);

    let request = &server.requests()[0];
    assert_eq!(request.line(), "POST /2010-04-01/Accounts/AC01/Messages.json HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Basic QUMwMTpzZWNyZXQ="));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let expected = [
        ("To", "+15551234567"),
        ("From", "+15550100"),
        ("Body", "Your code: 12 & é"),
        ("ValidityPeriod", "36000"),
        ("StatusCallback", report_to),
    ];
    assert_eq!(request.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_a_number_and_a_service() {
    for (own, field, value) in [
        ("from = '+15550100'", "From", "+15550100"),
        ("messaging_service_sid = 'MG1'", "MessagingServiceSid", "MG1"),
    ] {
        let replies = [(); 2].map(|()| Reply::Whole(answer(201, "", ACCEPTED)));
        let server = TestServer::start(replies.into()).await;
        let twilio = at(&server, &format!("auth_token = 't'\n{own}"));
        twilio.send(&outgoing("hi")).await;
        twilio.send(&outgoing_from("Otpost", "hi")).await;
        for (request, (field, value)) in
            server.requests().iter().zip([(field, value), ("From", "Otpost")])
        {
            let form = request.form();
            assert_eq!(form[1], (field.to_owned(), value.to_owned()));
            assert_eq!(form.len(), 4, "{form:?}");
        }
        assert_eq!(twilio.check_sender("+12025550123"), Ok(()));
        assert!(twilio.check_sender("").is_err());
    }
}

#[tokio::test]
async fn a_service_and_a_key_and_no_time_left() {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", ACCEPTED))]).await;
    let twilio =
        at(&server, "api_key_sid = 'SK1'\napi_key_secret = 's'\nmessaging_service_sid = 'MG1'");
    let mut message = outgoing("hi");
    message.validity = Duration::ZERO;
    twilio.send(&message).await;
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Basic U0sxOnM="));
    assert!(request.body.contains("MessagingServiceSid=MG1"));
    assert!(!request.body.contains("From="));
    assert!(request.body.ends_with("ValidityPeriod=1"));
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let body = r#"{"code": 20429, "message": "Too Many Requests", "status": 429}"#;
    let busy = answer(429, "Retry-After: 3\r\n", body);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let twilio = at(&server, "auth_token = 't'\nfrom = 'a'");
    let outcome = twilio.send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check("twilio", &answered(status, body));
    assert!(check(200, r#"{"sid": "AC01", "status": "active"}"#).is_ok());
    assert!(check(200, r#"{"messages": [], "page": 0}"#).is_ok());
    let suspended = check(200, r#"{"sid": "AC01", "status": "suspended"}"#);
    assert_eq!(suspended.unwrap_err(), "the twilio account is suspended");
    let denied = check(401, r#"{"code": 20003, "message": "Authenticate"}"#);
    assert_eq!(denied.unwrap_err(), "twilio answered HTTP 401: Authenticate");
    assert!(check(200, "<html>").is_err());
}

#[tokio::test]
async fn the_check_asks_what_the_credential_may_read() {
    let server = TestServer::start(vec![
        Reply::Whole(answer(200, "", r#"{"status": "active"}"#)),
        Reply::Whole(answer(200, "", r#"{"messages": []}"#)),
    ])
    .await;
    let token = at(&server, "auth_token = 't'\nfrom = 'a'");
    let key = at(&server, "api_key_sid = 'SK1'\napi_key_secret = 's'\nfrom = 'a'");
    token.check().await.unwrap();
    key.check().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].line(), "GET /2010-04-01/Accounts/AC01.json HTTP/1.1");
    assert_eq!(
        requests[1].line(),
        "GET /2010-04-01/Accounts/AC01/Messages.json?PageSize=1 HTTP/1.1"
    );
}
