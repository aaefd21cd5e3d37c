//! Tests of what people write back through a gateway. The signature was made with Python 3.11's `hmac`.

use crate::{
    inbound::{self, Wish, Written},
    report::{Call, Hearer, NotHeard},
};

const PLACES: &str = "from = '/msisdn'\ntext = '/text'";
/// Secret `s3cret`, as the body stands here.
const BODY: &str = r#"{"msisdn":"12025550123","to":"12025550199","text":"Stop","id":"7"}"#;
const MADE: &str = "427f1f077b2e2cb4848833eddcae8b0cf7fb9af8c24ab6c54829912be0308b22";
const URL: &str = "https://codes.example/v1/inbound/gateway/messages?key=k";

type Heard = Result<Vec<Written>, NotHeard>;

fn heard(section: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Heard {
    let keys = format!("url = 'http://h/'\n[inbound]\n{section}").parse().expect("TOML");
    let call = Call { url, headers, body: body.as_bytes() };
    inbound::read(&Hearer::of_kind("http", keys), &call, 0).map(|brought| brought.written)
}

/// Who wished what.
fn said(heard: Heard) -> Vec<(String, Wish)> {
    let written = heard.expect("a genuine call").into_iter();
    written.map(|one| (one.from.address().to_owned(), one.wish)).collect()
}

#[test]
fn places_in_json_in_a_form_and_in_the_query() {
    let stop = [("+12025550123".to_owned(), Wish::Stop)];
    assert_eq!(said(heard(PLACES, URL, &[], BODY)), stop);
    let number = BODY.replace("\"12025550123\"", "12025550123");
    assert_eq!(said(heard(PLACES, URL, &[], &number)), stop);
    let fields = "from = 'sender'\ntext = 'message'";
    let form = "sender=%2B12025550123&message=+STOP+";
    assert_eq!(said(heard(fields, URL, &[], form)), stop);
    assert_eq!(said(heard(fields, &format!("{URL}&{form}"), &[], "")), stop);
    let other = BODY.replace("Stop", "stop by at noon");
    assert_eq!(said(heard(PLACES, URL, &[], &other))[0].1, Wish::Other);
    let short_code = BODY.replace("12025550123", "2020");
    let nobody = said(heard(PLACES, URL, &[], &short_code));
    assert!(nobody.is_empty(), "a short code has nothing to stop");
}

#[test]
fn what_is_signed_is_the_body() {
    let signed = format!("{PLACES}\nsignature = {{ header = 'X-Signature', secret = 's3cret' }}");
    let call = |made: &str, body: &str| heard(&signed, URL, &[("x-signature", made)], body);
    assert_eq!(said(call(MADE, BODY)).len(), 1);
    assert_eq!(said(call(&format!("sha256={MADE}"), BODY)).len(), 1);
    for place in 0..BODY.len() {
        let mut changed = BODY.as_bytes().to_vec();
        changed[place] ^= 1;
        let answer = call(MADE, &String::from_utf8(changed).expect("ASCII"));
        assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{place}");
    }
    let unsigned = heard(&signed, URL, &[], BODY);
    assert!(matches!(unsigned, Err(NotHeard::NotGenuine(_))), "{unsigned:?}");
}

#[test]
fn a_message_has_the_gateway_s_name() {
    let named = |section: &str, body: &str| {
        heard(section, URL, &[], body).expect("a genuine call").remove(0).id
    };
    assert_eq!(named(&format!("{PLACES}\nid = '/id'"), BODY).as_deref(), Some("7"));
    assert_eq!(named(&format!("{PLACES}\nid = '/other'"), BODY), None);
    assert_eq!(named(PLACES, BODY), None);
    assert_eq!(heard(&format!("{PLACES}\nid = ''"), URL, &[], BODY), Err(NotHeard::Unexpected));
}

#[test]
fn a_place_that_is_not_there_is_no_empty_text() {
    for (place, body) in [
        ("/body", BODY),
        ("body", BODY),
        ("message", "msisdn=12025550123&text=Stop"),
        ("/text/body", BODY),
    ] {
        let from = if body == BODY && place.starts_with('/') { "/msisdn" } else { "msisdn" };
        let url = format!("{URL}&msisdn=12025550123");
        let answer = heard(&format!("from = '{from}'\ntext = '{place}'"), &url, &[], body);
        let why = "there is nothing where inbound.text says that the text stands";
        assert_eq!(answer, Err(NotHeard::Malformed(why)), "{place}");
    }
    for text in ["null", "\"\""] {
        let picture = BODY.replace("\"Stop\"", text);
        assert_eq!(said(heard(PLACES, URL, &[], &picture))[0].1, Wish::Other, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_malformed() {
    for body in ["", "{", "[]", "null", r#"{"text":"Stop"}"#, r#"{"msisdn":null,"text":"Stop"}"#] {
        let answer = heard(PLACES, URL, &[], body);
        assert!(matches!(answer, Err(NotHeard::Malformed(_))), "{body}: {answer:?}");
    }
    let unknown = format!("{PLACES}\ncolour = 7");
    for section in ["", "from = '/a'", "from = '/a'\ntext = ''", &unknown] {
        assert_eq!(heard(section, URL, &[], BODY), Err(NotHeard::Unexpected), "{section}");
    }
}
