//! Who is not to be sent to: as a tenant says, and as people say themselves.

use otpost_shared::suppression;
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::Service;

const PUBLIC: &str = "https://codes.example/otp";

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example/otp/"
[recipients]
countries = ["*"]
[limits]
recipient = ["1000/1s"]
[chains]
sms = ["main", "gateway", "local"]
[providers.main]
kind = "vonage"
api_key = "k"
api_secret = "s"
from = "Otpost"
[providers.gateway]
kind = "http"
url = "https://gateway.example/?p={to}&t={text}"
[providers.gateway.inbound]
from = "/msisdn"
text = "/text"
[providers.local]
kind = "sandbox"
"#;

const TO: &str = "+12025550123";

fn text() -> Value {
    json!({ "to": TO, "text": "A parcel." })
}

async fn add(service: &Service, body: Value) -> Value {
    service.post("/v1/suppressions", &body).await.is(201).json.clone()
}

/// What somebody writes to the sender of `main`.
async fn write(service: &Service, from: &str, text: &str) {
    let url = service.home.inbound_url("main").expect("an address");
    let path = url.strip_prefix(PUBLIC).expect("the public address");
    let from = from.trim_start_matches('+');
    let path = format!("{path}&msisdn={from}&to=12025550199&text={text}&messageId=1");
    service.call(Method::GET, &path).by_nobody().any().await.is(200);
}

