//! Tests of the provider for AWS End User Messaging SMS.

use std::time::Duration;

use otpost_shared::{outcome::ErrorClass, queue::Lane};
use serde_json::{Value, json};

use super::{AwsSms, AwsSmsConfig, ERRORS, FIELDS, REASONS, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_unique,
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const ACCEPTED: &str = r#"{"MessageId":"b6ad5d3c-3f5c-4d0c-8d3b-2f1c0a9f4a11"}"#;
const ID: &str = "b6ad5d3c-3f5c-4d0c-8d3b-2f1c0a9f4a11";

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

fn refusal(status: u16, body: &Value) -> Outcome {
    read(status, &body.to_string())
}

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:codes";

fn built(keys: &str) -> Result<AwsSms, String> {
    built_where(true, keys)
}

fn built_where(is_reachable: bool, keys: &str) -> Result<AwsSms, String> {
    let base = "region = 'us-east-1'\naccess_key_id = 'AKID01'\nsecret_access_key = 'secret01'";
    let keys = format!("{base}\n{keys}");
    let config: AwsSmsConfig = toml::from_str(&keys).map_err(|error| error.to_string())?;
    let net = Net { is_reachable, ..Net::default() };
    AwsSms::new("sms", config, &net).map_err(|error| error.to_string())
}

fn at(server: &TestServer, more: &str) -> AwsSms {
    built(&format!("base_url = '{}'\n{more}", server.url())).unwrap()
}

async fn recorded(more: &str, message: &Outgoing) -> (Recorded, Value) {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", ACCEPTED))]).await;
    let outcome = at(&server, more).send(message).await;
    assert_eq!(outcome, Outcome::accepted(Some(ID.to_owned())));
    let request = server.requests().remove(0);
    let body = serde_json::from_str(&request.body).unwrap();
    (request, body)
}

#[test]
fn the_tables_are_used() {
    assert_unique(ERRORS);
    assert_unique(REASONS);
    for (error, class) in ERRORS {
        let expected = Outcome::refused(*class, Some((*error).to_owned()), "text");
        assert_eq!(refusal(400, &json!({"__type": error, "Message": "text"})), expected);
        let spelled = format!("com.amazonaws.smsvoice#{error}:http://internal.amazon.com/");
        assert_eq!(refusal(400, &json!({"__type": spelled, "message": "text"})), expected);
    }
    for (reason, class) in REASONS {
        for error in ["AccessDeniedException", "ConflictException", "ValidationException"] {
            let body = json!({"__type": error, "Message": "text", "Reason": reason});
            let expected = Outcome::refused(*class, Some((*reason).to_owned()), "text");
            assert_eq!(refusal(400, &body), expected);
        }
    }
}

#[test]
fn a_refused_field_is_named() {
    assert_unique(FIELDS);
    let class = |field: &str| {
        let fields = json!([{"Name": field, "Message": "is not valid"}]);
        let body = json!({"__type": "ValidationException", "Message": "text",
            "Reason": "INVALID_PARAMETER", "Fields": fields});
        refusal(400, &body).class
    };
    assert_eq!(class("DestinationPhoneNumber"), ErrorClass::Recipient);
    assert_eq!(class("destinationPhoneNumber"), ErrorClass::Recipient);
    assert_eq!(class("MessageBody"), ErrorClass::Content);
    assert_eq!(class("OriginationIdentity"), ErrorClass::Sender);
    let body = json!({"__type": "ValidationException", "Reason": "OTHER", "Fields": null});
    assert_eq!(refusal(400, &body).class, ErrorClass::Sender);
}

#[test]
fn an_unlisted_error_is_read_by_its_status() {
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
        let outcome = refusal(status, &json!({"__type": "BrandNew"}));
        let detail = format!("HTTP {status}");
        assert_eq!(outcome, Outcome::refused(class, Some("BrandNew".to_owned()), detail));
    }
}

