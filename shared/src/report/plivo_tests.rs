//! Tests of what Plivo reports. The signatures were made, and accepted, with the Python SDK `plivo`
//! 4.63.0.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};

use super::*;
use crate::{
    outcome::ErrorClass,
    report::{Reference, test_calls::checked},
};

const TOKEN: &str = "a token";
const NONCE: &str = "05429567804466091622";
const BODY: &str = "MessageUUID=5b40a428-bfc7&To=447700900001&Status=undelivered&ErrorCode=200\
    &From=Ot+post&Units=1&TotalRate=0.0&PowerpackUUID=";
/// Of the body at the address of these tests.
const NEWER: &str = "Jjy3MylX3WrpFCmM5RQgC0yDjs1XvkwIo7rZyKqQ25A=";
const OLDER: &str = "0/pptxOXpkjjkBVO9KtYUJfKZwnodVHpZp4unqdpkd0=";

type Heard = Result<Option<Report>, NotHeard>;

fn address() -> String {
    let of = BASE64URL.encode([7; 34]);
    format!("https://codes.example/v1/inbound/sms/reports?of={of}")
}

fn heard_at(url: &str, token: &str, headers: &[(&str, &str)], body: &[u8]) -> Heard {
    let keys = format!("auth_token = '{token}'").parse().expect("TOML");
    checked("plivo", &keys, &Call { url, headers, body }, 0)
}

fn heard(headers: &[(&str, &str)], body: &[u8]) -> Heard {
    heard_at(&address(), TOKEN, headers, body)
}

fn newer<'a>(signature: &'a str, nonce: &'a str) -> [(&'static str, &'a str); 2] {
    [(V3.0, signature), (V3.1, nonce)]
}

fn older<'a>(signature: &'a str, nonce: &'a str) -> [(&'static str, &'a str); 2] {
    [(V2.0, signature), (V2.1, nonce)]
}

/// What Plivo would be heard to say with this body.
fn said(body: &[u8]) -> Heard {
    let url = address();
    let text = newer_text(&Call { url: &url, headers: &[], body }, &Fields::of_form(body));
    let made = mac::<Hmac<Sha256>>(TOKEN.as_bytes(), &[text.as_bytes(), b".", NONCE.as_bytes()]);
    heard(&newer(&BASE64.encode(made), NONCE), body)
}

fn is_refused(answer: &Heard) -> bool {
    matches!(answer, Err(NotHeard::NotGenuine(_)))
}

/// The text with one byte changed, in each place; only what a header may hold.
fn changes(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).map(move |place| {
        let mut changed = text.as_bytes().to_vec();
        changed[place] ^= 1;
        String::from_utf8(changed).expect("ASCII")
    })
}

#[test]
fn the_official_vectors() {
    let of = Reference::parse(&BASE64URL.encode([7; 34])).expect("a reference");
    let (word, class) = (Word::Undelivered, Some(ErrorClass::OptedOut));
    let (code, cost) = (Some("200".to_owned()), Cost::of_segments(Some(1)));
    let report = Ok(Some(Report { of, word, class, code, cost }));
    assert_eq!(heard(&newer(NEWER, NONCE), BODY.as_bytes()), report);
    assert_eq!(heard(&older(OLDER, NONCE), BODY.as_bytes()), report);
    for list in [format!("{NEWER},AAAA"), format!("AAAA, {NEWER}")] {
        assert_eq!(heard(&newer(&list, NONCE), BODY.as_bytes()), report, "{list}");
    }
}

#[test]
fn every_form_of_the_newer_signature() {
    for (url, body, signature) in [
        ("https://a.example/r?b=2&a=x%20y&b=1", "", "odf2P1eWN858DLDHSd2TSShZw0ig49Fc0lmjggYmJaY="),
        (
            "https://a.example/r",
            "Status=sent&A=%C3%A9",
            "W0qmblEgnoxNarbyqZ0O01GEohR9VJXTcuw5NK5HfzI=",
        ),
        (
            "https://a.example:8443/r?x=1",
            "Status=sent",
            "Kr7EUzOcfpzceM5NWO7FlfkDwdRGuoXpeWI3Q/M3jEw=",
        ),
        (
            "https://a.example/r?b=2&a=x%20y&b=1&e=",
            "To=1&Status=sent&From=a%26b%3Dc",
            "9qoMfHZrs35whrbHjT80G22TnoTDdX+YutGjbjjDI1A=",
        ),
        ("https://a.example/r", "", "QwnxU5Jva7PxDvgbBabSruonMtpj6IvuCfktwz7KLpc="),
    ] {
        let headers = newer(signature, NONCE);
        let call = Call { url, headers: &headers, body: body.as_bytes() };
        let form = Fields::of_form(call.body);
        assert_eq!(check_signature(TOKEN, &call, &form), Ok(()), "{url} {body}");
    }
}

