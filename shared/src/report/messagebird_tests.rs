//! Tests of what `messagebird` reports.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    inbound::{self, Wish},
    report::{Hearer, WINDOW_MS, test_calls::checked},
    secrets::hex,
};

/// Signed by `PyJWT` 2.15.1 with the claims that `messagebird` 2.2.0, the vendor's own Python SDK,
/// asks for, and found good by it half a minute later.
const KEY: &str = "PlLrKaqvZNRR5zAjm42ZT6q1SQxgbbGd";
const URL: &str = "https://codes.example/v1/inbound/sms/reports?id=e8077d803532c0b5937c639b60216938&reference=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw&recipient=447700900001&status=delivery_failed&statusReason=unknown+subscriber&statusErrorCode=1&statusDatetime=2026-01-05T10%3A02%3A59%2B00%3A00";
const TOKENS: [&str; 3] = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTc2NzYwNzM3OSwiZXhwIjoxNzY3NjA3NDM5LCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6ImM0NzM4MWNlODljYjJkNTRjMDBhNmM2M2IyYjk2YThiODg4ZGU0ODU1OGE2YzEzNzUzYjk5NjM4ZjNiZTZiYTAifQ.g6XFm6G7vVh8HBhjzXZ4ShIL-yWxYH9gdPv0V7mAqTg",
    "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTc2NzYwNzM3OSwiZXhwIjoxNzY3NjA3NDM5LCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6ImM0NzM4MWNlODljYjJkNTRjMDBhNmM2M2IyYjk2YThiODg4ZGU0ODU1OGE2YzEzNzUzYjk5NjM4ZjNiZTZiYTAifQ.WHeUP0t55kgVNMQ1hcPexFGxj5Lfy21BnlV0pwzUjIxg5R5zIS1LQ80fChqPUxVi",
    "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTc2NzYwNzM3OSwiZXhwIjoxNzY3NjA3NDM5LCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6ImM0NzM4MWNlODljYjJkNTRjMDBhNmM2M2IyYjk2YThiODg4ZGU0ODU1OGE2YzEzNzUzYjk5NjM4ZjNiZTZiYTAifQ.3UNiMi7aXtSWzMfnAkdVWTGfM4uMPtwPKdoGFyDZgbnQmny36yKUMcSowWHQ3p3QB2-9ZRY7zvaQ5VPi6kic9A",
];
const AT_MS: Millis = 1_767_607_379_000;

fn heard(url: &str, token: &str, body: &[u8], now: Millis) -> Result<Option<Report>, NotHeard> {
    let keys = format!("signing_key = '{KEY}'").parse().expect("TOML");
    let headers = [("messagebird-signature-jwt", token)];
    checked("messagebird", &keys, &Call { url, headers: &headers, body }, now)
}

fn token(claims: &Value, key: &str) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).expect("a token")
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The claims of a genuine call.
fn claims(url: &str) -> Value {
    let nbf = AT_MS / 1_000;
    json!({"iss": "MessageBird", "nbf": nbf, "exp": nbf + 60, "jti": "1",
        "url_hash": hash(url.as_bytes())})
}

fn signed(query: &str) -> Result<Option<Report>, NotHeard> {
    let of = BASE64URL.encode([7; 34]);
    let url = format!("https://codes.example/v1/inbound/sms/reports?reference={of}&{query}");
    heard(&url, &token(&claims(&url), KEY), b"", AT_MS)
}

fn is_not_genuine(answer: &Result<Option<Report>, NotHeard>) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

#[test]
fn the_official_vectors() {
    for token in TOKENS {
        let report = heard(URL, token, b"", AT_MS).expect("a genuine call").expect("a word");
        assert_eq!((report.word, report.class), (Word::Undelivered, Some(Recipient)));
        assert_eq!(report.code.as_deref(), Some("1"));
        assert_eq!(report.of.to_text(), BASE64URL.encode([7; 34]));
    }
}

#[test]
fn every_changed_byte_is_refused() {
    for place in 0..URL.len() {
        let mut changed = URL.as_bytes().to_vec();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        assert!(is_not_genuine(&heard(&changed, TOKENS[0], b"", AT_MS)), "{changed}");
    }
    for token in TOKENS {
        for place in 0..token.len() {
            let mut changed = token.as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(is_not_genuine(&heard(URL, &changed, b"", AT_MS)), "{changed}");
            assert!(is_not_genuine(&heard(URL, &token[..place], b"", AT_MS)), "{place}");
        }
    }
}

