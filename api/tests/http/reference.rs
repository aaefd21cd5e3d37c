//! What stands beside the calls: the reference, the probes, the metrics, and what is not there.

use std::collections::BTreeSet;

use otpost_api::error::ErrorCode;
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Service, VERIFICATIONS};

const ROUTES: [(&str, &str); 42] = [
    ("delete", "/v1/inbox"),
    ("get", "/v1/inbox"),
    ("get", "/v1/messages/batch/{id}"),
    ("get", "/v1/messages/batch/{id}/messages"),
    ("get", "/v1/messages/{id}"),
    ("delete", "/v1/policies/{purpose}"),
    ("get", "/v1/policies"),
    ("get", "/v1/policies/{purpose}"),
    ("get", "/v1/policies/{purpose}/versions"),
    ("post", "/v1/policies/{purpose}/versions/{version}/restore"),
    ("put", "/v1/policies/{purpose}"),
    ("delete", "/v1/suppressions/{id}"),
    ("get", "/v1/suppressions"),
    ("get", "/v1/suppressions/{id}"),
    ("post", "/v1/suppressions"),
    ("delete", "/v1/templates/{purpose}/{channel}/{locale}"),
    ("get", "/v1/templates"),
    ("get", "/v1/templates/{purpose}/{channel}/{locale}"),
    ("post", "/v1/templates/preview"),
    ("put", "/v1/templates/language"),
    ("put", "/v1/templates/{purpose}/{channel}/{locale}"),
    ("get", "/v1/verifications/{id}"),
    ("post", "/v1/messages"),
    ("post", "/v1/messages/batch"),
    ("post", "/v1/pages"),
    ("post", "/v1/receipts/consume"),
    ("post", "/v1/verifications"),
    ("post", "/v1/verifications/check"),
    ("post", "/v1/verifications/{id}/cancel"),
    ("post", "/v1/verifications/{id}/resend"),
    ("get", "/v1/verifications/{id}/events"),
    ("get", "/v1/events"),
    ("get", "/v1/webhooks"),
    ("post", "/v1/webhooks"),
    ("get", "/v1/webhooks/{id}"),
    ("patch", "/v1/webhooks/{id}"),
    ("delete", "/v1/webhooks/{id}"),
    ("post", "/v1/webhooks/{id}/rotate"),
    ("post", "/v1/webhooks/{id}/test"),
    ("post", "/v1/webhooks/{id}/replay"),
    ("get", "/v1/webhooks/{id}/deliveries"),
    ("post", "/v1/webhooks/{id}/deliveries/{delivery_id}/replay"),
];

