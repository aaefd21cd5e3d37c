//! Tests of what a gateway of kind `http` reports. The signatures were made with Python 3.11's
//! `hmac` and with OpenSSL's `dgst -hmac`, which agree.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::{signature::Algorithm, *};
use crate::{price::Price, report::test_calls::checked, secrets::hex};

const BY_JSON: &str = "status = '/data/status'\nsent = ['ACCEPTD']\ndelivered = ['DELIVRD', '1']\n\
    undelivered = ['UNDELIV']\ncode = '/data/err'\nerrors = { 5 = 'recipient', x = 'opted_out' }";
const BY_FIELD: &str = "status = 'status'\nsent = ['8']\ndelivered = ['1']\nundelivered = ['2']\n\
    code = 'err'\nerrors = { 5 = 'recipient' }";

fn of() -> String {
    BASE64URL.encode([7; 34])
}

fn address(more: &str) -> String {
    format!("https://codes.example/v1/inbound/gateway/reports?of={}{more}", of())
}

fn keys(report: &str) -> toml::Table {
    format!("url = 'http://h/'\n[report]\n{report}").parse().expect("TOML")
}

fn heard(
    report: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Option<Report>, NotHeard> {
    checked("http", &keys(report), &Call { url, headers, body: body.as_bytes() }, 0)
}

type Said = (Word, Option<ErrorClass>, Option<String>);

fn said(report: &str, url: &str, body: &str) -> Option<Said> {
    let heard = heard(report, url, &[], body).expect("a report");
    heard.map(|report| (report.word, report.class, report.code))
}

fn undelivered(class: ErrorClass, code: Option<&str>) -> Said {
    (Word::Undelivered, Some(class), code.map(str::to_owned))
}

#[test]
fn words_and_codes_in_json() {
    for (body, expected) in [
        (r#"{"status": "ACCEPTD", "err": 5}"#, Some((Word::Sent, None, None))),
        (r#"{"status": "DELIVRD"}"#, Some((Word::Delivered, None, None))),
        (r#"{"status": 1}"#, Some((Word::Delivered, None, None))),
        (r#"{"status": "delivrd"}"#, None),
        (r#"{"status": "ENROUTE"}"#, None),
        (r#"{"status": "UNDELIV"}"#, Some(undelivered(ErrorClass::Transient, None))),
        (r#"{"status": "UNDELIV", "err": ""}"#, Some(undelivered(ErrorClass::Transient, None))),
        (r#"{"status": "UNDELIV", "err": 5}"#, Some(undelivered(ErrorClass::Recipient, Some("5")))),
        (
            r#"{"status": "UNDELIV", "err": "x"}"#,
            Some(undelivered(ErrorClass::OptedOut, Some("x"))),
        ),
        (r#"{"status": "UNDELIV", "err": 6}"#, Some(undelivered(ErrorClass::Transient, Some("6")))),
    ] {
        let whole = format!("{{\"data\": {body}}}");
        assert_eq!(said(BY_JSON, &address(""), &whole), expected, "{body}");
    }
}

#[test]
fn words_and_codes_in_fields() {
    let refused = Some(undelivered(ErrorClass::Recipient, Some("5")));
    for (more, body, expected) in [
        ("&status=8", "", Some((Word::Sent, None, None))),
        ("&status=1&err=0", "", Some((Word::Delivered, None, None))),
        ("&status=2&err=5", "", refused.clone()),
        ("", "status=2&err=5", refused.clone()),
        ("&status=1", "status=2&err=%35", refused.clone()),
        ("&err=5", "status=2", refused),
        ("&status=4", "", None),
    ] {
        assert_eq!(said(BY_FIELD, &address(more), body), expected, "{more} {body}");
    }
}

#[test]
fn what_it_costs() {
    let eur = |micros| Some(Price { micros, currency: Currency::EUR });
    let cost = |report: &str, more: &str, body: &str| {
        let heard = heard(report, &address(more), &[], body);
        heard.expect("a report").expect("a word").cost
    };
    let places = format!("{BY_JSON}\nsegments = '/parts'\nprice = '/price'\n");
    let named = format!("{places}currency = '/currency'");
    let or_else = format!("{named}\ndefault_currency = 'EUR'");
    for (report, more, segments, price) in [
        (&named, r#""parts": 2, "price": "0.0333", "currency": "eur""#, Some(2), eur(33_300)),
        (&named, r#""parts": "2", "price": 0.0333, "currency": "EUR""#, Some(2), eur(33_300)),
        (&named, r#""price": 0.000005, "currency": "EUR""#, None, eur(5)),
        (&named, r#""price": 5e-6, "currency": "EUR""#, None, eur(5)),
        (&named, r#""parts": 2, "price": "0.0333""#, Some(2), None),
        (&named, r#""parts": [], "price": -1, "currency": "EUR""#, None, None),
        (&or_else, r#""price": "0.0333""#, None, eur(33_300)),
        (&or_else, r#""price": "0.0333", "currency": """#, None, eur(33_300)),
        (&or_else, r#""price": "0.0333", "currency": "euros""#, None, None),
        (&or_else, r#""currency": "EUR""#, None, None),
    ] {
        let body = format!(r#"{{"data": {{"status": "DELIVRD"}}, {more}}}"#);
        let expected = Cost { segments, price, is_per_segment: false };
        assert_eq!(cost(report, "", &body), expected, "{more}");
    }
    let by_field = format!("{BY_FIELD}\nsegments = 'n'\nprice = 'p'\ndefault_currency = 'EUR'");
    let expected = Cost { segments: Some(3), price: eur(99_900), is_per_segment: false };
    assert_eq!(cost(&by_field, "&status=2&n=3&p=0.0999", ""), expected, "even when it is refused");
    assert_eq!(cost(&by_field, "&status=1", ""), Cost::default());
}

#[test]
fn the_reference_may_come_back() {
    let report = format!("{BY_FIELD}\nreference = 'ref'");
    let url = "https://codes.example/v1/inbound/gateway/reports";
    let parsed = Reference::parse(&of());
    let answer = heard(&report, url, &[], &format!("status=1&ref={}", of()));
    assert_eq!(answer.expect("a report").map(|report| report.of), parsed);
    for body in ["status=1", "status=1&ref=", "status=1&ref=AAAA"] {
        // What the address says does not count.
        let answer = heard(&report, &address(""), &[], body);
        assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{body}: {answer:?}");
    }
    let answer = heard(BY_FIELD, url, &[], "status=1");
    assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{answer:?}");
}

#[test]
fn what_cannot_be_read_is_malformed() {
    for body in
        ["", "[]", "{", "{\"data\": 7}", "null", "status=1", "\u{0}", "{\"data\":{\"status\":[]}}"]
    {
        let answer = heard(BY_JSON, &address(""), &[], body);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{body}: {answer:?}");
    }
    let deep = "[".repeat(60_000);
    assert!(heard(BY_JSON, &address(""), &[], &deep).is_err());
    let whole = r#"{"data": {"status": "UNDELIV", "err": 5}}"#;
    for end in 0..whole.len() {
        assert!(heard(BY_JSON, &address(""), &[], &whole[..end]).is_err(), "{end}");
    }
}

/// Secret `s3cret`, as the body stands here.
const BODY: &str = r#"{"data":{"status":"DELIVRD","id":"7"}}"#;
const SIGNED: [(&str, &str, &str); 4] = [
    ("sha1", "hex", "4ca4e7438b39383ec1ebec78d05ab1e082157a7b"),
    ("sha256", "hex", "ebf37642cd4a022c1cb38a2e4946771d1583e610a225eb5e1c9bb076bb07a8be"),
    ("sha256", "base64", "6/N2Qs1KAiwcs4ouSUZ3HRWD5hCiJeteHJuwdrsHqL4="),
    (
        "sha512",
        "base64",
        "//0zRsqxuMJc2q33zml6HvbKeR6g2PnHwYfN9xtKvQFAw95BPm3Hna6AuQDdObvg7qzITrgrkm9HU/0CaAi8Zw==",
    ),
];

fn signing(algorithm: &str, encoding: &str, secret: &str) -> String {
    format!(
        "{BY_JSON}\nsignature = {{ header = 'X-Gateway-Signature', secret = '{secret}', \
         algorithm = '{algorithm}', encoding = '{encoding}' }}"
    )
}

#[test]
fn every_change_of_what_is_signed_is_refused() {
    let url = address("");
    for (algorithm, encoding, signature) in SIGNED {
        let report = signing(algorithm, encoding, "s3cret");
        let call = |signature: &str, body: &str| {
            heard(&report, &url, &[("x-gateway-signature", signature)], body)
        };
        assert!(call(signature, BODY).is_ok(), "{algorithm} {encoding}");
        assert!(call(&format!("{algorithm}={signature}"), BODY).is_ok());
        assert!(call(&format!("md5={signature}"), BODY).is_err());
        let other_case = call(&signature.to_uppercase(), BODY).is_ok();
        assert_eq!(other_case, encoding == "hex", "{algorithm} {encoding}");
        for place in 0..BODY.len() {
            let mut changed = BODY.as_bytes().to_vec();
            changed[place] ^= 1;
            let answer = call(signature, &String::from_utf8(changed).expect("ASCII"));
            assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{place}");
        }
        for place in 0..signature.len() {
            let mut changed = signature.as_bytes().to_vec();
            changed[place] ^= 1;
            let answer = call(&String::from_utf8(changed).expect("ASCII"), BODY);
            assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{place}");
        }
        for cut in 0..signature.len() {
            assert!(call(&signature[..cut], BODY).is_err(), "{cut}");
        }
        let foreign = signing(algorithm, encoding, "s3creu");
        assert!(heard(&foreign, &url, &[("x-gateway-signature", signature)], BODY).is_err());
        let missing = heard(&report, &url, &[("x-signature", signature)], BODY);
        assert!(matches!(missing, Err(NotHeard::NotGenuine(_))));
    }
}

#[test]
fn beside_a_signed_body_the_query_says_nothing() {
    let report = format!("{BY_FIELD}\nsignature = {{ header = 'x-s', secret = 's3cret' }}");
    let url = address("&status=1");
    let signed = |body: &str| hex(&Algorithm::Sha256.sign("s3cret", body.as_bytes()));
    for (body, expected) in [("status=2", true), ("", false), ("err=5", false)] {
        let answer = heard(&report, &url, &[("x-s", &signed(body))], body);
        let word = answer.ok().flatten().map(|report| report.word);
        assert_eq!(word, expected.then_some(Word::Undelivered), "{body}");
    }
}

#[test]
fn a_section_that_makes_no_sense_hears_nothing() {
    let good = "status = 's'\ndelivered = ['1']";
    assert!(heard(good, &address("&s=1"), &[], "").is_ok());
    // What was to be signed is not heard without it because a key is missing or misspelled.
    let unsigned = format!("{good}\nsignature = {{ secret = 's' }}");
    let misspelled = format!("{good}\nsignatur = {{ header = 'x', secret = 's' }}");
    for report in ["", "status = 's'", &unsigned, &misspelled] {
        assert_eq!(heard(report, &address("&s=1"), &[], ""), Err(NotHeard::Unexpected), "{report}");
    }
    let call = Call { url: "", headers: &[], body: b"" };
    let none = checked("http", &toml::Table::new(), &call, 0);
    assert_eq!(none, Err(NotHeard::Unexpected));
}
