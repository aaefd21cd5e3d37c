//! Tests of the SNS provider.

use std::time::Duration;

use otpost_shared::{outcome::ErrorClass, queue::Lane};

use super::{DENIED, ERRORS, PARAMETER_CODES, SENTENCES, Sns, SnsConfig, read_answer, read_check};
use crate::{
    provider::{Outcome, Provider},
    providers::{
        Net,
        error_table::{assert_unique, class_of_word},
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const ACCEPTED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
    <PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>
    <ResponseMetadata><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ResponseMetadata>
    </PublishResponse>"#;

const ID: &str = "567910cd-659e-55d4-8ccb-5aaf14679dc0";

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

fn error(code: &str, text: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>\
        <Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>\
        <RequestId>9dd01905-5012-5f99-8663-4b3ecd0dfaef</RequestId></ErrorResponse>"
    )
}

fn built(keys: &str) -> Result<Sns, String> {
    let base = "region = 'us-east-1'\naccess_key_id = 'AKID01'\nsecret_access_key = 'secret01'";
    let keys = format!("{base}\n{keys}");
    let config: SnsConfig = toml::from_str(&keys).map_err(|error| error.to_string())?;
    Sns::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> Sns {
    built(&format!("base_url = '{}'\n{more}", server.url())).unwrap()
}

async fn recorded(more: &str, lane: Lane) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", ACCEPTED))]).await;
    let mut message = outgoing("Your code: 12 & é");
    message.lane = lane;
    let outcome = at(&server, more).send(&message).await;
    assert_eq!(outcome, Outcome::accepted(Some(ID.to_owned())));
    server.requests().remove(0)
}

/// The message's type as sent.
fn sms_type(request: &Recorded) -> String {
    let name = "MessageAttributes.entry.1.Value.StringValue";
    request.form().into_iter().find(|(found, _)| found == name).unwrap().1
}

#[test]
fn the_table_is_used() {
    assert_unique(ERRORS);
    for (code, class) in ERRORS {
        let outcome = read(400, &error(code, "text"));
        assert_eq!(outcome, Outcome::refused(*class, Some((*code).to_owned()), "text"));
    }
    for code in PARAMETER_CODES.iter().chain(&DENIED) {
        assert!(class_of_word(ERRORS, code).is_some(), "{code}");
    }
}

#[test]
fn a_wrong_parameter_is_named_by_its_sentence() {
    assert_unique(SENTENCES);
    let class = |code, text| read(400, &error(code, text)).class;
    let number = "Invalid parameter: PhoneNumber Reason: +15551234567 is not valid to publish to";
    let long = "Invalid parameter: Message too long";
    let empty = "Invalid parameter: Empty message";
    for code in PARAMETER_CODES {
        assert_eq!(class(code, number), ErrorClass::Region, "{code}");
        assert_eq!(class(code, long), ErrorClass::Content, "{code}");
        assert_eq!(class(code, empty), ErrorClass::Content, "{code}");
        assert_eq!(class(code, "Invalid parameter: SenderID"), ErrorClass::Sender, "{code}");
    }
    assert_eq!(class("AuthorizationError", number), ErrorClass::Account);
}

#[test]
fn an_unlisted_code_is_read_by_its_status() {
    for (status, class) in [
        (400, ErrorClass::Sender),
        (403, ErrorClass::Account),
        (404, ErrorClass::Account),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
        (503, ErrorClass::Transient),
        (200, ErrorClass::Unknown),
    ] {
        let outcome = read(status, &error("BrandNew", "text"));
        assert_eq!(outcome, Outcome::refused(class, Some("BrandNew".to_owned()), "text"));
    }
}

#[test]
fn accepted_only_with_an_id_in_its_place() {
    assert_eq!(read(200, ACCEPTED), Outcome::accepted(Some(ID.to_owned())));
    let nameless = "<PublishResponse><PublishResult/></PublishResponse>";
    let empty = "<PublishResponse><PublishResult><MessageId> </MessageId></PublishResult>\
        </PublishResponse>";
    let elsewhere = "<PublishResponse><MessageId>1</MessageId></PublishResponse>";
    let other = "<PublishBatchResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
        </PublishBatchResponse>";
    let cut = &ACCEPTED[..ACCEPTED.len() - 4];
    let json = r#"{"MessageId": "1"}"#;
    for body in ["", "null", "<html>", "\u{0}", nameless, empty, elsewhere, other, cut, json] {
        assert_eq!(read(200, body).class, ErrorClass::Unknown, "{body}");
        assert_eq!(read(403, body).class, ErrorClass::Account, "{body}");
    }
    // A success in the body of a failure is no success, and an error beside it counts.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
    let refused = read(200, &error("Throttled", "Rate exceeded"));
    assert_eq!(refused.class, ErrorClass::Throttled);
}

/// What moto 5.2.5 says, with status 200, to a `Publish` without `Authorization`: it takes it for a
/// request to S3.
#[test]
fn another_services_success_is_none() {
    let body = r#"<?xml version="1.0" encoding="utf-8"?>
<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets/><Owner><DisplayName>webfile</DisplayName><ID>bcaf1ffd86f41161ca5fb16fd081034f</ID></Owner></ListAllMyBucketsResult>"#;
    assert_eq!(read(200, body).class, ErrorClass::Unknown);
    assert!(read_check(&answered(200, body)).is_err());
}

#[test]
fn configuration_mistakes() {
    let complains = |keys: &str, key: &str| {
        let sentence = built(keys).err().unwrap();
        assert!(sentence.contains(key), "{sentence}");
    };
    complains("sender_id = ''", "sender_id");
    complains("origination_number = ''", "origination_number");
    for price in ["", "0", "0.00", "-1", "1e3", "cheap", ".", "1,5"] {
        complains(&format!("max_price = '{price}'"), "max_price");
    }
    complains("bulk_type = 'Promotional'", "Promotional");
    complains("colour = 1", "colour");
    assert!(built("max_price = '0.05'\nbulk_type = 'promotional'").is_ok());
    let sentence = toml::from_str::<SnsConfig>("region = 'us-east-1'").err().unwrap().to_string();
    assert!(sentence.contains("access_key_id"), "{sentence}");
}

/// Recorded from boto3 1.44.8: `publish` with the same number, text and attributes.
const BOTO3_FORM: [(&str, &str); 16] = [
    ("Action", "Publish"),
    ("Version", "2010-03-31"),
    ("PhoneNumber", "+15551234567"),
    ("Message", "Your code: 12 & é"),
    ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
    ("MessageAttributes.entry.1.Value.DataType", "String"),
    ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
    ("MessageAttributes.entry.2.Name", "AWS.SNS.SMS.SenderID"),
    ("MessageAttributes.entry.2.Value.DataType", "String"),
    ("MessageAttributes.entry.2.Value.StringValue", "Otpost"),
    ("MessageAttributes.entry.3.Name", "AWS.MM.SMS.OriginationNumber"),
    ("MessageAttributes.entry.3.Value.DataType", "String"),
    ("MessageAttributes.entry.3.Value.StringValue", "+15550100"),
    ("MessageAttributes.entry.4.Name", "AWS.SNS.SMS.MaxPrice"),
    ("MessageAttributes.entry.4.Value.DataType", "Number"),
    ("MessageAttributes.entry.4.Value.StringValue", "0.05"),
];

#[tokio::test]
async fn the_request_is_as_boto3_sends_it() {
    let keys = "sender_id = 'Otpost'\norigination_number = '+15550100'\nmax_price = '0.05'";
    let request = recorded(keys, Lane::Otp).await;
    assert_eq!(request.line(), "POST / HTTP/1.1");
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    assert_eq!(request.header("content-type"), Some(content_type));
    assert_eq!(request.form(), BOTO3_FORM.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let date = request.header("x-amz-date").unwrap();
    let scope = format!("AKID01/{}/us-east-1/sns/aws4_request", &date[..8]);
    let signed = "content-type;host;x-amz-date";
    let expected =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature=");
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with(&expected), "{authorization}");
    assert_eq!(request.header("x-amz-security-token"), None);
}

#[tokio::test]
async fn the_type_follows_the_lane() {
    for (keys, lane, expected) in [
        ("", Lane::Otp, "Transactional"),
        ("", Lane::Bulk, "Promotional"),
        ("bulk_type = 'promotional'", Lane::Otp, "Transactional"),
        ("bulk_type = 'transactional'", Lane::Bulk, "Transactional"),
    ] {
        let request = recorded(keys, lane).await;
        assert_eq!(sms_type(&request), expected, "{keys}");
        assert!(!request.body.contains("entry.2"), "{}", request.body);
    }
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_name_and_number() {
    let own = [("AWS.SNS.SMS.SenderID", "Otpost"), ("AWS.MM.SMS.OriginationNumber", "+15550100")];
    for (message, senders) in [
        (outgoing("hi"), &own[..]),
        (outgoing_from("Company", "hi"), &[("AWS.SNS.SMS.SenderID", "Company")]),
        (outgoing_from("+12025550123", "hi"), &[("AWS.MM.SMS.OriginationNumber", "+12025550123")]),
    ] {
        let server = TestServer::start(vec![Reply::Whole(answer(200, "", ACCEPTED))]).await;
        let keys = "sender_id = 'Otpost'\norigination_number = '+15550100'\nmax_price = '0.05'";
        at(&server, keys).send(&message).await;
        let form = server.requests().remove(0).form();
        // The type comes first, then each attribute with its name, kind and value.
        let attributes: Vec<(&str, &str)> = form[7..]
            .chunks(3)
            .map(|attribute| (attribute[0].1.as_str(), attribute[2].1.as_str()))
            .collect();
        let expected: Vec<_> =
            senders.iter().copied().chain([("AWS.SNS.SMS.MaxPrice", "0.05")]).collect();
        assert_eq!(attributes, expected);
    }
    let sns = built("").unwrap();
    assert_eq!(sns.check_sender("Otpost"), Ok(()));
    assert!(sns.check_sender("").is_err());
}

#[tokio::test]
async fn a_session_token_is_sent_and_signed() {
    let request = recorded("session_token = 'token01'", Lane::Otp).await;
    assert_eq!(request.header("x-amz-security-token"), Some("token01"));
    let authorization = request.header("authorization").unwrap();
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,";
    assert!(authorization.contains(signed), "{authorization}");
}

#[tokio::test]
async fn a_throttled_send_carries_its_wait() {
    let busy = answer(429, "Retry-After: 3\r\n", &error("Throttled", "Rate exceeded"));
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_check_reads_the_sms_settings() {
    let settings = "<GetSMSAttributesResponse><ResponseMetadata><RequestId>1</RequestId>\
        </ResponseMetadata></GetSMSAttributesResponse>";
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", settings))]).await;
    at(&server, "").check().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.line(), "POST / HTTP/1.1");
    assert!(request.header("authorization").unwrap().contains("/sns/aws4_request"));
    // Recorded from boto3 1.44.8: `get_sms_attributes`.
    let expected = [
        ("Action", "GetSMSAttributes"),
        ("Version", "2010-03-31"),
        ("attributes.member.1", "MonthlySpendLimit"),
    ];
    assert_eq!(request.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn checks_are_read() {
    let check = |status, body: &str| read_check(&answered(status, body));
    let limit = r#"<GetSMSAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
        <GetSMSAttributesResult><attributes><entry><key>MonthlySpendLimit</key><value>50</value>
        </entry></attributes></GetSMSAttributesResult><ResponseMetadata><RequestId>1</RequestId>
        </ResponseMetadata></GetSMSAttributesResponse>"#;
    assert_eq!(check(200, limit).unwrap(), "sns: credentials good, monthly limit 50 USD");
    for code in DENIED {
        let denied = check(403, &error(code, "not authorized to perform SNS:GetSMSAttributes"));
        assert_eq!(denied.unwrap(), "sns: credentials good; they may not read the SMS settings");
    }
    let forged = check(403, &error("SignatureDoesNotMatch", "Check your key."));
    assert_eq!(
        forged.unwrap_err(),
        "sns answered HTTP 403, SignatureDoesNotMatch: Check your key."
    );
    assert!(check(200, "<html>").is_err());
    assert!(check(500, limit).is_err());
    assert!(check(200, ACCEPTED).is_err());
}
