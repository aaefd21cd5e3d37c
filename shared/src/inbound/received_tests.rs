//! Tests of what people write, in the forms that the vendors document.

use super::*;

fn call<'a>(url: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Call<'a> {
    Call { url, headers, body: body.as_bytes() }
}

fn said(heard: Heard) -> Vec<(String, String)> {
    heard.expect("what was written").into_iter().map(|one| (one.from, one.text)).collect()
}

/// True when it is one message, from this number, that says STOP.
fn is_stop(heard: Heard, from: &str) -> bool {
    said(heard) == [(from.to_owned(), "STOP".to_owned())]
}

#[test]
fn each_kind_says_who_wrote_what() {
    let (bare, with_plus) = ("447700900001", "+447700900001");
    let json = |body: &'static str| call("https://h/", &[], body);
    let from_query = "https://h/?key=k&msisdn=447700900001&to=12025550199&text=STOP&keyword=STOP";
    assert!(is_stop(vonage(&call(from_query, &[], "")), bare));
    let form = "From=%2B447700900001&To=%2B12025550199&Body=STOP&NumMedia=0&Text=STOP";
    assert!(is_stop(of_form(&json(form), ["From", "Body", "MessageSid"]), with_plus));
    assert!(is_stop(of_form(&json(form), ["From", "Text", "MessageUUID"]), with_plus));
    let told = r#"{"results": [{"messageId": "1", "from": "447700900001", "to": "12025550199",
        "text": "STOP", "cleanText": "STOP", "keyword": "STOP", "smsCount": 1}]}"#;
    assert!(is_stop(infobip(&json(told)), bare));
    let told = r#"{"type": "mo_text", "id": "1", "from": "447700900001", "to": "12025550199",
        "body": "STOP", "operator_id": "23430", "received_at": "2026-01-05T10:02:59Z"}"#;
    assert!(is_stop(sinch(&json(told)), bare));
    let told = r#"{"data": {"event_type": "message.received", "payload": {"text": "STOP",
        "from": {"phone_number": "+447700900001"}, "to": [{"phone_number": "+12025550199"}]}}}"#;
    assert!(is_stop(telnyx(&json(told)), with_plus));
    let told = r#"{"channel": "sms", "message_type": "text", "from": "447700900001",
        "to": "12025550199", "text": "STOP", "sms": {"num_messages": "1"}}"#;
    assert!(is_stop(vonage_messages(&json(told)), bare));
    let told = r#"{"originationNumber": "+447700900001", "destinationNumber": "+12025550199",
        "messageKeyword": "KEYWORD_2", "messageBody": "STOP", "inboundMessageId": "1",
        "previousPublishedMessageId": "2"}"#;
    assert!(is_stop(Ok(Vec::from_iter(aws_sms(told))), with_plus));
}

/// The fifth of January 2026, 10:02:59 in UTC.
const AT_MS: Millis = 1_767_607_379_000;

/// When the one message was written that was brought.
fn written_at(heard: Heard) -> Option<Millis> {
    let written = heard.expect("what was written");
    assert_eq!(written.len(), 1);
    written[0].at
}

/// Each kind that tells it, with this as its time.
fn moments(at: &str) -> [(&'static str, Option<Millis>); 6] {
    let json = |reader: fn(&Call<'_>) -> Heard, body: &str| {
        written_at(reader(&call("https://h/", &[], &body.replace("AT", at))))
    };
    let of_bird = r#"{"type": "sms.received", "timestamp": "AT",
        "data": {"from": "+447700900001", "text": "STOP"}}"#;
    let of_infobip =
        r#"{"results": [{"from": "447700900001", "text": "STOP", "receivedAt": "AT"}]}"#;
    let of_sinch = r#"{"type": "mo_text", "from": "447700900001", "body": "STOP",
        "received_at": "AT"}"#;
    let of_telnyx = r#"{"data": {"event_type": "message.received", "payload": {"text": "STOP",
        "from": {"phone_number": "+447700900001"}, "received_at": "AT"}}}"#;
    let of_vonage = r#"{"channel": "sms", "from": "447700900001", "text": "STOP",
        "timestamp": "AT"}"#;
    let url = format!("https://h/?originator=447700900001&body=STOP&createdDatetime={at}");
    [
        ("bird", json(bird, of_bird)),
        ("infobip", json(infobip, of_infobip)),
        ("messagebird", written_at(messagebird(&call(&url, &[], "")))),
        ("sinch", json(sinch, of_sinch)),
        ("telnyx", json(telnyx, of_telnyx)),
        ("vonage_messages", json(vonage_messages, of_vonage)),
    ]
}

