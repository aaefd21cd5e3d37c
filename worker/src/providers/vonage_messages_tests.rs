//! Tests of the Vonage Messages provider.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use otpost_shared::outcome::ErrorClass;
use serde_json::{Value, json};

use super::{ERRORS, GENERIC, VonageMessages, VonageMessagesConfig, read_answer, read_check};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::{assert_sorted, assert_unique},
        http_call::Answer,
        samples::{outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

/// What `vonage` 4.9.1, Vonage's own Python SDK, sends for this message with `ttl` and
/// `client_ref` given.
const SDK_LINE: &str = "POST /v1/messages HTTP/1.1";
const SDK_BASIC: &str = "Basic a2V5OnNlY3JldA==";
const SDK_CONTENT_TYPE: &str = "application/json";
const SDK_BODY: &str = r#"{"to": "15551234567",
    "client_ref": "00000000-0000-0000-0000-000000000007", "from": "Otpost",
    "text": "Your code: 12 & \u00e9", "ttl": 120, "channel": "sms", "message_type": "text"}"#;

/// What it adds for `webhook_url` and `webhook_version`.
const SDK_REPORTS: &str = r#"{"webhook_url": "https://codes.example/r?of=A-_b",
    "webhook_version": "v1"}"#;

/// Of the token it sends with an application: the header, the claims, and the seconds it lives.
const SDK_TOKEN_HEADER: &str = r#"{"alg": "RS256", "typ": "JWT"}"#;
const SDK_TOKEN_CLAIMS: [&str; 4] = ["application_id", "exp", "iat", "jti"];
const SDK_TOKEN_SECS: u64 = 900;

/// A pair of no account.
const PRIVATE_KEY: &str = include_str!("test_keys/application.pem");
const PUBLIC_KEY: &str = include_str!("test_keys/application.pub.pem");

const ACCEPTED: &str = r#"{"message_uuid": "0a1"}"#;
const ACCOUNT: &str = "api_key = 'key'\napi_secret = 'secret'";

fn application() -> String {
    format!("application_id = 'app-1'\nprivate_key = '''{PRIVATE_KEY}'''")
}

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

fn read(status: u16, body: &str) -> Outcome {
    read_answer(&answered(status, body))
}

/// A refusal as Vonage writes it, with more fields.
fn refusal(status: u16, kind: &str, more: &Value) -> Outcome {
    let mut body = json!({"type": kind, "title": "no", "detail": "not so", "instance": "i1"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(status, &body.to_string())
}

fn built(keys: &str) -> Result<VonageMessages, String> {
    let config: VonageMessagesConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    VonageMessages::new("sms", config, &Net::default()).map_err(|error| error.to_string())
}

fn at(server: &TestServer, credentials: &str) -> VonageMessages {
    let url = server.url();
    built(&format!("from = 'Otpost'\nbase_url = '{url}'\n{credentials}")).unwrap()
}

async fn recorded(credentials: &str, validity: Duration) -> Recorded {
    let mut message = outgoing("Your code: 12 & é");
    message.validity = validity;
    sent(credentials, &message).await
}

async fn sent(credentials: &str, message: &Outgoing) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(202, "", ACCEPTED))]).await;
    let outcome = at(&server, credentials).send(message).await;
    assert_eq!(outcome, Outcome::accepted(Some("0a1".to_owned())));
    server.requests().remove(0)
}

/// The claims of a request's token, once its signature is proven.
fn claims(request: &Recorded) -> Value {
    let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let header = serde_json::to_value(header).unwrap();
    assert_eq!(header, serde_json::from_str::<Value>(SDK_TOKEN_HEADER).unwrap());
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).unwrap();
    let token = jsonwebtoken::decode::<Value>(token, &key, &Validation::new(Algorithm::RS256));
    token.unwrap().claims
}

#[test]
fn the_tables_are_sorted_and_used() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            for place in ["developer.vonage.com/api-errors/messages", "developer.nexmo.com/x/y"] {
                let outcome = refusal(422, &format!("https://{place}#{code}"), &json!({}));
                assert_eq!(outcome.class, *class, "{code}");
                assert_eq!(outcome.code, Some(code.to_string()));
                assert_eq!(outcome.detail.as_deref(), Some("not so"));
            }
            let odd = refusal(202, &format!("https://gateway.test#{code}"), &json!({}));
            assert_eq!(odd.class, *class, "{code}");
        }
    }
    assert_unique(GENERIC);
    for (word, class) in GENERIC {
        for place in ["https://developer.vonage.com/api-errors", "https://developer.nexmo.com/"] {
            let outcome = refusal(400, &format!("{place}#{word}"), &json!({}));
            assert_eq!(outcome.class, *class, "{word}");
            assert_eq!(outcome.code.as_deref(), Some(*word));
        }
    }
}

