//! Tests of what Vonage's Messages API reports.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    outcome::ErrorClass,
    price::Currency,
    report::{WINDOW_MS, test_calls::checked},
    secrets::hex,
};

const KIND: &str = "vonage_messages";

/// Signed by `PyJWT` 2.15.1 with the claims of Vonage's page on signed webhooks, and found good by
/// `vonage-jwt` 1.1.5, Vonage's own Python SDK.
const SECRET: &str = "ZYXWVUTSRQPONMLKJIHGFEDCBA0123456789";
const BODY: &str = r#"{"message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"447700900001","from":"Otpost","timestamp":"2026-01-05T10:02:59Z","status":"rejected","error":{"type":"https://developer.vonage.com/api-errors/messages#1240","title":1240,"detail":"Illegal Number","instance":"i1"},"client_ref":"00000000-0000-0000-0000-000000000007","channel":"sms"}"#;
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3Njc2MDczNzksImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6Ijc5NTZmOWZkNWJiZmQyNGQ0ZDM2OTg0OGRlYWQzM2E3MTRhMTc1NmQ4ZjZhMTYxMjQ0N2VkZDZkYzJjNjE3M2MiLCJhcGlfa2V5IjoiYTFiMmMzZDQiLCJhcHBsaWNhdGlvbl9pZCI6ImFhYWFhYWFhLWJiYmItNGNjYy04ZGRkLTAxMjM0NTY3ODlhYiJ9.6r1YWL3sTjImXB6wNAo_4uX3tsATvE38EYEGeYXz4A8";
const AT_MS: Millis = 1_767_607_379_000;

fn address() -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/backup/reports?of={of}")
}

fn heard(authorization: &str, body: &[u8], now: Millis) -> Result<Option<Report>, NotHeard> {
    let keys = format!("signature_secret = '{SECRET}'").parse().expect("TOML");
    let (url, headers) = (address(), [("authorization", authorization)]);
    checked(KIND, &keys, &Call { url: &url, headers: &headers, body }, now)
}

fn bearer(algorithm: Algorithm, claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token");
    format!("Bearer {token}")
}

/// The claims of a genuine call.
fn claims(body: &[u8]) -> Value {
    let hash = hex(&Sha256::digest(body));
    json!({"iat": AT_MS / 1_000, "jti": "1", "iss": "Vonage", "payload_hash": hash, "api_key": "k"})
}

fn signed(body: &str) -> Result<Option<Report>, NotHeard> {
    let bytes = body.as_bytes();
    heard(&bearer(Algorithm::HS256, &claims(bytes), SECRET), bytes, AT_MS)
}

fn is_not_genuine(answer: &Result<Option<Report>, NotHeard>) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

#[test]
fn the_official_vector() {
    let report = heard(&format!("Bearer {TOKEN}"), BODY.as_bytes(), AT_MS);
    let report = report.expect("a genuine call").expect("a word");
    assert_eq!(report.word, Word::Undelivered);
    assert_eq!(report.class, Some(ErrorClass::OptedOut));
    assert_eq!(report.code.as_deref(), Some("1240"));
    assert!(heard(&format!("bearer {TOKEN}"), BODY.as_bytes(), AT_MS).is_ok());
}

#[test]
fn every_changed_byte_is_refused() {
    let authorization = format!("Bearer {TOKEN}");
    for place in 0..BODY.len() {
        let mut changed = BODY.as_bytes().to_vec();
        changed[place] ^= 1;
        assert!(is_not_genuine(&heard(&authorization, &changed, AT_MS)), "body {place}");
    }
    for place in 0..TOKEN.len() {
        let mut changed = TOKEN.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = format!("Bearer {}", String::from_utf8(changed).expect("ASCII"));
        assert!(is_not_genuine(&heard(&changed, BODY.as_bytes(), AT_MS)), "{changed}");
        let cut = format!("Bearer {}", &TOKEN[..place]);
        assert!(is_not_genuine(&heard(&cut, BODY.as_bytes(), AT_MS)), "{cut}");
    }
}

#[test]
fn only_for_five_minutes() {
    let at = |now| heard(&format!("Bearer {TOKEN}"), BODY.as_bytes(), now);
    assert!(at(AT_MS + WINDOW_MS).is_ok() && at(AT_MS - WINDOW_MS).is_ok());
    assert!(is_not_genuine(&at(AT_MS + WINDOW_MS + 1)), "too old");
    assert!(is_not_genuine(&at(AT_MS - WINDOW_MS - 1)), "of the future");
    for iat in [i64::MIN, -1, 0, i64::MAX] {
        let mut claims = claims(b"{}");
        claims["iat"] = json!(iat);
        assert!(is_not_genuine(&heard(&bearer(Algorithm::HS256, &claims, SECRET), b"{}", AT_MS)));
    }
}

