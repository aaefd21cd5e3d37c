//! A gateway brings a signed keyword, and one answer waits for it.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use otpost_shared::{message, queue::Lane};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    answer::Answer,
    service::{MESSAGES, Service},
};

const PUBLIC: &str = "https://codes.example/otp";

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example/otp/"
[recipients]
countries = ["*"]
[texts]
app = "Acme"
contact = "help@acme.example"
[chains]
sms = ["local"]
[providers.local]
kind = "sandbox"
[providers.gateway]
kind = "http"
url = "https://gateway.example/?p={to}&t={text}"
replies = true
[providers.gateway.inbound]
from = "/from"
text = "/text"
signature = { header = "X-Signed", secret = "a secret", encoding = "base64" }
"#;

const TO: &str = "+12025550123";

/// What somebody writes to the gateway's sender.
async fn write(service: &Service, text: &str, secret: &str) -> Answer {
    let url = service.home.inbound_url("gateway").expect("an address");
    let path = url.strip_prefix(PUBLIC).expect("the public address");
    let body = json!({ "from": TO, "text": text });
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.to_string().as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let call = service.call(Method::POST, path).by_nobody().json(&body);
    call.header("x-signed", signature).any().await
}

/// How many answers wait.
async fn waiting(service: &Service) -> i64 {
    service.stored().await.texts
}

on_both_homes! {
    async fn a_signed_keyword_is_answered_once(bed, CONFIG) {
        let service = Service::start(&bed).await;
        write(&service, "HELP", "another secret").await.refused(401, "report_not_genuine");
        assert_eq!(waiting(&service).await, 0);
        for text in ["HELP", "help", "info"] {
            write(&service, text, "a secret").await.is(200);
        }
        assert_eq!(waiting(&service).await, 1);
        let home = &service.home;
        let due = message::claim_due(&home.db, Lane::Bulk, 9, None, home.clock.now()).await;
        let id = due.expect("an answer")[0].message.id;
        let shown = service.get(&format!("{MESSAGES}/{id}")).await.is(200).json;
        let told = ["to", "keyword", "lane", "state"].map(|name| &shown[name]);
        assert_eq!(told, ["+1********23", "help", "bulk", "sending"]);
        let foreign = service.foreign_key().await;
        let call = service.get(&format!("{MESSAGES}/{id}")).by(&foreign);
        call.await.refused(404, "message_not_found");
        let text = json!({ "to": TO, "text": "A parcel." });
        let sent = service.post(MESSAGES, &text).await.is(202);
        let path = format!("{MESSAGES}/{}", sent.str("id"));
        let shown = service.get(&path).await.is(200).json;
        assert_eq!(shown["keyword"], Value::Null, "{shown}");
    }

    async fn two_services_answer_as_one(bed, CONFIG) {
        let services = [Service::start(&bed).await, Service::start(&bed).await];
        for (text, waits) in [("HELP", 1), ("STOP", 2)] {
            let calls = (0..8).map(|n| write(&services[n % 2], text, "a secret"));
            for answer in futures_util::future::join_all(calls).await {
                answer.is(200);
            }
            assert_eq!(waiting(&services[0]).await, waits, "{text}");
        }
        let text = json!({ "to": TO, "text": "A parcel." });
        let refused = services[1].post(MESSAGES, &text).await;
        refused.refused(403, "recipient_suppressed");
    }
}
