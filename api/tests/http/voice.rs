//! Codes by call and by WhatsApp, from the request to what is stored and to what is reported.

use hmac::{Hmac, KeyInit, Mac};
use otpost_shared::{
    message, queue::Lane, secrets::hex, suppression, tenant::DEFAULT_TENANT, verification,
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    reports::{sent, state},
    service::{BATCHES, CHECK, MESSAGES, Service, Stored, VERIFICATIONS, number},
};

const ALL: &str = "[chains]\nvoice = [\"console\"]\nwhatsapp = [\"console\"]\n";
const OFTEN: &str = "[chains]\nvoice = [\"console\"]\nwhatsapp = [\"console\"]\n\
                     [limits]\nrecipient = [\"1000/1s\"]\n";
const CAPPED: &str = "[chains]\nvoice = [\"console\"]\n[limits]\nsends_per_tenant_and_day = 2\n";
const CALLS_COST: &str = r#"
[recipients]
default_region = "DE"
[chains]
voice = ["calls"]
[providers.calls]
kind = "twilio_voice"
"#;
const GREET: &str = r#"
[chains]
voice = ["console"]
[limits]
recipient = ["1000/1s"]
[purposes.greet]
voice_template = "{app} calls {name}. {code}"
"#;
const META: &str = r#"
[server]
public_url = "https://codes.example/otp"
[recipients]
countries = ["*"]
[chains]
whatsapp = ["wa"]
[providers.wa]
kind = "whatsapp_cloud"
phone_number_id = "7"
access_token = "t"
template = "code"
language = "en"
app_secret = "secret"
verify_token = "a token"
"#;
const META_PATH: &str = "/v1/inbound/wa/reports";

fn code(n: u32, channel: &str) -> Value {
    json!({ "to": number(n), "channel": channel })
}

/// As Meta signs: the body, with the app's secret.
fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("a key");
    mac.update(body.as_bytes());
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

fn of_messages(value: &Value) -> String {
    let changes = json!([{ "field": "messages", "value": value }]);
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": changes }] })
        .to_string()
}

