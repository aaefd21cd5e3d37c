//! `POST /v1/messages` and `GET /v1/messages/{id}`.

use std::sync::Arc;

use otpost_shared::config::Config;
use otpost_testbed::on_both_homes;
use serde_json::json;
use uuid::Uuid;

use crate::service::{MESSAGES, Service, Stored, number};

const TEST_NUMBER: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
"#;

/// National numbers are German, and a provider that costs money sends to these countries alone.
const REGION: &str = r#"
[recipients]
default_region = "DE"
countries = ["DE", "US"]
[chains]
sms = ["a"]
[providers.a]
kind = "http"
url = "http://127.0.0.1:1/?to={to}&text={text}"
"#;

/// A gateway that is given the bare code is all there is, but for texts to one country.
const CODES_ALONE: &str = r#"
routes = [{ countries = ["DE"], lanes = ["bulk"], chain = ["texts"] }]
[recipients]
countries = ["*"]
[chains]
sms = ["codes"]
[providers.codes]
kind = "http"
url = "http://127.0.0.1:1/?to={to}&code={code}"
[providers.texts]
kind = "sandbox"
"#;

/// A member beside or instead of good ones, and the refusal it gets.
const BAD_FIELDS: [(&str, &str, &str); 10] = [
    (r#"{"text": "", "to": "+12025550101"}"#, "invalid_field", "text"),
    (r#"{"text": null, "to": "+12025550101"}"#, "invalid_field", "text"),
    (r#"{"text": 5, "to": "+12025550101"}"#, "invalid_field", "text"),
    (r#"{"to": "+12025550101"}"#, "invalid_field", "text"),
    (r#"{"text": "x"}"#, "invalid_field", "to"),
    (r#"{"text": "x", "to": "ann@example.org"}"#, "recipient_invalid", "to"),
    (r#"{"text": "x", "to": "0151 12345678"}"#, "recipient_invalid", "to"),
    (r#"{"text": "x", "to": "+12025550101", "channel": "fax"}"#, "channel_unavailable", "channel"),
    (r#"{"text": "x", "to": "+12025550101", "client_ip": "x"}"#, "invalid_field", "client_ip"),
    (r#"{"text": "x", "to": "+12025550101", "purpose": "x"}"#, "invalid_field", "purpose"),
];

on_both_homes! {
    async fn one_text_is_stored_and_shown(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "+1 202 555 0001", "text": "ü".repeat(1_600), "channel": "sms" });
        let answer = service.post(MESSAGES, &body).await.is(202);
        assert_eq!((answer.str("state"), answer.str("channel")), ("queued", "sms"));
        assert_eq!(answer.str("to"), "+1********01");
        // Texts have no hints: they are read from the database.
        assert_eq!(service.stored().await, Stored { texts: 1, ..Stored::default() });
        let shown = service.get(&format!("{MESSAGES}/{}", answer.str("id"))).await.is(200);
        assert_eq!((shown.str("id"), shown.str("lane")), (answer.str("id"), "bulk"));
        assert_eq!((shown.str("to"), shown.str("state")), ("+1********01", "queued"));
        assert_eq!(shown.str("deadline"), answer.str("deadline"));
        assert_eq!(shown.json["attempts"], json!([]));
        assert!(!shown.text.contains('ü'), "the text is not shown");
    }

    async fn bad_fields_are_named_and_leave_nothing(bed, "") {
        let service = Service::start(&bed).await;
        for (body, code, name) in BAD_FIELDS {
            let answer = service.post_text(MESSAGES, body).once("k").await;
            answer.refused(422, code).names(name);
        }
        let long = json!({ "to": number(101), "text": "x".repeat(1_601) });
        service.post(MESSAGES, &long).await.refused(422, "invalid_field").names("text");
        assert_eq!(service.stored().await, Stored::default());
        let body = json!({ "to": number(101), "text": "x" });
        service.post(MESSAGES, &body).once("k").await.is(202);
    }

    async fn a_repeat_gets_the_first_answer(bed, "") {
        let service = Service::start(&bed).await;
        let mut body = json!({ "to": number(1), "text": "hello" });
        let first = service.post(MESSAGES, &body).once("k").await.is(202);
        let again = service.post(MESSAGES, &body).once("k").await.is(202);
        assert_eq!(first.json, again.json);
        body["text"] = json!("goodbye");
        let reused = service.post(MESSAGES, &body).once("k").await;
        reused.refused(422, "idempotency_key_reused");
        assert_eq!(service.stored().await, Stored { texts: 1, records: 1, ..Stored::default() });
    }

    async fn a_foreign_one_is_as_unknown_as_none(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let body = json!({ "to": number(1), "text": "hello" });
        let created = service.post(MESSAGES, &body).await.is(202);
        let path = format!("{MESSAGES}/{}", created.str("id"));
        let none = service.get(&format!("{MESSAGES}/{}", Uuid::now_v7())).await;
        let none = none.refused(404, "message_not_found");
        let answer = service.get(&path).by(&foreign).await;
        assert_eq!((answer.status, &answer.text), (404, &none.text));
        let odd = service.get(&format!("{MESSAGES}/%FF")).await;
        assert_eq!((odd.status, &odd.text), (404, &none.text));
        // A verification's message is shown with its verification, and only there.
        let verification = service.show(service.create(2).await.id).await;
        let id = verification.json["messages"][0]["id"].as_str().expect("an id").to_owned();
        let answer = service.get(&format!("{MESSAGES}/{id}")).await;
        assert_eq!((answer.status, &answer.text), (404, &none.text));
    }

    async fn what_nobody_takes_is_refused_at_once(bed, CODES_ALONE) {
        let service = Service::start(&bed).await;
        let said = "chains.sms has nobody for what is no code, since codes takes codes only; name a \
                    provider there that takes texts";
        let text = |to: &str| json!({ "to": to, "text": "hello" });
        let refused = service.post(MESSAGES, &text("+12025550101")).once("k").await;
        let refused = refused.refused(422, "channel_unavailable").names("channel");
        assert_eq!(refused.str("detail"), said);
        service.post(MESSAGES, &text("+4915112345678")).await.is(202);
        let rows = json!([{ "to": "+12025550101" }, { "to": "+4915112345679" }]);
        let batch = json!({ "text": "hello", "messages": rows });
        let answer = service.post("/v1/messages/batch", &batch).await.is(200);
        let results = &answer.json["results"];
        assert_eq!((&results[0]["code"], &results[0]["detail"]), (&json!("channel_unavailable"), &json!(said)));
        assert_eq!(results[1]["state"], "queued");
        assert_eq!(service.stored().await, Stored { texts: 2, ..Stored::default() });
        service.create(1).await;
        // Where no row could go anywhere it is refused as a whole.
        let mut home = bed.home.clone();
        let mut config = Config::clone(&home.config);
        config.routes.clear();
        home.config = Arc::new(config);
        let service = Service::serve(&home, service.key.clone()).await;
        let refused = service.post("/v1/messages/batch", &batch).once("b").await;
        assert_eq!(refused.refused(422, "channel_unavailable").str("detail"), said);
        service.post(MESSAGES, &text("+4915112345678")).await.refused(422, "channel_unavailable");
    }

    async fn what_is_no_number_is_told_in_the_same_words_one_by_one_and_in_a_batch(bed, REGION) {
        let service = Service::start(&bed).await;
        for to in ["", "+", "hello", "+4915", "+004915112345678", "+999123456789", "+1 900 234 5678", "0151", "+33612345678"] {
            let one = service.post(MESSAGES, &json!({ "to": to, "text": "x" })).await;
            let rows = json!({ "text": "x", "messages": [{ "to": to }] });
            let row = service.post("/v1/messages/batch", &rows).await.is(200);
            let row = &row.json["results"][0];
            assert!(one.status == 422 || one.status == 403, "{to}: {one:?}");
            assert_eq!((&row["code"], &row["detail"]), (&one.json["code"], &one.json["detail"]), "{to}");
        }
    }

    async fn a_test_number_is_never_sent_to(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "+15550001111", "text": "hello" });
        let answer = service.post(MESSAGES, &body).await.is(202);
        assert_eq!(answer.str("state"), "canceled");
        assert_eq!(service.stored().await, Stored::default());
    }
}
