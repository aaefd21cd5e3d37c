//! `POST /v1/pages`, and what becomes of links.

use futures_util::future::join_all;
use otpost_shared::{api_key::Scope, tenant::DEFAULT_TENANT};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use super::{ADDRESSES, ON, PAGES, Page};
use crate::service::{Service, make_key, number};

const CALLS: [&str; 4] = ["challenge", "create", "check", "resend"];

const WITH_MAIL: &str = "[chains]\nemail = [\"console\"]\n[page]\nenabled = true\nwork_bits = 0\n\
    return_urls = [\"https://app.example.org\"]\nembed_origins = [\"https://shop.example.org\"]\n";

on_both_homes! {
    async fn without_the_switch_there_is_no_page(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "return_url": "https://app.example.org" });
        service.post(PAGES, &body).await.refused(403, "page_disabled");
        for (method, path) in ADDRESSES {
            service.call(method, path).json(&json!({})).by_nobody().await.refused(404, "route_not_found");
        }
    }

    async fn a_link_needs_a_key_that_may_verify(bed, ON) {
        let service = Service::start(&bed).await;
        let body = json!({ "return_url": "https://app.example.org" });
        service.post(PAGES, &body).by_nobody().await.refused(401, "unauthorized");
        let (_, key) = make_key(&service.home, DEFAULT_TENANT, &[Scope::Send]).await;
        service.post(PAGES, &body).by(&key).await.refused(403, "scope_missing");
        let made = service.post(PAGES, &body).await.is(201);
        assert!(made.str("url").starts_with("http://127.0.0.1:8080/page/"), "{}", made.text);
        // Nothing is stored: a repeat is another link.
        let again = service.post(PAGES, &body).await.is(201);
        assert_ne!(made.str("url"), again.str("url"));
        assert_eq!(service.stored().await.records, 0);
    }

    async fn what_a_link_cannot_say(bed, WITH_MAIL) {
        let service = Service::start(&bed).await;
        let there = "https://app.example.org";
        let long = "x".repeat(1_100);
        let cases: [(Value, &str); 17] = [
            (json!({}), "return_url"),
            (json!({ "return_url": "https://evil.example" }), "return_url"),
            (json!({ "return_url": "javascript:alert(1)" }), "return_url"),
            (json!({ "return_url": "/done" }), "return_url"),
            (json!({ "return_url": format!("{there}?receipt=x") }), "return_url"),
            (json!({ "return_url": format!("{there}/{long}") }), "return_url"),
            (json!({ "return_url": there, "embed_origin": "https://evil.example" }), "embed_origin"),
            (json!({ "return_url": there, "embed_origin": "*" }), "embed_origin"),
            (json!({ "return_url": there, "state": long }), "state"),
            (json!({ "return_url": there, "subject": long }), "subject"),
            (json!({ "return_url": there, "metadata": { "x": long } }), "metadata"),
            (json!({ "return_url": there, "locale": "no language" }), "locale"),
            (json!({ "return_url": there, "to": "+4915" }), "to"),
            (json!({ "return_url": there, "channels": ["sms", "sms"] }), "channels[1]"),
            (json!({ "return_url": there, "channels": ["email", "sms"], "to": "ann@example.org" }), "channels[1]"),
            (json!({ "return_url": there, "channels": ["pigeon"] }), "channels[0]"),
            (json!({ "return_url": there, "purpose": "none" }), "purpose"),
        ];
        for (body, field) in cases {
            service.post(PAGES, &body).await.is(422).names(field);
        }
        service.post(PAGES, &json!({ "embed_origin": "https://shop.example.org" })).await.is(201);
    }

    async fn each_link_that_is_made_opens(bed, ON) {
        let service = Service::start(&bed).await;
        let full = json!({
            "subject": "x".repeat(255), "state": "\"".repeat(512),
            "variables": { "a": "x".repeat(1_015) }, "metadata": { "a": "x".repeat(1_015) },
        });
        // Of the same length, but an address spells three bytes with nine characters.
        for (text, is_made) in [("x".repeat(990), true), ("\u{65e5}".repeat(330), false)] {
            let url = format!("https://app.example.org/{text}");
            let body = super::with(full.clone(), &json!({ "return_url": url }));
            let made = service.post(PAGES, &body).await;
            if is_made {
                Page::of(&service, &made.is(201)).shown().await.is(200);
            } else {
                let said = made.refused(422, "invalid_field").names("return_url");
                assert!(said.text.contains("8000"), "{}", said.text);
            }
            let alone = json!({ "return_url": url });
            Page::of(&service, &service.post(PAGES, &alone).await.is(201)).shown().await.is(200);
        }
    }

    async fn a_link_runs_out(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({ "state": "s" })).await;
        let begun = page.begin(1).await;
        service.home.clock.advance(1_800_001);
        let shown = page.shown().await.is(410);
        let back = "https://app.example.org/done?error=not_verified&amp;state=s";
        assert!(shown.text.contains(back) && !shown.text.contains("<script"), "{}", shown.text);
        for call in ["challenge", "create"] {
            page.call(call, &json!({})).await.refused(410, "page_expired");
        }
        // The verification has a time of its own.
        page.check(&begun.handle, &begun.code).await.refused(410, "verification_expired");
    }

    async fn whoever_began_in_time_may_end(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        service.home.clock.advance(1_790_000);
        let begun = page.begin(1).await;
        service.home.clock.advance(60_000);
        page.call("challenge", &json!({})).await.refused(410, "page_expired");
        page.check(&begun.handle, &begun.code).await.is(200);
    }

    async fn no_other_text_is_a_link(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let mut texts: Vec<String> = ["x", "%FF", "widget"].map(str::to_owned).into();
        texts.push("a".repeat(9_000));
        texts.push(format!("{}A", page.link));
        let bytes = page.link.as_bytes();
        for place in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            texts.push(String::from_utf8(changed).expect("ASCII"));
        }
        for text in texts {
            let shown = service.get(&format!("/page/{text}")).by_nobody().any().await.is(404);
            assert!(shown.header("content-type").starts_with("text/html"), "{text}");
            for call in CALLS {
                let answer = service.post(&format!("/page/{text}/{call}"), &json!({})).by_nobody().await;
                answer.refused(404, "page_not_found");
            }
        }
    }

    async fn a_handle_counts_with_its_own_link_alone(bed, ON) {
        let service = Service::start(&bed).await;
        let (page, other) = (Page::make(&service).await, Page::make(&service).await);
        let key = service.foreign_key().await;
        let made = service.post(PAGES, &json!({ "return_url": "https://app.example.org" })).by(&key).await;
        let foreign = Page::of(&service, &made.is(201));
        let begun = page.begin(1).await;
        let native = service.create(2).await;
        for elsewhere in [&other, &foreign] {
            elsewhere.check(&begun.handle, &begun.code).await.refused(404, "verification_not_found");
            let again = json!({ "handle": begun.handle });
            elsewhere.call("resend", &again).await.refused(404, "verification_not_found");
        }
        // Nor do session tokens of the API count.
        for handle in [native.token.as_str(), "", "x"] {
            page.check(handle, &native.code).await.refused(404, "verification_not_found");
        }
        assert_eq!(service.show(begun.id).await.json["guesses_left"], 5);
        page.check(&begun.handle, &begun.code).await.is(200);
    }

    async fn a_link_counts_once(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let mut begun = Vec::new();
        for n in 1..=3 {
            begun.push(page.begin(n).await);
        }
        let answers = join_all(begun.iter().map(|begun| page.check(&begun.handle, &begun.code))).await;
        let verified = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(verified, 1, "{answers:?}");
        for (answer, begun) in answers.iter().zip(&begun) {
            let repeat = page.check(&begun.handle, &begun.code).await;
            if answer.status == 200 {
                assert_eq!(repeat.is(200).json, answer.json);
            } else {
                assert_eq!((answer.status, answer.str("code")), (410, "page_used"));
                repeat.refused(410, "page_used");
            }
        }
        page.shown().await.is(410);
        page.call("challenge", &json!({})).await.refused(410, "page_used");
        page.call("create", &json!({ "to": number(4) })).await.refused(410, "page_used");
    }

    async fn nobody_needs_more_than_the_page_says(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let path = format!("/page/{}", page.link);
        service.get(&format!("{path}?x=1")).by_nobody().any().await.is(422);
        for call in CALLS {
            let known = service.post(&format!("{path}/{call}?x=1"), &json!({})).by_nobody().await;
            known.refused(422, "invalid_field").names("x");
            service.get(&format!("{path}/{call}")).by_nobody().await.refused(405, "method_not_allowed");
        }
        for (call, body) in [("create", json!({ "code": "1" })), ("check", json!({ "handle": "x" })), ("resend", json!({}))] {
            page.call(call, &body).await.refused(422, "invalid_field");
        }
        service.post_text(&format!("{path}/check"), "{").by_nobody().await.refused(400, "malformed_body");
    }
}
