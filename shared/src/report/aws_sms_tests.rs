//! Tests of what AWS End User Messaging reports.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::*;
use crate::{
    inbound::Wish,
    report::{
        Hearer,
        sns::tests::{AT_MS, CONFIRMATION, NOTIFICATION, TOPIC, certificate, notification},
    },
};

fn hearer(section: &str) -> Hearer {
    Hearer::new(&toml::from_str(section).expect("a section"))
}

fn with(keys: &str) -> Hearer {
    hearer(&format!("kind = 'aws_sms'\nregion = 'eu-west-1'\n{keys}"))
}

fn of() -> String {
    BASE64URL.encode([7; 34])
}

fn event(kind: &str, more: &str) -> String {
    let of = of();
    format!(
        r#"{{"eventType": "{kind}", "eventVersion": "1.0", "isFinal": true, "mcc": null,
        "context": {{"message_id": "7", "report": "{of}"}}, "totalMessageParts": 1{more}}}"#
    )
}

fn costing(segments: u16, micros: Option<i64>) -> Cost {
    let price = micros.map(|micros| Price { micros, currency: Currency::USD });
    Cost { segments: Some(segments), price, is_per_segment: false }
}

#[test]
fn a_signed_message_is_heard() {
    let hearer = with(&format!("topic_arn = '{TOPIC}'"));
    assert!(hearer.can_hear());
    let message = |body: &str| {
        let call = Call { url: "", headers: &[], body: body.as_bytes() };
        assert_eq!(hearer.hear(&call, AT_MS), Err(NotHeard::Unexpected));
        hearer.of_topic(&call, AT_MS).expect("it comes from a topic")
    };
    let heard = message(NOTIFICATION).and_then(|message| message.hear(&certificate(), AT_MS));
    let of = Reference::parse(&of()).expect("a reference");
    let cost = costing(1, Some(8_810));
    let report = Report { of, word: Word::Delivered, class: None, code: None, cost };
    let brought = Brought { reports: vec![report], ..Brought::default() };
    assert_eq!(heard, Ok(Heard::Brought(brought)));
    let heard = message(CONFIRMATION).and_then(|message| message.hear(&certificate(), AT_MS));
    let Ok(Heard::Subscribing(url)) = heard else { panic!("{heard:?}") };
    assert!(url.starts_with("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&"));
}

#[test]
fn without_a_topic_nothing_is_heard() {
    let call = Call { url: "", headers: &[], body: NOTIFICATION.as_bytes() };
    for keys in ["", "topic_arn = ''", "topic_arn = 'codes'", "topic_arn = 7"] {
        let hearer = with(keys);
        assert!(!hearer.can_hear(), "{keys}");
        let answer = hearer.of_topic(&call, AT_MS).map(|answer| answer.map(drop));
        assert_eq!(answer, Some(Err(NotHeard::Unexpected)), "{keys}");
    }
    let other = with("topic_arn = 'arn:aws:sns:eu-west-1:123456789012:other'");
    let answer = other.of_topic(&call, AT_MS).map(|answer| answer.map(drop));
    assert!(matches!(answer, Some(Err(NotHeard::NotGenuine(_)))), "{answer:?}");
    assert!(hearer("kind = 'vonage'").of_topic(&call, AT_MS).is_none());
}

#[test]
fn every_event_is_read() {
    for (kind, word, class) in EVENTS {
        let report = read_event(&event(kind, "")).expect("an event").expect("a report");
        assert_eq!((report.word, report.class), (*word, *class), "{kind}");
        assert_eq!(class.is_some(), *word == Word::Undelivered, "{kind}");
        assert_eq!(report.code.as_deref(), class.map(|_| *kind), "{kind}");
        assert_eq!(report.of.to_text(), of());
    }
    for kind in ["TEXT_QUEUED", "TEXT_PENDING", "VOICE_COMPLETED", "MEDIA_DELIVERED", ""] {
        assert_eq!(read_event(&event(kind, "")), Ok(None), "{kind}");
    }
}