#[test]
fn accepted_only_with_an_id() {
    assert_eq!(read(200, ACCEPTED), Outcome::accepted(Some(ID.to_owned())));
    let cut = &ACCEPTED[..ACCEPTED.len() - 1];
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        "\u{0}",
        r#"{"MessageId": null}"#,
        r#"{"MessageId": ""}"#,
        r#"{"MessageId": 7}"#,
        r#"{"messageId": "1"}"#,
        cut,
    ] {
        assert_eq!(read(200, body).class, ErrorClass::Unknown, "{body}");
        assert_eq!(read(403, body).class, ErrorClass::Account, "{body}");
    }
    // A success in the body of a failure is no success, and an error beside it counts.
    assert_eq!(read(504, ACCEPTED).class, ErrorClass::Unknown);
    let both = json!({"MessageId": "1", "__type": "ThrottlingException"});
    assert_eq!(refusal(200, &both).class, ErrorClass::Throttled);
}

#[test]
fn configuration_mistakes() {
    let complains = |keys: &str, key: &str| {
        let sentence = built(keys).err().unwrap();
        assert!(sentence.contains(key), "{sentence}");
    };
    complains("origination_identity = ''", "origination_identity");
    complains("configuration_set = ''", "configuration_set");
    complains("topic_arn = 'codes'\nconfiguration_set = 'c'", "topic_arn");
    complains(&format!("topic_arn = '{TOPIC}'"), "configuration_set");
    assert!(built(&format!("topic_arn = '{TOPIC}'\nconfiguration_set = 'c'")).is_ok());
    complains("bulk_type = 'cheap'", "cheap");
    complains("colour = 1", "colour");
    assert!(built("").is_ok());
    let hidden = built_where(false, &format!("topic_arn = '{TOPIC}'\nconfiguration_set = 'c'"));
    let sentence = hidden.err().unwrap();
    assert!(sentence.contains("server.public_url"), "{sentence}");
}

/// Recorded from boto3 1.44.8: `send_text_message` with the same values.
const BOTO3_BODY: &str = concat!(
    r#"{"DestinationPhoneNumber": "+15551234567", "OriginationIdentity": "Otpost", "#,
    r#""MessageBody": "Your code: 12 & \u00e9", "MessageType": "TRANSACTIONAL", "#,
    r#""ConfigurationSetName": "codes", "TimeToLive": 120, "#,
    r#""Context": {"message_id": "00000000-0000-0000-0000-000000000007"}}"#,
);

#[tokio::test]
async fn the_request_is_as_boto3_sends_it() {
    let keys = "origination_identity = 'Otpost'\nconfiguration_set = 'codes'";
    let (request, body) = recorded(keys, &outgoing("Your code: 12 & é")).await;
    assert_eq!(request.line(), "POST / HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
    let target = Some("PinpointSMSVoiceV2.SendTextMessage");
    assert_eq!(request.header("x-amz-target"), target);
    assert_eq!(body, serde_json::from_str::<Value>(BOTO3_BODY).unwrap());

    let date = request.header("x-amz-date").unwrap();
    let scope = format!("AKID01/{}/us-east-1/sms-voice/aws4_request", &date[..8]);
    let signed = "content-type;host;x-amz-date;x-amz-target";
    let expected =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature=");
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with(&expected), "{authorization}");
}

/// Recorded from boto3 1.44.8: the context of `send_text_message` with the same values.
const BOTO3_CONTEXT: &str = concat!(
    r#"{"message_id": "00000000-0000-0000-0000-000000000007", "#,
    r#""report": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw"}"#,
);

#[tokio::test]
async fn the_reference_of_the_report_goes_into_the_context() {
    let mut message = outgoing("hi");
    let of = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw";
    message.report_to = Some(format!("https://codes.example/v1/inbound/sms/reports?of={of}"));
    let keys = format!("configuration_set = 'codes'\ntopic_arn = '{TOPIC}'");
    let (_, body) = recorded(&keys, &message).await;
    assert_eq!(body["Context"], serde_json::from_str::<Value>(BOTO3_CONTEXT).unwrap());
    assert_eq!(body["ConfigurationSetName"], "codes");
}

