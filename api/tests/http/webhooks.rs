//! Endpoints, the log, and watching a verification, as callers meet them.

use std::time::Duration;

use otpost_shared::{
    api_key::{self, Scope},
    tenant::DEFAULT_TENANT,
    webhook,
};
use otpost_testbed::on_both_homes;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::{
    check::other_than,
    service::{Service, VERIFICATIONS, make_key, number},
};

const WEBHOOKS: &str = "/v1/webhooks";
const HOOK: &str = "https://app.example.org/hook";
const LOG: &str = "[events]\nlog = true";

async fn make(service: &Service, types: Value) -> Value {
    let body = json!({ "url": HOOK, "types": types });
    service.post(WEBHOOKS, &body).await.is(201).json.clone()
}

fn path(webhook: &Value, rest: &str) -> String {
    format!("{WEBHOOKS}/{}{rest}", webhook["id"].as_str().expect("an id"))
}

async fn spread(service: &Service) {
    let now = service.home.clock.now();
    while webhook::spread(&service.home.db, now).await.expect("an answer") > 0 {}
}

/// Opens the stream of a verification.
async fn watch(service: &Service, id: &str, last: Option<&str>) -> Response {
    watch_by(service, &service.key, id, last).await
}

async fn watch_by(service: &Service, key: &str, id: &str, last: Option<&str>) -> Response {
    let url = format!("http://{}{VERIFICATIONS}/{id}/events", service.address);
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build();
    let mut request = client.expect("a client").get(url).bearer_auth(key);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.expect("an answer")
}

/// The next event's id and data; none at the end.
async fn next(stream: &mut Response, read: &mut String) -> Option<(String, Value)> {
    loop {
        if let Some((event, rest)) = read.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *read = rest;
            let field = |name: &str| {
                let mut lines = event.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
            };
            let Some(data) = field("data") else { continue };
            assert_eq!(field("event").as_deref(), Some("verification"));
            return Some((field("id").expect("an id"), data.parse().expect("JSON")));
        }
        let chunk = stream.chunk().await.expect("a stream")?;
        read.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
}