#[test]
fn accepted_only_with_an_id() {
    assert_eq!(read(202, ACCEPTED), Outcome::accepted(Some("0a1".to_owned())));
    let workflow = r#"{"message_uuid": "0a1", "workflow_id": "w1"}"#;
    assert_eq!(read(202, workflow), Outcome::accepted(Some("0a1".to_owned())));
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        "\u{0}",
        r#"{"message_uuid": ""}"#,
        r#"{"message_uuid": 1}"#,
        r#"{"message_uuid": "0a"#,
    ] {
        assert_eq!(read(202, body).class, ErrorClass::Unknown, "{body}");
    }
    // A success in the body of a failure is no success.
    assert_eq!(read(502, ACCEPTED).class, ErrorClass::Unknown);
}

#[test]
fn the_parameter_says_what_is_wrong() {
    let class = |kind: &str, names: &[&str]| {
        let parameters: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "reason": "no"})).collect();
        refusal(422, kind, &json!({"invalid_parameters": parameters})).class
    };
    let kind = "https://developer.vonage.com/api-errors/messages#1150";
    assert_eq!(class(kind, &["to"]), ErrorClass::Recipient);
    assert_eq!(class(kind, &["text"]), ErrorClass::Content);
    assert_eq!(class(kind, &["from"]), ErrorClass::Sender);
    assert_eq!(class(kind, &["to", "ttl"]), ErrorClass::Sender);
    assert_eq!(class("", &["to"]), ErrorClass::Recipient);
    assert_eq!(class("https://gateway.test#unauthorized", &["to"]), ErrorClass::Account);
    let nameless = refusal(422, kind, &json!({"invalid_parameters": [{"reason": "no"}]}));
    assert_eq!(nameless.class, ErrorClass::Sender);
}

#[test]
fn without_a_known_code_the_status_decides() {
    for (status, class) in [
        (401, ErrorClass::Account),
        (402, ErrorClass::Account),
        (403, ErrorClass::Account),
        (404, ErrorClass::Account),
        (422, ErrorClass::Sender),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
        (504, ErrorClass::Unknown),
    ] {
        for body in ["", "<html>", "{}", "[]", r#"{"type": 1}"#, r#"{"type": "x#"}"#] {
            assert_eq!(read(status, body).class, class, "{status} {body}");
        }
        let kind = "https://developer.vonage.com/api-errors/messages";
        for code in ["", "#", "#9999", "#new-word", "#99999999999", "#-1"] {
            let outcome = refusal(status, &format!("{kind}{code}"), &json!({}));
            assert_eq!(outcome.class, class, "{status} {code}");
        }
    }
    let titled = read(500, r#"{"title": "Internal"}"#);
    assert_eq!(titled, Outcome::refused(ErrorClass::Transient, None, "Internal"));
    // Too many at once, whatever the code says.
    let kind = "https://developer.vonage.com/api-errors/messages-olympus#1010";
    assert_eq!(refusal(429, kind, &json!({})).class, ErrorClass::Throttled);
}

#[test]
fn one_of_two_credentials() {
    let with = |credentials: &str| built(&format!("from = 'a'\n{credentials}"));
    assert!(with(ACCOUNT).is_ok());
    assert!(with(&application()).is_ok());
    for wrong in [
        String::new(),
        "application_id = 'a'".to_owned(),
        "api_key = 'a'".to_owned(),
        "application_id = 'a'\napi_secret = 'b'".to_owned(),
        format!("{ACCOUNT}\n{}", application()),
        format!("{ACCOUNT}\napplication_id = 'a'"),
    ] {
        assert!(with(&wrong).is_err(), "{wrong}");
    }
    assert!(built(&format!("from = ''\n{ACCOUNT}")).is_err());
    let empty = with(&format!("{ACCOUNT}\nsignature_secret = ''")).err().unwrap();
    assert!(empty.contains("signature_secret"), "{empty}");
    assert!(built(&format!("from = 'a'\n{ACCOUNT}\nbase_url = 'gateway'")).is_err());
}

#[test]
fn a_key_that_is_none_is_found_at_start() {
    let cut = PRIVATE_KEY.replacen("MII", "MIJ", 1);
    for pem in ["", "nonsense", PUBLIC_KEY, cut.as_str()] {
        let built = built(&format!("from = 'a'\napplication_id = 'a'\nprivate_key = '''{pem}'''"));
        let error = built.err().unwrap();
        assert!(error.contains("private_key"), "{error}");
        assert!(pem.is_empty() || !error.contains(pem), "{error}");
    }
}

#[tokio::test]
async fn the_request_is_as_the_sdk_makes_it() {
    let request = recorded(ACCOUNT, Duration::from_mins(2)).await;
    assert_eq!(request.line(), SDK_LINE);
    assert_eq!(request.header("authorization"), Some(SDK_BASIC));
    assert_eq!(request.header("content-type"), Some(SDK_CONTENT_TYPE));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body, serde_json::from_str::<Value>(SDK_BODY).unwrap());
}

