//! Tests of what Bird reports.

use serde_json::json;

use super::*;
use crate::{
    inbound::Wish,
    outcome::ErrorClass,
    price::Currency,
    report::{Hearer, WINDOW_MS, test_calls::checked},
};

/// Signed by `standardwebhooks` 1.1.0, the standard's own Python library, and found good half a
/// minute later by `messagebird-sdk` 0.106.0, Bird's own Python SDK, which reads the event too.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME: &str = "1767607379";
const SIGNATURE: &str = "v1,GH9AO8Vog5j8ize8+QmosBnRDe0+awiy3rlW69U3h7w=";
const BODY: &str = r#"{"type":"sms.undelivered","timestamp":"2026-01-05T10:02:59Z","data":{"sms_id":"sms_01krdgeqcxet5s7t44vh8rt9mg","workspace_id":"ws_01krdgeqcxet5s7t44vh8rt9mg","to":"+447700900001","from":"Otpost","tags":null,"metadata":{"message_id":"07070707-0707-0707-0707-070707070707","reference":"BwcHBwcHBwcHBwcHBwcHBwAABwcHBwcHBwcHBwcHBwcHBw"},"requested_language":null,"resolved_language":null,"template_id":null,"template_version_id":null,"template_content_hash":null,"error":{"code":"recipient_opted_out","description":"On a suppression list","carrier_error_code":null,"occurred_at":"2026-01-05T10:02:59Z","permanent":null}}}"#;
const AT_MS: Millis = 1_767_607_379_000;
const OF: &str = "BwcHBwcHBwcHBwcHBwcHBwAABwcHBwcHBwcHBwcHBwcHBw";

fn heard_with(
    headers: &[(&str, &str)],
    body: &[u8],
    now: Millis,
) -> Result<Option<Report>, NotHeard> {
    let keys = format!("signing_secret = '{SECRET}'").parse().expect("TOML");
    let url = "https://codes.example/v1/inbound/sms/reports";
    checked("bird", &keys, &Call { url, headers, body }, now)
}

