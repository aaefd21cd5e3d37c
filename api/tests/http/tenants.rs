//! Two tenants, of which one is a sandbox: what one changes, keeps back or counts is not the other's.

use otpost_shared::api_key::Scope;
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    inbox::sandbox,
    service::{MESSAGES, Service, VERIFICATIONS, number},
};

on_both_homes! {
    async fn nothing_of_one_is_the_others(bed, "") {
        let service = Service::start(&bed).await;
        let (_, ours) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let theirs = service.key.clone();
        let put = async |path: &str, body: Value| {
            service.call(Method::PUT, path).json(&body).by(&ours).await.is(200)
        };
        put("/v1/policies/default", json!({ "changes": { "code_length": 8 } })).await;
        put("/v1/templates/default/sms/en", json!({ "text": "ours {code} {who}", "variables": ["who"] })).await;
        let create = |n: u32, key: &str| {
            let body = json!({ "to": number(n), "variables": { "who": "us" } });
            service.post(VERIFICATIONS, &body).by(key).once("the same key")
        };
        let of_ours = create(1, &ours).await.is(202);
        let of_theirs = create(1, &theirs).await.is(202);
        assert_ne!(of_ours.str("id"), of_theirs.str("id"));
        for (answer, digits) in [(&of_ours, 8), (&of_theirs, 6)] {
            let id = answer.str("id").parse().expect("an id");
            assert_eq!(service.code_of(id).await.len(), digits);
        }
        let body = json!({ "to": number(2) });
        service.post(VERIFICATIONS, &body).by(&theirs).await.is(202);
        let answer = service.post(VERIFICATIONS, &body).by(&ours).await;
        answer.refused(422, "variable_missing");
        for (answer, key) in [(&of_ours, &theirs), (&of_theirs, &ours)] {
            let path = format!("{VERIFICATIONS}/{}", answer.str("id"));
            service.get(&path).by(key).await.refused(404, "verification_not_found");
        }
        let kept_back = json!({ "to": number(3) });
        let row = service.post("/v1/suppressions", &kept_back).by(&ours).await.is(201);
        let text = json!({ "to": number(3), "text": "Hi" });
        service.post(MESSAGES, &text).by(&ours).await.refused(403, "recipient_suppressed");
        let sent = service.post(MESSAGES, &text).by(&theirs).await.is(202);
        let path = format!("/v1/suppressions/{}", row.str("id"));
        service.get(&path).by(&theirs).await.refused(404, "suppression_not_found");
        let path = format!("{MESSAGES}/{}", sent.str("id"));
        service.get(&path).by(&ours).await.refused(404, "message_not_found");
    }
}
