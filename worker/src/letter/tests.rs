use otpost_shared::{
    channel::Channel,
    message::Body,
    outcome::ErrorClass,
    price::{Charge, Cost, Currency, Price, PriceList},
    recipient::Recipient,
    secrets::Code,
    template::{Template, Values},
};

use super::{Letter, filled, minutes_left, one_line};
use crate::provider::Outcome;

fn letter(to: &str, text: &str) -> Letter {
    let to = Recipient::parse_unchecked(to, None).expect("a number");
    let (purpose, code) = (Some("default".to_owned()), Some(Code::new("0123".into())));
    Letter { purpose, code, ..Letter::of_text(Channel::Sms, to, text.to_owned(), "en") }
}

fn eur(micros: i64) -> Price {
    Price { micros, currency: Currency::EUR }
}

#[test]
fn what_a_provider_does_not_tell_is_estimated() {
    let prices: PriceList =
        toml::from_str("currency = 'EUR'\nDE = '0.04'\nUS = '0.0075'").expect("prices");
    let long = "a".repeat(161);
    let estimated = |micros| Some(Charge { price: eur(micros), is_estimated: true });
    for (to, text, class, segments, charge) in [
        ("+4915112345678", "code 0123", ErrorClass::Ok, Some(1), estimated(40_000)),
        ("+4915112345678", &long, ErrorClass::Ok, Some(2), estimated(80_000)),
        ("+12025550123", &long, ErrorClass::Unknown, Some(2), estimated(15_000)),
        ("+12025550123", "code 0123", ErrorClass::Recipient, None, None),
        ("+447700900001", "code 0123", ErrorClass::Ok, None, None),
    ] {
        let outcome = Outcome::refused(class, None, "words");
        let ending = letter(to, text).ending(outcome.clone(), Some(&prices), 7);
        assert_eq!((ending.segments, ending.charge), (segments, charge), "{to} {class:?}");
        let unpriced = letter(to, text).ending(outcome, None, 7);
        assert_eq!((unpriced.segments, unpriced.charge), (None, None), "{to} {class:?}");
    }
}

#[test]
fn a_call_costs_the_same_however_much_is_said() {
    let prices: PriceList = toml::from_str("currency = 'EUR'\nDE = '0.09'").expect("prices");
    for channel in [Channel::Voice, Channel::Whatsapp] {
        let letter = Letter { channel, ..letter("+4915112345678", &"a".repeat(300)) };
        let ending = letter.ending(Outcome::accepted(None), Some(&prices), 7);
        let charge = Charge { price: eur(90_000), is_estimated: true };
        assert_eq!((ending.segments, ending.charge), (None, Some(charge)));
        let refused = Outcome::refused(ErrorClass::Region, None, "no");
        assert_eq!(letter.ending(refused, Some(&prices), 7).charge, None);
    }
}

#[test]
fn an_email_costs_what_its_provider_tells() {
    let prices: PriceList = toml::from_str("currency = 'EUR'\n'*' = '0.04'").expect("prices");
    let body = Body { title: Some("A parcel".into()), text: "It is here.".into(), language: None };
    let letter = Letter::of_body(ann(), body, "en");
    let ending = letter.ending(Outcome::accepted(None), Some(&prices), 7);
    assert_eq!((ending.segments, ending.charge), (None, None));
    let cost = Cost { price: Some(eur(1_000)), ..Cost::default() };
    let ending = letter.ending(Outcome::accepted(None).costing(cost), Some(&prices), 7);
    let told = Charge { price: eur(1_000), is_estimated: false };
    assert_eq!((ending.segments, ending.charge), (None, Some(told)));
}

#[test]
fn what_a_provider_tells_counts() {
    let prices: PriceList = toml::from_str("currency = 'EUR'\n'*' = '0.04'").expect("prices");
    let ending = |class, cost: Cost| {
        let outcome = Outcome::refused(class, None, "words").costing(cost);
        let ending = letter("+447700900001", "hi").ending(outcome, Some(&prices), 7);
        (ending.segments, ending.charge)
    };
    let told = Some(Charge { price: eur(33_300), is_estimated: false });
    let cost = Cost { price: Some(eur(33_300)), ..Cost::default() };
    for class in [ErrorClass::Ok, ErrorClass::Unknown, ErrorClass::Recipient] {
        assert_eq!(ending(class, cost), (None, told), "{class:?}");
    }
    let each = Cost { segments: Some(3), is_per_segment: true, price: Some(eur(11_100)) };
    assert_eq!(ending(ErrorClass::Ok, each), (Some(3), told));
    // Its number of segments goes before ours.
    let estimated = Some(Charge { price: eur(120_000), is_estimated: true });
    assert_eq!(ending(ErrorClass::Ok, Cost::of_segments(Some(3))), (Some(3), estimated));
    assert_eq!(ending(ErrorClass::Content, Cost::of_segments(Some(3))), (Some(3), None));
}

