//! Tests of the `http` provider over a real socket.

use otpost_shared::outcome::ErrorClass;

use super::{HttpConfig, HttpGateway};
use crate::{
    provider::{Blame, Outgoing, Provider},
    providers::{
        Net,
        samples::{letter, outgoing, outgoing_from},
        test_server::{Recorded, Reply, TestServer, answer},
    },
};

fn gateway(server: &TestServer, path: &str, keys: &str) -> HttpGateway {
    let keys = format!("url = '{}{path}'\n{keys}", server.url());
    let config: HttpConfig = toml::from_str(&keys).unwrap();
    HttpGateway::new("sms", config, &Net::default()).unwrap()
}

async fn recorded(path: &str, keys: &str, text: &str) -> Recorded {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", "{}"))]).await;
    let outcome = gateway(&server, path, keys).send(&outgoing(text)).await;
    assert_eq!(outcome.class, ErrorClass::Ok);
    server.requests().remove(0)
}

#[tokio::test]
async fn a_json_gateway() {
    let keys = r#"
        body = '{"to":"{to}","from":"{from}","text":"{text}","ttl":{validity_secs}}'
        from = 'Otpost'
        headers = { Authorization = 'Bearer x', Idempotency-Key = '{message_id}' }
    "#;
    let text = "Your \"code\"\\ is\n12 é";
    let request = recorded("/send", keys, text).await;
    assert_eq!(request.line(), "POST /send HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some("Bearer x"));
    assert_eq!(request.header("idempotency-key"), Some("00000000-0000-0000-0000-000000000007"));
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let expected = serde_json::json!({
        "to": "+15551234567", "from": "Otpost", "text": text, "ttl": 120
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_sender_of_a_country_fills_from() {
    let keys = r#"
        body = '{"to":"{to}","from":"{from}","text":"{text}"}'
        from = 'Otpost'
        headers = { Sender = '{from}' }
    "#;
    let replies = [(); 2].map(|()| Reply::Whole(answer(200, "", "{}")));
    let server = TestServer::start(replies.into()).await;
    let with_from = gateway(&server, "/", keys);
    with_from.send(&outgoing("hi")).await;
    with_from.send(&outgoing_from("+12025550123", "hi")).await;
    for (request, from) in server.requests().iter().zip(["Otpost", "+12025550123"]) {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((body["from"].as_str(), request.header("sender")), (Some(from), Some(from)));
    }
    assert_eq!(with_from.check_sender("+12025550123"), Ok(()));
    for wrong in ["", "a\nb"] {
        assert!(with_from.check_sender(wrong).is_err(), "{wrong}");
    }
    let without = gateway(&server, "/?p={to}&t={text}", "");
    assert_eq!(without.check_sender("Otpost"), Err("needs {from} in url, headers or body"));
}

#[tokio::test]
async fn a_gateway_of_emails() {
    let keys = r#"
        body = '{"to":"{to}","subject":"{title}","text":"{text}","html":"{html}","d":"{to_digits}"}'
    "#;
    for (out, subject, html) in [
        (letter("A \"title\"", "Hi\n\"you\""), "A \"title\"", "<p>Hi\n\"you\"</p>"),
        (outgoing("Hi\n\"you\""), "", ""),
    ] {
        let server = TestServer::start(vec![Reply::Whole(answer(200, "", "{}"))]).await;
        assert_eq!(gateway(&server, "/", keys).send(&out).await.class, ErrorClass::Ok);
        let request = server.requests().remove(0);
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        let expected = serde_json::json!({
            "to": out.to.address(), "subject": subject, "text": out.text, "html": html,
            "d": out.to.digits(),
        });
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn a_gateway_with_words_of_its_own_gets_the_code_and_the_language() {
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", "{}"))]).await;
    let keys = r#"body = '{"to":"{to}","code":"{code}","locale":"{language}"}'"#;
    let of_codes = gateway(&server, "/", keys);
    let text = Outgoing { code: None, ..outgoing("Your parcel is here.") };
    let outcome = of_codes.send(&text).await;
    assert_eq!((outcome.class, outcome.blame), (ErrorClass::Sender, Blame::Ours));
    assert!(outcome.detail.unwrap().contains("takes codes only"));
    assert!(server.requests().is_empty());

    let code = Outgoing { language: "pt-BR".to_owned(), ..outgoing("words of ours") };
    assert_eq!(of_codes.send(&code).await.class, ErrorClass::Ok);
    let body: serde_json::Value = serde_json::from_str(&server.requests()[0].body).unwrap();
    let expected = serde_json::json!({"to": "+15551234567", "code": "012345", "locale": "pt-BR"});
    assert_eq!(body, expected);
    let said = of_codes.check().await.unwrap();
    assert!(said.ends_with("; takes codes only, since {code} stands in its request"), "{said}");
}

#[tokio::test]
async fn a_query_gateway() {
    let request = recorded("/s?to={to}&t={text}", "method = 'GET'", "a&b=1 +é#").await;
    assert_eq!(request.line(), "GET /s?to=%2B15551234567&t=a%26b%3D1%20%2B%C3%A9%23 HTTP/1.1");
    assert_eq!(request.body, "");
}

#[tokio::test]
async fn a_form_gateway_with_its_own_content_type() {
    let keys = "body_type = 'form'\nbody = 'to={to}&t={text}'\n\
        headers = { content-type = 'application/x-www-form-urlencoded; charset=utf-8' }";
    let request = recorded("/", keys, "a&b=1 +é").await;
    assert_eq!(request.form()[1], ("t".to_owned(), "a&b=1 +é".to_owned()));
    assert_eq!(request.form()[0].1, "+15551234567");
    assert_eq!(request.head.matches("content-type").count(), 1);
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded; charset=utf-8")
    );
}

#[tokio::test]
async fn a_gateway_is_told_where_to_report() {
    let of = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw";
    let url = format!("https://codes.example/v1/inbound/sms/reports?of={of}");
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", "{}"))]).await;
    let keys = "body = '{\"to\":\"{to}\",\"text\":\"{text}\",\"dlr\":\"{report_url}\"}'\n\
        headers = { Reference = '{report_reference}' }\n\
        [report]\nstatus = '/s'\ndelivered = ['1']\nreference = '/r'";
    let mut out = outgoing("hi");
    out.report_to = Some(url.clone());
    let gateway = gateway(&server, "/?dlr={report_url}%26s%3D%25d", keys);
    assert_eq!(gateway.send(&out).await.class, ErrorClass::Ok);
    let request = server.requests().remove(0);
    let encoded = format!("https%3A%2F%2Fcodes.example%2Fv1%2Finbound%2Fsms%2Freports%3Fof%3D{of}");
    assert_eq!(request.line(), format!("POST /?dlr={encoded}%26s%3D%25d HTTP/1.1"));
    assert_eq!(request.header("reference"), Some(of));
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["dlr"], url);
}

#[tokio::test]
async fn a_200_with_an_error_inside() {
    let body = r#"{"result": "error", "code": "E7"}"#;
    let server = TestServer::start(vec![Reply::Whole(answer(200, "", body))]).await;
    let keys = "success_json_pointer = '/result'\nsuccess_values = ['ok']\n\
        error_code_json_pointer = '/code'\nerrors = { E7 = 'opted_out' }";
    let outcome = gateway(&server, "/?p={to}&t={text}", keys).send(&outgoing("hi")).await;
    assert_eq!(outcome.class, ErrorClass::OptedOut);
    assert_eq!(outcome.code.as_deref(), Some("E7"));
}

#[tokio::test]
async fn the_check_only_connects() {
    let server = TestServer::start(Vec::new()).await;
    let good = gateway(&server, "/?p={to}&t={text}", "").check().await.unwrap();
    assert!(good.contains("127.0.0.1"), "{good}");
    assert!(!good.contains("codes only"), "{good}");
    assert!(server.requests().is_empty());

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = format!("url = 'http://{}/?p={{to}}&t={{text}}'", free.local_addr().unwrap());
    drop(free);
    let config: HttpConfig = toml::from_str(&keys).unwrap();
    let gone = HttpGateway::new("sms", config, &Net::default()).unwrap();
    assert!(gone.check().await.unwrap_err().contains("does not connect"));
}
