//! Tests of what Vonage reports. The signed text was made with the official helper library.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::*;
use crate::{
    outcome::ErrorClass,
    report::{WINDOW_MS, test_calls::checked},
};

const AT_MS: Millis = 1_582_650_446_000;
const SIGNED: &str = "msisdn=447700900001&to=447700900000&text=a%26b%3Dc&timestamp=1582650446&nonce=n\
    &sig=4194ea1bf7e1e8613507f03917e5407f5d287e6d420f91b935525a127d9fdc82";

fn address(more: &str) -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/backup/reports?of={of}{more}")
}

fn heard(keys: &str, url: &str, kind: &str, body: &str) -> Result<Option<Report>, NotHeard> {
    let keys: toml::Table = keys.parse().expect("TOML");
    let headers = [("content-type", kind)];
    checked("vonage", &keys, &Call { url, headers: &headers, body: body.as_bytes() }, AT_MS)
}

fn said(status: &str) -> Option<(Word, Option<ErrorClass>)> {
    let url = address(&format!("&status={status}"));
    let report = heard("", &url, "", "").expect("a report");
    report.map(|report| (report.word, report.class))
}

#[test]
fn the_official_vector() {
    let keys: toml::Table = "signature_secret = 'sekret'".parse().expect("TOML");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let call = |text: &'static str| Call { url: "", headers: &headers, body: text.as_bytes() };
    let check = |text: &str, now| {
        super::check(&keys, &Call { url: "", headers: &headers, body: text.as_bytes() }, now)
    };
    let people = |now| check_people(&keys, &call(SIGNED), now);
    assert_eq!((people(AT_MS), people(AT_MS + PEOPLE_WINDOW_MS)), (Ok(()), Ok(())));
    assert!(people(AT_MS + PEOPLE_WINDOW_MS + 1).is_err(), "brought again too late");
    assert!(people(AT_MS - WINDOW_MS - 1).is_err(), "of the future");
    assert!(check_people(&keys, &call("msisdn=447700900001&sig=00"), AT_MS).is_err());
    assert_eq!(check(SIGNED, AT_MS), Ok(()));
    assert_eq!(check(&SIGNED.replace("4194ea", "4194EA"), AT_MS), Ok(()));
    assert_eq!(check(SIGNED, AT_MS + WINDOW_MS), Ok(()));
    assert!(check(SIGNED, AT_MS + WINDOW_MS + 1).is_err(), "too old");
    assert!(check(SIGNED, AT_MS - WINDOW_MS - 1).is_err(), "of the future");
    for place in 0..SIGNED.len() {
        let mut changed = SIGNED.as_bytes().to_vec();
        changed[place] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let same = Fields::of_form(changed.as_bytes()).sorted()
            == Fields::of_form(SIGNED.as_bytes()).sorted();
        assert!(same || check(&changed, AT_MS).is_err(), "{changed}");
    }
}

#[test]
fn each_method_makes_its_own() {
    let fields = Fields::of_form(b"b=2&a=1&timestamp=1582650446");
    let text = "&a=1&b=2&timestamp=1582650446";
    for (method, made) in [
        ("md5hash", hex(&Md5::digest(format!("{text}s")))),
        ("md5", hex(&mac::<Hmac<Md5>>(b"s", &[text.as_bytes()]))),
        ("sha1", hex(&mac::<Hmac<Sha1>>(b"s", &[text.as_bytes()]))),
        ("sha256", hex(&mac::<Hmac<Sha256>>(b"s", &[text.as_bytes()]))),
        ("sha512", hex(&mac::<Hmac<Sha512>>(b"s", &[text.as_bytes()]))),
    ] {
        assert!(SIGNATURE_METHODS.contains(&method));
        let signed = Fields::of_form(format!("b=2&a=1&timestamp=1582650446&sig={made}").as_bytes());
        for other in SIGNATURE_METHODS {
            let checked = check_signature("s", other, &signed);
            assert_eq!(checked.is_ok(), other == method, "{method} read as {other}");
        }
        assert!(check_signature("t", method, &signed).is_err());
        assert!(check_signature("s", method, &fields).is_err(), "not signed");
    }
}

#[test]
fn words_and_codes() {
    use ErrorClass as C;
    for (status, expected) in [
        ("accepted&err-code=0", None),
        ("unknown", None),
        ("buffered", Some((Word::Sent, None))),
        ("delivered&err-code=0", Some((Word::Delivered, None))),
        ("expired&err-code=2", Some((Word::Undelivered, Some(C::Transient)))),
        ("failed&err-code=3", Some((Word::Undelivered, Some(C::Recipient)))),
        ("rejected&err-code=9", Some((Word::Undelivered, Some(C::OptedOut)))),
        ("rejected&err-code=54", Some((Word::Undelivered, Some(C::Sender)))),
        ("failed&err-code=777", Some((Word::Undelivered, Some(C::Transient)))),
    ] {
        assert_eq!(said(status), expected, "{status}");
    }
}

#[test]
fn the_price_is_that_of_one_part() {
    let cost = |more: &str| {
        let url = address(&format!("&status=delivered{more}"));
        heard("", &url, "", "").expect("a report").expect("a word").cost
    };
    let price = Some(Price { micros: 33_300, currency: Currency::EUR });
    let told = cost("&price=0.03330000&network-code=23410");
    assert_eq!(told, Cost { segments: None, price, is_per_segment: true });
    for none in ["", "&price=", "&price=free"] {
        assert_eq!(cost(none).price, None, "{none}");
    }
    let kind = "application/json";
    let answer = heard("", &address(""), kind, r#"{"status": "delivered", "price": "0.0333"}"#);
    assert_eq!(answer.expect("a report").expect("a word").cost.price, price);
}

#[test]
fn forms_json_and_addresses() {
    let form = "application/x-www-form-urlencoded";
    let url = address("");
    let delivered = |answer: Result<Option<Report>, NotHeard>| {
        answer.expect("a report").expect("a word").word == Word::Delivered
    };
    assert!(delivered(heard("", &url, form, "status=delivered&err-code=0")));
    let json = r#"{"status": "delivered", "err-code": 0, "price": null}"#;
    assert!(delivered(heard("", &url, "application/json; charset=utf-8", json)));
    for wrong in ["", "[]", "{", "{\"status\": {}}"] {
        let answer = heard("", &url, "application/json", wrong);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{wrong}: {answer:?}");
    }
    let nobody = heard("", "https://codes.example/", form, "status=delivered");
    assert!(matches!(nobody, Err(NotHeard::NotGenuine(_))));
    let unsigned = heard("signature_secret = 's'", &url, form, "status=delivered");
    assert!(matches!(unsigned, Err(NotHeard::NotGenuine(_))));
}
