//! Tests of what Meta reports of WhatsApp messages, in the form that it documents.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::json;

use super::*;
use crate::{
    inbound::Wish,
    outcome::ErrorClass,
    report::{Brought, Hearer},
};

const URL: &str = "https://codes.example/v1/inbound/wa/reports";
const KEYS: &str = "app_secret = 'secret'\nverify_token = 'a token'\nphone_number_id = '7'";

fn hearer(keys: &str) -> Hearer {
    Hearer::of_kind("whatsapp_cloud", keys.parse().expect("TOML"))
}

fn signature(body: &str) -> String {
    format!("sha256={}", hex(&mac::<Hmac<Sha256>>(b"secret", &[body.as_bytes()])))
}

fn heard(body: &str, signature: &str) -> Result<Brought, NotHeard> {
    let headers = [(SIGNATURE, signature)];
    hearer(KEYS).hear(&Call { url: URL, headers: &headers, body: body.as_bytes() }, 0)
}

fn signed(body: &Value) -> Brought {
    let body = body.to_string();
    heard(&body, &signature(&body)).expect("a genuine call")
}

fn reference(byte: u8) -> String {
    BASE64URL.encode([byte; 34])
}

fn change(field: &str, value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": field, "value": value }] }],
    })
}

fn status(of: &str, word: &str, code: Option<u32>) -> Value {
    let mut status = json!({
        "id": "wamid.7", "status": word, "timestamp": "1767607379", "recipient_id": "447700900001",
        CALLBACK_KEY: of,
        "pricing": { "billable": true, "pricing_model": "PMP", "category": "authentication" },
    });
    if let Some(code) = code {
        status["errors"] = json!([{
            "code": code, "title": "t", "message": "m", "error_data": { "details": "d" },
        }]);
    }
    status
}

#[test]
fn a_known_vector() {
    // HMAC-SHA256 of "test" under "secret", as the WhatsApp library for Elixir documents it.
    let made = "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914";
    assert_eq!(signature("test"), made);
    assert_eq!(heard("test", made), Err(NotHeard::Malformed("the body is not JSON")));
}

#[test]
fn every_changed_byte_is_refused() {
    let body = change("messages", &json!({ "statuses": [status("x", "sent", None)] })).to_string();
    let made = signature(&body);
    assert!(heard(&body, &made).is_ok());
    for place in 0..body.len() {
        let mut changed = body.clone().into_bytes();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        let answer = heard(&changed, &made);
        assert_eq!(answer, Err(NotHeard::NotGenuine("the signature is not meta's")), "{changed}");
    }
    for wrong in ["", "sha256=", &made[1..], &made["sha256=".len()..], &made.replace("256", "1")] {
        assert!(matches!(heard(&body, wrong), Err(NotHeard::NotGenuine(_))), "{wrong}");
    }
    let call = Call { url: URL, headers: &[], body: body.as_bytes() };
    assert!(matches!(hearer(KEYS).hear(&call, 0), Err(NotHeard::NotGenuine(_))));
    let headers = [(SIGNATURE, made.as_str())];
    let call = Call { url: URL, headers: &headers, body: body.as_bytes() };
    assert!(matches!(hearer("").hear(&call, 0), Err(NotHeard::NotGenuine(_))));
}

#[test]
fn one_call_brings_many_words() {
    let (one, two) = (reference(1), reference(2));
    let statuses = json!({ "statuses": [
        status(&one, "sent", None),
        status(&two, "failed", Some(131_026)),
        status("another app's", "delivered", None),
        status(&one, "delivered", None),
        status(&one, "read", None),
        status(&one, "deleted", None),
        { "status": "delivered" },
    ] });
    let mut told = change("messages", &statuses);
    let more = change("messages", &json!({ "statuses": [status(&two, "sent", None)] }));
    let entries = told["entry"].as_array_mut().expect("a list");
    entries.push(more["entry"][0].clone());
    let brought = signed(&told);
    let said: Vec<(String, Word)> =
        brought.reports.iter().map(|report| (report.of.to_text(), report.word)).collect();
    assert_eq!(
        said,
        [
            (one.clone(), Word::Sent),
            (two.clone(), Word::Undelivered),
            (one.clone(), Word::Delivered),
            (one, Word::Delivered),
            (two, Word::Sent),
        ]
    );
    let failed = &brought.reports[1];
    assert_eq!(failed.class, Some(ErrorClass::Recipient));
    assert_eq!(failed.code.as_deref(), Some("131026"));
    assert!(brought.reports.iter().all(|report| report.cost == Cost::default()));
}

