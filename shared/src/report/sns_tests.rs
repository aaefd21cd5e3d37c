//! Tests of a topic's messages. The samples were signed with OpenSSL under a certificate of our own,
//! and the official validator for Node.js, sns-validator 0.3.5, accepts each of them.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::Value;

use super::*;

pub(in crate::report) const NOTIFICATION: &str = include_str!("sns_samples/notification_2.json");
pub(in crate::report) const CONFIRMATION: &str = include_str!("sns_samples/confirmation_2.json");
const SAMPLES: [&str; 5] = [
    NOTIFICATION,
    CONFIRMATION,
    include_str!("sns_samples/notification_1.json"),
    include_str!("sns_samples/confirmation_1.json"),
    include_str!("sns_samples/notification_subject.json"),
];
const KEY: &[u8] = include_bytes!("sns_samples/certificate.key.pem");
const CERTIFICATE: &[u8] = include_bytes!("sns_samples/certificate.pem");
/// Of the same name, and of a key of another kind.
const FOREIGN: &[u8] = include_bytes!("sns_samples/foreign.pem");
const NO_RSA: &[u8] = include_bytes!("sns_samples/no_rsa.pem");

pub(in crate::report) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:codes";
/// 2026-11-28T09:00:00.123Z, as the samples say.
pub(in crate::report) const AT_MS: Millis = 1_795_856_400_123;

pub(in crate::report) fn certificate() -> Certificate {
    Certificate::parse(CERTIFICATE).expect("a certificate")
}

/// A sample with this as its message, signed anew.
pub(in crate::report) fn notification(message: &str) -> String {
    let mut envelope: Envelope = serde_json::from_str(NOTIFICATION).expect("an envelope");
    message.clone_into(&mut envelope.message);
    let (_, pem) = parse_x509_pem(KEY).expect("a PEM file");
    let key = RsaKeyPair::from_pkcs8(&pem.contents).expect("a key");
    let mut signature = vec![0; key.public_modulus_len()];
    let (random, signed) = (SystemRandom::new(), envelope.canonical());
    key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).expect("a signature");
    let mut json: Value = serde_json::from_str(NOTIFICATION).expect("JSON");
    json["Message"] = message.into();
    json["Signature"] = BASE64.encode(signature).into();
    json.to_string()
}

fn unchecked(body: &str, now: Millis) -> Result<Unchecked, NotHeard> {
    let topic = Topic::parse(TOPIC).expect("a topic");
    Unchecked::read(&topic, &Call { url: "", headers: &[], body: body.as_bytes() }, now)
}

fn said(body: &str) -> Result<Said, NotHeard> {
    unchecked(body, AT_MS)?.check(&certificate(), AT_MS)
}

#[test]
fn what_the_official_validator_accepts_is_accepted() {
    for sample in SAMPLES {
        let json: serde_json::Value = serde_json::from_str(sample).expect("JSON");
        let text = |name: &str| json[name].as_str().expect("a text").to_owned();
        let expected = match json["Type"].as_str() {
            Some("Notification") => Said::Notification(text("Message")),
            _ => Said::Subscribing(text("SubscribeURL")),
        };
        assert_eq!(said(sample), Ok(expected), "{sample}");
        let read = unchecked(sample, AT_MS).expect("a message");
        assert_eq!(read.certificate_url(), text("SigningCertURL"));
    }
}

#[test]
fn every_changed_byte_is_refused() {
    for sample in SAMPLES {
        let original: serde_json::Value = serde_json::from_str(sample).expect("JSON");
        for place in 0..sample.len() {
            let mut changed = sample.as_bytes().to_vec();
            changed[place] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            if said(&changed).is_ok() {
                // Only where nothing changed, or in what nobody reads or signs.
                let mut now: serde_json::Value = serde_json::from_str(&changed).expect("JSON");
                let mut original = original.clone();
                for json in [&mut now, &mut original] {
                    let object = json.as_object_mut().expect("an object");
                    object.retain(|name, _| {
                        SIGNED.contains(&name.as_str()) || name.starts_with("Sign")
                    });
                    // The path names the file, which is what is given here.
                    object.remove("SigningCertURL");
                }
                assert_eq!(now, original, "{changed}");
            }
        }
    }
}

const SIGNED: [&str; 8] =
    ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

#[test]
fn what_is_missing_or_cut_is_refused() {
    for sample in SAMPLES {
        let json: serde_json::Value = serde_json::from_str(sample).expect("JSON");
        let object = json.as_object().expect("an object");
        for name in object.keys().filter(|name| *name != "UnsubscribeURL") {
            let mut less = object.clone();
            less.remove(name);
            assert!(said(&serde_json::Value::Object(less).to_string()).is_err(), "no {name}");
        }
        for end in 0..sample.trim_end().len() {
            let cut = sample.get(..end).map(said);
            assert!(!matches!(cut, Some(Ok(_))), "{end}");
        }
    }
    for body in ["", "{", "[]", "null", "{}", "\u{0}"] {
        assert!(matches!(said(body), Err(NotHeard::Malformed(_))), "{body}");
    }
}