on_both_homes! {
    async fn endpoints_are_made_shown_changed_and_removed(bed, "") {
        let service = Service::start(&bed).await;
        let made = make(&service, json!(["verification.verified", "message"])).await;
        let secret = made["secret"].as_str().expect("a secret");
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{made}");
        let shown = service.get(&path(&made, "")).await.is(200);
        assert!(shown.json.get("secret").is_none() && !shown.text.contains(secret), "{shown:?}");
        assert_eq!((&shown.json["url"], &shown.json["enabled"]), (&json!(HOOK), &json!(true)));
        assert_eq!(shown.json["types"], json!(["verification.verified", "message"]));

        let change = json!({ "enabled": false, "types": [], "description": "for tests" });
        let changed = service.call(Method::PATCH, &path(&made, "")).json(&change).await.is(200);
        assert_eq!((&changed.json["enabled"], &changed.json["types"]), (&json!(false), &json!([])));
        assert_eq!(changed.json["url"], json!(HOOK), "what is left out stays");
        assert!(changed.json["disabled_at"].is_string() && changed.json["disabled_why"].is_null());
        service.post(&path(&made, "/test"), &json!({})).await.refused(422, "invalid_field");
        let enabled = service.call(Method::PATCH, &path(&made, "")).json(&json!({ "enabled": true }));
        assert_eq!(enabled.await.is(200).json["enabled"], json!(true));

        let rotated = service.post(&path(&made, "/rotate"), &json!({})).await.is(200);
        assert_ne!(rotated.str("secret"), secret);
        assert!(rotated.json["old_secret_until"].is_string());

        let other = make(&service, json!([])).await;
        let first = service.get(&format!("{WEBHOOKS}?limit=1")).await.is(200);
        assert_eq!(first.json["webhooks"][0]["id"], made["id"]);
        let second = service.get(&format!("{WEBHOOKS}?limit=1&after={}", first.str("next"))).await.is(200);
        assert_eq!((&second.json["webhooks"][0]["id"], second.json.get("next")), (&other["id"], None));

        service.call(Method::DELETE, &path(&made, "")).any().await.is(204);
        service.call(Method::DELETE, &path(&made, "")).await.refused(404, "webhook_not_found");
        service.get(&path(&made, "")).await.refused(404, "webhook_not_found");
    }

    async fn what_cannot_be_an_endpoint_is_refused(bed, "") {
        let service = Service::start(&bed).await;
        for (body, field) in [
            (json!({}), "url"),
            (json!({ "url": "http://example.org/" }), "url"),
            (json!({ "url": "https://127.0.0.1/" }), "url"),
            (json!({ "url": "https://0x7f000001/" }), "url"),
            (json!({ "url": "https://[::ffff:169.254.169.254]/" }), "url"),
            (json!({ "url": "https://localhost/" }), "url"),
            (json!({ "url": "https://user:secret@example.org/" }), "url"),
            (json!({ "url": HOOK, "types": ["message.read"] }), "types"),
            (json!({ "url": HOOK, "types": "message" }), "types"),
            (json!({ "url": HOOK, "description": "x".repeat(201) }), "description"),
            (json!({ "url": HOOK, "secret": "whsec_AAAA" }), "secret"),
        ] {
            service.post(WEBHOOKS, &body).await.refused(422, "invalid_field").names(field);
        }
        assert_eq!(service.get(WEBHOOKS).await.is(200).json["webhooks"], json!([]));
        let made = make(&service, json!([])).await;
        let change = json!({ "url": "https://10.0.0.1/" });
        let refused = service.call(Method::PATCH, &path(&made, "")).json(&change).await;
        refused.refused(422, "invalid_field").names("url");
        for query in ["after=x", "limit=0", "limit=x", "page=1"] {
            service.get(&format!("{WEBHOOKS}?{query}")).await.refused(422, "invalid_field");
        }
        for query in ["state=lost", "after=x"] {
            let deliveries = path(&made, &format!("/deliveries?{query}"));
            service.get(&deliveries).await.refused(422, "invalid_field");
        }
        for body in [json!({}), json!({ "since": "yesterday" }), json!({ "since": "2026-11-20T08:00:00Z", "after": 1 })] {
            service.post(&path(&made, "/replay"), &body).await.refused(422, "invalid_field").names("since");
        }
    }

    async fn nobody_elses_endpoint_is_there(bed, "") {
        let service = Service::start(&bed).await;
        let made = make(&service, json!([])).await;
        let foreign = service.foreign_key().await;
        for (method, rest, body) in [
            (Method::GET, "", json!({})),
            (Method::PATCH, "", json!({ "enabled": false })),
            (Method::DELETE, "", json!({})),
            (Method::POST, "/rotate", json!({})),
            (Method::POST, "/test", json!({})),
            (Method::GET, "/deliveries", json!({})),
            (Method::POST, "/replay", json!({ "after": 0 })),
            (Method::POST, "/deliveries/00000000-0000-0000-0000-000000000001/replay", json!({})),
        ] {
            let call = service.call(method.clone(), &path(&made, rest)).json(&body);
            call.by(&foreign).await.refused(404, "webhook_not_found");
            let call = service.call(method, &format!("{WEBHOOKS}/x{rest}")).json(&body);
            call.await.refused(404, "webhook_not_found");
        }
        assert_eq!(service.get(WEBHOOKS).by(&foreign).await.is(200).json["webhooks"], json!([]));
        assert_eq!(service.get(&path(&made, "")).await.is(200).json["enabled"], json!(true));
    }

    async fn deliveries_are_listed_and_replayed(bed, "") {
        let service = Service::start(&bed).await;
        let made = make(&service, json!([])).await;
        service.create(1).await;
        let tested = service.post(&path(&made, "/test"), &json!({})).await.is(202);
        spread(&service).await;
        let listed = service.get(&path(&made, "/deliveries?limit=1")).await.is(200);
        assert_eq!(listed.json["deliveries"][0]["state"], json!("queued"));
        let rest = service.get(&path(&made, &format!("/deliveries?after={}", listed.str("next")))).await.is(200);
        assert_eq!(rest.json["deliveries"].as_array().map(Vec::len), Some(1));
        let both = service.get(&path(&made, "/deliveries?state=queued")).await.is(200);
        let events: Vec<&Value> = both.json["deliveries"].as_array().expect("a list").iter().map(|row| &row["event_id"]).collect();
        assert!(events.contains(&&tested.json["event_id"]), "{events:?}");
        let id = both.json["deliveries"][0]["id"].as_str().expect("an id").to_owned();
        let replayed = service.post(&path(&made, &format!("/deliveries/{id}/replay")), &json!({})).await.is(202);
        assert_eq!((replayed.str("id"), replayed.str("state")), (id.as_str(), "queued"));
        let unknown = path(&made, "/deliveries/00000000-0000-0000-0000-000000000001/replay");
        service.post(&unknown, &json!({})).await.refused(404, "delivery_not_found");
        let all = service.post(&path(&made, "/replay"), &json!({ "since": "2020-01-01T00:00:00Z" })).await.is(202);
        assert_eq!(all.json, json!({ "events": 2 }));
        let none = service.post(&path(&made, "/replay"), &json!({ "since": "2199-01-01T00:00:00Z" })).await.is(202);
        assert_eq!(none.json, json!({ "events": 0 }));
    }

    async fn the_log_is_read_by_cursor(bed, LOG) {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        service.check(&created.token, &created.code).await.is(200);
        assert_eq!(service.get("/v1/events").await.is(200).json, json!({ "events": [], "next": 0, "has_more": false }));
        spread(&service).await;
        let first = service.get("/v1/events?limit=1").await.is(200);
        assert_eq!(first.json["has_more"], json!(true));
        let event = &first.json["events"][0];
        assert_eq!(event["type"], json!("verification.created"));
        assert_eq!(event["data"]["verification_id"], json!(created.id.to_string()));
        assert!(!first.text.contains(&number(1)) && event["data"]["to"].is_string(), "{event}");
        let rest = service.get(&format!("/v1/events?after={}", first.json["next"])).await.is(200);
        assert_eq!(rest.json["events"].as_array().map(Vec::len), Some(2));
        let verified = service.get("/v1/events?type=verification.verified,webhook").await.is(200);
        assert_eq!(verified.json["events"].as_array().map(Vec::len), Some(1));
        assert_eq!(verified.json["events"][0]["data"]["status"], json!("verified"));
        for (query, field) in [("after=x", "after"), ("type=everything", "type"), ("limit=0", "limit"), ("x=1", "x")] {
            service.get(&format!("/v1/events?{query}")).await.refused(422, "invalid_field").names(field);
        }
        let foreign = service.foreign_key().await;
        assert_eq!(service.get("/v1/events").by(&foreign).await.is(200).json["events"], json!([]));
    }

    async fn a_verification_is_watched_to_its_end(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let id = created.id.to_string();
        let (mut stream, mut read) = (watch(&service, &id, None).await, String::new());
        assert_eq!(stream.status(), 200);
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let (first, stands) = next(&mut stream, &mut read).await.expect("an event");
        assert_eq!((&stands["status"], &stands["guesses_left"]), (&json!("pending"), &json!(5)));
        assert_eq!(stands["messages"][0]["state"], json!("queued"));
        service.check(&created.token, &other_than(&created.code)).await;
        let (second, stands) = next(&mut stream, &mut read).await.expect("an event");
        assert_ne!(first, second);
        assert_eq!(stands["guesses_left"], json!(4));
        // Whoever comes back with what it has seen is told what is new, and nothing twice.
        drop(stream);
        let (mut stream, mut read) = (watch(&service, &id, Some(&second)).await, String::new());
        service.check(&created.token, &created.code).await.is(200);
        let (last, stands) = next(&mut stream, &mut read).await.expect("an event");
        assert_eq!((&stands["status"], &stands["messages"][0]["state"]), (&json!("verified"), &json!("canceled")));
        assert_eq!(next(&mut stream, &mut read).await, None, "it is over");
        assert_eq!(watch(&service, &id, Some(&last)).await.status(), 204);
        let again = watch(&service, &id, Some(&first)).await.text().await.expect("a body");
        assert!(again.contains("\"verified\""), "{again}");

        let foreign = service.foreign_key().await;
        let path = format!("{VERIFICATIONS}/{id}/events");
        service.get(&path).by(&foreign).await.refused(404, "verification_not_found");
        service.get(&format!("{VERIFICATIONS}/x/events")).await.refused(404, "verification_not_found");
    }

    async fn watching_ends_with_the_key(bed, "") {
        let service = Service::start(&bed).await;
        let id = service.create(1).await.id.to_string();
        let (key, text) = make_key(&service.home, DEFAULT_TENANT, &[Scope::Verify]).await;
        let (mut stream, mut read) = (watch_by(&service, &text, &id, None).await, String::new());
        next(&mut stream, &mut read).await.expect("an event");
        let now = service.home.clock.now();
        assert_eq!(api_key::mark_revoked(&service.home.db, DEFAULT_TENANT, key.id, now).await, Ok(true));
        assert_eq!(next(&mut stream, &mut read).await, None);
    }

    async fn one_tenant_that_watches_much_keeps_no_other_out(bed, "") {
        let service = Service::start(&bed).await;
        let own = service.create(1).await.id.to_string();
        let much = service.foreign_key().await;
        let made = service.post(VERIFICATIONS, &json!({ "to": number(2) })).by(&much).await.is(202);
        let mut held = Vec::new();
        for _ in 0..50 {
            let stream = watch_by(&service, &much, made.str("id"), None).await;
            assert_eq!(stream.status(), 200);
            held.push(stream);
        }
        let path = format!("{VERIFICATIONS}/{}/events", made.str("id"));
        let refused = service.get(&path).by(&much).await.refused(503, "watches_busy");
        assert_eq!(refused.json["limit"], json!("tenant"));
        assert_eq!(watch(&service, &own, None).await.status(), 200);
    }

    async fn watching_ends_with_the_service(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let (mut stream, mut read) = (watch(&service, &created.id.to_string(), None).await, String::new());
        next(&mut stream, &mut read).await.expect("an event");
        service.stop();
        assert_eq!(next(&mut stream, &mut read).await, None);
        service.stopped().await;
    }
}
