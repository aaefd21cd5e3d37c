//! Tests of what Infobip reports.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::price::Currency;

/// Of the form in Infobip's documentation, and read by `infobip-api-python-client` 6.0.0, Infobip's
/// own Python SDK.
const REPORT: &str = r#"{"results": [{"bulkId": "b1", "messageId": "07070707-0707-0707-0707-070707070707",
    "to": "447700900001", "sender": "Otpost", "sentAt": "2026-01-05T10:02:59.000+0000",
    "doneAt": "2026-01-05T10:03:01.000+0000", "messageCount": 1, "mccMnc": "23410",
    "price": {"pricePerMessage": 0.01, "currency": "EUR"},
    "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET",
        "description": "Message delivered to handset"},
    "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR",
        "description": "No Error", "permanent": false}}]}"#;

const OURS: &str = "07070707-0707-0707-0707-070707070707";

fn of() -> Reference {
    Reference::parse(&BASE64URL.encode([7; 34])).expect("a reference")
}

fn heard(body: &str) -> Result<Vec<Report>, NotHeard> {
    let url = format!("https://codes.example/v1/inbound/sms/reports?of={}", of().to_text());
    let call = Call { url: &url, headers: &[], body: body.as_bytes() };
    read(&call).map(Vec::from_iter)
}

/// A result about our message, with this status, and this error unless it is none.
fn result(group: u32, status: u32, error: Option<u32>) -> Value {
    let status = json!({"groupId": group, "id": status, "name": "A_STATUS"});
    let error = error.map(|id| json!({"groupId": 1, "id": id, "permanent": false}));
    json!({"messageId": OURS, "status": status, "error": error})
}

fn said(results: &[Value]) -> Vec<(Word, Option<ErrorClass>, Option<String>)> {
    let reports = heard(&json!({"results": results}).to_string()).expect("results");
    assert!(reports.iter().all(|report| report.of == of()));
    reports.into_iter().map(|report| (report.word, report.class, report.code)).collect()
}

#[test]
fn the_documented_form() {
    assert_eq!(of().message_id, Uuid::from_bytes([7; 16]));
    let reports = heard(REPORT).expect("a report");
    let price = Some(Price { micros: 10_000, currency: Currency::EUR });
    let cost = Cost { segments: Some(1), price, is_per_segment: true };
    let report = Report { of: of(), word: Word::Delivered, class: None, code: None, cost };
    assert_eq!(reports, [report]);
}

#[test]
fn the_price_is_that_of_one_sms() {
    let total = |count: Value, price: Value| {
        let mut result = result(3, 5, None);
        (result["messageCount"], result["price"]) = (count, price);
        let reports = heard(&json!({"results": [result]}).to_string()).expect("a report");
        reports[0].cost.total().map(|price| (price.micros, price.currency.to_string()))
    };
    let eur = |micros| Some((micros, "EUR".to_owned()));
    let price = json!({"pricePerMessage": 0.0333, "currency": "EUR"});
    assert_eq!(total(json!(3), price.clone()), eur(99_900));
    assert_eq!(total(json!(null), price), eur(33_300));
    assert_eq!(total(json!(2), json!({"pricePerMessage": 0, "currency": "EUR"})), eur(0));
    for none in [json!(null), json!({}), json!({"pricePerMessage": 0.0333}), json!("0.0333")] {
        assert_eq!(total(json!(1), none.clone()), None, "{none}");
    }
}

#[test]
fn words() {
    let word = |group, status| {
        let said = said(&[result(group, status, Some(0))]);
        said.first().map(|(word, ..)| *word)
    };
    for (group, status, expected) in [
        (0, 0, None),
        (1, 3, Some(Word::Sent)),
        (1, 7, Some(Word::Sent)),
        (1, 26, None),
        (2, 4, Some(Word::Undelivered)),
        (2, 9, Some(Word::Undelivered)),
        (3, 2, Some(Word::Sent)),
        (3, 5, Some(Word::Delivered)),
        (3, 999, Some(Word::Sent)),
        (4, 15, Some(Word::Undelivered)),
        (4, 29, Some(Word::Undelivered)),
        (5, 6, Some(Word::Undelivered)),
        // About the request, not about the message that got there before.
        (5, 23, None),
        (6, 5, None),
        (u32::MAX, 5, None),
    ] {
        assert_eq!(word(group, status), expected, "{group} {status}");
    }
}

#[test]
fn classes_and_codes() {
    let why = |status, error| {
        let said = said(&[result(2, status, error)]).remove(0);
        assert_eq!(said.0, Word::Undelivered);
        (said.1.expect("a class"), said.2.expect("a code"))
    };
    for (first, last, class) in ERRORS {
        for status in [*first, *last] {
            assert_eq!(why(status, None), (*class, status.to_string()), "{status}");
            // What the status says goes before what the error says.
            assert_eq!(why(status, Some(1)), (*class, status.to_string()), "{status}");
        }
    }
    for (first, last, class) in NETWORK_ERRORS {
        for error in [*first, *last] {
            assert_eq!(why(9, Some(error)), (*class, error.to_string()), "{error}");
        }
    }
    // 27 is a handset that is off.
    assert_eq!(why(9, Some(27)), (Transient, "27".to_owned()));
    for none in [None, Some(0)] {
        assert_eq!(why(9, none), (Transient, "9".to_owned()));
    }
}

#[test]
fn several_words_and_others_messages() {
    let mut elses = result(2, 9, Some(1));
    elses["messageId"] = json!("00000000-0000-0000-0000-000000000007");
    let said = said(&[result(1, 3, None), elses, result(3, 5, None), result(1, 26, None)]);
    assert_eq!(said, [(Word::Delivered, None, None)], "one message, one report");
    assert_eq!(heard(r#"{"results": []}"#), Ok(Vec::new()));
}

#[test]
fn bodies_that_are_none() {
    let nobody = "https://codes.example/v1/inbound/sms/reports";
    let call = Call { url: nobody, headers: &[], body: REPORT.as_bytes() };
    assert!(matches!(read(&call), Err(NotHeard::NotGenuine(_))));
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\u{0}",
        "<reportResponse/>",
        r#"{"results": null}"#,
        r#"{"results": {}}"#,
        r#"{"results": [{}]}"#,
        r#"{"results": [1]}"#,
        r#"{"results": [{"messageId": "m"}]}"#,
        r#"{"results": [{"messageId": "m", "status": {"groupId": 3}}]}"#,
        r#"{"results": [{"messageId": "m", "status": {"groupId": "3", "id": 5}}]}"#,
        r#"{"results": [{"messageId": "m", "status": {"groupId": -1, "id": 5}}]}"#,
        r#"{"results": [{"status": {"groupId": 3, "id": 5}}]}"#,
    ] {
        let answer = heard(body);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{body}: {answer:?}");
    }
    for end in 0..REPORT.len() {
        let answer = heard(&REPORT[..end]);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{end}: {answer:?}");
    }
}
