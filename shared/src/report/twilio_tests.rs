//! Tests of what Twilio reports. The signatures were made with the official helper library.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};

use super::*;
use crate::{outcome::ErrorClass, report::test_calls::checked};

const TOKEN: &str = "12345";
const TOKEN_SIGNS: Signs<'_> = Signs { secret: TOKEN.as_bytes(), hash: mac::<Hmac<Sha1>> };

/// As the helper library `twilio` 9.13.0 for Python signs the body below with `a shared secret`.
const SETTINGS_256: &str =
    "key=webhooks_sharedkey_01ARZ3NDEKTSV4RRFFQ69G5FAV,algorithm=HMAC_SHA256";
const BODY: &str = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005&To=%2B12025550123\
    &From=%C3%A9+t";
const MADE_256: &str = "FPiZW2Qz/PFHeGxpjaOq5IV/NJhbkO54f5SA3X1QqTA=";
const MADE_1: &str = "8Pf6uT4hUPbyyp5+UjNbLvlAPk0=";

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

type Heard = Result<Option<Report>, NotHeard>;

fn is_refused(answer: &Heard) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

fn heard(url: &str, body: &str, signature: &str) -> Heard {
    let headers = [("x-twilio-signature", signature)];
    checked("twilio", &keys(), &Call { url, headers: &headers, body: body.as_bytes() }, 0)
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
        is_signed(&TOKEN_SIGNS, &call, &Fields::of_form(call.body))
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

fn heard_by_shared_key(keys: &str, settings: &str, made: &str, url: &str, body: &str) -> Heard {
    let headers = [("x-twilio-signature", made), (SETTINGS, settings)];
    let call = Call { url, headers: &headers, body: body.as_bytes() };
    checked("twilio", &keys.parse().expect("TOML"), &call, 0)
}

#[test]
fn a_shared_key_signs_as_the_call_says() {
    let (keys, url) = ("shared_key_secret = 'a shared secret'", address());
    let heard = |settings, made| heard_by_shared_key(keys, settings, made, &url, BODY);
    let report = heard(SETTINGS_256, MADE_256).expect("a genuine call").expect("a word");
    assert_eq!((report.word, report.class), (Word::Undelivered, Some(ErrorClass::Recipient)));
    for same in
        ["algorithm=HMAC_SHA256", "key=k, algorithm = hmac_sha256 ", "x,algorithm=HMAC_SHA256"]
    {
        assert!(heard(same, MADE_256).is_ok(), "{same}");
    }
    for older in ["key=k", "key=k,algorithm=", "key=k,algorithm=HMAC_SHA1"] {
        assert!(heard(older, MADE_1).is_ok(), "{older}");
        assert!(is_refused(&heard(older, MADE_256)), "{older}");
    }
    assert!(is_refused(&heard(SETTINGS_256, MADE_1)));
    for unknown in ["algorithm=HMAC_SHA512", "algorithm=none", "algorithm=HMAC_SHA256,algorithm=x"]
    {
        let made = if unknown.ends_with('x') { MADE_1 } else { MADE_256 };
        assert!(is_refused(&heard(unknown, made)), "{unknown}");
    }
    // A body that is no form, by its hash.
    let json = format!("{url}&bodySHA256={}", hex(&Sha256::digest("{\"a\": \"é\"}")));
    let made = "4v6Z1KIDew6YglvPbpxY2DhMAPHKZYKARMACUCGgurk=";
    let answer = heard_by_shared_key(keys, SETTINGS_256, made, &json, "{\"a\": \"é\"}");
    assert!(matches!(answer, Err(NotHeard::Malformed(_))), "genuine, and without a status");
    assert!(is_refused(&heard_by_shared_key(keys, SETTINGS_256, made, &json, "{}")));
}

#[test]
fn every_changed_byte_under_a_shared_key_is_refused() {
    let (keys, url) = ("shared_key_secret = 'a shared secret'", address());
    let changes = |text: &'static str| {
        (0..text.len()).map(move |place| {
            let mut changed = text.as_bytes().to_vec();
            changed[place] ^= 1;
            String::from_utf8(changed).expect("ASCII")
        })
    };
    for body in changes(BODY) {
        let text = |body: &str| {
            let form = Fields::of_form(body.as_bytes());
            form.sorted().into_iter().flat_map(|(name, value)| [name, value]).collect::<String>()
        };
        if text(&body) != text(BODY) {
            let answer = heard_by_shared_key(keys, SETTINGS_256, MADE_256, &url, &body);
            assert!(is_refused(&answer), "{body}");
        }
    }
    for made in changes(MADE_256) {
        assert!(is_refused(&heard_by_shared_key(keys, SETTINGS_256, &made, &url, BODY)), "{made}");
    }
    for settings in changes("algorithm=HMAC_SHA256") {
        assert!(
            is_refused(&heard_by_shared_key(keys, &settings, MADE_256, &url, BODY)),
            "{settings}"
        );
    }
}

#[test]
fn a_token_and_a_shared_key_are_not_mixed_up() {
    let url = address();
    let both = format!("auth_token = '{TOKEN}'\nshared_key_secret = 'a shared secret'");
    let by_token = signed(&url, BODY);
    assert!(heard_by_shared_key(&both, SETTINGS_256, MADE_256, &url, BODY).is_ok());
    assert!(heard_by_shared_key(&both, "", &by_token, &url, BODY).is_ok());
    for (keys, settings, made) in [
        // Signed with the one, and said to be signed with the other.
        (both.as_str(), SETTINGS_256, by_token.as_str()),
        (&both, "algorithm=HMAC_SHA1", &by_token),
        (&both, "", MADE_1),
        (&both, "", MADE_256),
        // Without the secret that it takes.
        ("auth_token = '12345'", SETTINGS_256, MADE_256),
        ("auth_token = '12345'", "algorithm=HMAC_SHA1", &by_token),
        ("shared_key_secret = 'a shared secret'", "", MADE_1),
        ("shared_key_secret = 'another'", SETTINGS_256, MADE_256),
    ] {
        let answer = heard_by_shared_key(keys, settings, made, &url, BODY);
        assert!(is_refused(&answer), "{keys} {settings}");
    }
    for (keys, expected) in [(both.as_str(), true), ("shared_key_secret = 's'", true), ("", false)]
    {
        assert_eq!(can_check(&keys.parse().expect("TOML")), expected, "{keys}");
    }
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
        assert!(is_signed(&TOKEN_SIGNS, &call, &Fields::of_form(call.body)), "{called}");
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
    assert!(is_refused(&checked("twilio", &toml::Table::new(), &call, 0)));
    assert!(is_refused(&checked("twilio", &keys(), &call, 0)));
    let bare = "https://codes.example/v1/inbound/primary/reports";
    let body = "MessageStatus=delivered";
    assert!(matches!(heard(bare, body, &signed(bare, body)), Err(NotHeard::NotGenuine(_))));
}
