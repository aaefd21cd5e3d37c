//! The inbox of a sandbox: whose it is, its pages, waiting for a message, and clearing it.

use std::time::Duration;

use otpost_shared::{
    Home,
    api_key::{self, PREFIX, SANDBOX_PREFIX, Scope},
    message,
    sandbox::inbox::{self, Content},
    tenant::{self, Tenant},
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{CONSUME, Service, VERIFICATIONS, number};

const INBOX: &str = "/v1/inbox";

/// A sandbox of this name, with a key that may do these things.
pub async fn sandbox(home: &Home, name: &str, scopes: &[Scope]) -> (Tenant, String) {
    let now = home.clock.now();
    let tenant = Tenant::sandbox(Uuid::now_v7(), name, now);
    assert!(tenant::insert_if_missing(&home.db, &tenant).await.expect("an answer"));
    let key = key_of(home, &tenant, scopes).await;
    (tenant, key)
}

async fn key_of(home: &Home, tenant: &Tenant, scopes: &[Scope]) -> String {
    let (key, text) = api_key::generate_for(tenant, "test", scopes, home.clock.now());
    api_key::insert(&home.db, &key).await.expect("stored");
    text.to_string()
}

/// A code to [`number`] `n`, accepted and delivered as a worker does; its token.
async fn receive(service: &Service, key: &str, n: u32, text: &str) -> String {
    let body = json!({ "to": number(n) });
    let created = service.post(VERIFICATIONS, &body).by(key).await.is(202);
    let (home, id) = (&service.home, created.str("id").parse().expect("an id"));
    let row = message::list_by_verification(&home.db, id).await.expect("an answer").remove(0);
    let (to, code) = (number(n), Some(service.code_of(id).await));
    let content = Content { to, title: None, text: text.to_owned(), code };
    inbox::put(home, &row, &content, home.clock.now()).await.expect("put");
    created.str("session_token").to_owned()
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["text"].as_str().expect("a text")).collect()
}

