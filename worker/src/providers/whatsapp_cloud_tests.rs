//! Tests of codes by WhatsApp.

use otpost_shared::{outcome::ErrorClass, price::Cost};
use serde_json::{Value, json};

use super::{ERRORS, WhatsappCloud, WhatsappCloudConfig, read_answer};
use crate::{
    provider::{Blame, Outcome, Outgoing, Provider},
    providers::{
        Net,
        error_table::assert_sorted,
        http_call::Answer,
        samples,
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

const BASE: &str = "phone_number_id = '105954558954427'\naccess_token = 'EAAJB'\n\
    template = 'verification_code'\nlanguage = 'en_US'\n";

/// Its id is the base64 of the number, among other bytes.
const TAKEN: &str = r#"{"messaging_product": "whatsapp",
    "contacts": [{"input": "+15551234567", "wa_id": "15551234567"}],
    "messages": [{"id": "wamid.HBgLMTU1NTEyMzQ1NjcVAgARGBI=", "message_status": "accepted"}]}"#;

fn built(keys: &str) -> Result<WhatsappCloud, String> {
    let config: WhatsappCloudConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    WhatsappCloud::new("wa", config, &Net::default()).map_err(|error| error.to_string())
}

async fn sent(reply: Vec<u8>, more: &str, out: &Outgoing) -> (Outcome, Recorded) {
    let server = TestServer::start(vec![Reply::Whole(reply)]).await;
    let keys = format!("{BASE}base_url = '{}'\n{more}", server.url());
    let outcome = built(&keys).unwrap().send(out).await;
    (outcome, server.requests().remove(0))
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

/// What the page "Sending authentication templates" shows, with the code of the sample.
#[tokio::test]
async fn the_request_is_as_meta_wants_it() {
    let mut out = samples::whatsapp("words of ours");
    let report_to = "https://codes.example/v1/inbound/wa/reports?of=AAAA";
    out.report_to = Some(report_to.to_owned());
    let (outcome, request) = sent(answer(200, "", TAKEN), "", &out).await;
    assert_eq!(outcome, Outcome::accepted(None), "the id would tell the number");
    assert_eq!(outcome.cost, Cost::default());
    assert_eq!(request.line(), "POST /v25.0/105954558954427/messages HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer EAAJB"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let code = json!([{ "type": "text", "text": "012345" }]);
    assert_eq!(
        body(&request),
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "+15551234567",
            "type": "template",
            "template": {
                "name": "verification_code",
                "language": { "code": "en_US" },
                "components": [
                    { "type": "body", "parameters": code },
                    { "type": "button", "sub_type": "url", "index": "0", "parameters": code },
                ],
            },
            "biz_opaque_callback_data": "AAAA",
        })
    );
}

#[tokio::test]
async fn a_country_may_have_its_language() {
    let to = |number: &str| Outgoing {
        to: otpost_shared::recipient::Recipient::parse(number, None).unwrap(),
        ..samples::whatsapp("hi")
    };
    let more = "api_version = 'v23.0'\nlanguages = { DE = 'de', br = 'pt_BR' }";
    for (number, language) in
        [("+4915112345678", "de"), ("+5511961234567", "pt_BR"), ("+12025550123", "en_US")]
    {
        let (_, request) = sent(answer(200, "", TAKEN), more, &to(number)).await;
        let body = body(&request);
        assert_eq!(body["template"]["language"]["code"], language, "{number}");
        assert_eq!(body.get("biz_opaque_callback_data"), None, "no reports were asked for");
        assert!(request.line().starts_with("POST /v23.0/"), "{}", request.line());
    }
}

#[tokio::test]
async fn a_country_may_have_a_number_of_its_own() {
    let out = Outgoing { sender: Some("105954558954428".into()), ..samples::whatsapp("hi") };
    let (_, request) = sent(answer(200, "", TAKEN), "", &out).await;
    assert_eq!(request.line(), "POST /v25.0/105954558954428/messages HTTP/1.1");
    // What Meta says of a number that is not ours, or no longer: it names it.
    let details = "Object with ID '105954558954428' does not exist, cannot be loaded due to missing \
        permissions, or does not support this operation";
    let (outcome, _) = sent(answer(400, "", &error(100, details)), "", &out).await;
    assert_eq!(outcome, Outcome::refused(ErrorClass::Sender, Some("100".into()), details));
}

#[test]
fn senders_are_ids_of_numbers() {
    let whatsapp = built(BASE).unwrap();
    assert_eq!(whatsapp.check_sender("105954558954428"), Ok(()));
    for wrong in ["", "+12025550123", "Otpost", "1/2"] {
        let said = whatsapp.check_sender(wrong).unwrap_err();
        assert_eq!(said, "must be the digits of the number's id, without a plus", "{wrong}");
    }
}

#[tokio::test]
async fn what_is_no_code_has_no_template() {
    let server = TestServer::start(Vec::new()).await;
    let whatsapp = built(&format!("{BASE}base_url = '{}'", server.url())).unwrap();
    let text = Outgoing { code: None, ..samples::whatsapp("Your parcel is here.") };
    assert_eq!(whatsapp.send(&text).await.class, ErrorClass::Content);
    assert!(server.requests().is_empty());
}

fn error(code: u32, details: &str) -> String {
    json!({ "error": {
        "message": format!("(#{code}) Title"), "type": "OAuthException", "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": details }, "fbtrace_id": "A1",
    } })
    .to_string()
}

