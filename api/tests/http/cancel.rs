//! `POST /v1/verifications/{id}/cancel`.

use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::service::{Created, Service, VERIFICATIONS};

fn path(created: &Created) -> String {
    format!("{VERIFICATIONS}/{}/cancel", created.id)
}

on_both_homes! {
    async fn what_is_canceled_stays_unsent_and_uncounted(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let answer = service.call(Method::POST, &path(&created)).await.is(200);
        assert_eq!(answer.json, json!({ "id": created.id.to_string(), "status": "canceled" }));
        assert_eq!(service.stored().await.codes, 0);
        let late = service.check(&created.token, &created.code).await;
        late.refused(410, "verification_canceled");
        // Twice is as good as once.
        let again = service.post(&path(&created), &json!({})).await.is(200);
        assert_eq!(answer.json, again.json);
    }

    async fn the_holder_of_the_token_needs_no_key(bed, "") {
        let service = Service::start(&bed).await;
        let (created, other) = (service.create(1).await, service.create(2).await);
        service.post(&path(&created), &json!({})).by_nobody().await.refused(401, "unauthorized");
        for token in [&*other.token, "", &"A".repeat(64)] {
            let body = json!({ "session_token": token });
            let answer = service.post(&path(&created), &body).by_nobody().await;
            answer.refused(404, "verification_not_found");
        }
        assert_eq!(service.stored().await.codes, 2);
        let body = json!({ "session_token": created.token });
        service.post(&path(&created), &body).by_nobody().await.is(200);
        assert_eq!(service.stored().await.codes, 1);
    }

    async fn a_foreign_one_is_as_unknown_as_none(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let created = service.create(1).await;
        let none = format!("{VERIFICATIONS}/{}/cancel", Uuid::now_v7());
        let none = service.post(&none, &json!({})).await.refused(404, "verification_not_found");
        let answer = service.post(&path(&created), &json!({})).by(&foreign).await;
        assert_eq!((answer.status, &answer.text), (404, &none.text));
        service.check(&created.token, &created.code).await.is(200);
    }

    async fn what_is_over_and_what_is_wrong(bed, "") {
        let service = Service::start(&bed).await;
        let (verified, expired) = (service.create(1).await, service.create(2).await);
        for (body, name) in [
            (r#"{"session_token": 1}"#, "session_token"), (r#"{"reason": "x"}"#, "reason"),
        ] {
            let answer = service.post_text(&path(&verified), body).await;
            answer.refused(422, "invalid_field").names(name);
        }
        service.check(&verified.token, &verified.code).await.is(200);
        service.post(&path(&verified), &json!({})).await.refused(409, "already_verified");
        service.home.clock.advance(600_001);
        let answer = service.post(&path(&expired), &json!({})).await;
        answer.refused(410, "verification_expired");
    }
}