on_both_homes! {
    async fn a_code_is_read_and_proves_the_number(bed, "") {
        let service = Service::start(&bed).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let token = receive(&service, &key, 1, "your code").await;
        let path = format!("{INBOX}?to=+12025550001&channel=sms");
        let page = service.get(&path).by(&key).await.is(200);
        let one = &page.json["messages"][0];
        assert_eq!((&one["to"], &one["channel"]), (&json!(number(1)), &json!("sms")));
        assert_eq!((&one["id"], &one["title"]), (&json!("1"), &json!(null)));
        assert!(one["verification_id"].is_string() && one["message_id"].is_string());
        let body = json!({ "session_token": token, "code": one["code"] });
        let checked = service.post("/v1/verifications/check", &body).by(&key).await.is(200);
        let receipt = json!({ "receipt": checked.str("receipt"), "purpose": "default" });
        let consume = || service.post(CONSUME, &receipt);
        consume().await.refused(422, "receipt_not_valid");
        consume().by(&key).await.is(200);
        consume().by(&key).await.refused(409, "receipt_already_consumed");
    }

    async fn nobody_else_reads_it(bed, "") {
        let service = Service::start(&bed).await;
        let home = &service.home;
        let (tenant, key) = sandbox(home, "ci", &Scope::ALL).await;
        let (_, other) = sandbox(home, "other", &Scope::ALL).await;
        let live = service.foreign_key().await;
        let verify = key_of(home, &tenant, &[Scope::Verify]).await;
        receive(&service, &key, 1, "mine").await;
        for method in [Method::GET, Method::DELETE] {
            let call = || service.call(method.clone(), INBOX);
            for key in [&service.key, &live] {
                call().by(key).await.refused(403, "sandbox_only");
            }
            let lacking = call().by(&verify).await;
            assert_eq!(lacking.refused(403, "scope_missing").str("scope"), "inbox");
            call().by_nobody().await.refused(401, "unauthorized");
        }
        assert!(texts(&service.get(INBOX).by(&other).await.is(200).json).is_empty());
        service.call(Method::DELETE, INBOX).by(&other).any().await.is(204);
        assert_eq!(texts(&service.get(INBOX).by(&key).await.is(200).json), ["mine"]);
    }

    async fn a_key_says_what_it_is_the_key_of(bed, "") {
        let service = Service::start(&bed).await;
        let home = &service.home;
        let (tenant, key) = sandbox(home, "ci", &Scope::ALL).await;
        assert!(key.starts_with(SANDBOX_PREFIX) && service.key.starts_with(PREFIX));
        let secret = key.strip_prefix(SANDBOX_PREFIX).expect("so it begins");
        let as_live = format!("{PREFIX}{secret}");
        let as_sandbox = format!("{SANDBOX_PREFIX}{}", &service.key[PREFIX.len()..]);
        for wrong in [as_live, as_sandbox] {
            service.get(INBOX).by(&wrong).await.refused(401, "unauthorized");
        }
        service.get(INBOX).by(&key).await.is(200);
        // The keys of a tenant that is disabled count no more than those that are revoked.
        assert_eq!(tenant::mark_disabled(&home.db, tenant.id, home.clock.now()).await, Ok(true));
        assert_eq!(tenant::mark_disabled(&home.db, tenant.id, home.clock.now()).await, Ok(false));
        home.clock.advance(1_000);
        service.get(INBOX).by(&key).await.refused(401, "unauthorized");
        service.get("/v1/messages/x").await.is(404);
        assert_eq!(tenant::mark_enabled(&home.db, tenant.id).await, Ok(true));
        assert_eq!(tenant::mark_enabled(&home.db, tenant.id).await, Ok(false));
        service.get(INBOX).by(&key).await.is(200);
    }

    async fn it_has_pages_and_places_to_go_on_from(bed, "") {
        let service = Service::start(&bed).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        for n in 1..=5 {
            receive(&service, &key, n, &n.to_string()).await;
        }
        let page = async |query: &str| {
            service.get(&format!("{INBOX}?{query}")).by(&key).await.is(200).json
        };
        let first = page("limit=2").await;
        assert_eq!((texts(&first), &first["next"]), (vec!["5", "4"], &json!("4")));
        let second = page("limit=2&after=4").await;
        assert_eq!((texts(&second), &second["next"]), (vec!["3", "2"], &json!("2")));
        let last = page("limit=2&after=2").await;
        assert_eq!((texts(&last), &last["next"]), (vec!["1"], &json!(null)));
        assert_eq!(texts(&page("since=3").await), ["5", "4"]);
        assert_eq!(texts(&page("since=5&wait=1").await), [""; 0]);
        assert_eq!(texts(&page("channel=email").await), [""; 0]);
        for (query, field) in [
            ("wait=31", "wait"), ("wait=soon", "wait"), ("wait=-1", "wait"), ("limit=0", "limit"),
            ("since=x", "since"), ("after=-1", "after"), ("channel=fax", "channel"), ("to=12", "to"),
            ("page=2", "page"),
        ] {
            let answer = service.get(&format!("{INBOX}?{query}")).by(&key).await;
            assert_eq!(answer.is(422).str("field"), field, "{query}");
        }
        let clear = async |query: &str| {
            service.call(Method::DELETE, &format!("{INBOX}{query}")).by(&key).any().await.is(204);
        };
        clear("?to=%2B12025550002").await;
        assert_eq!(texts(&page("").await), ["5", "4", "3", "1"]);
        clear("").await;
        clear("").await;
        assert_eq!(texts(&page("").await), [""; 0]);
        receive(&service, &key, 6, "6").await;
        assert_eq!(page("since=5").await["messages"][0]["id"], json!("6"), "numbers go on");
    }

    async fn a_call_waits_for_what_comes(bed, "") {
        let service = Service::start(&bed).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let path = format!("{INBOX}?wait=25&to=%2B12025550002");
        let waiting = async { service.get(&path).by(&key).await.is(200).json };
        let coming = async {
            // Another call waits for this one and gets it: what comes for others is not what is waited for.
            let others = format!("{INBOX}?wait=25&to=%2B12025550001");
            let other = async { service.get(&others).by(&key).await.is(200).json };
            let (seen, _) = tokio::join!(other, receive(&service, &key, 1, "another's"));
            assert_eq!(texts(&seen), ["another's"]);
            receive(&service, &key, 2, "its").await;
        };
        let (page, ()) = tokio::join!(waiting, coming);
        assert_eq!(texts(&page), ["its"]);
        assert_eq!(texts(&service.get(&path).by(&key).await.is(200).json), ["its"]);
    }

    async fn a_call_may_wait_for_longer_than_others_take(bed, "") {
        let service = Service::start_impatient(&bed, Duration::from_millis(1_800)).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let page = service.get(&format!("{INBOX}?wait=2")).by(&key).await.is(200);
        assert_eq!(texts(&page.json), [""; 0]);
    }

    async fn limits_hold_there_too(bed, "") {
        let service = Service::start(&bed).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let create = || service.post(VERIFICATIONS, &json!({ "to": number(1) }));
        create().by(&key).await.is(202);
        create().by(&key).await.refused(429, "rate_limited");
        create().await.is(202);
        assert_eq!(service.stored().await.codes, 1, "a sandbox waits in no lane of the others");
    }

    async fn countries_hold_but_not_where_a_test_has_no_choice(bed, GERMANY) {
        let service = Service::start(&bed).await;
        let (_, key) = sandbox(&service.home, "ci", &Scope::ALL).await;
        let create = |to: &str, key: &str| {
            service.post(VERIFICATIONS, &json!({ "to": to })).by(key)
        };
        create("+12025550143", &key).await.refused(403, "country_not_allowed");
        create("+12025550150", &key).await.is(202);
        create("+12025550150", &service.key).await.refused(403, "country_not_allowed");
    }
}

const GERMANY: &str = r#"
[recipients]
countries = ["DE"]
[chains]
sms = ["gateway"]
[providers.gateway]
kind = "http"
url = "https://gateway.example/?p={to}&t={text}"
"#;