#[test]
fn raw_messages_are_refused() {
    let topic = Topic::parse(TOPIC).expect("a topic");
    let headers = [("x-amz-sns-rawdelivery", "true")];
    let call = Call { url: "", headers: &headers, body: NOTIFICATION.as_bytes() };
    let answer = Unchecked::read(&topic, &call, AT_MS).map(drop);
    assert!(matches!(answer, Err(NotHeard::NotGenuine(why)) if why.contains("raw")), "{answer:?}");
}

#[test]
fn time_passes() {
    let at = |now| unchecked(NOTIFICATION, now).map(drop);
    for now in [AT_MS - WINDOW_MS, AT_MS + 3_600_000, AT_MS + WINDOW_MS] {
        assert_eq!(at(now), Ok(()));
    }
    for now in [AT_MS - WINDOW_MS - 1, AT_MS + WINDOW_MS + 1, i64::MIN, i64::MAX] {
        assert!(matches!(at(now), Err(NotHeard::NotGenuine(_))), "{now}");
    }
    // The certificate's own time, 2020 to 2120.
    let certificate = certificate();
    let by = |now| unchecked(NOTIFICATION, AT_MS).expect("a message").check(&certificate, now);
    for (now, is_good) in [
        (certificate.valid_from - 1, false),
        (certificate.valid_from, true),
        (certificate.valid_until, true),
        (certificate.valid_until + 1, false),
    ] {
        assert_eq!(by(now).is_ok(), is_good, "{now}");
    }
    assert_eq!(
        (certificate.valid_from, certificate.valid_until),
        (1_577_836_800_000, 4_733_510_400_000)
    );
}

#[test]
fn foreign_certificates_do_not_fit() {
    for pem in [FOREIGN, NO_RSA] {
        let foreign = Certificate::parse(pem).expect("a certificate");
        let answer = unchecked(NOTIFICATION, AT_MS).expect("a message").check(&foreign, AT_MS);
        assert!(matches!(answer, Err(NotHeard::NotGenuine(_))), "{answer:?}");
    }
    for end in 0..CERTIFICATE.len() - 1 {
        drop(Certificate::parse(&CERTIFICATE[..end]));
    }
    for place in 0..CERTIFICATE.len() {
        let mut changed = CERTIFICATE.to_vec();
        changed[place] ^= 1;
        drop(Certificate::parse(&changed));
    }
    for text in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Certificate::parse(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn topics() {
    let topic = |arn: &str| Topic::parse(arn).map(|topic| topic.origin);
    for (arn, origin) in [
        (TOPIC, "https://sns.eu-west-1.amazonaws.com/"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:a", "https://sns.cn-north-1.amazonaws.com.cn/"),
        (
            "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a_B-1",
            "https://sns.us-gov-west-1.amazonaws.com/",
        ),
    ] {
        assert_eq!(topic(arn).as_deref(), Some(origin), "{arn}");
    }
    for arn in [
        "",
        "codes",
        "arn:aws:sqs:eu-west-1:123456789012:codes",
        "arn:other:sns:eu-west-1:123456789012:codes",
        "arn:aws:sns::123456789012:codes",
        "arn:aws:sns:evil.example/:123456789012:codes",
        "arn:aws:sns:eu-west-1:12345678901:codes",
        "arn:aws:sns:eu-west-1:123456789012:",
        "arn:aws:sns:eu-west-1:123456789012:codes:c9135db0",
    ] {
        assert_eq!(topic(arn), None, "{arn}");
    }
}

#[test]
fn only_addresses_of_sns_itself_are_called() {
    let topic = Topic::parse(TOPIC).expect("a topic");
    let name = "SimpleNotificationService-0123456789abcdef.pem";
    assert!(topic.is_certificate(&format!("https://sns.eu-west-1.amazonaws.com/{name}")));
    for origin in [
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-2.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com.cn/",
        "https://sns.eu-west-1.amazonaws.com:8443/",
        "https://sns.eu-west-1.amazonaws.com.evil.example/",
        "https://sns.eu-west-1.amazonaws.com@evil.example/",
        "https://x@sns.eu-west-1.amazonaws.com/",
        "https://evil.example/?https://sns.eu-west-1.amazonaws.com/",
        "https://sns.s3-eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/",
        " https://sns.eu-west-1.amazonaws.com/",
        "",
    ] {
        assert!(!topic.is_certificate(&format!("{origin}{name}")), "{origin}");
        let confirmation = format!("{origin}?Action=ConfirmSubscription&Token=1");
        assert!(!topic.is_confirmation(&confirmation), "{origin}");
    }
    let good = "https://sns.eu-west-1.amazonaws.com/";
    for path in ["", "x.pem", "SimpleNotificationService-1", "SimpleNotificationService-/../x.pem"]
    {
        assert!(!topic.is_certificate(&format!("{good}{path}")), "{path}");
    }
    assert!(!topic.is_certificate(&format!("{good}?Action=x&SimpleNotificationService-1.pem")));
    assert!(topic.is_confirmation(&format!("{good}?Action=ConfirmSubscription&Token=1")));
    for path in ["", "?Action=Unsubscribe", "?Action=ConfirmSubscription&Token=1#x", "x?Action=x"] {
        assert!(!topic.is_confirmation(&format!("{good}{path}")), "{path}");
    }
}
