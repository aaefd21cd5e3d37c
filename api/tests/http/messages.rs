//! `POST /v1/messages` and `GET /v1/messages/{id}`.

use otpost_testbed::on_both_homes;
use serde_json::json;
use uuid::Uuid;

use crate::service::{MESSAGES, Service, Stored, number};

const TEST_NUMBER: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
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

    async fn a_test_number_is_never_sent_to(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "+15550001111", "text": "hello" });
        let answer = service.post(MESSAGES, &body).await.is(202);
        assert_eq!(answer.str("state"), "canceled");
        assert_eq!(service.stored().await, Stored::default());
    }
}