#[test]
fn who_tells_it_says_when_it_was_written() {
    for (text, at) in [
        ("2026-01-05T10:02:59Z", Some(AT_MS)),
        ("2026-01-05T10:02:59.000Z", Some(AT_MS)),
        ("a while ago", None),
        ("", None),
    ] {
        for (kind, told) in moments(text) {
            assert_eq!(told, at, "{kind}: {text:?}");
        }
    }
    let zoned =
        r#"{"results": [{"from": "447700900001", "receivedAt": "2026-01-05T11:02:59.000+0100"}]}"#;
    assert_eq!(written_at(infobip(&call("https://h/", &[], zoned))), Some(AT_MS));
    for zone in ["+00:00", "%2B00:00", "%2B0000"] {
        let told = format!("createdDatetime=2026-01-05T10:02:59{zone}");
        let url = format!("https://h/?originator=447700900001&body=STOP&{told}");
        assert_eq!(written_at(messagebird(&call(&url, &[], ""))), Some(AT_MS), "{zone}");
    }
    let url = "https://h/?msisdn=447700900001&text=STOP&message-timestamp=2026-01-05+10%3A02%3A59";
    assert_eq!(written_at(vonage(&call(url, &[], ""))), None, "then Vonage began to bring it");
    let form = call("https://h/", &[], "From=%2B447700900001&Body=STOP");
    assert_eq!(
        written_at(of_form(&form, ["From", "Body", "MessageSid"])),
        None,
        "it does not tell"
    );
}

#[test]
fn kinds_that_tell_no_time_name_each_message() {
    let id = |heard: Heard| heard.expect("one message").remove(0).id;
    let url = "https://h/?msisdn=447700900001&text=START&messageId=0C000000217B7F02";
    assert_eq!(id(vonage(&call(url, &[], ""))).as_deref(), Some("0C000000217B7F02"));
    let form = "From=%2B447700900001&Body=START&MessageSid=SM1&Text=START&MessageUUID=u-1";
    let form = call("https://h/", &[], form);
    assert_eq!(id(of_form(&form, ["From", "Body", "MessageSid"])).as_deref(), Some("SM1"));
    assert_eq!(id(of_form(&form, ["From", "Text", "MessageUUID"])).as_deref(), Some("u-1"));
    let url = "https://h/?msisdn=447700900001&text=START&messageId=";
    assert_eq!(id(vonage(&call(url, &[], ""))), None);
}

#[test]
fn one_without_a_sender_leaves_the_others() {
    let told = r#"{"results": [{"from": null, "text": "hi"}, {"from": "447700900001", "text": "STOP"},
        {"text": "hi"}]}"#;
    assert!(is_stop(infobip(&call("https://h/", &[], told)), "447700900001"));
}

#[test]
fn numbers_are_read_as_providers_write_them() {
    use crate::{
        inbound::{persons, read_number},
        recipient::Recipient,
    };

    let (de, us) = (Some("+491713920001"), Some("+12025550123"));
    for (text, region, number) in [
        ("+491713920001", None, de),
        ("491713920001", None, de),
        (" 00491713920001 ", None, de),
        ("+00491713920001", None, de),
        ("0012025550123", None, us),
        ("12025550123", Some("DE"), us),
        ("01713920001", Some("DE"), de),
        ("01713920001", None, None),
        ("2020", Some("DE"), None),
        ("Otpost", None, None),
        ("", None, None),
    ] {
        let read = read_number(text, region);
        assert_eq!(read.as_ref().map(Recipient::address), number, "{text:?} {region:?}");
    }
    let received = ["00491713920001", "01713920001", "2020"]
        .map(|from| Received::new(Some(from), Some("STOP")).expect("a sender"));
    let brought = persons(received.into());
    assert_eq!((brought.written.len(), brought.unreadable), (1, 2));
}

#[test]
fn messagebird_brings_it_in_three_ways() {
    let headers = [("content-type", "application/json")];
    for text in ["body", "payload"] {
        let fields = format!("id=1&originator=447700900001&recipient=12025550199&{text}=STOP");
        let url = format!("https://h/?key=k&{fields}");
        assert!(is_stop(messagebird(&call(&url, &[], "")), "447700900001"));
        assert!(is_stop(messagebird(&call("https://h/?key=k", &[], &fields)), "447700900001"));
        let body = format!(r#"{{"id": "1", "originator": 447700900001, "{text}": "STOP"}}"#);
        assert!(is_stop(messagebird(&call("https://h/?key=k", &headers, &body)), "447700900001"));
    }
    assert!(messagebird(&call("https://h/?key=k", &[], "body=STOP")).is_err());
}

#[test]
fn what_is_no_text_is_passed_over() {
    let json = |body: &'static str| call("https://h/", &[], body);
    for heard in [
        bird(&json(r#"{"type": "sms.delivered", "data": {"from": "Otpost"}}"#)),
        sinch(&json(r#"{"type": "mo_binary", "from": "447700900001", "body": "AA=="}"#)),
        telnyx(&json(r#"{"data": {"event_type": "message.sent"}}"#)),
        vonage_messages(&json(r#"{"channel": "whatsapp", "from": "447700900001"}"#)),
        infobip(&json(r#"{"results": []}"#)),
    ] {
        assert!(said(heard).is_empty());
    }
    for none in ["", "{", "[]", "7", r#"{"eventType": "TEXT_DELIVERED"}"#] {
        assert!(aws_sms(none).is_none(), "{none}");
    }
    // A picture alone.
    let picture = bird(&json(r#"{"type": "sms.received", "data": {"from": "+447700900001"}}"#));
    assert_eq!(said(picture), [("+447700900001".to_owned(), String::new())]);
}
