//! Tests of what Twilio reports of calls.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};
use hmac::Hmac;
use sha1::Sha1;

use super::*;
use crate::{
    outcome::ErrorClass,
    report::{mac::mac, test_calls::checked},
};

const TOKEN: &str = "12345";

/// As the helper library `twilio` 9.13.0 for Python signs the address and the form below.
const URL: &str = "https://codes.example/v1/inbound/primary/reports?of=X";
const FORM: &str = "CallSid=CA1&CallStatus=no-answer&To=%2B12025550123&CallDuration=0";
const MADE: &str = "vH9pwb5WMIAMhbAIp7Hz07nDo5M=";

type Heard = Result<Option<Report>, NotHeard>;

fn address() -> String {
    format!("https://codes.example/v1/inbound/primary/reports?of={}", BASE64URL.encode([7; 34]))
}

fn signed(url: &str, body: &str) -> String {
    let mut text = url.to_owned();
    for (name, value) in Fields::of_form(body.as_bytes()).sorted() {
        text.push_str(name);
        text.push_str(value);
    }
    BASE64.encode(mac::<Hmac<Sha1>>(TOKEN.as_bytes(), &[text.as_bytes()]))
}

fn heard(url: &str, body: &str, signature: &str) -> Heard {
    let headers = [("x-twilio-signature", signature)];
    let keys = format!("auth_token = '{TOKEN}'").parse().expect("TOML");
    checked("twilio_voice", &keys, &Call { url, headers: &headers, body: body.as_bytes() }, 0)
}

fn said(body: &str) -> Option<Report> {
    let url = address();
    heard(&url, body, &signed(&url, body)).expect("a genuine call")
}

#[test]
fn it_is_signed_as_twilio_signs() {
    assert_eq!(signed(URL, FORM), MADE);
    // Genuine, but of an address that we never gave.
    let not_ours = Err(NotHeard::NotGenuine("it does not say which message it is about"));
    assert_eq!(heard(URL, FORM, MADE), not_ours);
    let not_twilios = Err(NotHeard::NotGenuine("the signature is not twilio's"));
    for place in 0..FORM.len() {
        let mut changed = FORM.as_bytes().to_vec();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        let means_the_same = Fields::of_form(changed.as_bytes()).sorted()
            == Fields::of_form(FORM.as_bytes()).sorted();
        assert!(means_the_same || heard(URL, &changed, MADE) == not_twilios, "{changed}");
    }
    for signature in ["", &MADE.to_lowercase(), &MADE[1..]] {
        assert_eq!(heard(URL, FORM, signature), not_twilios, "{signature}");
    }
    assert_eq!(heard(&URL.replace("primary", "backup"), FORM, MADE), not_twilios);
}

#[test]
fn how_a_call_ends_decides() {
    let delivered = said("CallSid=CA1&CallStatus=completed&CallDuration=14").expect("a word");
    assert_eq!((delivered.word, delivered.class, delivered.code), (Word::Delivered, None, None));
    for status in ["busy", "no-answer", "failed", "canceled"] {
        let report = said(&format!("CallSid=CA1&CallStatus={status}&CallDuration=0")).expect("one");
        assert_eq!(report.word, Word::Undelivered);
        assert_eq!(report.class, Some(ErrorClass::Transient), "others may get through: {status}");
        assert_eq!(report.code.as_deref(), Some(status));
        assert_eq!(report.cost, Cost::default());
    }
    for status in ["queued", "initiated", "ringing", "in-progress", "", "new"] {
        assert_eq!(said(&format!("CallStatus={status}")), None, "{status}");
    }
    let (url, body) = (address(), "CallSid=CA1");
    let answer = heard(&url, body, &signed(&url, body));
    assert_eq!(answer, Err(NotHeard::Malformed("there is no CallStatus")));
}

#[test]
fn an_error_code_says_more() {
    for (code, class) in [
        ("13227", ErrorClass::Region),
        ("21217", ErrorClass::Recipient),
        ("99999", ErrorClass::Transient),
        ("x", ErrorClass::Transient),
    ] {
        let report = said(&format!("CallStatus=failed&ErrorCode={code}")).expect("a word");
        assert_eq!((report.class, report.code.as_deref()), (Some(class), Some(code)));
    }
    let report = said("CallStatus=busy&ErrorCode=").expect("a word");
    assert_eq!(report.code.as_deref(), Some("busy"));
}