#[test]
fn another_key_another_issuer_another_algorithm() {
    let body = br#"{"status": "delivered"}"#;
    let answer = |algorithm, claims: &Value, secret: &str| {
        heard(&bearer(algorithm, claims, secret), body, AT_MS)
    };
    let good = claims(body);
    assert!(answer(Algorithm::HS256, &good, SECRET).is_ok());
    assert!(is_not_genuine(&answer(Algorithm::HS256, &good, &SECRET[1..])));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert!(is_not_genuine(&answer(algorithm, &good, SECRET)), "{algorithm:?}");
    }
    let (_, rest) = TOKEN.split_once('.').expect("three parts");
    let (claimed, _) = rest.split_once('.').expect("three parts");
    let none = BASE64URL.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for unsigned in [format!("{none}.{claimed}."), format!("{none}.{claimed}")] {
        let answer = heard(&format!("Bearer {unsigned}"), BODY.as_bytes(), AT_MS);
        assert!(is_not_genuine(&answer), "{unsigned}");
    }
    for name in ["iss", "iat", "payload_hash"] {
        let mut changed = good.clone();
        changed[name] = json!("Nexmo");
        assert!(is_not_genuine(&answer(Algorithm::HS256, &changed, SECRET)), "another {name}");
        changed.as_object_mut().expect("claims").remove(name);
        assert!(is_not_genuine(&answer(Algorithm::HS256, &changed, SECRET)), "no {name}");
    }
}

#[test]
fn without_a_secret_or_a_signature_nothing_is_believed() {
    let (url, body) = (address(), br#"{"status": "delivered"}"#);
    let call = Call { url: &url, headers: &[], body };
    assert!(is_not_genuine(&checked(KIND, &toml::Table::new(), &call, AT_MS)));
    for authorization in ["", "Bearer", "Bearer ", "Bearer ..", "Basic a2V5OnNlY3JldA==", TOKEN] {
        assert!(is_not_genuine(&heard(authorization, body, AT_MS)), "{authorization}");
    }
    let keys = format!("signature_secret = '{SECRET}'").parse().expect("TOML");
    assert!(is_not_genuine(&checked(KIND, &keys, &call, AT_MS)));
    let authorization = bearer(Algorithm::HS256, &claims(body), SECRET);
    let headers = [("authorization", authorization.as_str())];
    let bare = "https://codes.example/v1/inbound/backup/reports";
    let call = Call { url: bare, headers: &headers, body };
    assert!(is_not_genuine(&checked(KIND, &keys, &call, AT_MS)));
}

#[test]
fn words_and_codes() {
    use ErrorClass as C;
    let said = |body: &Value| {
        let report = signed(&body.to_string()).expect("a genuine call");
        report.map(|report| (report.word, report.class, report.code))
    };
    for (status, expected) in [
        ("submitted", Some((Word::Sent, None, None))),
        ("delivered", Some((Word::Delivered, None, None))),
        ("read", Some((Word::Delivered, None, None))),
        ("rejected", Some((Word::Undelivered, Some(C::Transient), None))),
        ("undeliverable", Some((Word::Undelivered, Some(C::Transient), None))),
        ("clicked", None),
        ("", None),
    ] {
        assert_eq!(said(&json!({"status": status})), expected, "{status}");
    }
    let refused = |error: Value| said(&json!({"status": "rejected", "error": error}));
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let expected = Some((Word::Undelivered, Some(*class), Some(code.to_string())));
            let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
            assert_eq!(refused(json!({"type": kind, "title": 1})), expected);
            assert_eq!(refused(json!({"title": code})), expected);
            assert_eq!(refused(json!({"type": "x#", "title": code.to_string()})), expected);
        }
    }
    for (error, code) in [
        (json!({"type": "x#9999"}), Some("9999")),
        (json!({"type": "x#throttled"}), Some("throttled")),
        (json!({"title": -1}), None),
        (json!({"title": "447700900001 is barred"}), None),
        (json!({"type": 1, "title": []}), None),
        (json!({"title": ""}), None),
        (json!("no"), None),
        (json!(null), None),
    ] {
        let expected = (Word::Undelivered, Some(C::Transient), code.map(str::to_owned));
        assert_eq!(refused(error.clone()), Some(expected), "{error}");
    }
}

#[test]
fn usage() {
    let cost = |more: Value| {
        let mut body = json!({"status": "delivered", "channel": "sms"});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("more"));
        signed(&body.to_string()).expect("a genuine call").expect("a word").cost
    };
    let price = Some(Price { micros: 66_600, currency: Currency::EUR });
    let usage = json!({"currency": "EUR", "price": "0.0666"});
    let told = json!({"usage": usage, "sms": {"count_total": "2"}});
    assert_eq!(cost(told), Cost { segments: Some(2), price, is_per_segment: false });
    let parts = json!({"usage": {"currency": "EUR"}, "sms": {"count_total": "2"}});
    assert_eq!(cost(parts), Cost::of_segments(Some(2)));
    for none in [json!({}), json!({"usage": null, "sms": []}), json!({"usage": "0.0666"})] {
        assert_eq!(cost(none.clone()), Cost::default(), "{none}");
    }
}

#[test]
fn bodies_that_are_none() {
    for body in ["", "{", "{}", "[]", "null", "\u{0}", "<html>", r#"{"status": 1}"#] {
        let answer = signed(body);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{body}: {answer:?}");
    }
    for end in 0..BODY.len() {
        let answer = signed(&BODY[..end]);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{end}: {answer:?}");
    }
}
