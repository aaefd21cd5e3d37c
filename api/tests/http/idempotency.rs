//! Idempotency keys: one effect, the first answer again, and only for the same request.

use std::{collections::BTreeSet, sync::Arc};

use otpost_testbed::on_both_homes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::service::{MESSAGES, Service, Stored, VERIFICATIONS, number};

/// Sends one request twenty times at once; the different answers to it.
async fn twenty_at_once(
    service: &Arc<Service>,
    path: &'static str,
    body: &Value,
) -> BTreeSet<String> {
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (service, body) = (Arc::clone(service), body.clone());
        calls.spawn(async move { service.post(path, &body).once("k").await.is(202).text });
    }
    calls.join_all().await.into_iter().collect()
}

on_both_homes! {
    async fn a_repeat_gets_the_first_answer(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1) });
        let first = service.post(VERIFICATIONS, &body).once("k").await.is(202);
        let again = service.post(VERIFICATIONS, &body).once("k").await.is(202);
        assert_eq!(first.text, again.text);
        let expected = Stored { codes: 1, records: 1, hints: 1, ..Stored::default() };
        assert_eq!(service.stored().await, expected);
        // What became of it meanwhile does not matter; the limits neither.
        let cancel = format!("{VERIFICATIONS}/{}/cancel", first.str("id"));
        service.post(&cancel, &json!({})).await.is(200);
        let later = service.post(VERIFICATIONS, &body).once("k").await.is(202);
        assert_eq!(first.text, later.text);
        // After a day the key is forgotten.
        service.home.clock.advance(86_400_000);
        let anew = service.post(VERIFICATIONS, &body).once("k").await.is(202);
        assert_ne!(first.str("id"), anew.str("id"));
    }

    async fn another_request_with_the_key_is_refused(bed, "") {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &json!({ "to": number(1) })).once("k").await.is(202);
        let before = service.stored().await;
        let spaced = format!(r#"{{ "to": "{}" }}"#, number(1));
        let text = json!({ "to": number(1), "text": "hello" });
        for call in [
            service.post(VERIFICATIONS, &json!({ "to": number(2) })),
            service.post_text(VERIFICATIONS, spaced),
            service.post(MESSAGES, &text),
        ] {
            call.once("k").await.refused(422, "idempotency_key_reused");
        }
        assert_eq!(service.stored().await, before);
        // Another tenant's key of the same name is another key.
        let foreign = service.foreign_key().await;
        let body = json!({ "to": number(2) });
        service.post(VERIFICATIONS, &body).by(&foreign).once("k").await.is(202);
        service.post(VERIFICATIONS, &body).once("K").await.is(202);
    }

    async fn twenty_at_once_are_one(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        let answers = twenty_at_once(&service, VERIFICATIONS, &json!({ "to": number(1) })).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        let expected = Stored { codes: 1, records: 1, hints: 1, ..Stored::default() };
        assert_eq!(service.stored().await, expected);
        assert_eq!(service.end_pending().await, 1);
    }

    async fn twenty_texts_at_once_are_one(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        let body = json!({ "to": number(1), "text": "hello" });
        let answers = twenty_at_once(&service, MESSAGES, &body).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(service.stored().await, Stored { texts: 1, records: 1, ..Stored::default() });
    }

    async fn a_key_has_a_form(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1) });
        let long = "k".repeat(256);
        let texts = ["", &long, "schlüssel", "\u{1f511}"].map(str::as_bytes);
        for key in texts.into_iter().chain([&b"\xff"[..], b"a\xffb"]) {
            let call = service.post(VERIFICATIONS, &body).header("idempotency-key", key);
            call.await.refused(422, "idempotency_key_invalid");
        }
        assert_eq!(service.stored().await, Stored::default());
        service.post(VERIFICATIONS, &body).once(&long[1..]).await.is(202);
        service.post(VERIFICATIONS, &json!({ "to": number(2) })).once("!").await.is(202);
    }

    async fn a_refused_request_does_not_use_its_key_up(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1) });
        service.create(1).await;
        service.post(VERIFICATIONS, &body).once("k").await.refused(429, "rate_limited");
        assert_eq!(service.stored().await.records, 0);
        service.home.clock.advance(30_001);
        service.post(VERIFICATIONS, &body).once("k").await.is(202);
    }
}