#[test]
fn what_people_write_comes_in_the_same_topic() {
    let text = r#"{"originationNumber": "+12025550123", "destinationNumber": "+12025550199",
        "messageKeyword": "KEYWORD_2", "messageBody": "Stop", "inboundMessageId": "1"}"#;
    let brought = read_notification(text).expect("a message");
    assert!(brought.reports.is_empty());
    let said = brought.written.iter().map(|one| (one.from.address(), one.wish));
    assert_eq!(said.collect::<Vec<_>>(), [("+12025550123", Wish::Stop)]);
    let brought = read_notification(&event("TEXT_DELIVERED", "")).expect("an event");
    assert_eq!((brought.reports.len(), brought.written.len()), (1, 0));
    assert!(read_notification("hello").is_err());
    let hearer = with(&format!("topic_arn = '{TOPIC}'"));
    assert!(hearer.can_hear_people() && !hearer.hears_people_apart());
}

#[test]
fn what_people_write_was_written_when_the_topic_published_it() {
    let hearer = with(&format!("topic_arn = '{TOPIC}'"));
    let body = notification(r#"{"originationNumber": "+12025550123", "messageBody": "Stop"}"#);
    let call = Call { url: "", headers: &[], body: body.as_bytes() };
    let brought_again = AT_MS + 3_000_000;
    let message = hearer.of_topic(&call, brought_again).expect("it comes from a topic");
    let heard = message.and_then(|message| message.hear(&certificate(), brought_again));
    let Ok(Heard::Brought(brought)) = heard else { panic!("{heard:?}") };
    let written: Vec<_> = brought.written.iter().map(|one| (one.wish, one.at)).collect();
    assert_eq!(written, [(Wish::Stop, Some(AT_MS))]);
}

#[test]
fn the_price_and_the_carrier_s_fee() {
    for (more, micros) in [
        ("", None),
        (r#", "totalMessagePrice": 0.00581"#, Some(5_810)),
        (r#", "totalMessagePrice": 0.00581, "totalCarrierFee": 0.003"#, Some(8_810)),
        (r#", "totalMessagePrice": 0.00581, "totalCarrierFee": 0.0"#, Some(5_810)),
        (r#", "totalMessagePrice": 0.00581, "totalCarrierFee": null"#, Some(5_810)),
        (r#", "totalMessagePrice": 0.0"#, Some(0)),
        (r#", "totalMessagePrice": null, "totalCarrierFee": 0.003"#, None),
        (r#", "totalMessagePrice": "free""#, None),
    ] {
        let report = read_event(&event("TEXT_SENT", more)).expect("an event").expect("a report");
        assert_eq!(report.cost, costing(1, micros), "{more}");
    }
}

#[test]
fn events_of_others_and_what_is_no_event() {
    for context in ["", r#", "context": {}"#, r#", "context": {"account": "bar"}"#] {
        let text = format!(r#"{{"eventType": "TEXT_DELIVERED"{context}}}"#);
        assert_eq!(read_event(&text), Ok(None), "{text}");
    }
    let text = r#"{"eventType": "TEXT_DELIVERED", "context": {"report": "AAAA"}}"#;
    assert!(matches!(read_event(text), Err(NotHeard::NotGenuine(_))));
    let whole = event("TEXT_DELIVERED", "");
    for end in 0..whole.len() {
        assert!(matches!(read_event(&whole[..end]), Err(NotHeard::Malformed(_))), "{end}");
    }
    for text in ["[]", "7", "null", "{}", r#"{"eventType": 7}"#, "hello", "\u{0}"] {
        assert!(matches!(read_event(text), Err(NotHeard::Malformed(_))), "{text}");
    }
    assert!(read_event(&event("TEXT_DELIVERED", ", \"context\": {}")).is_err(), "said twice");
}