on_both_homes! {
    async fn the_reference_lists_every_route(bed, "") {
        let service = Service::start(&bed).await;
        let reference = service.get("/openapi.json").by_nobody().await.is(200);
        assert!(reference.str("openapi").starts_with("3.1."), "{}", reference.str("openapi"));
        let mut listed = BTreeSet::new();
        for (path, item) in reference.json["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                listed.insert((method.clone(), path.clone()));
                let named = operation["operationId"].as_str().is_some_and(|id| !id.is_empty());
                assert!(named && operation["summary"].is_string(), "{method} {path}");
                assert!(operation["responses"].as_object().is_some_and(|all| all.len() > 1));
            }
        }
        let routes = ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned()));
        assert_eq!(listed, BTreeSet::from(routes));
        // What it refers to is in it.
        let mut references = Vec::new();
        collect_references(&reference.json, &mut references);
        assert!(!references.is_empty());
        for pointer in references {
            let found = reference.json.pointer(pointer.trim_start_matches('#'));
            assert!(found.is_some(), "{pointer}");
        }
        let docs = service.get("/docs/").by_nobody().await.is(200);
        assert!(docs.header("content-type").starts_with("text/html"), "{docs:?}");
    }

    async fn every_listed_route_is_there(bed, "") {
        let service = Service::start(&bed).await;
        for (method, path) in ROUTES {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let path = path.replace("{id}", "00000000-0000-0000-0000-000000000001");
            let answer = service.call(method, &path).json(&json!({})).by_nobody().await;
            answer.refused(401, "unauthorized");
        }
    }

    async fn no_route_takes_a_parameter_that_it_does_not_know(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        for (method, path) in ROUTES {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let mut path = path.replace("{id}", &created.id.to_string());
            for (name, value) in [("purpose", "default"), ("channel", "sms"), ("locale", "en"), ("version", "1")] {
                path = path.replace(&format!("{{{name}}}"), value);
            }
            let call = service.call(method, &format!("{path}?nonsense=1"));
            let answer = if path.ends_with("/messages") && path.contains("batch/") {
                // Whose list it is comes first.
                let batch = service.post("/v1/messages/batch", &json!({
                    "text": "x", "messages": [{ "to": "+12025550102" }],
                })).await.is(200);
                service.get(&format!("/v1/messages/batch/{}/messages?nonsense=1", batch.str("id"))).await
            } else {
                call.json(&json!({})).await
            };
            answer.refused(422, "invalid_field").names("nonsense");
        }
        assert_eq!(service.show(created.id).await.str("status"), "pending");
    }

    async fn what_can_be_no_name_is_nobodys(bed, "") {
        const FILLED: [(&str, &str); 5] = [
            ("{purpose}", "login"),
            ("{channel}", "sms"),
            ("{locale}", "en"),
            ("{version}", "1"),
            ("{id}", "00000000-0000-0000-0000-000000000001"),
        ];
        let service = Service::start(&bed).await;
        let mut tried = 0;
        for (method, path) in ROUTES {
            for (strange, _) in FILLED.iter().filter(|(name, _)| path.contains(name)) {
                let with_nul = path.replace(strange, "a%00");
                let path = FILLED.iter().fold(with_nul, |path, (name, to)| path.replace(name, to));
                let body = match method {
                    "put" if path.contains("/policies/") => json!({ "changes": { "guesses": 3 } }),
                    "put" => json!({ "text": "{code}" }),
                    "post" | "patch" => json!({}),
                    _ => Value::Null,
                };
                let call = service.call(method.to_uppercase().parse().expect("a method"), &path);
                let answer = if body.is_null() { call.await } else { call.json(&body).await };
                assert!([404, 422].contains(&answer.status), "{method} {path}: {answer:?}");
                tried += 1;
            }
        }
        assert!(tried > 20, "{tried}");
    }

    async fn what_is_not_there_is_a_problem_document(bed, "") {
        let service = Service::start(&bed).await;
        for path in [
            "/v1", "/v2/verifications", "/v1/verification", "/v1/verifications/", "/index.php",
            "/v1/verifications/x/y", "/.env", "/%00", "/%FF", "/docs/none.js", "//", "/V1/messages",
        ] {
            service.get(path).await.is(404);
            service.get(path).by_nobody().await.is(404);
        }
        for (method, path) in [
            (Method::GET, VERIFICATIONS), (Method::DELETE, VERIFICATIONS),
            (Method::PUT, "/v1/verifications/check"), (Method::PATCH, "/v1/messages"),
            (Method::POST, "/v1/messages/x"), (Method::DELETE, "/v1/verifications/x"), (Method::GET, "/v1/messages/batch"),
            (Method::OPTIONS, "/v1/receipts/consume"), (Method::POST, "/livez"),
            (Method::POST, "/metrics"), (Method::POST, "/"), (Method::GET, "/try/verifications"),
            (Method::TRACE, "/readyz"), (Method::POST, "/openapi.json"),
        ] {
            let answer = service.call(method, path).await;
            answer.refused(405, "method_not_allowed");
        }
    }

    async fn probes_and_metrics_need_no_key(bed, "") {
        let service = Service::start(&bed).await;
        assert_eq!(service.get("/livez").by_nobody().await.is(200).text, "ok\n");
        let ready = service.get("/readyz").by_nobody().await.is(200);
        assert_eq!(ready.json, json!({
            "status": "ready", "database": "ok", "queue": "ok", "providers": "ok",
            "policies": "ok",
        }));
        let created = service.create(1).await;
        service.show(created.id).await.is(200);
        service.get("/nowhere/12025550001").await.is(404);
        let metrics = service.get("/metrics").by_nobody().await.is(200).text;
        for line in [
            r#"otpost_requests_total{method="POST",route="/v1/verifications",status="202"}"#,
            r#"otpost_requests_total{method="GET",route="/v1/verifications/{id}",status="200"}"#,
            r#"otpost_requests_total{method="GET",route="unmatched",status="404"}"#,
            r#"otpost_request_seconds_bucket{route="/v1/verifications",le="0.005"}"#,
        ] {
            assert!(metrics.contains(line), "{line} is not in {metrics}");
        }
        // Neither an id nor an unknown address becomes a label.
        assert!(!metrics.contains(&created.id.to_string()) && !metrics.contains("nowhere"));
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(pointer)) = members.get("$ref") {
                found.push(pointer.clone());
            }
            members.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[test]
fn every_error_has_a_code_of_its_own_and_a_sentence() {
    let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        let status = code.status().as_u16();
        assert!((400..=599).contains(&status), "{code:?}");
        assert!(code.title().ends_with('.') && code.title().len() > 20, "{code:?}");
    }
}