fn heard(
    id: &str,
    time: &str,
    signature: &str,
    body: &[u8],
    now: Millis,
) -> Result<Option<Report>, NotHeard> {
    let headers =
        [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    heard_with(&headers, body, now)
}

fn signature(time: &str, body: &[u8]) -> String {
    let secret = secret_bytes(SECRET).expect("a secret");
    let signed = [ID.as_bytes(), b".", time.as_bytes(), b".", body];
    format!("v1,{}", BASE64.encode(mac::<Hmac<Sha256>>(&secret, &signed)))
}

fn signed(body: &str) -> Result<Option<Report>, NotHeard> {
    heard(ID, TIME, &signature(TIME, body.as_bytes()), body.as_bytes(), AT_MS)
}

fn is_not_genuine(answer: &Result<Option<Report>, NotHeard>) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

#[test]
fn the_official_vector() {
    let report = heard(ID, TIME, SIGNATURE, BODY.as_bytes(), AT_MS);
    let report = report.expect("a genuine call").expect("a word");
    assert_eq!(report.of.to_text(), OF);
    assert_eq!(report.of.number, Reference::LATEST);
    assert_eq!((report.word, report.class), (Word::Undelivered, Some(OptedOut)));
    assert_eq!(report.code.as_deref(), Some("recipient_opted_out"));
}

#[test]
fn every_changed_byte_is_refused() {
    let changes = |text: &str| {
        let bytes = text.as_bytes().to_vec();
        (0..bytes.len()).map(move |place| {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            changed
        })
    };
    let text = |changed: Vec<u8>| String::from_utf8(changed).expect("ASCII");
    for body in changes(BODY) {
        assert!(is_not_genuine(&heard(ID, TIME, SIGNATURE, &body, AT_MS)), "{body:?}");
    }
    for id in changes(ID).map(text) {
        assert!(is_not_genuine(&heard(&id, TIME, SIGNATURE, BODY.as_bytes(), AT_MS)), "{id}");
    }
    for time in changes(TIME).map(text) {
        assert!(is_not_genuine(&heard(ID, &time, SIGNATURE, BODY.as_bytes(), AT_MS)), "{time}");
    }
    for given in changes(SIGNATURE).map(text) {
        assert!(is_not_genuine(&heard(ID, TIME, &given, BODY.as_bytes(), AT_MS)), "{given}");
    }
    for end in 0..SIGNATURE.len() {
        let given = &SIGNATURE[..end];
        assert!(is_not_genuine(&heard(ID, TIME, given, BODY.as_bytes(), AT_MS)), "{given}");
    }
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let given = |given: &str| heard(ID, TIME, given, BODY.as_bytes(), AT_MS);
    let (_, made) = SIGNATURE.split_once(',').expect("a version");
    let other = format!("v1,{}", BASE64.encode([7; 32]));
    assert!(given(&format!("{other} {SIGNATURE}")).is_ok());
    assert!(given(&format!("{SIGNATURE} v1a,{made}")).is_ok());
    for none in ["", " ", "v1", "v1,", &other, made, &format!("v1a,{made}"), &format!("v2,{made}")]
    {
        assert!(is_not_genuine(&given(none)), "{none}");
    }
}

#[test]
fn only_for_five_minutes() {
    let at = |now| heard(ID, TIME, SIGNATURE, BODY.as_bytes(), now);
    assert!(at(AT_MS + WINDOW_MS).is_ok() && at(AT_MS - WINDOW_MS).is_ok());
    assert!(is_not_genuine(&at(AT_MS + WINDOW_MS + 1)), "too old");
    assert!(is_not_genuine(&at(AT_MS - WINDOW_MS - 1)), "of the future");
    for time in ["", "now", "-1", "9223372036854775807", "-9223372036854775808", "1e9"] {
        let made = signature(time, BODY.as_bytes());
        assert!(is_not_genuine(&heard(ID, time, &made, BODY.as_bytes(), AT_MS)), "{time}");
    }
}

#[test]
fn without_a_secret_or_a_header_nothing_is_believed() {
    let headers =
        [("webhook-id", ID), ("webhook-timestamp", TIME), ("webhook-signature", SIGNATURE)];
    assert!(heard_with(&headers, BODY.as_bytes(), AT_MS).is_ok());
    for missing in 0..headers.len() {
        let mut fewer = headers.to_vec();
        fewer.remove(missing);
        assert!(is_not_genuine(&heard_with(&fewer, BODY.as_bytes(), AT_MS)), "{missing}");
    }
    let call = Call { url: "https://codes.example/", headers: &headers, body: BODY.as_bytes() };
    assert!(is_not_genuine(&checked("bird", &toml::Table::new(), &call, AT_MS)));
    for secret in [SECRET.replace("MfK", "NfK"), SECRET.replace("whsec_", ""), "whsec_".into()] {
        let keys = format!("signing_secret = '{secret}'").parse().expect("TOML");
        assert!(is_not_genuine(&checked("bird", &keys, &call, AT_MS)), "{secret}");
    }
}

#[test]
fn words_and_codes() {
    let said = |kind: &str, error: Value| {
        let data = json!({"metadata": {"reference": OF}, "error": error});
        let report = signed(&json!({"type": kind, "data": data}).to_string());
        report.expect("a genuine call").map(|report| (report.word, report.class, report.code))
    };
    for (kind, expected) in [
        ("sms.accepted", None),
        ("sms.sent", Some((Word::Sent, None, None))),
        ("sms.delivered", Some((Word::Delivered, None, None))),
        ("email.delivered", None),
        ("", None),
    ] {
        assert_eq!(said(kind, json!({"code": "unknown"})), expected, "{kind}");
    }
    let failed = |class: ErrorClass, code: Option<&str>| {
        Some((Word::Undelivered, Some(class), code.map(str::to_owned)))
    };
    for kind in ["sms.expired", "sms.failed", "sms.rejected", "sms.undelivered"] {
        for (code, class) in FAILURES {
            assert_eq!(said(kind, json!({"code": code})), failed(*class, Some(code)), "{kind}");
        }
        assert_eq!(said(kind, json!({"code": "new"})), failed(Transient, Some("new")));
        for none in [json!(null), json!("no"), json!({}), json!({"code": 1})] {
            assert_eq!(said(kind, none.clone()), failed(Transient, None), "{none}");
        }
    }
}

/// Signed with Python 3.11's `hmac`, which signs the vector above as it is signed.
const RECEIVED: &str = r#"{"type":"sms.received","timestamp":"2026-01-05T10:02:59Z","data":{"sms_id":"sms_01krdgeqcxet5s7t44vh8rt9mg","workspace_id":"ws_01krdgeqcxet5s7t44vh8rt9mg","to":"+12025550199","from":"+12025550123","tags":null,"metadata":null,"text":"STOP","segments":{"count":1,"encoding":"gsm7"}}}"#;
const RECEIVED_SIGNATURE: &str = "v1,14KxRs2QwGN0xC4TcVdDzGU0rT70N/30dWCtaqWTQ74=";

#[test]
fn what_people_write_comes_with_the_reports() {
    let keys = format!("signing_secret = '{SECRET}'").parse().expect("TOML");
    let hearer = Hearer::of_kind("bird", keys);
    let hear = |signature: &str, body: &str| {
        let headers =
            [("webhook-id", ID), ("webhook-timestamp", TIME), ("webhook-signature", signature)];
        let url = "https://codes.example/v1/inbound/sms/reports";
        hearer.hear(&Call { url, headers: &headers, body: body.as_bytes() }, AT_MS)
    };
    let brought = hear(RECEIVED_SIGNATURE, RECEIVED).expect("a genuine call");
    assert!(brought.reports.is_empty());
    let said = brought.written.iter().map(|one| (one.from.address(), one.wish));
    assert_eq!(said.collect::<Vec<_>>(), [("+12025550123", Wish::Stop)]);
    let start = RECEIVED.replace("STOP", "START");
    assert!(matches!(hear(RECEIVED_SIGNATURE, &start), Err(NotHeard::NotGenuine(_))));
    let brought = hear(&signature(TIME, start.as_bytes()), &start).expect("a genuine call");
    assert_eq!(brought.written[0].wish, Wish::Start);
    assert!(hearer.can_hear_people() && !hearer.hears_people_apart());
}

#[test]
fn the_cost_of_the_message_and_not_fees_alone() {
    let cost = |cost: Value| {
        let data = json!({"metadata": {"reference": OF}, "cost": cost});
        let event = json!({"type": "sms.delivered", "data": data}).to_string();
        signed(&event).expect("a genuine call").expect("a word").cost
    };
    let price = Some(Price { micros: 33_300, currency: Currency::EUR });
    let whole = json!({"amount": "0.0333", "currency_code": "EUR", "transaction_amount": "0.03",
        "passthrough_amount": "0.0033"});
    assert_eq!(cost(whole), Cost { price, ..Cost::default() });
    for none in [
        json!({"amount": "0.0033", "currency_code": "EUR", "transaction_amount": null}),
        json!({"amount": "0.0033", "currency_code": "EUR"}),
        json!({"amount": null, "currency_code": "EUR", "transaction_amount": "0.03"}),
        json!({"amount": "0.0333", "transaction_amount": "0.03"}),
        json!(null),
        json!("0.0333"),
    ] {
        assert_eq!(cost(none.clone()), Cost::default(), "{none}");
    }
}

#[test]
fn what_others_send_is_passed_over() {
    for metadata in [
        json!(null),
        json!("no"),
        json!({}),
        json!({"reference": null}),
        json!({"reference": 7}),
        json!({"reference": ""}),
        json!({"reference": "order 77"}),
        json!({"reference": &OF[1..]}),
    ] {
        let body = json!({"type": "sms.delivered", "data": {"metadata": metadata}}).to_string();
        assert_eq!(signed(&body), Ok(None), "{body}");
    }
    for data in [json!(null), json!([]), json!("no")] {
        let body = json!({"type": "sms.delivered", "data": data}).to_string();
        assert_eq!(signed(&body), Ok(None), "{body}");
    }
    assert_eq!(signed(r#"{"type": "sms.delivered"}"#), Ok(None));
}

#[test]
fn bodies_that_are_none() {
    for body in ["", "{", "{}", "[]", "null", "\u{0}", "<html>", r#"{"type": 1}"#] {
        let answer = signed(body);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{body}: {answer:?}");
    }
    for end in 0..BODY.len() {
        let answer = signed(&BODY[..end]);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{end}: {answer:?}");
    }
}

#[test]
fn secrets() {
    assert_eq!(secret_bytes(SECRET).map(|bytes| bytes.len()), Some(24));
    for none in ["", "whsec_", "whsec_*", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Whsec_MfKQ"] {
        assert_eq!(secret_bytes(none), None, "{none}");
    }
}
