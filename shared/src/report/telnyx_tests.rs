//! Tests of what Telnyx reports. The signed body was accepted by `webhooks.unwrap` of the Python SDK
//! `telnyx` 4.189.0, under a key of the library it uses, `PyNaCl` 1.6.2.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;

use super::*;
use crate::{
    outcome::ErrorClass,
    price::Currency,
    report::{Reference, WINDOW_MS, test_calls::checked},
    secrets::digest,
};

const PUBLIC_KEY: &str = "TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE=";
const ANOTHER_KEY: &str = "Hba55l/rzHM5Y1bQ2COHE4hFLFRIFOt04OIJqVfEyeY=";
const AT: &str = "1795853488";
const AT_MS: Millis = 1_795_853_488_000;
const SIGNED: &str = r#"{"data": {"event_type": "message.finalized", "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be", "occurred_at": "2026-10-10T10:00:00.000+00:00", "payload": {"direction": "outbound", "errors": [{"code": "40001", "title": "Not routable"}], "id": "40385f64-5717-4562-b3fc-2c963f66afa6", "record_type": "message", "to": [{"carrier": "é", "line_type": "", "phone_number": "+12025550123", "status": "delivery_failed"}], "type": "SMS"}, "record_type": "event"}, "meta": {"attempt": 1, "delivered_to": "https://codes.example/"}}"#;
const MADE: &str =
    "2gPCReO+Oh3LdGkF2SqorBZx70+P0NvgrVywQkYgFU9uJIJHF8onTrE7FVT2qhfIUSga940TjBS1ghG/islCDg==";

type Heard = Result<Option<Report>, NotHeard>;

fn address() -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/sms/reports?of={of}")
}

fn heard_with(public_key: &str, headers: &[(&str, &str)], body: &[u8], now: Millis) -> Heard {
    let keys = format!("public_key = '{public_key}'").parse().expect("TOML");
    checked("telnyx", &keys, &Call { url: &address(), headers, body }, now)
}

fn heard(signature: &str, at: &str, body: &[u8], now: Millis) -> Heard {
    heard_with(PUBLIC_KEY, &[(SIGNATURE, signature), (TIMESTAMP, at)], body, now)
}

/// What Telnyx would be heard to say with this body.
fn said(body: &[u8]) -> Heard {
    let pair = Ed25519KeyPair::from_seed_unchecked(&digest(b"otpost test key")).expect("a seed");
    assert_eq!(BASE64.encode(pair.public_key()), PUBLIC_KEY);
    let made = pair.sign(&[AT.as_bytes(), b"|", body].concat());
    heard(&BASE64.encode(made.as_ref()), AT, body, AT_MS)
}

fn event(kind: &str, status: &str, code: Option<&str>) -> Vec<u8> {
    let errors: Vec<_> = code.iter().map(|code| json!({"code": code, "title": "t"})).collect();
    let payload = json!({"to": [{"status": status}], "errors": errors});
    json!({"data": {"event_type": kind, "payload": payload}}).to_string().into_bytes()
}

fn is_refused(answer: &Heard) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

