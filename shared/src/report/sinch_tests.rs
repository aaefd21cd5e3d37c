//! Tests of what Sinch reports. The signature was made, and accepted, with the Python SDK `sinch`
//! 2.3.0.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};
use serde_json::json;

use super::*;
use crate::{
    outcome::ErrorClass,
    report::{WINDOW_MS, test_calls::checked},
};

const KEYS: &str = "signature_secret = 'a secret'";
const MADE_WITH: &str = "01JHFFHWYY7HSS4FWTMDTQEK8W";
const AT: &str = "1795853488";
const AT_MS: Millis = 1_795_853_488_000;
const SIGNED: &str = r#"{"at":"2026-10-10T09:22:40.914Z","batch_id":"01FC66621VHDBN119Z8PMV1QPU","client_reference":"é","code":150,"recipient":"12025550123","status":"Failed","type":"recipient_delivery_report_sms"}"#;
const MADE: &str = "8p43XKsb4xNzneBvq4gr8E6Lh8rlYqmra6/9jwEC60w=";

type Heard = Result<Option<Report>, NotHeard>;

fn address() -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/sms/reports?of={of}")
}

fn heard_with(keys: &str, headers: &[(&str, &str)], body: &[u8], now: Millis) -> Heard {
    let keys = keys.parse().expect("TOML");
    checked("sinch", &keys, &Call { url: &address(), headers, body }, now)
}

fn heard(signature: &str, nonce: &str, at: &str, body: &[u8], now: Millis) -> Heard {
    let headers = [(SIGNATURE, signature), (NONCE, nonce), (TIMESTAMP, at)];
    heard_with(KEYS, &headers, body, now)
}

/// What Sinch would be heard to say with this body, by an account that does not sign.
fn said(body: &[u8]) -> Heard {
    heard_with("", &[], body, AT_MS)
}

fn of_recipient(status: &str, code: u64) -> Vec<u8> {
    let body =
        json!({"type": "recipient_delivery_report_sms", "status": status, "code": code, "at": "x"});
    body.to_string().into_bytes()
}

fn of_batch(statuses: &[(&str, u64)]) -> Vec<u8> {
    let statuses: Vec<_> = statuses
        .iter()
        .map(|(status, code)| json!({"status": status, "code": code, "count": 1}))
        .collect();
    json!({"type": "delivery_report_sms", "statuses": statuses}).to_string().into_bytes()
}

fn is_refused(answer: &Heard) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

/// The text with one byte changed, in each place.
fn changes(text: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len()).map(move |place| {
        let mut changed = text.as_bytes().to_vec();
        changed[place] ^= 1;
        changed
    })
}

fn changed_headers(text: &str) -> impl Iterator<Item = String> {
    changes(text).map(|bytes| String::from_utf8(bytes).expect("ASCII"))
}

