//! `POST /v1/verifications/{id}/resend`.

use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::service::{Created, Service, VERIFICATIONS, number};

fn path(created: &Created) -> String {
    format!("{VERIFICATIONS}/{}/resend", created.id)
}

/// Past the waits of a verification and of its number.
const LATER_MS: i64 = 30_001;

on_both_homes! {
    async fn the_same_code_goes_out_again(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.show(created.id).await;
        service.home.clock.advance(LATER_MS);
        let answer = service.call(Method::POST, &path(&created)).await.is(202);
        assert_eq!((answer.str("id"), answer.str("status")), (&*created.id.to_string(), "pending"));
        assert_eq!(answer.str("to"), "+1********01");
        assert_eq!(answer.str("expires_at"), before.str("expires_at"));
        assert!(answer.str("resend_at") > before.str("resend_at"));
        let shown = service.show(created.id).await;
        assert_eq!(shown.json["resends"], 1);
        assert_eq!(shown.json["messages"].as_array().expect("a list").len(), 2);
        assert_eq!(service.stored().await.hints, 2);
        service.check(&created.token, &created.code).await.is(200);
    }

    async fn new_digits_void_the_old_ones(bed, "[purposes.default]\nresend = \"rotate\"") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        service.home.clock.advance(LATER_MS);
        service.post(&path(&created), &json!({})).await.is(202);
        let code = service.code_of(created.id).await;
        assert_ne!(code, created.code);
        service.check(&created.token, &created.code).await.refused(422, "code_incorrect");
        service.check(&created.token, &code).await.is(200);
    }

    async fn too_early_says_when(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.stored().await;
        let early = service.post(&path(&created), &json!({})).await;
        let early = early.refused(429, "resend_too_early");
        assert!((1..=30).contains(&early.retry_after()), "{}", early.text);
        let shown = service.show(created.id).await;
        assert_eq!(early.str("resend_at"), shown.str("resend_at"));
        assert_eq!(service.stored().await, before);
        // Nothing was charged: at that moment it works.
        service.home.clock.advance(LATER_MS);
        service.post(&path(&created), &json!({})).await.is(202);
        service.post(&path(&created), &json!({})).await.refused(429, "resend_too_early");
    }

    async fn a_repeat_with_the_same_key_sends_nothing(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        service.home.clock.advance(LATER_MS);
        let first = service.post(&path(&created), &json!({})).once("k").await.is(202);
        let stored = service.stored().await;
        let again = service.post(&path(&created), &json!({})).once("k").await.is(202);
        assert_eq!(first.json, again.json);
        let other = json!({ "client_ip": "203.0.113.9" });
        let reused = service.post(&path(&created), &other).once("k").await;
        reused.refused(422, "idempotency_key_reused");
        let elsewhere = service.create(2).await;
        let reused = service.post(&path(&elsewhere), &json!({})).once("k").await;
        reused.refused(422, "idempotency_key_reused");
        assert_eq!(service.stored().await.codes, stored.codes + 1);
        // Even when it is over, the first answer stands.
        service.home.clock.advance(600_000);
        let late = service.post(&path(&created), &json!({})).once("k").await.is(202);
        assert_eq!(first.json, late.json);
    }

    async fn the_holder_of_the_token_needs_no_key(bed, "") {
        let service = Service::start(&bed).await;
        let (created, other) = (service.create(1).await, service.create(2).await);
        service.home.clock.advance(LATER_MS);
        let before = service.stored().await;
        let path = path(&created);
        let missing = service.post(&path, &json!({})).by_nobody().await;
        let missing = missing.refused(401, "unauthorized");
        assert!(missing.str("detail").contains("session_token"), "{}", missing.text);
        let spliced = format!("{}{}", &created.token[..22], &other.token[22..]);
        for token in [&*other.token, &spliced, &created.token[1..], "", &"A".repeat(64)] {
            let body = json!({ "session_token": token });
            let answer = service.post(&path, &body).by_nobody().await;
            answer.refused(404, "verification_not_found");
        }
        let body = json!({ "session_token": created.token });
        // A wrong key is not made good by a token.
        service.post(&path, &body).by("otp_x").await.refused(401, "unauthorized");
        assert_eq!(service.stored().await, before);
        service.post(&path, &body).by_nobody().await.is(202);
    }

    async fn the_holder_of_the_token_does_not_learn_who_opted_out(bed, "") {
        let service = Service::start(&bed).await;
        let (kept, other) = (service.create(1).await, service.create(2).await);
        let body = json!({ "to": number(1), "scope": "all" });
        service.post("/v1/suppressions", &body).await.is(201);
        service.home.clock.advance(LATER_MS);
        service.post(&path(&kept), &json!({})).await.refused(403, "recipient_suppressed");
        let mut answers = Vec::new();
        for created in [&kept, &other] {
            let body = json!({ "session_token": created.token });
            let answer = service.post(&path(created), &body).by_nobody().await.is(202);
            let mut seen = answer.json.clone();
            for name in ["id", "to", "expires_at", "resend_at"] {
                seen[name] = json!(answer.str(name).len());
            }
            answers.push(seen);
            let again = service.post(&path(created), &body).by_nobody().await;
            again.refused(429, "resend_too_early");
        }
        assert_eq!(answers[0], answers[1]);
        let shown = service.show(kept.id).await.is(200);
        let states = [&shown.json["messages"][0]["state"], &shown.json["messages"][1]["state"]];
        assert_eq!(states, ["queued", "canceled"]);
        // It was a real one when it began.
        assert_eq!((&shown.json["withheld"], &shown.json["decoy"]), (&json!(false), &json!(false)));
        service.check(&kept.token, &kept.code).await.is(200);
    }

    async fn a_foreign_one_is_as_unknown_as_none(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let created = service.create(1).await;
        service.home.clock.advance(LATER_MS);
        let before = service.stored().await;
        let none = format!("{VERIFICATIONS}/{}/resend", Uuid::now_v7());
        let none = service.post(&none, &json!({})).await.refused(404, "verification_not_found");
        // Not even its token helps the holder of another tenant's key.
        for body in [json!({}), json!({ "session_token": created.token })] {
            let answer = service.post(&path(&created), &body).by(&foreign).await;
            assert_eq!((answer.status, &answer.text), (404, &none.text));
        }
        assert_eq!(service.stored().await, before);
    }

    async fn bad_fields_are_named_and_send_nothing(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        service.home.clock.advance(LATER_MS);
        let before = service.stored().await;
        for (body, name) in [
            (r#"{"client_ip": "here"}"#, "client_ip"),
            (r#"{"client_ip": -1}"#, "client_ip"),
            (r#"{"session_token": 1.5}"#, "session_token"),
            (r#"{"to": "+12025550102"}"#, "to"),
        ] {
            let answer = service.post_text(&path(&created), body).await;
            answer.refused(422, "invalid_field").names(name);
        }
        assert_eq!(service.stored().await, before);
        service.post(&path(&created), &json!({})).await.is(202);
    }

    async fn what_is_over_is_not_sent_again(bed, "") {
        let service = Service::start(&bed).await;
        let (verified, canceled) = (service.create(1).await, service.create(2).await);
        let expired = service.create(3).await;
        service.check(&verified.token, &verified.code).await.is(200);
        let cancel = format!("{VERIFICATIONS}/{}/cancel", canceled.id);
        service.post(&cancel, &json!({})).await.is(200);
        let before = service.stored().await;
        service.home.clock.advance(600_001);
        for (created, status, code) in [
            (verified, 409, "already_verified"),
            (canceled, 410, "verification_canceled"),
            (expired, 410, "verification_expired"),
        ] {
            service.post(&path(&created), &json!({})).await.refused(status, code);
        }
        assert_eq!(service.stored().await, before);
    }
}
