//! Policies: read, changed and taken back by their tenant, and felt by what is accepted, here and in another
//! process.

use otpost_shared::Home;
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    service::{Service, VERIFICATIONS, number},
};

const POLICIES: &str = "/v1/policies";
const LOGIN: &str = "/v1/policies/login";
const VOICE: &str = "[chains]\nvoice = [\"console\"]";

async fn put(service: &Service, path: &str, body: Value) -> Answer {
    service.call(Method::PUT, path).json(&body).await
}

/// Guesses of a new verification for `login`.
async fn guesses(service: &Service, n: u32) -> i64 {
    let created = service.create_with(&json!({ "to": number(n), "purpose": "login" })).await;
    service.show(created.id).await.is(200).json["guesses_left"].as_i64().expect("a number")
}

on_both_homes! {
    async fn a_change_counts_at_once_and_until_it_is_taken_back(bed, "") {
        let service = Service::start(&bed).await;
        let before = service.get(LOGIN).await.is(200).json.clone();
        assert_eq!((&before["version"], &before["source"]), (&json!(0), &json!("configuration")));
        assert_eq!((&before["policy"]["lifetime_secs"], &before["sources"]), (&json!(300), &json!({})));
        assert!(before["policy"]["template"].is_null() && before["changes"].is_null(), "{before}");

        let body = json!({ "changes": { "guesses": 3, "then": [], "countries": ["US"] } });
        let changed = put(&service, LOGIN, body).await.is(200).json.clone();
        assert_eq!((&changed["version"], &changed["source"]), (&json!(1), &json!("tenant")));
        assert_eq!(changed["changes"], json!({ "guesses": 3, "then": [], "countries": ["US"] }));
        assert_eq!(changed["policy"]["guesses"], json!(3));
        assert_eq!(changed["policy"]["lifetime_secs"], json!(300), "the others are as they were");
        assert_eq!(changed["sources"]["guesses"], json!("tenant"));
        let by = changed["changed_by"].as_str().expect("who");
        assert!(service.key.len() > by.len() && by.len() == 36, "{by}");
        assert_eq!(service.get(LOGIN).await.is(200).json, changed);
        assert_eq!(guesses(&service, 1).await, 3);

        // What is left out of the next one is below's again.
        put(&service, LOGIN, json!({ "changes": { "lifetime_secs": 200 } })).await.is(200);
        assert_eq!(guesses(&service, 2).await, 5);
        service.call(Method::DELETE, LOGIN).any().await.is(204);
        service.call(Method::DELETE, LOGIN).await.refused(404, "policy_not_found");
        let after = service.get(LOGIN).await.is(200).json.clone();
        assert_eq!((&after["policy"], &after["version"]), (&before["policy"], &json!(3)));
        assert!(after["changes"].is_null(), "{after}");
    }

    async fn another_process_feels_it_within_a_second(bed, "") {
        let service = Service::start(&bed).await;
        let home = Home::open((*bed.home.config).clone()).await.expect("a second process");
        home.set_clock().await.expect("a clock");
        let second = Service::serve(&home, service.key.clone()).await;
        assert_eq!(guesses(&second, 1).await, 5);
        put(&service, LOGIN, json!({ "changes": { "guesses": 2 } })).await.is(200);
        second.home.clock.advance(1_000);
        assert_eq!(guesses(&second, 2).await, 2);
    }

    async fn of_two_changes_the_second_is_told(bed, "") {
        let service = Service::start(&bed).await;
        let change = |version: i32, guesses: u32| {
            put(&service, LOGIN, json!({ "changes": { "guesses": guesses }, "version": version }))
        };
        change(0, 3).await.is(200);
        let late = change(0, 4).await.refused(409, "policy_changed");
        assert_eq!(late.json["version"], json!(1));
        change(1, 4).await.is(200);
        assert_eq!(guesses(&service, 1).await, 4);
    }

    async fn a_policy_that_cannot_be_names_its_keys(bed, "") {
        let service = Service::start(&bed).await;
        let wait = json!({ "changes": { "resend_after_secs": 300 } });
        let refused = put(&service, LOGIN, wait).await.refused(422, "invalid_field");
        let fields = json!(["changes.resend_after_secs", "changes.lifetime_secs"]);
        assert_eq!(refused.json["fields"], fields, "{}", refused.text);
        assert!(refused.str("detail").contains("make resend_after_secs shorter"), "{}", refused.text);
        refused.names("changes.resend_after_secs");
        let several = json!({ "changes": { "countries": ["XX"], "guesses": 99, "lifetime_secs": 5 } });
        let refused = put(&service, LOGIN, several).await.refused(422, "invalid_field");
        let fields = json!(["changes.guesses", "changes.lifetime_secs", "changes.countries"]);
        assert_eq!(refused.json["fields"], fields, "{}", refused.text);
        assert!(refused.str("detail").contains("must be 1 to 10; lifetime_secs: "), "{}", refused.text);
        let unread = json!({ "changes": { "gueses": 3, "guesses": 3, "lifetime_secs": "x" } });
        let refused = put(&service, LOGIN, unread).await.refused(422, "invalid_field");
        let fields = json!(["changes.gueses", "changes.lifetime_secs"]);
        assert_eq!(refused.json["fields"], fields, "{}", refused.text);
        let name = put(&service, "/v1/policies/Shop", json!({ "changes": {} })).await;
        name.refused(422, "invalid_field").names("purpose");
        for body in [
            json!({}),
            json!({ "changes": { "gueses": 3 } }),
            json!({ "changes": { "guesses": "3" } }),
            json!({ "changes": { "guesses": 3 }, "versoin": 1 }),
        ] {
            put(&service, LOGIN, body).await.refused(422, "invalid_field");
        }
        service.get("/v1/policies/shop").await.refused(404, "policy_not_found");
        service.get("/v1/policies/shop/versions").await.refused(404, "policy_not_found");
        service.get("/v1/policies/%FF").await.refused(404, "policy_not_found");
        assert_eq!(service.get(LOGIN).await.is(200).json["version"], json!(0));
    }

    async fn what_was_before_can_be_had_again(bed, "") {
        let service = Service::start(&bed).await;
        for guesses in [2, 3] {
            put(&service, LOGIN, json!({ "changes": { "guesses": guesses } })).await.is(200);
        }
        service.call(Method::DELETE, LOGIN).any().await.is(204);
        let restore = |version: &str| {
            service.post(&format!("{LOGIN}/versions/{version}/restore"), &json!({}))
        };
        let restored = restore("1").await.is(200);
        assert_eq!((&restored.json["version"], &restored.json["changes"]["guesses"]), (&json!(4), &json!(2)));
        assert_eq!(guesses(&service, 1).await, 2);
        restore("3").await.refused(422, "invalid_field").names("version");
        for none in ["5", "0", "-1", "2147483647", "2147483648", "first"] {
            restore(none).await.refused(404, "policy_not_found");
        }
        let foreign = service.foreign_key().await;
        restore("1").by(&foreign).await.refused(404, "policy_not_found");
        assert_eq!(service.get(LOGIN).await.is(200).json["version"], json!(4));
    }

    async fn each_tenant_has_its_own(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        put(&service, LOGIN, json!({ "changes": { "guesses": 3 } })).await.is(200);
        put(&service, "/v1/policies/shop", json!({ "changes": {} })).await.is(200);
        let seen = service.get(LOGIN).by(&foreign).await.is(200);
        assert_eq!(seen.json["policy"]["guesses"], json!(5));
        service.get("/v1/policies/shop").by(&foreign).await.refused(404, "policy_not_found");
        let body = json!({ "to": number(1), "purpose": "shop" });
        let call = service.post(VERIFICATIONS, &body).by(&foreign);
        call.await.refused(422, "unknown_purpose");
        service.post(VERIFICATIONS, &body).await.is(202);
    }

    async fn lists_have_pages(bed, "") {
        let service = Service::start(&bed).await;
        let names = |answer: &Answer| -> Vec<String> {
            let all = answer.json["policies"].as_array().expect("policies");
            all.iter().map(|one| one["purpose"].as_str().expect("a name").to_owned()).collect()
        };
        let whole = service.get(POLICIES).await.is(200);
        assert_eq!(names(&whole).len(), 7);
        assert!(names(&whole).is_sorted() && whole.json["next"].is_null(), "{}", whole.text);
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page = service.get(&format!("{POLICIES}?limit=3{after}")).await.is(200);
            paged.extend(names(&page));
            let Some(next) = page.json["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(paged, names(&whole));
        service.get(&format!("{POLICIES}?limit=0")).await.refused(422, "invalid_field").names("limit");

        for guesses in [2, 3, 4] {
            put(&service, LOGIN, json!({ "changes": { "guesses": guesses } })).await.is(200);
        }
        let versions = service.get(&format!("{LOGIN}/versions?limit=2")).await.is(200);
        assert_eq!((&versions.json["versions"][0]["version"], &versions.json["next"]), (&json!(3), &json!(2)));
        let rest = service.get(&format!("{LOGIN}/versions?limit=2&after=2")).await.is(200);
        assert_eq!(rest.json["versions"][0]["changes"], json!({ "guesses": 2 }));
        assert!(rest.json["next"].is_null() && rest.json["versions"][1].is_null(), "{}", rest.text);
        let none = service.get("/v1/policies/opt_in/versions").await.is(200);
        assert_eq!(none.json, json!({ "versions": [] }));
    }

    async fn it_says_what_requests_may(bed, VOICE) {
        let service = Service::start(&bed).await;
        let step = json!([{ "channel": "voice", "after_secs": 60 }]);
        let strict = json!({ "changes": { "own_codes": false, "countries": ["US"], "then": step } });
        put(&service, LOGIN, strict).await.is(200);
        let create = |extra: &Value| {
            let mut body = json!({ "to": number(1), "purpose": "login" });
            for (key, value) in extra.as_object().expect("an object") {
                body[key.as_str()] = value.clone();
            }
            service.call(Method::POST, VERIFICATIONS).json(&body)
        };
        let own = create(&json!({ "code": "123456" })).await;
        own.refused(422, "invalid_field").names("code");
        let created = create(&json!({})).await.is(202);
        let id = created.str("id").parse().expect("an id");
        let shown = service.show(id).await.is(200);
        assert_eq!(shown.json["messages"].as_array().map(Vec::len), Some(2));
        let created = create(&json!({ "to": number(2), "then": [] })).await.is(202);
        let shown = service.show(created.str("id").parse().expect("an id")).await.is(200);
        assert_eq!(shown.json["messages"].as_array().map(Vec::len), Some(1));
        put(&service, LOGIN, json!({ "changes": { "countries": ["GB", "IE"] } })).await.is(200);
        let abroad = create(&json!({ "to": number(3) })).await;
        let abroad = abroad.refused(403, "country_not_allowed").names("to");
        assert_eq!((abroad.str("country"), abroad.str("purpose")), ("US", "login"));
    }

    async fn a_reusable_code_gives_its_receipt_once(bed, "") {
        let service = Service::start(&bed).await;
        put(&service, LOGIN, json!({ "changes": { "reusable": true } })).await.is(200);
        let created = service.create_with(&json!({ "to": number(1), "purpose": "login" })).await;
        let first = service.check(&created.token, &created.code).await.is(200);
        assert!(!first.str("receipt").is_empty(), "{}", first.text);
        let again = service.check(&created.token, &created.code).await.is(200);
        assert_eq!((again.str("status"), again.str("verified_at")), ("verified", first.str("verified_at")));
        assert!(again.json["receipt"].is_null(), "{}", again.text);
        service.home.clock.advance(300_001);
        let late = service.check(&created.token, &created.code).await;
        late.refused(410, "verification_expired");
    }
}
