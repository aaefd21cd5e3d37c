//! Tests of the signature, against those that botocore makes for the same time and keys.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use otpost_shared::{outcome::ErrorClass, queue::Lane};
use reqwest::{Request, header::CONTENT_TYPE};

use super::{Account, MessageType, Service};
use crate::{provider::Outcome, providers::Net};

/// 2026-01-02 03:04:05 UTC.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn account(session_token: Option<&str>) -> Account {
    Account {
        region: "eu-west-1".to_owned(),
        access_key_id: "AKID01".to_owned(),
        secret_access_key: "secret/01+".to_owned().into(),
        session_token: session_token.map(|token| token.to_owned().into()),
        base_url: None,
    }
}

fn service(service: &'static str, account: Account) -> Service {
    Service::new("sms", service, account, &Net::default()).unwrap()
}

fn signed(service: &Service, body: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = service.post().body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    service.signed(request, now()).unwrap().build().unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers().get(name).unwrap().to_str().unwrap()
}

/// Recorded from botocore 1.44.8 for `sns.publish`.
#[test]
fn a_form_is_signed_as_botocore_signs_it() {
    let body = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B15551234567\
        &Message=Your+code%3A+12+%26+%C3%A9\
        &MessageAttributes.entry.1.Name=AWS.SNS.SMS.SMSType\
        &MessageAttributes.entry.1.Value.DataType=String\
        &MessageAttributes.entry.1.Value.StringValue=Transactional\
        &MessageAttributes.entry.2.Name=AWS.SNS.SMS.SenderID\
        &MessageAttributes.entry.2.Value.DataType=String\
        &MessageAttributes.entry.2.Value.StringValue=Otpost\
        &MessageAttributes.entry.3.Name=AWS.MM.SMS.OriginationNumber\
        &MessageAttributes.entry.3.Value.DataType=String\
        &MessageAttributes.entry.3.Value.StringValue=%2B15550100\
        &MessageAttributes.entry.4.Name=AWS.SNS.SMS.MaxPrice\
        &MessageAttributes.entry.4.Value.DataType=Number\
        &MessageAttributes.entry.4.Value.StringValue=0.05";
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    let service = service("sns", account(None));
    let request = signed(&service, body, &[(CONTENT_TYPE.as_str(), content_type)]);
    assert_eq!(request.url().as_str(), "https://sns.eu-west-1.amazonaws.com/");
    assert_eq!(header(&request, "x-amz-date"), "20260102T030405Z");
    assert_eq!(
        header(&request, "authorization"),
        concat!(
            "AWS4-HMAC-SHA256 Credential=AKID01/20260102/eu-west-1/sns/aws4_request, ",
            "SignedHeaders=content-type;host;x-amz-date, ",
            "Signature=e5476a2021e2c9cd7c54ac10f314fff3effc11f59f179b2a4863defc92d4ac0c",
        )
    );
    assert!(!request.headers().contains_key("x-amz-security-token"));
}

/// Recorded from botocore 1.44.8 for `pinpoint-sms-voice-v2`'s `send_text_message`,
/// with temporary keys.
#[test]
fn json_and_a_session_token_are_signed_as_botocore_signs_them() {
    let body = concat!(
        r#"{"DestinationPhoneNumber": "+15551234567", "OriginationIdentity": "Otpost", "#,
        r#""MessageBody": "Your code: 12 & \u00e9", "MessageType": "TRANSACTIONAL", "#,
        r#""ConfigurationSetName": "codes", "TimeToLive": 120, "#,
        r#""Context": {"message_id": "00000000-0000-0000-0000-000000000007"}}"#,
    );
    let headers = [
        (CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"),
        ("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage"),
    ];
    let service = service("sms-voice", account(Some("token+/01==")));
    let request = signed(&service, body, &headers);
    assert_eq!(request.url().as_str(), "https://sms-voice.eu-west-1.amazonaws.com/");
    assert_eq!(header(&request, "x-amz-security-token"), "token+/01==");
    assert_eq!(
        header(&request, "authorization"),
        concat!(
            "AWS4-HMAC-SHA256 Credential=AKID01/20260102/eu-west-1/sms-voice/aws4_request, ",
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, ",
            "Signature=3549ef4c0b6b24da773bc40f9b1e28964690d4f835cdb2cb11e90e189af42b0a",
        )
    );
}

#[test]
fn the_signature_covers_key_time_body_and_region() {
    let base = signed(&service("sns", account(None)), "a=1", &[]);
    let signature = header(&base, "authorization");
    let other_body = signed(&service("sns", account(None)), "a=2", &[]);
    let other_service = signed(&service("sms-voice", account(None)), "a=1", &[]);
    let mut elsewhere = account(None);
    elsewhere.region = "us-east-1".to_owned();
    let elsewhere = signed(&service("sns", elsewhere), "a=1", &[]);
    let mut other_key = account(None);
    other_key.secret_access_key = "secret/02+".to_owned().into();
    let other_key = signed(&service("sns", other_key), "a=1", &[]);
    for other in [other_body, other_service, elsewhere, other_key] {
        assert_ne!(header(&other, "authorization"), signature);
    }
    let service = service("sns", account(None));
    let later = service.signed(service.post().body("a=1"), now() + Duration::from_secs(1));
    assert_ne!(header(&later.unwrap().build().unwrap(), "authorization"), signature);
}

#[tokio::test]
async fn what_cannot_be_built_is_not_sent() {
    let service = service("sns", account(None));
    let unfit = || service.post().header("a", "b\n");
    let refused = Outcome::refused(ErrorClass::Account, None, "the request could not be signed");
    assert_eq!(service.call(unfit()).await.err(), Some(refused));
    let said = service.call_check(unfit()).await.err();
    assert_eq!(said.as_deref(), Some("the request could not be signed"));
}

#[test]
fn keys_and_region_are_words() {
    let built = |account| Service::new("sms", "sns", account, &Net::default()).err();
    let wrong = |change: fn(&mut Account)| {
        let mut account = account(Some("token"));
        change(&mut account);
        built(account).unwrap().to_string()
    };
    assert!(built(account(Some("token"))).is_none());
    for region in ["", "EU", "eu west", "eu.west", "a@b"] {
        let mut account = account(None);
        account.region = region.to_owned();
        let sentence = built(account).unwrap().to_string();
        assert!(sentence.contains("providers.sms.region"), "{sentence}");
    }
    let sentence = wrong(|account| account.access_key_id = "AKID 01".to_owned());
    assert!(sentence.contains("providers.sms.access_key_id"), "{sentence}");
    let sentence = wrong(|account| account.secret_access_key = String::new().into());
    assert!(sentence.contains("providers.sms.secret_access_key"), "{sentence}");
    let sentence = wrong(|account| account.session_token = Some("a\nb".to_owned().into()));
    assert!(sentence.contains("providers.sms.session_token"), "{sentence}");
    let sentence = wrong(|account| account.base_url = Some("sns.eu-west-1".to_owned()));
    assert!(sentence.contains("providers.sms.base_url"), "{sentence}");
}

#[test]
fn a_code_is_transactional() {
    for bulk in [MessageType::Promotional, MessageType::Transactional] {
        assert_eq!(MessageType::of(Lane::Otp, bulk), MessageType::Transactional);
        assert_eq!(MessageType::of(Lane::Bulk, bulk), bulk);
    }
    assert_eq!(MessageType::default(), MessageType::Promotional);
}