#[test]
fn the_official_vector() {
    let of = Reference::parse(&BASE64URL.encode([7; 34])).expect("a reference");
    let (word, class) = (Word::Undelivered, Some(ErrorClass::Recipient));
    let (code, cost) = (Some("150".to_owned()), Cost::default());
    let report = Ok(Some(Report { of, word, class, code, cost }));
    for now in [AT_MS, AT_MS + WINDOW_MS, AT_MS - WINDOW_MS] {
        assert_eq!(heard(MADE, MADE_WITH, AT, SIGNED.as_bytes(), now), report);
    }
    for now in [AT_MS + WINDOW_MS + 1, AT_MS - WINDOW_MS - 1, 0, Millis::MAX, Millis::MIN] {
        assert!(is_refused(&heard(MADE, MADE_WITH, AT, SIGNED.as_bytes(), now)), "{now}");
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let signed = SIGNED.as_bytes();
    for body in changes(SIGNED) {
        assert!(is_refused(&heard(MADE, MADE_WITH, AT, &body, AT_MS)), "{body:?}");
    }
    for cut in 0..signed.len() {
        assert!(is_refused(&heard(MADE, MADE_WITH, AT, &signed[..cut], AT_MS)), "{cut}");
    }
    for signature in changed_headers(MADE) {
        assert!(is_refused(&heard(&signature, MADE_WITH, AT, signed, AT_MS)), "{signature}");
    }
    for nonce in changed_headers(MADE_WITH) {
        assert!(is_refused(&heard(MADE, &nonce, AT, signed, AT_MS)), "{nonce}");
    }
    for at in changed_headers(AT) {
        assert!(is_refused(&heard(MADE, MADE_WITH, &at, signed, AT_MS)), "{at}");
    }
}

#[test]
fn all_headers_and_the_right_secret() {
    let body = SIGNED.as_bytes();
    let all = [(SIGNATURE, MADE), (NONCE, MADE_WITH), (TIMESTAMP, AT)];
    assert!(heard_with(KEYS, &all, body, AT_MS).is_ok());
    for missing in 0..all.len() {
        let rest: Vec<_> = (0..all.len()).filter(|at| *at != missing).map(|at| all[at]).collect();
        assert!(is_refused(&heard_with(KEYS, &rest, body, AT_MS)), "{rest:?}");
    }
    assert!(is_refused(&heard_with(KEYS, &[], body, AT_MS)));
    assert!(is_refused(&heard_with("signature_secret = 'b'", &all, body, AT_MS)));
    for keys in ["", KEYS] {
        let keys = keys.parse().expect("TOML");
        let bare = Call { url: "https://codes.example/", headers: &all, body };
        assert!(is_refused(&checked("sinch", &keys, &bare, AT_MS)), "no reference");
    }
    // A time that is none, signed all the same.
    for at in ["", "x", "1795853488.0", "99999999999999999999"] {
        let text = [body, b".", MADE_WITH.as_bytes(), b".", at.as_bytes()];
        let made = BASE64.encode(mac::<Hmac<Sha256>>(b"a secret", &text));
        assert!(is_refused(&heard(&made, MADE_WITH, at, body, AT_MS)), "{at}");
    }
}

#[test]
fn words() {
    use ErrorClass as C;
    let undelivered = |class| Some((Word::Undelivered, Some(class)));
    for (status, expected) in [
        ("Queued", None),
        ("Dispatched", Some((Word::Sent, None))),
        ("Unknown", Some((Word::Sent, None))),
        ("Delivered", Some((Word::Delivered, None))),
        ("Aborted", undelivered(C::Transient)),
        ("Cancelled", undelivered(C::Transient)),
        ("Expired", undelivered(C::Transient)),
        ("Failed", undelivered(C::Transient)),
        ("Rejected", undelivered(C::Transient)),
        ("Deleted", undelivered(C::Recipient)),
        ("New", None),
        ("", None),
    ] {
        for status in [status.to_owned(), status.to_uppercase()] {
            for body in [of_recipient(&status, 0), of_batch(&[(&status, 0)])] {
                let report = said(&body).expect("a genuine call");
                assert_eq!(report.as_ref().and_then(|report| report.code.as_deref()), None);
                assert_eq!(report.map(|report| (report.word, report.class)), expected, "{status}");
            }
        }
    }
    for kind in ["mo_text", "recipient_delivery_report_mms", ""] {
        assert_eq!(said(json!({ "type": kind }).to_string().as_bytes()), Ok(None), "{kind}");
    }
}

#[test]
fn of_several_statuses_the_failed_one_counts() {
    let word = |statuses: &[(&str, u64)]| {
        said(&of_batch(statuses)).expect("a genuine call").map(|report| (report.word, report.code))
    };
    assert_eq!(word(&[]), None);
    assert_eq!(word(&[("Queued", 400)]), None);
    let failed = Some((Word::Undelivered, Some("402".to_owned())));
    assert_eq!(word(&[("Delivered", 0), ("Failed", 402)]), failed);
    assert_eq!(word(&[("Failed", 402), ("Delivered", 0), ("Queued", 400)]), failed);
    assert_eq!(word(&[("Dispatched", 0), ("Delivered", 0)]), Some((Word::Delivered, None)));
}

#[test]
fn the_number_of_parts_where_it_is_told() {
    for (told, segments) in [(json!(2), Some(2)), (json!(0), None), (json!(null), None)] {
        let body = json!({"type": "recipient_delivery_report_sms", "status": "Delivered",
            "code": 0, "number_of_message_parts": told});
        let report = said(body.to_string().as_bytes()).expect("a genuine call").expect("a word");
        assert_eq!(report.cost, Cost::of_segments(segments), "{told}");
    }
}

#[test]
fn every_code() {
    let class = |code: u64| {
        let report = said(&of_recipient("Failed", code)).expect("a genuine call");
        let report = report.expect("a word");
        assert_eq!(report.code, Some(code.to_string()));
        report.class
    };
    for (first, last, expected) in ERRORS {
        for code in *first..=*last {
            assert_eq!(class(code.into()), Some(*expected), "{code}");
        }
    }
    for unlisted in [1, 399, 500, u64::from(u32::MAX) + 1, u64::MAX] {
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
        "{}",
        r#"{"type": 7}"#,
        r#"{"type": "recipient_delivery_report_sms"}"#,
        r#"{"type": "recipient_delivery_report_sms", "status": 7}"#,
        r#"{"type": "delivery_report_sms"}"#,
        r#"{"type": "delivery_report_sms", "statuses": {}}"#,
        r#"{"type": "delivery_report_sms", "statuses": [7]}"#,
        r#"{"type": "delivery_report_sms", "statuses": [{"status": "Failed"}, {}]}"#,
    ] {
        assert!(matches!(said(body.as_bytes()), Err(NotHeard::Malformed(_))), "{body}");
    }
    for cut in 0..SIGNED.len() {
        let answer = said(&SIGNED.as_bytes()[..cut]);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{cut}: {answer:?}");
    }
    // A code that is no number is none.
    let odd = r#"{"type": "recipient_delivery_report_sms", "status": "Failed", "code": "-1"}"#;
    let report = said(odd.as_bytes()).expect("a genuine call").expect("a word");
    assert_eq!((report.class, report.code), (Some(ErrorClass::Transient), None));
}
