//! API keys: missing, wrong, revoked, expired, and without the scope.

use otpost_shared::{
    api_key::{self, Scope},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{CHECK, CONSUME, MESSAGES, Service, Stored, VERIFICATIONS, make_key, number};

/// Every call, with a body that would do, and the scope it needs.
fn calls(id: &str) -> Vec<(Method, String, Value, Scope)> {
    let post = |path: &str, body, scope| (Method::POST, path.to_owned(), body, scope);
    let get = |path: String, scope| (Method::GET, path, json!({}), scope);
    let token = "A".repeat(64);
    vec![
        post(VERIFICATIONS, json!({ "to": number(1) }), Scope::Verify),
        post(CHECK, json!({ "session_token": token, "code": "123456" }), Scope::Verify),
        post(CONSUME, json!({ "receipt": token, "purpose": "default" }), Scope::Verify),
        post(MESSAGES, json!({ "to": number(1), "text": "x" }), Scope::Send),
        post(&format!("{VERIFICATIONS}/{id}/resend"), json!({}), Scope::Verify),
        post(&format!("{VERIFICATIONS}/{id}/cancel"), json!({}), Scope::Verify),
        get(format!("{VERIFICATIONS}/{id}"), Scope::Verify),
        get(format!("{MESSAGES}/{id}"), Scope::Send),
        get("/v1/policies".to_owned(), Scope::Manage),
        get("/v1/policies/login".to_owned(), Scope::Manage),
        get("/v1/policies/login/versions".to_owned(), Scope::Manage),
        post("/v1/policies/login/versions/1/restore", json!({}), Scope::Manage),
        (Method::PUT, "/v1/policies/login".to_owned(), json!({ "changes": {} }), Scope::Manage),
        (Method::DELETE, "/v1/policies/login".to_owned(), json!({}), Scope::Manage),
        get("/v1/templates".to_owned(), Scope::Manage),
        get("/v1/templates/login/sms/de".to_owned(), Scope::Manage),
        post("/v1/templates/preview", json!({}), Scope::Manage),
        (Method::PUT, "/v1/templates/language".to_owned(), json!({}), Scope::Manage),
        (
            Method::PUT,
            "/v1/templates/login/sms/de".to_owned(),
            json!({ "text": "{code}" }),
            Scope::Manage,
        ),
        (Method::DELETE, "/v1/templates/login/sms/de".to_owned(), json!({}), Scope::Manage),
        post("/v1/webhooks", json!({ "url": "https://example.org/" }), Scope::Events),
        get("/v1/webhooks".to_owned(), Scope::Events),
        get(format!("/v1/webhooks/{id}"), Scope::Events),
        (Method::PATCH, format!("/v1/webhooks/{id}"), json!({}), Scope::Events),
        (Method::DELETE, format!("/v1/webhooks/{id}"), json!({}), Scope::Events),
        post(&format!("/v1/webhooks/{id}/rotate"), json!({}), Scope::Events),
        post(&format!("/v1/webhooks/{id}/test"), json!({}), Scope::Events),
        post(&format!("/v1/webhooks/{id}/replay"), json!({ "after": 0 }), Scope::Events),
        get(format!("/v1/webhooks/{id}/deliveries"), Scope::Events),
        post(&format!("/v1/webhooks/{id}/deliveries/{id}/replay"), json!({}), Scope::Events),
        get("/v1/events".to_owned(), Scope::Events),
        get(format!("{VERIFICATIONS}/{id}/events"), Scope::Verify),
    ]
}

on_both_homes! {
    async fn without_a_good_key_nothing_is_done(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(2).await;
        let before = service.stored().await;
        let (db, now) = (&service.home.db, service.home.clock.now());
        let (revoked, revoked_text) = make_key(&service.home, DEFAULT_TENANT, &Scope::ALL).await;
        service.get(&format!("{MESSAGES}/x")).by(&revoked_text).await.is(404);
        let done = api_key::mark_revoked(db, DEFAULT_TENANT, revoked.id, now).await;
        assert_eq!(done, Ok(true));
        service.home.clock.advance(1_000);
        let (mut expired, expired_text) = api_key::generate(DEFAULT_TENANT, "old", &Scope::ALL, now);
        expired.expires_at = Some(now - 1);
        api_key::insert(db, &expired).await.expect("stored");
        let (_, unknown) = api_key::generate(DEFAULT_TENANT, "x", &Scope::ALL, now);
        let (unknown, expired_text) = (unknown.to_string(), expired_text.to_string());
        let spliced = format!("{}{}", &service.key[..26], &unknown[26..]);
        let without_prefix = service.key[4..].to_owned();
        let keys = [
            "", "otp_", &unknown, &revoked_text, &expired_text, &spliced, &without_prefix,
            &created.token,
        ];
        for (method, path, body, _) in calls(&created.id.to_string()) {
            for key in keys {
                let answer = service.call(method.clone(), &path).json(&body).by(key).await;
                answer.refused(401, "unauthorized");
            }
            let call = || service.call(method.clone(), &path).json(&body).by_nobody();
            call().await.refused(401, "unauthorized");
            for header in [&service.key, "Bearer", "Bearer ", "Basic dXNlcjpw", "Bearer \u{e9}"] {
                call().header("authorization", header).await.refused(401, "unauthorized");
            }
            // Not even what is wrong with a body is told to strangers.
            let stranger = service.call(method.clone(), &path).by("otp_x");
            if !path.ends_with("resend") && !path.ends_with("cancel") {
                stranger.raw("text/plain", "{").await.refused(401, "unauthorized");
            }
        }
        assert_eq!(service.stored().await, before);
    }

    async fn a_key_may_do_what_its_scope_says(bed, "") {
        let service = Service::start(&bed).await;
        let (_, verify) = make_key(&service.home, DEFAULT_TENANT, &[Scope::Verify]).await;
        let (_, send) = make_key(&service.home, DEFAULT_TENANT, &[Scope::Send]).await;
        let (_, nothing) = make_key(&service.home, DEFAULT_TENANT, &[]).await;
        let id = "00000000-0000-0000-0000-000000000001";
        for (method, path, body, scope) in calls(id) {
            let lacking = if scope == Scope::Verify { &send } else { &verify };
            for key in [lacking, &nothing] {
                let call = service.call(method.clone(), &path).json(&body).by(key);
                let answer = call.await.refused(403, "scope_missing");
                assert_eq!(answer.str("scope"), scope.as_str());
            }
        }
        assert_eq!(service.stored().await, Stored::default());
        service.post(VERIFICATIONS, &json!({ "to": number(1) })).by(&verify).await.is(202);
        let body = json!({ "to": number(1), "text": "x" });
        service.post(MESSAGES, &body).by(&send).await.is(202);
    }
}
