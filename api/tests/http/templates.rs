//! Texts of one's own: saved, listed, shown, tried out and taken away, each by its own tenant.

use otpost_shared::{api_key::Scope, tenant::DEFAULT_TENANT, verification};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    service::{MESSAGES, Service, VERIFICATIONS, make_key, number},
};

const TEMPLATES: &str = "/v1/templates";
const GERMAN: &str = "/v1/templates/default/sms/de";
const PREVIEW: &str = "/v1/templates/preview";

const PRICED: &str = r#"
[chains]
sms = ["box"]
email = ["box"]
[providers.box]
kind = "console"
print = false
[providers.box.prices]
currency = "EUR"
DE = "0.0750"
[purposes.web]
sms_web_host = "login.example.org"
sms_app_hash = "FA+9qCX9VSu"
"#;

async fn put(service: &Service, path: &str, body: &Value) -> Answer {
    service.call(Method::PUT, path).json(body).await
}

async fn kept_locale(service: &Service, answer: &Answer) -> Option<String> {
    let id = answer.str("id").parse().expect("an id");
    let row = verification::find(&service.home.db, id).await.expect("an answer");
    row.expect("a row").locale
}

on_both_homes! {
    async fn a_text_is_saved_and_taken_away(bed, "") {
        let service = Service::start(&bed).await;
        service.get(GERMAN).await.refused(404, "template_not_found");
        let text = json!({ "text": "{name}: {code}", "variables": ["name"] });
        let saved = put(&service, GERMAN, &text).await.is(200);
        assert_eq!((saved.json["version"].as_i64(), saved.str("owner")), (Some(1), "tenant"));
        assert!(uuid::Uuid::try_parse(saved.str("changed_by")).is_ok(), "{}", saved.text);
        let again = put(&service, "/v1/templates/default/sms/DE", &json!({ "text": "{code}!" })).await;
        assert_eq!(again.is(200).json["version"].as_i64(), Some(2));
        let shown = service.get(GERMAN).await.is(200).json;
        assert_eq!((&shown["template"]["text"], &shown["template"]["locale"]), (&json!("{code}!"), &json!("de")));
        assert_eq!(shown["earlier"][0]["variables"], json!(["name"]));
        let listed = service.get(TEMPLATES).await.is(200).json;
        assert_eq!(listed["templates"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed["language"], Value::Null);

        let foreign = service.foreign_key().await;
        service.get(GERMAN).by(&foreign).await.refused(404, "template_not_found");
        service.call(Method::DELETE, GERMAN).by(&foreign).await.refused(404, "template_not_found");
        let theirs = service.get(TEMPLATES).by(&foreign).await.is(200).json;
        assert_eq!(theirs["templates"], json!([]));

        service.call(Method::DELETE, GERMAN).await.is(204);
        service.call(Method::DELETE, GERMAN).await.refused(404, "template_not_found");
        service.get(GERMAN).await.refused(404, "template_not_found");
    }

    async fn what_is_wrong_is_named(bed, "") {
        let service = Service::start(&bed).await;
        for (path, body, field) in [
            (GERMAN, json!({ "text": "code" }), "text"),
            (GERMAN, json!({ "text": "{code} {app.__class__}" }), "text"),
            (GERMAN, json!({ "text": "{code} {0}" }), "text"),
            (GERMAN, json!({ "text": "{code} {nam}", "variables": ["name"] }), "text"),
            (GERMAN, json!({ "text": "{code}", "title": "x" }), "title"),
            (GERMAN, json!({ "text": "{code}", "variables": ["app"] }), "variables"),
            (GERMAN, json!({ "text": "{code}", "html": "x" }), "html"),
            ("/v1/templates/default/email/de", json!({ "text": "{code}" }), "title"),
            ("/v1/templates/nothing/sms/de", json!({ "text": "{code}" }), "purpose"),
            ("/v1/templates/default/fax/de", json!({ "text": "{code}" }), "channel"),
            ("/v1/templates/default/whatsapp/de", json!({ "text": "{code}" }), "channel"),
            ("/v1/templates/default/sms/..%2F..%2Fetc", json!({ "text": "{code}" }), "locale"),
        ] {
            put(&service, path, &body).await.refused(422, "invalid_field").names(field);
        }
        let long = format!("{{code}}{}", "x".repeat(10_000));
        put(&service, GERMAN, &json!({ "text": long })).await.refused(422, "invalid_field");
        // Nothing but braces is a placeholder.
        put(&service, GERMAN, &json!({ "text": "%s $1 {code}" })).await.is(200);
        let key = make_key(&bed.home, DEFAULT_TENANT,
            &[Scope::Verify, Scope::Send]).await.1;
        service.get(TEMPLATES).by(&key).await.refused(403, "scope_missing");
    }

    async fn a_text_is_tried_out_with_its_segments_and_its_price(bed, PRICED) {
        let service = Service::start(&bed).await;
        let preview = async |body: Value| service.post(PREVIEW, &body).await;
        let built_in = preview(json!({ "locale": "ja" })).await.is(200);
        assert_eq!((built_in.str("source"), built_in.str("encoding")), ("built_in", "UCS-2"));
        assert!(built_in.str("text").contains("123456"), "{}", built_in.text);

        let words = json!({ "text": "{code} for {name}", "locale": "de", "country": "DE",
            "variables": { "name": "A".repeat(150) } });
        let tried = preview(words).await.is(200);
        assert_eq!((tried.str("encoding"), &tried.json["segments"]), ("GSM-7", &json!(2)));
        assert_eq!(tried.json["costs"][0]["price"]["amount"], "0.15");
        assert_eq!(tried.json["source"], Value::Null);

        let web = preview(json!({ "purpose": "web", "locale": "de" })).await.is(200);
        let lines: Vec<&str> = web.str("text").lines().skip(1).collect();
        assert_eq!(lines, ["FA+9qCX9VSu", "@login.example.org #123456"]);
        assert_eq!((web.str("encoding"), &web.json["segments"]), ("GSM-7", &json!(1)));

        let mail = preview(json!({ "channel": "email", "locale": "he" })).await.is(200);
        assert!(mail.str("title").contains("123456") && mail.json["segments"].is_null());

        for (body, field) in [
            (json!({ "text": "{code} {name}" }), "text"),
            (json!({ "text": "{code}", "variables": { "code": "1" } }), "variables"),
            (json!({ "text": "{code}", "variables": { "name": "x".repeat(10_240) } }), "variables"),
            (json!({ "title": "x", "channel": "email" }), "title"),
            (json!({ "locale": "*" }), "locale"),
            (json!({ "country": "germany" }), "country"),
            (json!({ "purpose": "nothing" }), "purpose"),
        ] {
            preview(body).await.refused(422, "invalid_field").names(field);
        }
        assert_eq!(service.stored().await.codes, 0);
    }

    async fn the_language_comes_with_the_request_or_its_header(bed, "") {
        let service = Service::start(&bed).await;
        let long = "de,".repeat(1_000);
        for (n, locale, header, kept) in [
            (1, None, None, None),
            (2, Some("pt-br"), None, Some("pt-BR")),
            (3, None, Some("cy, de-AT;q=0.9, en;q=0.1"), Some("de-AT")),
            (4, None, Some("de;q=0, zh-TW;q=0.1"), Some("zh-TW")),
            (5, Some("fr"), Some("de"), Some("fr")),
            (6, Some("cy"), Some("de"), Some("de")),
            (7, None, Some("*"), None),
            (8, None, Some(";q="), None),
            (9, None, Some("../../etc"), None),
            (10, None, Some(long.as_str()), None),
            (11, None, Some("d\u{e9}, {code}, de"), None),
            (12, Some("th-TH-u-ca-buddhist"), None, Some("th-TH")),
        ] {
            let mut call = service.post(VERIFICATIONS, &json!({ "to": number(n), "locale": locale }));
            if let Some(header) = header {
                call = call.header("accept-language", header);
            }
            let answer = call.await.is(202);
            assert_eq!(kept_locale(&service, &answer).await.as_deref(), kept, "{n}");
            let shown = service.show(answer.str("id").parse().expect("an id")).await.is(200);
            assert_eq!(shown.json["locale"].as_str(), kept);
        }
        for locale in ["../../etc", "*", "", "a language"] {
            let body = json!({ "to": number(99), "locale": locale });
            service.post(VERIFICATIONS, &body).await.refused(422, "invalid_field").names("locale");
            let body = json!({ "to": number(99), "text": "hi", "locale": locale });
            service.post(MESSAGES, &body).await.refused(422, "invalid_field").names("locale");
        }
        let body = json!({ "to": number(98), "text": "hi", "locale": "de" });
        service.post(MESSAGES, &body).await.is(202);
    }

    async fn the_lines_under_an_sms_are_the_policys(bed, "") {
        let service = Service::start(&bed).await;
        let login = "/v1/policies/login";
        let host = |host: &str| json!({ "changes": { "sms_web_host": host } });
        put(&service, login, &host("https://example.org")).await
            .refused(422, "invalid_field").names("changes.sms_web_host");
        put(&service, login, &host("login.example.org")).await.is(200);
        let shown = service.post(PREVIEW, &json!({ "purpose": "login" })).await.is(200);
        assert_eq!(shown.str("text").lines().last(), Some("@login.example.org #123456"));
        let text = json!({ "changes": { "template": "{code}" } });
        put(&service, login, &text).await.refused(422, "invalid_field");
        let other = service.post(PREVIEW, &json!({})).await.is(200);
        assert_eq!(other.str("text").lines().count(), 1, "another purpose has none");
    }

    async fn a_tenant_has_a_language(bed, "") {
        let service = Service::start(&bed).await;
        let path = "/v1/templates/language";
        put(&service, path, &json!({ "locale": "pt-br" })).await.is(204);
        assert_eq!(service.get(TEMPLATES).await.is(200).str("language"), "pt-BR");
        put(&service, path, &json!({ "locale": "*" })).await.refused(422, "invalid_field").names("locale");
        put(&service, path, &json!({})).await.is(204);
        assert_eq!(service.get(TEMPLATES).await.is(200).json["language"], Value::Null);
    }
}
