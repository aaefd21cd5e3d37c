//! Tests of what Twilio reports. The signatures were made with the official helper library.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};

use super::*;
use crate::outcome::ErrorClass;

const TOKEN: &str = "12345";

fn keys() -> toml::Table {
    format!("auth_token = '{TOKEN}'").parse().expect("TOML")
}

fn signed(url: &str, body: &str) -> String {
    let form = Fields::of_form(body.as_bytes());
    let mut text = url.to_owned();
    for (name, value) in form.sorted() {
        text.push_str(name);
        text.push_str(value);
    }
    BASE64.encode(mac::<Hmac<Sha1>>(TOKEN.as_bytes(), &[text.as_bytes()]))
}

/// The address of a report, with the reference of some attempt.
fn address() -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/primary/reports?of={of}")
}

fn heard(url: &str, body: &str, signature: &str) -> Result<Option<Report>, NotHeard> {
    let headers = [("x-twilio-signature", signature)];
    read(&keys(), &Call { url, headers: &headers, body: body.as_bytes() })
}

fn said(body: &str) -> Option<(Word, Option<ErrorClass>)> {
    let url = address();
    let report = heard(&url, body, &signed(&url, body)).expect("a genuine call");
    report.map(|report| (report.word, report.class))
}

#[test]
fn the_official_vector() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let body = "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030\
        &To=%2B18005551212";
    let call = |signature| {
        let headers = [("x-twilio-signature", signature)];
        let call = Call { url, headers: &headers, body: body.as_bytes() };
        is_signed(TOKEN, &call, &Fields::of_form(call.body))
    };
    assert!(call("0/KCTR6DLpKmkAf8muzZqo1nDgQ="));
    assert!(!call("0/KCTR6DLpKmkAf8muzZqo1nDgQ"));
}

#[test]
fn every_changed_byte_is_refused() {
    let (url, body) = (address(), "MessageSid=SM1&MessageStatus=delivered&To=%2B15005550006");
    let signature = signed(&url, body);
    assert!(heard(&url, body, &signature).is_ok());
    for place in 0..body.len() {
        let mut changed = body.as_bytes().to_vec();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        // Some changes mean the same: a percent-encoding has two spellings.
        if Fields::of_form(changed.as_bytes()).sorted() != Fields::of_form(body.as_bytes()).sorted()
        {
            let answer = heard(&url, &changed, &signature);
            assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{changed}");
        }
    }
    for place in 0..signature.len() {
        let mut changed = signature.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        if changed != signature {
            assert!(heard(&url, body, &changed).is_err(), "{changed}");
        }
    }
    let elsewhere = url.replace("primary", "backup");
    assert!(heard(&elsewhere, body, &signature).is_err());
}

#[test]
fn a_port_may_be_signed_or_not() {
    let body = "MessageStatus=sent";
    for (called, signs) in [
        ("https://a.example/r?of=x", "https://a.example:443/r?of=x"),
        ("https://a.example:443/r", "https://a.example/r"),
        ("http://a.example/r", "http://a.example:80/r"),
        ("http://a.example:8080/r", "http://a.example:8080/r"),
        ("https://[2001:db8::1]/r", "https://[2001:db8::1]:443/r"),
    ] {
        let signature = signed(signs, body);
        let headers = [("x-twilio-signature", signature.as_str())];
        let call = Call { url: called, headers: &headers, body: body.as_bytes() };
        assert!(is_signed(TOKEN, &call, &Fields::of_form(call.body)), "{called}");
    }
}

#[test]
fn words_and_codes() {
    use ErrorClass as C;
    for (body, expected) in [
        ("MessageStatus=sent", Some((Word::Sent, None))),
        ("MessageStatus=delivered", Some((Word::Delivered, None))),
        ("SmsStatus=delivered", Some((Word::Delivered, None))),
        ("MessageStatus=queued", None),
        ("MessageStatus=failed&ErrorCode=30005", Some((Word::Undelivered, Some(C::Recipient)))),
        ("MessageStatus=undelivered&ErrorCode=30004", Some((Word::Undelivered, Some(C::OptedOut)))),
        (
            "MessageStatus=undelivered&ErrorCode=30003",
            Some((Word::Undelivered, Some(C::Transient))),
        ),
        ("MessageStatus=undelivered", Some((Word::Undelivered, Some(C::Transient)))),
        ("MessageStatus=undelivered&ErrorCode=x", Some((Word::Undelivered, Some(C::Transient)))),
    ] {
        assert_eq!(said(body), expected, "{body}");
    }
    let url = address();
    let empty = heard(&url, "", &signed(&url, ""));
    assert!(matches!(empty, Err(NotHeard::Malformed(_))));
}

#[test]
fn without_the_token_nothing_is_believed() {
    let url = address();
    let call = Call { url: &url, headers: &[], body: b"MessageStatus=delivered" };
    assert!(matches!(read(&toml::Table::new(), &call), Err(NotHeard::NotGenuine(_))));
    assert!(matches!(read(&keys(), &call), Err(NotHeard::NotGenuine(_))));
    let bare = "https://codes.example/v1/inbound/primary/reports";
    let body = "MessageStatus=delivered";
    assert!(matches!(heard(bare, body, &signed(bare, body)), Err(NotHeard::NotGenuine(_))));
}