#[test]
fn words_lose_the_text_the_code_and_the_number() {
    let letter = letter("+15005550001", "Your code is 0123.");
    let said = "cannot send 'Your code is 0123.' (0123) to +15005550001";
    assert_eq!(letter.redacted(said), "cannot send '[text]' ([code]) to +[number]");
    assert_eq!(letter.redacted("<Say>It is 0, 1, 2, 3.</Say>"), "<Say>It is [code].</Say>");
    assert_eq!(letter.redacted_id("15005550001-7"), "[number]-7");
    assert_eq!(letter.redacted_id("20261128000001"), "20261128000001");
}

fn ann() -> Recipient {
    Recipient::parse_email("Ann@example.org").expect("an address")
}

#[test]
fn words_about_an_email_lose_its_address_and_title() {
    let body = Body { title: Some("A parcel".into()), text: "It is here.".into(), language: None };
    let letter = Letter::of_body(ann(), body, "en");
    let said = "550 5.1.1 <ann@EXAMPLE.org>: no mailbox ann here, \"A parcel\": It is here.";
    assert_eq!(
        letter.redacted(said),
        "550 5.1.1 <[address]>: no mailbox [name] here, \"[title]\": [text]"
    );
    assert_eq!(letter.redacted("Planning annex, +1 202 555 0123"), "Planning annex, +[number]");
    assert_eq!(letter.redacted_id("4F1C-ann@example.org-ann"), "4F1C-[address]-ann");
    // A server that rewrites addresses names another one of theirs.
    let tagged = Recipient::parse_email("ann+shop@example.org").expect("an address");
    let body = Body { title: Some("A parcel".into()), text: "It is here.".into(), language: None };
    let letter = Letter::of_body(tagged, body, "en");
    for (said, kept) in [
        ("550 5.1.1 <ann@example.org>: user unknown", "550 5.1.1 <[address]>: user unknown"),
        ("551 user not local; try <lee@example.net>", "551 user not local; try <[address]>"),
        ("ann+shop@example.org is ann@example.org", "[address] is [address]"),
    ] {
        assert_eq!(letter.redacted(said), kept);
    }
    assert_eq!(letter.redacted_id("4F1C <ann@example.org>"), "4F1C <[address]>");
    assert_eq!(letter.redacted_id("4F1C2A"), "4F1C2A");
}

#[test]
fn an_id_that_looks_like_an_address_is_kept_and_one_that_is_theirs_is_not() {
    let tagged = Recipient::parse_email("Ann+shop@example.org").expect("an address");
    let body = Body { title: Some("A parcel".into()), text: "It is here.".into(), language: None };
    let letter = Letter::of_body(tagged, body, "en");
    for id in [
        "<20261128101500.1.4F1C2A@mg.example.com>",
        "<20261128.1234@mg.sender.example>",
        "010001-7a@email.example",
        "a@b/c@d",
    ] {
        assert_eq!(letter.redacted_id(id), id);
    }
    for (id, kept) in [
        ("<ann+SHOP@example.org>", "<[address]>"),
        ("<ann@example.net>", "<[address]>"),
        ("bounce-ann+shop=example.org@mg.example.com", "bounce-[address]@mg.example.com"),
        ("ann=example.org", "[address]"),
        ("<a.lee@example.org>", "<[address]>"),
        ("<a.nn@mail.example>", "<[address]>"),
        // What is said, and no id.
        ("7F for ann=example.org@mg.example.com", "7F for [address]@mg.example.com"),
        ("accepted for lee@example.net", "accepted for [address]"),
    ] {
        assert_eq!(letter.redacted_id(id), kept, "{id}");
    }
}

#[test]
fn an_email_says_the_same_twice() {
    let template = Template::parse("Hi {name},\n\n{code}\n\nThe team");
    let values: Values = [("name", "<b>Ann</b>\r\n\r\nLee"), ("code", "0123")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let words = filled(&template, &values);
    let letter = Letter::by_mail(ann(), "0123\r\nBcc: bob@example.org", words, "en");
    assert_eq!(letter.text, "Hi <b>Ann</b>\n\nLee,\n\n0123\n\nThe team");
    let mail = letter.mail.expect("an e-mail");
    assert_eq!(mail.title, "0123 Bcc: bob@example.org");
    assert!(mail.html.contains("Hi &lt;b&gt;Ann&lt;/b&gt;</p>"), "{}", mail.html);
    assert!(mail.html.contains(">0123</p>"), "{}", mail.html);
}

#[test]
fn a_title_is_one_line_whatever_is_put_into_it() {
    for (text, line) in [
        ("12 is your code", "12 is your code"),
        (" a\r\n\tb\u{85}c\u{0} ", "a b c"),
        ("a\u{2028}b  c", "a\u{2028}b c"),
        ("\r\n", ""),
    ] {
        assert_eq!(one_line(text), line, "{text:?}");
    }
}

#[test]
fn minutes_are_those_that_are_left() {
    for (ms, minutes) in [(600_000, 10), (599_000, 10), (89_000, 1), (90_000, 2), (5, 1)] {
        assert_eq!(minutes_left(ms), minutes, "{ms}");
    }
}