#[test]
fn a_body_is_signed_too() {
    let answer = |claims: &Value, body: &[u8]| heard(URL, &token(claims, KEY), body, AT_MS);
    let bare = claims(URL);
    let mut with_body = bare.clone();
    with_body["payload_hash"] = json!(hash(b"{}"));
    assert!(answer(&bare, b"").is_ok() && answer(&with_body, b"{}").is_ok());
    for (claims, body) in [(&bare, &b"{}"[..]), (&with_body, b""), (&with_body, b"{ }")] {
        assert!(is_not_genuine(&answer(claims, body)), "{claims} {body:?}");
    }
    with_body["payload_hash"] = json!(hash(b""));
    assert!(is_not_genuine(&answer(&with_body, b"")), "a hash of nothing");
}

#[test]
fn not_before_and_not_after() {
    let at = |now| heard(URL, TOKENS[0], b"", now);
    let end = AT_MS + 60_000 + LEEWAY_SECS * 1_000;
    assert!(at(AT_MS - WINDOW_MS).is_ok() && at(end).is_ok());
    assert!(is_not_genuine(&at(AT_MS - WINDOW_MS - 1)), "of the future");
    assert!(is_not_genuine(&at(end + 1)), "past its end");
    let with = |nbf: i64, exp: i64| {
        let mut claims = claims(URL);
        (claims["nbf"], claims["exp"]) = (json!(nbf), json!(exp));
        heard(URL, &token(&claims, KEY), b"", AT_MS)
    };
    let (secs, window) = (AT_MS / 1_000, WINDOW_MS / 1_000);
    assert!(with(secs - window, i64::MAX).is_ok());
    assert!(is_not_genuine(&with(secs - window - 1, i64::MAX)), "good for too long");
    for time in [i64::MIN, -1, 0, i64::MAX] {
        assert!(is_not_genuine(&with(time, secs + 60)), "{time}");
    }
    for end in [i64::MIN, -1, 0] {
        assert!(is_not_genuine(&with(secs, end)), "{end}");
    }
}

#[test]
fn another_key_another_issuer_a_missing_claim() {
    let good = claims(URL);
    assert!(heard(URL, &token(&good, KEY), b"", AT_MS).is_ok());
    assert!(is_not_genuine(&heard(URL, &token(&good, &KEY[1..]), b"", AT_MS)));
    for name in ["iss", "nbf", "exp", "url_hash"] {
        let mut changed = good.clone();
        changed[name] = json!("Bird");
        assert!(is_not_genuine(&heard(URL, &token(&changed, KEY), b"", AT_MS)), "another {name}");
        changed.as_object_mut().expect("claims").remove(name);
        assert!(is_not_genuine(&heard(URL, &token(&changed, KEY), b"", AT_MS)), "no {name}");
    }
    let (_, rest) = TOKENS[0].split_once('.').expect("three parts");
    let (claimed, _) = rest.split_once('.').expect("three parts");
    let none = BASE64URL.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for unsigned in [format!("{none}.{claimed}."), format!("{none}.{claimed}")] {
        assert!(is_not_genuine(&heard(URL, &unsigned, b"", AT_MS)), "{unsigned}");
    }
}

#[test]
fn without_a_key_or_a_signature_nothing_is_believed() {
    let headers = [("messagebird-signature-jwt", TOKENS[0])];
    let signed = Call { url: URL, headers: &headers, body: b"" };
    assert!(is_not_genuine(&checked("messagebird", &toml::Table::new(), &signed, AT_MS)));
    let keys = format!("signing_key = '{KEY}'").parse().expect("TOML");
    let unsigned = Call { url: URL, headers: &[], body: b"" };
    assert!(is_not_genuine(&checked("messagebird", &keys, &unsigned, AT_MS)));
    for token in ["", ".", "..", "a.b.c", "\u{0}"] {
        assert!(is_not_genuine(&heard(URL, token, b"", AT_MS)), "{token}");
    }
}

#[test]
fn words_codes_and_reasons() {
    let said = |query: &str| {
        let report = signed(query).expect("a genuine call");
        report.map(|report| (report.word, report.class, report.code))
    };
    let failed = |class, code: &str| Some((Word::Undelivered, Some(class), Some(code.to_owned())));
    for (query, expected) in [
        ("status=scheduled", None),
        ("status=new", None),
        ("status=sent&statusReason=pending+DLR", Some((Word::Sent, None, None))),
        ("status=buffered", Some((Word::Sent, None, None))),
        ("status=delivered&statusErrorCode=0", Some((Word::Delivered, None, None))),
        ("status=expired", Some((Word::Undelivered, Some(Transient), None))),
        (
            "status=expired&statusReason=of+447700900001",
            Some((Word::Undelivered, Some(Transient), None)),
        ),
        ("status=delivery_failed&statusErrorCode=34", failed(Transient, "34")),
        ("status=delivery_failed&statusErrorCode=x", failed(Transient, "x")),
        ("status=delivery_failed&statusErrorCode=-1", failed(Transient, "-1")),
        (
            "status=delivery_failed&statusErrorCode=0&statusReason=opted+out",
            failed(OptedOut, "opted_out"),
        ),
        (
            "status=delivery_failed&statusErrorCode=34&statusReason=Unknown_Subscriber",
            failed(Recipient, "34"),
        ),
    ] {
        assert_eq!(said(query), expected, "{query}");
    }
    for (first, last, class) in FAILURES {
        for code in [*first, *last] {
            let query = format!("status=delivery_failed&statusErrorCode={code}&statusReason=x");
            assert_eq!(said(&query), failed(*class, &code.to_string()));
        }
    }
    for (reason, class) in REASONS {
        for spelling in [(*reason).to_owned(), reason.replace('_', "%20")] {
            let query = format!("status=delivery_failed&statusReason={spelling}");
            assert_eq!(said(&query), failed(*class, reason));
        }
    }
}