on_both_homes! {
    async fn a_tenant_keeps_texts_back_and_takes_that_back(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let added = add(&service, json!({ "to": TO })).await;
        assert_eq!((&added["scope"], &added["reason"]), (&json!("bulk"), &json!("manual")));
        assert_eq!(added["to"], json!("+1********23"));
        assert_eq!(add(&service, json!({ "to": TO })).await["id"], added["id"]);
        let refused = || service.call(Method::POST, "/v1/messages").json(&text());
        let said = refused().await.refused(403, "recipient_suppressed");
        assert_eq!(said.json["field"], json!("to"));
        // A code is none of it.
        let code = json!({ "to": TO });
        service.post("/v1/verifications", &code).await.is(202);
        let path = format!("/v1/suppressions/{}", added["id"].as_str().expect("an id"));
        service.get(&path).await.is(200);
        service.call(Method::DELETE, &path).any().await.is(204);
        service.call(Method::DELETE, &path).any().await.refused(404, "suppression_not_found");
        refused().await.is(202);
    }

    async fn its_scope_may_be_codes_too(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let code = || service.call(Method::POST, "/v1/verifications").json(&json!({ "to": TO }));
        code().await.is(202);
        add(&service, json!({ "to": TO, "scope": "all" })).await;
        code().await.refused(403, "recipient_suppressed");
        // A narrower one does not take it back.
        add(&service, json!({ "to": TO, "scope": "bulk" })).await;
        code().await.refused(403, "recipient_suppressed");
        let wrong = json!({ "to": TO, "scope": "some" });
        let call = service.call(Method::POST, "/v1/suppressions").json(&wrong);
        assert_eq!(call.await.refused(422, "invalid_field").json["field"], json!("scope"));
    }

    async fn rows_of_a_batch_are_refused_one_by_one(bed, CONFIG) {
        let service = Service::start(&bed).await;
        add(&service, json!({ "to": TO })).await;
        let batch = json!({
            "text": "Hi",
            "messages": [{ "to": "+12025550124" }, { "to": TO }, { "to": "+12025550125" }],
        });
        let answer = service.post("/v1/messages/batch", &batch).await.is(200);
        let results = answer.json["results"].as_array().expect("results").clone();
        let codes: Vec<&Value> = results.iter().map(|row| &row["code"]).collect();
        assert_eq!(codes, [&Value::Null, &json!("recipient_suppressed"), &Value::Null]);
    }

    async fn stop_and_start_from_a_phone(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let call = || service.call(Method::POST, "/v1/messages").json(&text());
        write(&service, TO, "stop+by+at+noon").await;
        call().await.is(202);
        write(&service, TO, "STOP").await;
        call().await.refused(403, "recipient_suppressed");
        let page = service.call(Method::GET, "/v1/suppressions?to=%2B12025550123").any().await;
        let row = page.is(200).json["suppressions"][0].clone();
        let told = (&row["reason"], &row["provider"]);
        assert_eq!(told, (&json!("stop"), &json!("main")));
        let path = format!("/v1/suppressions/{}", row["id"].as_str().expect("an id"));
        let call_off = service.call(Method::DELETE, &path).any();
        call_off.await.refused(409, "suppression_of_recipient");
        // What the tenant itself decided outlives a START.
        let own = add(&service, json!({ "to": TO })).await;
        assert_ne!(own["id"], row["id"]);
        write(&service, TO, "Start").await;
        call().await.refused(403, "recipient_suppressed");
        let path = format!("/v1/suppressions/{}", own["id"].as_str().expect("an id"));
        service.call(Method::DELETE, &path).any().await.is(204);
        call().await.is(202);
    }

    async fn a_gateway_brings_it_as_it_is_configured(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let url = service.home.inbound_url("gateway").expect("an address");
        let path = url.strip_prefix(PUBLIC).expect("the public address").to_owned();
        let write = async |path: &str, text: &str| {
            let body = json!({ "msisdn": &TO[1..], "to": "12025550199", "text": text });
            service.call(Method::POST, path).by_nobody().json(&body).any().await
        };
        let send = || service.call(Method::POST, "/v1/messages").json(&text());
        write(path.split_once('?').expect("a key").0, "STOP").await.is(401);
        send().await.is(202);
        write(&path, "STOP").await.is(200);
        send().await.refused(403, "recipient_suppressed");
        write(&path, "Start").await.is(200);
        send().await.is(202);
        let call = service.call(Method::POST, &path).by_nobody().json(&json!({ "text": "STOP" }));
        call.await.refused(422, "invalid_field");
    }

    async fn nobody_else_stops_a_person(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let url = service.home.inbound_url("main").expect("an address");
        let path = url.strip_prefix(PUBLIC).expect("the public address").to_owned();
        let said = format!("msisdn={}&text=STOP", &TO[1..]);
        let call = |path: String| service.call(Method::GET, &path).by_nobody().any();
        let bare = path.split_once('?').expect("a query").0;
        for wrong in [
            format!("{bare}?{said}"),
            format!("{bare}?key=&{said}"),
            format!("{}x&{said}", path.replace("key=", "key=x")),
        ] {
            call(wrong).await.refused(401, "report_not_genuine");
        }
        call(path.replace("/main/", "/local/")).await.refused(404, "route_not_found");
        call(path.replace("/main/", "/nobody/")).await.refused(404, "route_not_found");
        call(path).await.refused(422, "invalid_field");
        assert_eq!(service.home.inbound_url("local"), None);
        service.call(Method::POST, "/v1/messages").json(&text()).await.is(202);
    }

    async fn the_list_has_pages(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let list = |query: &str| {
            let path = format!("/v1/suppressions{query}");
            service.call(Method::GET, &path).any()
        };
        assert_eq!(list("").await.is(200).json, json!({ "suppressions": [] }));
        for n in 0..5 {
            add(&service, json!({ "to": format!("+1202555010{n}") })).await;
        }
        let first = list("?limit=3").await.is(200).json.clone();
        let next = first["next"].as_str().expect("a second page");
        let second = list(&format!("?limit=3&after={next}")).await.is(200).json.clone();
        let count = |page: &Value| page["suppressions"].as_array().expect("rows").len();
        assert_eq!((count(&first), count(&second), &second["next"]), (3, 2, &Value::Null));
        for (query, field, detail) in [
            ("?limit=0", "limit", "limit must be 1 to 1000"),
            ("?limit=x", "limit", "limit must be 1 to 1000"),
            ("?after=x", "after", "after must be next of the page before"),
            ("?to=x", "to", ""),
            ("?to=1&to=2", "to", "to stands there twice; write it once"),
            ("?scope=all", "scope", "there is no such parameter; there are to, after, limit"),
        ] {
            let said = list(query).await.json.clone();
            assert_eq!(said["field"], json!(field), "{query}: {said}");
            assert!(said["detail"].as_str().is_some_and(|text| text.contains(detail)), "{said}");
        }
        let to = service.home.parse_recipient("+12025550100", None).expect("a number");
        let hash = suppression::hash(&service.home.keys, &to);
        assert_eq!(hash.len(), 32);
    }
}