#[test]
fn why_it_failed() {
    assert!(ERRORS.is_sorted_by(|one, next| one.1 < next.0), "each code has one row");
    let class = |code| {
        let value = json!({ "statuses": [status(&reference(1), "failed", code)] });
        signed(&change("messages", &value)).reports.remove(0).class
    };
    for (first, last, expected) in ERRORS {
        assert_eq!((class(Some(*first)), class(Some(*last))), (Some(*expected), Some(*expected)));
    }
    assert_eq!(class(Some(999_999)), Some(ErrorClass::Transient));
    assert_eq!(class(None), Some(ErrorClass::Transient));
}

#[test]
fn what_says_nothing_brings_nothing() {
    let none = Brought::default();
    for body in [
        json!({}),
        json!([]),
        json!({ "entry": {} }),
        change("account_alerts", &json!({ "statuses": [status(&reference(1), "sent", None)] })),
        change("messages", &json!({ "statuses": [7, null, { "status": 7 }] })),
        change("messages", &json!(null)),
    ] {
        assert_eq!(signed(&body), none, "{body}");
    }
}

#[test]
fn people_who_write_stop_to_a_number_of_the_section_are_heard() {
    let section = format!("kind = 'whatsapp_cloud'\n{KEYS}\nsenders = {{ GB = '9' }}");
    let hearer = Hearer::new(&toml::from_str(&section).expect("a section"));
    let to = |number: &str| {
        let messages = json!({
            "metadata": { "phone_number_id": number, "display_phone_number": "12025550199" },
            "messages": [
                { "from": "12025550123", "id": "wamid.8", "timestamp": "1767607379", "type": "text",
                    "text": { "body": "Stop" } },
                { "id": "wamid.7", "type": "text", "text": { "body": "from nobody" } },
                { "from": "12025550123", "id": "wamid.9", "type": "image", "image": { "id": "1" } },
            ],
        });
        let body = change("messages", &messages).to_string();
        let made = signature(&body);
        let headers = [(SIGNATURE, made.as_str())];
        let call = Call { url: URL, headers: &headers, body: body.as_bytes() };
        hearer.hear(&call, 0).expect("a genuine call").written
    };
    for ours in ["7", "9"] {
        let written = to(ours);
        assert_eq!(written.len(), 1, "{written:?}");
        assert_eq!((written[0].from.address(), written[0].wish), ("+12025550123", Wish::Stop));
        assert_eq!(written[0].at, Some(1_767_607_379_000));
    }
    assert!(to("8").is_empty(), "another number of the app");
}

fn asked(keys: &str, query: &str, body: &[u8]) -> Option<Result<String, NotHeard>> {
    hearer(keys).handshake(&Call { url: &format!("{URL}?{query}"), headers: &[], body })
}

#[test]
fn whoever_knows_the_token_is_told_that_the_address_is_ours() {
    let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a%20token";
    assert_eq!(asked(KEYS, good, b""), Some(Ok("1158201444".to_owned())));
    for wrong in [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=another",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1",
    ] {
        assert!(matches!(asked(KEYS, wrong, b""), Some(Err(NotHeard::NotGenuine(_)))), "{wrong}");
        assert!(matches!(asked("", wrong, b""), Some(Err(NotHeard::NotGenuine(_)))), "{wrong}");
    }
    for challenge in ["", "a%20b", "%3Cscript%3E%0A", &"1".repeat(257)] {
        let answer = asked(KEYS, &good.replace("1158201444", challenge), b"");
        assert!(matches!(answer, Some(Err(NotHeard::Malformed(_)))), "{challenge}");
    }
    assert_eq!(asked(KEYS, "of=x", b""), None);
    assert_eq!(asked(KEYS, good, b"{}"), None, "a report");
    let other = Hearer::of_kind("bird", KEYS.parse().expect("TOML"));
    let url = format!("{URL}?{good}");
    assert_eq!(other.handshake(&Call { url: &url, headers: &[], body: b"" }), None);
}