/// Signed with Python 3.11's `hmac` as the vectors above are.
const WRITTEN_URL: &str =
    "https://codes.example/v1/inbound/sms/messages?key=AAAAAAAAAAAAAAAAAAAAAA";
const WRITTEN: &str = r#"{"id":"e8077d803532c0b5937c639b60216938","originator":"12025550123","recipient":"12025550199","body":"Stop","createdDatetime":"2026-01-05T10:02:59+00:00"}"#;
const WRITTEN_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTc2NzYwNzM3OSwiZXhwIjoxNzY3NjA3NDM5LCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjdmZjhmN2Q3ZTA3OWRkMzkxZjJiZTg2ZjhlNDJhMWIyMjM3M2Y2YWVlN2E1ZDA1ODQ1Y2RhMDE1OWY5NmU1YmIiLCJwYXlsb2FkX2hhc2giOiJlMjc0NjM3NzFhMDNlOTZkY2MzOTliNjA3NzU2OWFhOWI3NmI2ZjU0MjhiOWIyMTZlNzc4Y2RmZWViNjQ4YjE1In0.v15cKELV_MpwfDaD-ItbNEGbRbkG3S19cmKZioPFPzM";

#[test]
fn what_people_write_is_signed_the_same_way() {
    let keys = format!("signing_key = '{KEY}'").parse().expect("TOML");
    let hearer = Hearer::of_kind("messagebird", keys);
    let read = |url: &str, token: &str, body: &str| {
        let headers = [("messagebird-signature-jwt", token), ("content-type", "application/json")];
        inbound::read(&hearer, &Call { url, headers: &headers, body: body.as_bytes() }, AT_MS)
            .map(|brought| brought.written)
    };
    let written = read(WRITTEN_URL, WRITTEN_TOKEN, WRITTEN).expect("a genuine call");
    let said = written.iter().map(|one| (one.from.address(), one.wish));
    assert_eq!(said.collect::<Vec<_>>(), [("+12025550123", Wish::Stop)]);
    let not_genuine = |answer| matches!(answer, Err(NotHeard::NotGenuine(_)));
    assert!(not_genuine(read(WRITTEN_URL, WRITTEN_TOKEN, &WRITTEN.replace("Stop", "Yes"))));
    assert!(not_genuine(read(&WRITTEN_URL.replace("sms", "two"), WRITTEN_TOKEN, WRITTEN)));
    assert!(not_genuine(read(WRITTEN_URL, TOKENS[0], WRITTEN)));
}

#[test]
fn parts_and_price() {
    let price = Some(Price { micros: 33_300, currency: Currency::EUR });
    for (query, segments, price) in [
        ("messagePartCount=2&price[amount]=0.0333&price[currency]=EUR", Some(2), price),
        ("messagePartCount=2&price%5Bamount%5D=0.0333&price%5Bcurrency%5D=EUR", Some(2), price),
        ("messagePartCount=2&price[amount]=0.0333", Some(2), None),
        ("price[currency]=EUR", None, None),
        ("messagePartCount=&price[amount]=&price[currency]=", None, None),
    ] {
        let report = signed(&format!("status=delivered&{query}")).expect("a genuine call");
        let cost = Cost { segments, price, is_per_segment: false };
        assert_eq!(report.map(|report| report.cost), Some(cost), "{query}");
    }
}

#[test]
fn calls_that_are_no_report() {
    for query in ["", "&&=", "status", "recipient=447700900001", "%ff=%fe"] {
        let answer = signed(query);
        let is_expected = match query {
            // A name without a value is an empty one.
            "status" => answer == Ok(None),
            _ => matches!(answer, Err(NotHeard::Malformed(_))),
        };
        assert!(is_expected, "{query}: {answer:?}");
    }
    for url in [
        "https://codes.example/v1/inbound/sms/reports",
        "https://codes.example/v1/inbound/sms/reports?status=delivered&reference=",
        "https://codes.example/v1/inbound/sms/reports?status=delivered&reference=BwcH",
    ] {
        let answer = heard(url, &token(&claims(url), KEY), b"", AT_MS);
        assert!(is_not_genuine(&answer), "{url}: {answer:?}");
    }
}