#[tokio::test]
async fn the_sender_of_a_country_comes_before_its_own() {
    for (message, from) in
        [(outgoing("hi"), "Otpost"), (outgoing_from("12025550123", "hi"), "12025550123")]
    {
        let request = sent(ACCOUNT, &message).await;
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["from"], from);
    }
    let vonage = built(&format!("{ACCOUNT}\nfrom = 'Otpost'")).unwrap();
    assert_eq!(vonage.check_sender("12025550123"), Ok(()));
    assert!(vonage.check_sender("").is_err());
}

#[tokio::test]
async fn reports_are_asked_for_as_the_sdk_does() {
    let mut message = outgoing("Your code: 12 & é");
    message.report_to = Some("https://codes.example/r?of=A-_b".to_owned());
    let request = sent(&format!("{ACCOUNT}\nsignature_secret = 's'"), &message).await;
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let mut expected: Value = serde_json::from_str(SDK_BODY).unwrap();
    let added: Value = serde_json::from_str(SDK_REPORTS).unwrap();
    expected.as_object_mut().unwrap().extend(added.as_object().unwrap().clone());
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_token_is_as_the_sdk_makes_it() {
    let request = recorded(&application(), Duration::from_mins(2)).await;
    assert_eq!(request.line(), SDK_LINE);
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body, serde_json::from_str::<Value>(SDK_BODY).unwrap());

    let first = claims(&request);
    let mut names: Vec<&String> = first.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, SDK_TOKEN_CLAIMS);
    assert_eq!(first["application_id"], "app-1");
    let seconds = |name: &str| first[name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), SDK_TOKEN_SECS);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(seconds("iat")) < 60);

    let second = claims(&recorded(&application(), Duration::from_mins(2)).await);
    assert_ne!(first["jti"], second["jti"]);
}

#[tokio::test]
async fn short_and_long_lives() {
    for (secs, ttl) in [(0, 20), (19, 20), (21, 21), (10_000_000, 604_800)] {
        let request = recorded(ACCOUNT, Duration::from_secs(secs)).await;
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["ttl"], ttl);
    }
}

#[tokio::test]
async fn a_429_carries_its_wait() {
    let busy = answer(429, "Retry-After: 3\r\n", r#"{"title": "Rate Limit Hit"}"#);
    let server = TestServer::start(vec![Reply::Whole(busy)]).await;
    let outcome = at(&server, ACCOUNT).send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Throttled);
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_check_asks_what_the_credential_may_read() {
    let list = r#"{"page_size": 1, "_embedded": {}}"#;
    let good = || Reply::Whole(answer(200, "", list));
    let server = TestServer::start(vec![good(), good()]).await;
    at(&server, ACCOUNT).check().await.unwrap();
    at(&server, &application()).check().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].line(), "GET /v2/applications?page_size=1 HTTP/1.1");
    assert_eq!(requests[0].header("authorization"), Some(SDK_BASIC));
    assert_eq!(requests[1].line(), "GET /v1/users?page_size=1 HTTP/1.1");
    assert_eq!(claims(&requests[1])["application_id"], "app-1");
}

#[test]
fn checks_are_read() {
    let check = |status, body| read_check(&answered(status, body));
    assert_eq!(check(200, "{}").unwrap(), "vonage_messages: credentials good");
    let denied = check(401, r#"{"type": "x#unauthorized", "title": "No", "detail": "wrong key"}"#);
    assert_eq!(denied.unwrap_err(), "vonage_messages answered HTTP 401: wrong key");
    assert_eq!(check(502, "<html>").unwrap_err(), "vonage_messages answered HTTP 502");
    assert!(check(200, "<html>").is_err());
}