#[test]
fn the_official_vector() {
    let of = Reference::parse(&BASE64URL.encode([7; 34])).expect("a reference");
    let (word, class) = (Word::Undelivered, Some(ErrorClass::Recipient));
    let (code, cost) = (Some("40001".to_owned()), Cost::default());
    let report = Report { of, word, class, code, cost };
    for now in [AT_MS, AT_MS + WINDOW_MS, AT_MS - WINDOW_MS] {
        assert_eq!(heard(MADE, AT, SIGNED.as_bytes(), now), Ok(Some(report.clone())));
    }
    for now in [AT_MS + WINDOW_MS + 1, AT_MS - WINDOW_MS - 1, 0, Millis::MAX, Millis::MIN] {
        assert!(is_refused(&heard(MADE, AT, SIGNED.as_bytes(), now)), "{now}");
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let changes = |text: &str| {
        let bytes = text.as_bytes().to_vec();
        (0..bytes.len()).flat_map(move |place| {
            let bytes = bytes.clone();
            [1, 2, 32, 128].map(move |bit| {
                let mut changed = bytes.clone();
                changed[place] ^= bit;
                changed
            })
        })
    };
    for body in changes(SIGNED) {
        assert!(is_refused(&heard(MADE, AT, &body, AT_MS)), "{}", String::from_utf8_lossy(&body));
    }
    for signature in changes(MADE).filter_map(|bytes| String::from_utf8(bytes).ok()) {
        assert!(is_refused(&heard(&signature, AT, SIGNED.as_bytes(), AT_MS)), "{signature}");
    }
    for at in changes(AT).filter_map(|bytes| String::from_utf8(bytes).ok()) {
        assert!(is_refused(&heard(MADE, &at, SIGNED.as_bytes(), AT_MS)), "{at}");
    }
    for cut in 0..SIGNED.len() {
        assert!(is_refused(&heard(MADE, AT, &SIGNED.as_bytes()[..cut], AT_MS)), "{cut}");
    }
}

#[test]
fn both_headers_and_the_right_key() {
    let body = SIGNED.as_bytes();
    let (signature, time) = ((SIGNATURE, MADE), (TIMESTAMP, AT));
    assert!(heard_with(PUBLIC_KEY, &[time, signature], body, AT_MS).is_ok());
    for headers in [&[] as &[_], &[signature], &[time]] {
        assert!(is_refused(&heard_with(PUBLIC_KEY, headers, body, AT_MS)), "{headers:?}");
    }
    let padless = PUBLIC_KEY.trim_end_matches('=');
    for wrong in [ANOTHER_KEY, padless, "", "AAAA", "ключ"] {
        assert!(is_refused(&heard_with(wrong, &[signature, time], body, AT_MS)), "{wrong}");
    }
    let call = Call { url: &address(), headers: &[signature, time], body };
    assert!(is_refused(&checked("telnyx", &toml::Table::new(), &call, AT_MS)));
    let bare = Call { url: "https://codes.example/", headers: &[signature, time], body };
    let keys = format!("public_key = '{PUBLIC_KEY}'").parse().expect("TOML");
    assert!(is_refused(&checked("telnyx", &keys, &bare, AT_MS)), "no reference");
}

#[test]
fn words() {
    let word = |kind, status| {
        let report = said(&event(kind, status, None)).expect("a genuine call");
        report.map(|report| (report.word, report.class))
    };
    let undelivered = Some((Word::Undelivered, Some(ErrorClass::Transient)));
    assert_eq!(word("message.sent", "sent"), Some((Word::Sent, None)));
    assert_eq!(word("message.sent", "queued"), Some((Word::Sent, None)));
    assert_eq!(word("message.received", "webhook_delivered"), None);
    assert_eq!(word("call.hangup", ""), None);
    for (status, expected) in [
        ("delivered", Some((Word::Delivered, None))),
        ("read", Some((Word::Delivered, None))),
        ("sent", Some((Word::Sent, None))),
        ("delivery_unconfirmed", Some((Word::Sent, None))),
        ("delivery_failed", undelivered),
        ("sending_failed", undelivered),
        ("expired", undelivered),
        ("queued", None),
        ("sending", None),
        ("new", None),
    ] {
        assert_eq!(word("message.finalized", status), expected, "{status}");
    }
}

#[test]
fn parts_and_cost() {
    let price = Some(Price { micros: 5_100, currency: Currency::USD });
    for (cost, price) in [
        (json!({"amount": "0.0051", "currency": "USD"}), price),
        (json!({"amount": 0.0051, "currency": "USD"}), price),
        (json!({"amount": "0.0051", "currency": null}), None),
        (json!(null), None),
    ] {
        let payload = json!({"to": [{"status": "delivered"}], "parts": 2, "cost": cost});
        let event = json!({"data": {"event_type": "message.finalized", "payload": payload}});
        let report = said(event.to_string().as_bytes()).expect("a genuine call").expect("a word");
        let expected = Cost { segments: Some(2), price, is_per_segment: false };
        assert_eq!(report.cost, expected, "{cost}");
    }
}

#[test]
fn every_code() {
    let class = |code: &str| {
        let report = said(&event("message.finalized", "delivery_failed", Some(code)));
        let report = report.expect("a genuine call").expect("a word");
        assert_eq!(report.code.as_deref(), Some(code).filter(|code| !code.is_empty()));
        report.class
    };
    for (first, last, expected) in ERRORS {
        for code in *first..=*last {
            assert_eq!(class(&code.to_string()), Some(*expected), "{code}");
        }
    }
    for unlisted in ["49999", "x", "", "-1", "99999999999999999999"] {
        assert_eq!(class(unlisted), Some(ErrorClass::Transient), "{unlisted}");
    }
}

#[test]
fn what_is_not_of_its_form() {
    for body in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\u{0}",
        "<html>",
        r#"{"data": []}"#,
        r#"{"data": {"event_type": 7}}"#,
        r#"{"data": {"event_type": "message.finalized"}}"#,
        r#"{"data": {"event_type": "message.finalized", "payload": {"to": []}}}"#,
        r#"{"data": {"event_type": "message.finalized", "payload": {"to": {"0": {}}}}}"#,
    ] {
        assert!(matches!(said(body.as_bytes()), Err(NotHeard::Malformed(_))), "{body}");
    }
    for cut in 0..SIGNED.len() {
        let answer = said(&SIGNED.as_bytes()[..cut]);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{cut}: {answer:?}");
    }
}
