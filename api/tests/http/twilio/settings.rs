//! Services: their settings, and lists by pages.

use otpost_shared::verify_service::{self, Inserted, Options, Service as VerifyService};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use super::*;

/// Below the address that the configuration names, since the test listens elsewhere.
fn path_of(answer: &Answer, name: &str) -> Option<String> {
    let url = answer.json["meta"][name].as_str()?;
    Some(url.split_at(url.find(SERVICES).expect("an address of ours")).1.to_owned())
}

on_both_homes! {
    async fn a_service_is_made_changed_and_removed(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("CodeLength", "7"), ("Unknown", "x")]).await;
        let fetched = caller.get(&caller.at("")).await.is(200);
        for (name, value) in [
            ("sid", json!(caller.sid)),
            ("account_sid", json!(caller.user)),
            ("friendly_name", json!("Shop")),
            ("code_length", json!(7)),
            ("custom_code_enabled", json!(false)),
            ("psd2_enabled", json!(false)),
            ("lookup_enabled", json!(false)),
            ("push", Value::Null),
        ] {
            assert_eq!(fetched.json[name], value, "{name}");
        }
        let links = fetched.json["links"].as_object().expect("an object");
        for (name, path) in [
            ("verifications", "/Verifications"),
            ("verification_checks", "/VerificationCheck"),
            ("rate_limits", "/RateLimits"),
        ] {
            let link = links[name].as_str().expect("an address");
            assert!(link.starts_with("http") && link.ends_with(&caller.at(path)), "{link}");
        }
        let change = [("FriendlyName", "Other"), ("CodeLength", "10")];
        let changed = caller.post(&caller.at(""), &change).await.is(200);
        assert_eq!((changed.str("friendly_name"), &changed.json["code_length"]), ("Other", &json!(10)));
        caller.call(Method::DELETE, &caller.at("")).await.is(204);
        assert_fault(&caller.get(&caller.at("")).await, 404, 20_404);
        assert_fault(&caller.call(Method::DELETE, &caller.at("")).await, 404, 20_404);
        assert_fault(&caller.start(&number(1), &[]).await, 404, 20_404);
    }

    async fn changes_at_the_same_time_do_not_undo_each_other(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let at = caller.at("");
        let limit = [("UniqueName", "a")];
        let limit = caller.post(&caller.at("/RateLimits"), &limit).await.is(201);
        let buckets = caller.at(&format!("/RateLimits/{}/Buckets", limit.str("sid")));
        let bucket = caller.post(&buckets, &[("Max", "1"), ("Interval", "1")]).await.is(201);
        let bucket = format!("{buckets}/{}", bucket.str("sid"));
        for n in ["6", "7", "8", "9", "10"] {
            let name = format!("Shop {n}");
            let (named, long, most, secs) = (
                [("FriendlyName", name.as_str())],
                [("CodeLength", n)],
                [("Max", n)],
                [("Interval", n)],
            );
            let answers = tokio::join!(
                caller.post(&at, &named),
                caller.post(&at, &long),
                caller.post(&bucket, &most),
                caller.post(&bucket, &secs),
            );
            for answer in [answers.0, answers.1, answers.2, answers.3] {
                answer.is(200);
            }
            let n: u32 = n.parse().expect("a number");
            let of = caller.get(&at).await.is(200);
            assert_eq!((of.str("friendly_name"), &of.json["code_length"]), (&*name, &json!(n)));
            let of = caller.get(&bucket).await.is(200);
            assert_eq!((&of.json["max"], &of.json["interval"]), (&json!(n), &json!(n)));
        }
    }

    async fn wrong_settings_are_named(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let long = "x".repeat(33);
        for (pairs, code, named) in [
            (vec![("CodeLength", "6")], 60_200, "FriendlyName"),
            (vec![("FriendlyName", "")], 60_200, "FriendlyName"),
            (vec![("FriendlyName", long.as_str())], 60_200, "FriendlyName"),
            (vec![("FriendlyName", "a\nb")], 60_200, "FriendlyName"),
            (vec![("FriendlyName", "a"), ("CodeLength", "3")], 60_200, "CodeLength"),
            (vec![("FriendlyName", "a"), ("CodeLength", "5")], 60_200, "CodeLength"),
            (vec![("FriendlyName", "a"), ("CodeLength", "six")], 60_200, "CodeLength"),
            (vec![("FriendlyName", "a"), ("CustomCodeEnabled", "1")], 60_200, "CustomCodeEnabled"),
            (vec![("FriendlyName", "a"), ("LookupEnabled", "true")], 60_204, "LookupEnabled"),
        ] {
            let status = if code == 60_204 { 403 } else { 400 };
            let answer = caller.post(SERVICES, &pairs).await;
            assert_fault(&answer, status, code);
            assert!(answer.str("message").contains(named), "{answer:?}");
        }
        assert_eq!(caller.get(SERVICES).await.json["services"].as_array().map(Vec::len), Some(1));
    }

    async fn without_its_purpose_a_service_starts_nothing(bed, ON) {
        let api = Service::start(&bed).await;
        let mut caller = Caller::new(&api).await;
        let purpose = "/v1/policies/shop";
        let put = api.call(Method::PUT, purpose).json(&json!({ "changes": {} }));
        put.any().await.is(200);
        let options = Options {
            friendly_name: "Shop".to_owned(),
            code_length: 6,
            custom_codes: false,
            payments: false,
        };
        let of = VerifyService::new(Uuid::now_v7(), DEFAULT_TENANT, "shop", options, 0);
        let inserted = verify_service::insert(&api.home.db, &of).await.expect("stored");
assert_eq!(inserted, Inserted::Yes);
        caller.sid = Sid::Service.write(of.id);
        caller.start(&number(1), &[]).await.is(201);
        api.call(Method::DELETE, purpose).any().await;
        let refused = caller.start(&number(2), &[]).await;
        assert_fault(&refused, 403, 60_204);
        assert!(refused.str("message").contains("policy"), "{refused:?}");
    }

    async fn services_are_listed_by_pages(bed, ON) {
        let api = Service::start(&bed).await;
        let first = Caller::new(&api).await;
        let (second, third) = (Caller::new(&api).await, Caller::new(&api).await);
        let sids = [&first.sid, &second.sid, &third.sid];
        let mut at = Some(format!("{SERVICES}?PageSize=1"));
        let (mut found, mut last) = (Vec::new(), None);
        while let Some(path) = at {
            let page = first.get(&path).await.is(200);
            let meta = &page.json["meta"];
            assert_eq!((&meta["page"], &meta["page_size"]), (&json!(found.len()), &json!(1)));
            assert_eq!(meta["key"], "services");
            let rows = page.json["services"].as_array().expect("a list");
            found.extend(rows.iter().map(|row| row["sid"].as_str().expect("a sid").to_owned()));
            assert!(found.len() <= 3, "{found:?}");
            at = path_of(&page, "next_page_url");
            last = path_of(&page, "previous_page_url");
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), sids);
        let before = first.get(&last.expect("a page before")).await.is(200);
        assert_eq!(before.json["services"][0]["sid"], json!(second.sid));
        let very_first = path_of(&before, "previous_page_url").expect("a page before");
        let very_first = first.get(&very_first).await.is(200);
        assert_eq!(very_first.json["services"][0]["sid"], json!(first.sid));
        assert_eq!(very_first.json["meta"]["previous_page_url"], Value::Null);
        assert!(path_of(&very_first, "next_page_url").is_some());
        for wrong in ["PageSize=0", "PageSize=1001", "Page=-1", "Page=2", "PageToken=PAxyz"] {
            assert_fault(&first.get(&format!("{SERVICES}?{wrong}")).await, 400, 60_200);
        }
    }
}