#[test]
fn every_change_is_refused() {
    for body in changes(BODY) {
        // Some changes mean the same, others only move the end of a name.
        let text = |body: &str| {
            let form = Fields::of_form(body.as_bytes());
            form.sorted().into_iter().flat_map(|(name, value)| [name, value]).collect::<String>()
        };
        if text(&body) != text(BODY) {
            assert!(is_refused(&heard(&newer(NEWER, NONCE), body.as_bytes())), "{body}");
        }
    }
    let body = BODY.as_bytes();
    for cut in 0..body.len() - "&PowerpackUUID=".len() {
        assert!(is_refused(&heard(&newer(NEWER, NONCE), &body[..cut])), "{cut}");
    }
    for signature in changes(NEWER) {
        assert!(is_refused(&heard(&newer(&signature, NONCE), body)), "{signature}");
    }
    for signature in changes(OLDER) {
        assert!(is_refused(&heard(&older(&signature, NONCE), body)), "{signature}");
    }
    for nonce in changes(NONCE) {
        assert!(is_refused(&heard(&newer(NEWER, &nonce), body)), "{nonce}");
        assert!(is_refused(&heard(&older(OLDER, &nonce), body)), "{nonce}");
    }
    for url in changes(&address()) {
        assert!(is_refused(&heard_at(&url, TOKEN, &newer(NEWER, NONCE), body)), "{url}");
    }
    let elsewhere = address().replace("/sms/", "/backup/");
    assert!(is_refused(&heard_at(&elsewhere, TOKEN, &older(OLDER, NONCE), body)));
}

#[test]
fn one_signature_its_nonce_and_the_right_token() {
    let body = BODY.as_bytes();
    for headers in [&[] as &[_], &newer(NEWER, NONCE)[..1], &newer(NEWER, NONCE)[1..]] {
        assert!(is_refused(&heard(headers, body)), "{headers:?}");
    }
    for headers in [&older(OLDER, NONCE)[..1], &older(OLDER, NONCE)[1..]] {
        assert!(is_refused(&heard(headers, body)), "{headers:?}");
    }
    for headers in [newer(NEWER, NONCE), older(OLDER, NONCE)] {
        assert!(is_refused(&heard_at(&address(), "another", &headers, body)));
        assert!(is_refused(&heard_at("https://codes.example/", TOKEN, &headers, body)));
        let url = address();
        let call = Call { url: &url, headers: &headers, body };
        assert!(is_refused(&checked("plivo", &toml::Table::new(), &call, 0)));
    }
    // A newer one that is wrong is not made good by an older one, which says less.
    let both = [newer("AAAA", NONCE), older(OLDER, NONCE)].concat();
    assert!(is_refused(&heard(&both, body)));
    let each_as_the_other = [newer(OLDER, NONCE), older(NEWER, NONCE)];
    for headers in each_as_the_other {
        assert!(is_refused(&heard(&headers, body)));
    }
}

#[test]
fn words() {
    let undelivered = Some((Word::Undelivered, Some(ErrorClass::Transient)));
    for (status, expected) in [
        ("queued", None),
        ("sent", Some((Word::Sent, None))),
        ("delivered", Some((Word::Delivered, None))),
        ("delivered&ErrorCode=000", Some((Word::Delivered, None))),
        ("read", Some((Word::Delivered, None))),
        ("undelivered", undelivered),
        ("failed&ErrorCode=", undelivered),
        ("rejected&ErrorCode=000", undelivered),
        ("new", None),
    ] {
        let report = said(format!("Status={status}").as_bytes()).expect("a genuine call");
        assert_eq!(report.as_ref().and_then(|report| report.code.as_deref()), None, "{status}");
        assert_eq!(report.map(|report| (report.word, report.class)), expected, "{status}");
    }
}

#[test]
fn units_and_amounts() {
    let usd = |micros| Some(Price { micros, currency: Currency::USD });
    for (more, segments, price) in [
        ("Units=2&TotalRate=0.0035&TotalAmount=0.00700", Some(2), usd(7_000)),
        ("Units=1&TotalRate=0.0&TotalAmount=0.0", Some(1), usd(0)),
        // The rate is that of one unit.
        ("Units=2&TotalRate=0.0035", Some(2), None),
        ("Units=0&TotalAmount=-1", None, None),
        ("To=447700900001", None, None),
    ] {
        let report = said(format!("Status=delivered&{more}").as_bytes()).expect("a genuine call");
        let cost = Cost { segments, price, is_per_segment: false };
        assert_eq!(report.map(|report| report.cost), Some(cost), "{more}");
    }
}

#[test]
fn every_code() {
    let class = |code: &str| {
        let report = said(format!("ErrorCode={code}&Status=failed").as_bytes());
        let report = report.expect("a genuine call").expect("a word");
        assert_eq!(report.code.as_deref(), Some(code));
        report.class
    };
    for (first, last, expected) in ERRORS {
        for code in *first..=*last {
            assert_eq!(class(&code.to_string()), Some(*expected), "{code}");
        }
    }
    for unlisted in ["777", "x", "-1", "99999999999999999999"] {
        assert_eq!(class(unlisted), Some(ErrorClass::Transient), "{unlisted}");
    }
}

#[test]
fn what_is_not_of_its_form() {
    for body in ["", "{", "\u{0}", "%", "status=sent", "=sent", "&&&", "Status[]=sent"] {
        assert!(matches!(said(body.as_bytes()), Err(NotHeard::Malformed(_))), "{body}");
    }
    for body in [&b"\xff\xfe"[..], b"Status%ff=\xff"] {
        assert!(matches!(said(body), Err(NotHeard::Malformed(_))), "{body:?}");
    }
    for cut in 0..BODY.len() {
        let answer = said(&BODY.as_bytes()[..cut]);
        assert!(!is_refused(&answer), "{cut}: {answer:?}");
    }
}