#[tokio::test]
async fn each_code_has_its_class() {
    assert_sorted(ERRORS);
    for (first, last, class) in ERRORS {
        for code in [*first, *last] {
            let reply = answer(400, "", &error(code, "Because."));
            let (outcome, _) = sent(reply, "", &samples::whatsapp("hi")).await;
            let expected = Outcome::refused(*class, Some(code.to_string()), "Because.");
            let of_one = expected.clone().blaming(Blame::Recipient);
            let expected = if code == 131_056 { of_one } else { expected };
            assert_eq!(outcome, expected, "{code}");
        }
    }
    // One country is none of the account's other countries' business.
    let abroad = answer(403, "", &error(130_497, "Because."));
    let (outcome, _) = sent(abroad, "", &samples::whatsapp("hi")).await;
    assert_eq!(outcome.class, ErrorClass::Region);
    for (status, class) in [
        (400, ErrorClass::Sender),
        (401, ErrorClass::Account),
        (404, ErrorClass::Account),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Unknown),
    ] {
        for body in [error(999_999, ""), "<html>".to_owned(), "{}".to_owned()] {
            let (outcome, _) = sent(answer(status, "", &body), "", &samples::whatsapp("hi")).await;
            assert_eq!(outcome.class, class, "{status} {body}");
        }
    }
    let (outcome, _) = sent(answer(400, "", &error(1, "")), "", &samples::whatsapp("hi")).await;
    assert_eq!(outcome.detail.as_deref(), Some("(#1) Title"));
}

#[test]
fn only_an_id_means_that_it_was_taken() {
    let read = |status, body: &str| {
        read_answer(&Answer { status, retry_after: None, body: body.into() }).class
    };
    assert_eq!(read(200, TAKEN), ErrorClass::Ok);
    for body in [
        "",
        "{",
        "{}",
        "null",
        "[]",
        "<html>",
        r#"{"messages": []}"#,
        r#"{"messages": [{"id": ""}]}"#,
        &error(190, ""),
    ] {
        assert_eq!(read(200, body), ErrorClass::Unknown, "{body}");
    }
    assert_eq!(read(502, TAKEN), ErrorClass::Unknown);
}

#[test]
fn what_cannot_be_is_named() {
    for (key, value) in [
        ("phone_number_id", "+12025550123"),
        ("phone_number_id", ""),
        ("template", "Verification Code"),
        ("language", "en-US"),
    ] {
        let keys: String = BASE
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((name, _)) if name == key => format!("{name} = '{value}'\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let said = built(&keys).err().unwrap();
        assert!(said.starts_with(&format!("providers.wa.{key}: ")), "{said}");
    }
    for (more, key) in [
        ("api_version = '25'", "api_version"),
        ("api_version = 'v25.0/x'", "api_version"),
        ("languages = { XX = 'de' }", "languages.XX"),
        ("languages = { DE = 'de-DE' }", "languages.DE"),
        ("app_secret = 's'", "verify_token"),
        ("verify_token = 't'", "verify_token"),
    ] {
        let said = built(&format!("{BASE}{more}")).err().unwrap();
        assert!(said.starts_with(&format!("providers.wa.{key}: ")), "{said}");
    }
    assert!(built(&format!("{BASE}app_secret = 's'\nverify_token = 't'")).is_ok());
}

#[tokio::test]
async fn the_check_reads_the_number() {
    let number = r#"{"id": "105954558954427", "verified_name": "Acme", "quality_rating": "GREEN"}"#;
    let denied = error(190, "");
    let server = TestServer::start(vec![
        Reply::Whole(answer(200, "", number)),
        Reply::Whole(answer(401, "", &denied)),
        Reply::Whole(answer(200, "", "{}")),
    ])
    .await;
    let whatsapp = built(&format!("{BASE}base_url = '{}'", server.url())).unwrap();
    let said = whatsapp.check().await.unwrap();
    assert_eq!(said, "whatsapp_cloud: token good for the number of Acme, quality GREEN");
    let said = whatsapp.check().await.unwrap_err();
    assert_eq!(said, "whatsapp_cloud answered HTTP 401: 190, (#190) Title");
    assert!(whatsapp.check().await.is_err());
    assert_eq!(server.requests()[0].line(), "GET /v25.0/105954558954427 HTTP/1.1");
}
