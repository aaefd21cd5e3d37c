//! Tests of the calls through Twilio.

use std::time::Duration;

use otpost_shared::{outcome::ErrorClass, price::Cost};

use super::{ERRORS, TwilioVoice, TwilioVoiceConfig, read_answer};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_sorted,
        http_call::Answer,
        samples,
        test_server::{Reply, TestServer, answer},
    },
};

const QUEUED: &str = r#"{"sid": "CA0123", "status": "queued", "price": null, "price_unit": "USD"}"#;
const BASE: &str = "account_sid = 'AC01'\nauth_token = 'secret'\nfrom = '+15550100'\n";

fn built(keys: &str) -> Result<TwilioVoice, String> {
    let config: TwilioVoiceConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    TwilioVoice::new("call", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer) -> TwilioVoice {
    built(&format!("{BASE}base_url = '{}'", server.url())).unwrap()
}

/// What a gateway is asked that answers so, and what becomes of it.
async fn called(reply: Vec<u8>, out: &Outgoing) -> (Outcome, Vec<(String, String)>) {
    let server = TestServer::start(vec![Reply::Whole(reply)]).await;
    let outcome = at(&server).send(out).await;
    (outcome, server.requests()[0].form())
}

fn of<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The fields of the client library `twilio` 9.13.0 for Python, in its order, for
/// `calls.create(to, from_, twiml, status_callback, status_callback_event=['completed'], timeout)`.
#[tokio::test]
async fn the_request_is_as_twilio_wants_it() {
    let server = TestServer::start(vec![Reply::Whole(answer(201, "", QUEUED))]).await;
    let mut out = samples::call("de-DE", "Hier ist A & B. 0, 1.");
    let report_to = "https://codes.example/v1/inbound/call/reports?of=AAAA";
    out.report_to = Some(report_to.to_owned());
    let outcome = at(&server).send(&out).await;
    assert_eq!(outcome, Outcome::accepted(Some("CA0123".to_owned())));
    assert_eq!(outcome.cost, Cost::default(), "it is billed later");

    let request = &server.requests()[0];
    assert_eq!(request.line(), "POST /2010-04-01/Accounts/AC01/Calls.json HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Basic QUMwMTpzZWNyZXQ="));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let once = "<Pause length=\"1\" /><Say language=\"de-DE\">Hier ist A &amp; B. 0, 1.</Say>";
    let twiml = format!("<Response>{once}{once}</Response>");
    let expected = [
        ("To", "+15551234567"),
        ("From", "+15550100"),
        ("StatusCallback", report_to),
        ("StatusCallbackEvent", "completed"),
        ("Timeout", "25"),
        ("Twiml", &twiml),
    ];
    assert_eq!(request.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_country_may_have_a_number_of_its_own_and_reports_need_not_come() {
    let mut out = samples::call("en-US", "hi");
    out.sender = Some("+442079460000".into());
    let (_, form) = called(answer(201, "", QUEUED), &out).await;
    assert_eq!(of(&form, "From"), Some("+442079460000"));
    assert_eq!(of(&form, "StatusCallback").or(of(&form, "StatusCallbackEvent")), None);
}

#[tokio::test]
async fn it_rings_no_longer_than_the_code_lives() {
    for (secs, timeout) in [(600, "25"), (30, "25"), (29, "24"), (6, "1"), (5, "1"), (0, "1")] {
        let mut out = samples::call("en-US", "hi");
        out.validity = Duration::from_secs(secs);
        let (_, form) = called(answer(201, "", QUEUED), &out).await;
        assert_eq!(of(&form, "Timeout"), Some(timeout), "{secs} seconds are left");
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_not_called_about() {
    let server = TestServer::start(Vec::new()).await;
    let voice = at(&server);
    let written = samples::outgoing("hi");
    assert_eq!(voice.send(&written).await.class, ErrorClass::Content);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn each_code_has_its_class() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let body = format!(r#"{{"code": {code}, "message": "text", "status": 400}}"#);
            let (outcome, _) = called(answer(400, "", &body), &samples::call("en-US", "hi")).await;
            assert_eq!((outcome.class, outcome.code), (*class, Some(code.to_string())));
        }
    }
    for (status, code, message, class) in [
        (400, 21_299, "'To' is odd", ErrorClass::Recipient),
        (400, 21_205, "Url is not valid", ErrorClass::Sender),
        (404, 20_404, "not found", ErrorClass::Account),
        (429, 99_999, "slow down", ErrorClass::Throttled),
        (500, 99_999, "oh", ErrorClass::Transient),
    ] {
        let body = format!(r#"{{"code": {code}, "message": "{message}", "status": {status}}}"#);
        let (outcome, _) = called(answer(status, "", &body), &samples::call("en-US", "hi")).await;
        assert_eq!(outcome.class, class, "{code}");
    }
}

#[test]
fn only_an_id_means_that_it_was_taken() {
    let read = |status, body: &str| {
        read_answer(&Answer { status, retry_after: None, body: body.into() }).class
    };
    assert_eq!(read(201, QUEUED), ErrorClass::Ok);
    for body in ["", "{", "{}", "null", "[]", "<html>", r#"{"sid": ""}"#] {
        assert_eq!(read(201, body), ErrorClass::Unknown, "{body}");
    }
    assert_eq!(read(502, "<html>"), ErrorClass::Unknown);
}

#[test]
fn only_numbers_call() {
    for (from, good) in
        [("+12025550123", true), ("Otpost", false), ("12025550123", false), ("", false)]
    {
        let keys = format!("account_sid = 'AC1'\nauth_token = 't'\nfrom = '{from}'");
        assert_eq!(built(&keys).is_ok(), good, "{from}");
        assert_eq!(built(BASE).unwrap().check_sender(from).is_ok(), good, "{from}");
    }
    for (secs, good) in [(4, false), (5, true), (120, true), (121, false)] {
        assert_eq!(built(&format!("{BASE}ring_secs = {secs}")).is_ok(), good, "{secs}");
    }
    for wrong in ["account_sid = '../x'", "api_key_sid = 'SK'", "shared_key_secret = ''"] {
        let base =
            if wrong.starts_with("account") { "auth_token = 't'\nfrom = '+1'\n" } else { BASE };
        assert!(built(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_check_calls_nobody() {
    let server = TestServer::start(vec![
        Reply::Whole(answer(200, "", r#"{"status": "active"}"#)),
        Reply::Whole(answer(200, "", r#"{"calls": []}"#)),
    ])
    .await;
    let url = server.url();
    let by_key = "api_key_sid = 'SK1'\napi_key_secret = 's'";
    let said = at(&server).check().await;
    assert_eq!(said.unwrap(), "twilio_voice: credentials good, account active");
    let key = built(&format!("{BASE}{by_key}\nbase_url = '{url}'")).unwrap();
    assert_eq!(key.check().await.unwrap(), "twilio_voice: API key good");
    let requests = server.requests();
    assert_eq!(requests[0].line(), "GET /2010-04-01/Accounts/AC01.json HTTP/1.1");
    let line = "GET /2010-04-01/Accounts/AC01/Calls.json?PageSize=1 HTTP/1.1";
    assert_eq!(requests[1].line(), line);
}