on_both_homes! {
    async fn a_number_is_proven_by_either_way(bed, ALL) {
        let service = Service::start(&bed).await;
        for (n, channel) in [(1, "voice"), (2, "whatsapp")] {
            let answer = service.post(VERIFICATIONS, &code(n, channel)).await.is(202);
            assert_eq!(answer.str("channel"), channel);
            let id = answer.str("id").parse().expect("an id");
            let row = verification::find(&service.home.db, id).await.expect("an answer");
            let row = row.expect("a row");
            assert_eq!(row.expires_at - row.created_at, 600_000);
            let shown = service.show(id).await.is(200);
            assert_eq!(shown.str("channel"), channel);
            assert_eq!(shown.json["messages"][0]["channel"], channel);
            let body = json!({
                "session_token": answer.str("session_token"), "code": service.code_of(id).await,
                "to": number(n),
            });
            service.post(CHECK, &body).await.is(200);
        }
    }

    async fn a_resend_goes_the_same_way(bed, ALL) {
        let service = Service::start(&bed).await;
        let created = service.post(VERIFICATIONS, &code(1, "voice")).await.is(202);
        service.home.clock.advance(30_001);
        let path = format!("{VERIFICATIONS}/{}/resend", created.str("id"));
        service.post(&path, &json!({})).await.is(202);
        let shown = service.show(created.str("id").parse().expect("an id")).await.is(200);
        let ways = |place: usize| shown.json["messages"][place]["channel"].clone();
        assert_eq!((ways(0), ways(1)), (json!("voice"), json!("voice")));
    }

    async fn a_repeat_says_the_same_channel(bed, ALL) {
        let service = Service::start(&bed).await;
        let first = service.post(VERIFICATIONS, &code(1, "voice")).once("v1").await.is(202);
        let again = service.post(VERIFICATIONS, &code(1, "voice")).once("v1").await.is(202);
        assert_eq!(first.json, again.json);
        let other = service.post(VERIFICATIONS, &code(1, "whatsapp")).once("v1").await;
        other.refused(422, "idempotency_key_reused");
    }

    async fn without_a_chain_there_is_none(bed, "") {
        let service = Service::start(&bed).await;
        for channel in ["voice", "whatsapp"] {
            let answer = service.post(VERIFICATIONS, &code(1, channel)).await;
            let answer = answer.refused(422, "channel_unavailable").names("channel");
            let said = format!("available: sms; for {channel} name a provider in chains.{channel}");
            assert_eq!(answer.str("detail"), said);
        }
        assert_eq!(service.stored().await, Stored::default());
    }

    async fn only_codes_go_by_them(bed, ALL) {
        let service = Service::start(&bed).await;
        for channel in ["voice", "whatsapp"] {
            let text = json!({ "to": number(1), "channel": channel, "text": "Your parcel is here." });
            let answer = service.post(MESSAGES, &text).await.refused(422, "invalid_field");
            let answer = answer.names("channel");
            let said = format!("only codes go by {channel}; send messages by sms or email");
            assert_eq!(answer.str("detail"), said);
            let batch = json!({
                "text": "Hi", "channel": channel, "messages": [{ "to": number(1) }],
            });
            let answer = service.post(BATCHES, &batch).await.refused(422, "invalid_field");
            assert!(answer.text.contains("channel"), "{}", answer.text);
        }
        let fax = json!({ "to": number(1), "channel": "fax", "text": "Hi" });
        let answer = service.post(MESSAGES, &fax).await.refused(422, "channel_unavailable");
        assert_eq!(answer.str("detail"), "available: sms", "codes alone go by the others");
        assert_eq!(service.stored().await, Stored::default());
    }

    async fn limits_are_those_of_the_number(bed, ALL) {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &json!({ "to": number(1) })).await.is(202);
        for channel in ["voice", "whatsapp", "sms"] {
            let answer = service.post(VERIFICATIONS, &code(1, channel)).await;
            assert_eq!(answer.refused(429, "rate_limited").str("limit"), "recipient", "{channel}");
        }
        service.post(VERIFICATIONS, &code(2, "voice")).await.is(202);
        service.post(VERIFICATIONS, &json!({ "to": number(2) })).await.refused(429, "rate_limited");
    }

    async fn the_cap_of_the_day_counts_all_ways(bed, CAPPED) {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &json!({ "to": number(1) })).await.is(202);
        service.post(VERIFICATIONS, &code(2, "voice")).await.is(202);
        service.post(VERIFICATIONS, &code(3, "voice")).await.refused(429, "daily_cap_reached");
    }

    async fn who_is_not_to_be_sent_to_is_not_called(bed, OFTEN) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1), "scope": "all" });
        service.post("/v1/suppressions", &body).await.is(201);
        for channel in ["sms", "voice", "whatsapp"] {
            let answer = service.post(VERIFICATIONS, &code(1, channel)).await;
            answer.refused(403, "recipient_suppressed");
        }
        service.post("/v1/suppressions", &json!({ "to": number(2) })).await.is(201);
        service.post(VERIFICATIONS, &code(2, "voice")).await.is(202);
    }

    async fn calls_go_only_to_countries_that_are_allowed(bed, CALLS_COST) {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &code(1, "voice")).await.refused(403, "country_not_allowed");
        let german = json!({ "to": "+4915112345678", "channel": "voice" });
        service.post(VERIFICATIONS, &german).await.is(202);
    }

    async fn an_address_cannot_be_called(bed, ALL) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "ann@example.org", "channel": "voice" });
        service.post(VERIFICATIONS, &body).await.refused(422, "recipient_invalid").names("to");
    }

    async fn what_is_said_has_its_own_words_and_its_own_length(bed, GREET) {
        let service = Service::start(&bed).await;
        let greet = |variables: Value| {
            json!({
                "to": number(1), "channel": "voice", "purpose": "greet", "variables": variables,
            })
        };
        let answer = service.post(VERIFICATIONS, &greet(json!({}))).await;
        answer.refused(422, "variable_missing").names("variables");
        // "Otpost calls ", ". " and six digits with what is between them: 13, 2 and 16 characters.
        let long = |characters: usize| json!({ "name": "\u{fc}".repeat(characters) });
        let answer = service.post(VERIFICATIONS, &greet(long(270))).await;
        let answer = answer.refused(422, "invalid_field").names("variables");
        assert!(answer.str("detail").contains("300"), "{}", answer.text);
        let created = service.post(VERIFICATIONS, &greet(long(269))).await.is(202);
        let id = created.str("id").parse().expect("an id");
        let messages = message::list_by_verification(&service.home.db, id).await;
        assert_eq!(messages.expect("an answer").len(), 1);
        // An SMS of the same purpose needs none of it.
        let sms = json!({ "to": number(2), "purpose": "greet" });
        service.post(VERIFICATIONS, &sms).await.is(202);
    }

    async fn whoever_knows_the_token_is_told_that_the_address_is_ours(bed, META) {
        let service = Service::start(&bed).await;
        let ask = async |token: &str| {
            let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
            service.call(Method::GET, &format!("{META_PATH}?{query}")).by_nobody().any().await
        };
        assert_eq!(ask("a%20token").await.is(200).text, "1158201444");
        assert!(!ask("another").await.is(401).text.contains("1158201444"));
        service.call(Method::GET, META_PATH).by_nobody().await.refused(401, "report_not_genuine");
    }

    async fn many_reports_of_one_call_are_taken_once(bed, META) {
        let service = Service::start(&bed).await;
        let (one, path) = sent(&service, 1, "wa").await;
        let (two, other) = sent(&service, 2, "wa").await;
        let of = |path: &str| path.split_once("?of=").expect("a reference").1.to_owned();
        let (first, second) = (of(&path), of(&other));
        let status = |of: &str, word: &str| json!({ "status": word, "biz_opaque_callback_data": of });
        let mut failed = status(&second, "failed");
        failed["errors"] = json!([{ "code": 131_026, "title": "Message undeliverable" }]);
        let body = of_messages(&json!({ "statuses": [
            status(&first, "sent"), status("another app's", "failed"), status(&first, "read"), failed,
        ] }));
        let call = async |signature: &str| {
            let call = service.call(Method::POST, META_PATH).by_nobody();
            call.raw("application/json", body.clone()).header("x-hub-signature-256", signature).any().await
        };
        call("").await.is(401);
        call(&signature("{}")).await.is(401);
        assert_eq!(state(&service, one.id).await, "sent");
        for _ in 0..2 {
            call(&signature(&body)).await.is(200);
            assert_eq!(state(&service, one.id).await, "delivered");
            assert_eq!(state(&service, two.id).await, "undelivered");
        }
        let shown = service.show(two.verification_id.expect("a code")).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        let reported = ["report", "report_class", "report_code"].map(|name| &attempt[name]);
        assert_eq!(reported, [&json!("undelivered"), &json!("recipient"), &json!("131026")]);
    }

    async fn stop_by_whatsapp_stops_texts(bed, META) {
        let service = Service::start(&bed).await;
        let body = of_messages(&json!({
            "metadata": { "phone_number_id": "7" },
            "messages": [{ "from": "12025550123", "type": "text", "text": { "body": "STOP" } }],
        }));
        let call = service.call(Method::POST, META_PATH).by_nobody().raw("application/json", body.clone());
        call.header("x-hub-signature-256", signature(&body)).any().await.is(200);
        let to = service.home.parse_recipient("+12025550123", None).expect("a number");
        let kept = suppression::keeps_back(&service.home, DEFAULT_TENANT, &to, Lane::Bulk).await;
        assert!(kept.expect("an answer"));
    }
}