#[tokio::test]
async fn the_type_follows_the_lane_and_the_life_is_clamped() {
    for (keys, lane, secs, kind, ttl) in [
        ("", Lane::Otp, 0, "TRANSACTIONAL", 5),
        ("", Lane::Bulk, 1_000_000, "PROMOTIONAL", 259_200),
        ("bulk_type = 'transactional'", Lane::Bulk, 90, "TRANSACTIONAL", 90),
    ] {
        let mut message = outgoing("hi");
        message.lane = lane;
        message.validity = Duration::from_secs(secs);
        let (_, body) = recorded(keys, &message).await;
        let expected = json!({
            "DestinationPhoneNumber": "+15551234567",
            "MessageBody": "hi",
            "MessageType": kind,
            "TimeToLive": ttl,
            "Context": {"message_id": "00000000-0000-0000-0000-000000000007"},
        });
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own_and_aws_s_choice() {
    for keys in ["", "origination_identity = 'Otpost'"] {
        let (_, own) = recorded(keys, &outgoing("hi")).await;
        assert_eq!(own.get("OriginationIdentity").is_some(), !keys.is_empty());
        let (_, body) = recorded(keys, &outgoing_from("+12025550123", "hi")).await;
        assert_eq!(body["OriginationIdentity"], "+12025550123");
    }
    let aws_sms = built("").unwrap();
    assert_eq!(aws_sms.check_sender("Otpost"), Ok(()));
    assert!(aws_sms.check_sender("").is_err());
}

#[tokio::test]
async fn a_throttled_send_carries_its_wait() {
    let body = r#"{"__type":"ThrottlingException","Message":"Rate exceeded"}"#;
    let busy = answer(400, "Retry-After: 3\r\n", body);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, "").send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_check_describes_the_account() {
    let tier = r#"{"AccountAttributes":[{"Name":"ACCOUNT_TIER","Value":"PRODUCTION"}]}"#;
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", tier))]).await;
    assert_eq!(at(&server, "").check().await.unwrap(), "aws_sms: credentials good");
    let request = &server.requests()[0];
    assert_eq!(request.line(), "POST / HTTP/1.1");
    // Recorded from boto3 1.44.8: `describe_account_attributes`.
    let target = Some("PinpointSMSVoiceV2.DescribeAccountAttributes");
    assert_eq!(request.header("x-amz-target"), target);
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(request.body, "{}");
}

#[test]
fn checks_are_read() {
    let check = |status, body: &str| read_check(&answered(status, body));
    let sandbox = r#"{"AccountAttributes":[{"Name":"ACCOUNT_TIER","Value":"SANDBOX"}]}"#;
    assert_eq!(
        check(200, sandbox).unwrap(),
        "aws_sms: credentials good; in the sandbox, only verified numbers are sent to"
    );
    assert_eq!(check(200, r#"{"AccountAttributes":[]}"#).unwrap(), "aws_sms: credentials good");
    let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
    assert_eq!(
        check(400, denied).unwrap(),
        "aws_sms: credentials good; they may not read the account's attributes"
    );
    let disabled =
        r#"{"__type":"AccessDeniedException","Message":"no","Reason":"ACCOUNT_DISABLED"}"#;
    assert_eq!(
        check(400, disabled).unwrap_err(),
        "aws_sms answered HTTP 400, ACCOUNT_DISABLED: no"
    );
    let forged = r#"{"__type":"InvalidSignatureException","message":"Check your key."}"#;
    assert_eq!(
        check(403, forged).unwrap_err(),
        "aws_sms answered HTTP 403, InvalidSignatureException: Check your key."
    );
    for (status, body) in [(200, "<html>"), (200, "{}"), (500, sandbox), (200, ACCEPTED)] {
        assert!(check(status, body).is_err(), "{body}");
    }
}
