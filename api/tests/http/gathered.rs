//! Calls of providers that gather what they have to say: large, taken whole, and bounded.

use std::{future::pending, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use otpost_api::App;
use otpost_shared::{
    Home, attempt, queue::Lane, secrets::hex, suppression, tenant::DEFAULT_TENANT,
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{sync::oneshot, task::yield_now, time::timeout};
use tower::ServiceExt;

use crate::{
    reports::{sent, state},
    service::{Call, Service, metrics},
};

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example/otp/"
[recipients]
countries = ["*"]
[chains]
sms = ["local"]
whatsapp = ["wa"]
[providers.local]
kind = "sandbox"
[providers.wa]
kind = "whatsapp_cloud"
phone_number_id = "7"
access_token = "a token"
template = "code"
language = "en_US"
app_secret = "secret"
verify_token = "another"
[providers.one]
kind = "sinch"
service_plan_id = "plan"
api_token = "t"
[providers.many]
kind = "infobip"
base_url = "https://xyz.api.infobip.com"
api_key = "k"
from = "Otpost"
"#;

const REPORTS: &str = "/v1/inbound/wa/reports";
const LARGEST: usize = 3 * 1024 * 1024;

/// As Meta calls, with this as the value of its change.
fn body(value: &Value) -> String {
    json!({ "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }] })
        .to_string()
}

/// As Meta signs it.
fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length");
    mac.update(body.as_bytes());
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// A genuine call.
fn signed(service: &Service, body: String) -> Call {
    let call = service.call(Method::POST, REPORTS).by_nobody();
    call.header("x-hub-signature-256", signature(&body)).raw("application/json", body)
}

/// A genuine body of so many bytes that says nothing.
fn filled(bytes: usize) -> String {
    let frame = body(&json!({ "filler": "" })).len();
    body(&json!({ "filler": "x".repeat(bytes - frame) }))
}

/// What the address answers, without a connection on the way.
async fn answer(router: Router, signature: &str, body: Body) -> Response<Body> {
    let request = Request::post(REPORTS).header("x-hub-signature-256", signature).body(body);
    router.oneshot(request.expect("a request")).await.expect("an answer")
}

fn unread() -> io::Result<String> {
    panic!("the body is read")
}

fn router(home: &Home) -> Router {
    otpost_api::router(App { home: Arc::new(home.clone()), metrics: metrics() })
}

fn status(reference: &str, word: &str) -> Value {
    json!({
        "id": "wamid.HBgMNDQ3NzAwOTAwMDAxFQIAERgSOUE4MDAwMDAwMDAwMDAwMDAwAA==",
        "status": word, "timestamp": "1767607379",
        "recipient_id": "447700900001", "biz_opaque_callback_data": reference,
        "pricing": { "billable": true, "pricing_model": "PMP", "category": "authentication" },
    })
}

on_both_homes! {
    async fn hundreds_of_reports_come_with_one_call(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let mut ours = Vec::new();
        for n in 0..24 {
            let (message, path) = sent(&service, n, "wa").await;
            let (_, of) = path.split_once("?of=").expect("a reference");
            ours.push((message, of.to_owned()));
        }
        // Each word of each message, many times and in no order.
        let words = ["read", "sent", "delivered"].into_iter().cycle().take(21);
        let statuses: Vec<Value> = words
            .flat_map(|word| ours.iter().map(move |(_, of)| status(of, word)))
            .chain([status("of another sender", "failed")])
            .collect();
        assert_eq!(statuses.len(), 505);
        let call = body(&json!({ "statuses": statuses }));
        assert!(call.len() > 64 * 1024, "{}", call.len());
        for _ in 0..2 {
            signed(&service, call.clone()).any().await.is(200);
            for (message, _) in &ours {
                assert_eq!(state(&service, message.id).await, "delivered");
                let attempts = attempt::list_by_message(&service.home.db, message.id).await;
                assert_eq!(attempts.expect("an answer").len(), 1);
            }
        }
    }

    async fn each_kind_has_its_own_limit(bed, CONFIG) {
        let service = Service::start(&bed).await;
        signed(&service, filled(LARGEST)).any().await.is(200);
        let over = signed(&service, filled(LARGEST + 1)).await.refused(413, "body_too_large");
        let said = over.str("detail");
        assert!(said.contains("3072 KiB") && said.contains("less with one call"), "{said}");
        let one = "/v1/inbound/one/reports?of=x";
        for (bytes, status, code) in [
            (64 * 1024, 401, "report_not_genuine"),
            (64 * 1024 + 1, 413, "body_too_large"),
        ] {
            let call = service.call(Method::POST, one).by_nobody();
            call.raw("application/json", filled(bytes)).await.refused(status, code);
        }
        // Of one that signs nothing its key is the proof, which is not in the address of a report.
        let post = |path: &str, bytes: usize| {
            let body = format!(r#"{{"results": [], "filler": "{}"}}"#, "x".repeat(bytes));
            service.call(Method::POST, path).by_nobody().raw("application/json", body)
        };
        let refused = post("/v1/inbound/many/reports?of=x", 64 * 1024).await;
        refused.refused(413, "body_too_large");
        let address = service.home.inbound_url("many").expect("an address");
        let path = address.strip_prefix("https://codes.example/otp").expect("ours");
        post(path, LARGEST - 1_000).any().await.is(200);
        post(path, LARGEST).await.refused(413, "body_too_large");
    }

    async fn what_is_read_is_taken_though_nobody_waits(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let mut ours = Vec::new();
        for n in 0..24 {
            let (message, path) = sent(&service, n, "wa").await;
            let (_, of) = path.split_once("?of=").expect("a reference");
            ours.push((message, status(of, "delivered")));
        }
        let statuses: Vec<&Value> = ours.iter().map(|(_, status)| status).collect();
        let call = body(&json!({ "statuses": statuses }));
        let (told, read) = oneshot::channel();
        let end = stream::once(async move {
            let _ = told.send(());
            io::Result::Ok(String::new())
        });
        let (router, signature) = (router(&bed.home), signature(&call));
        let body = Body::from_stream(stream::iter([Ok(call)]).chain(end));
        let caller = tokio::spawn(async move { answer(router, &signature, body).await });
        read.await.expect("all of it is read");
        caller.abort();
        let taken = async {
            for (message, _) in &ours {
                while state(&service, message.id).await != "delivered" {
                    yield_now().await;
                }
            }
        };
        timeout(Duration::from_secs(20), taken).await.expect("all of them are taken");
    }

    async fn who_cannot_be_believed_is_not_read(bed, CONFIG) {
        let router = router(&bed.home);
        for path in [REPORTS, "/v1/inbound/one/messages?key=a+guess"] {
            let unread = stream::once(async { unread() });
            let request = Request::post(path).body(Body::from_stream(unread)).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(answer.status(), 401, "{path}");
        }
    }

    async fn large_calls_that_do_not_end_have_so_much_room(bed, CONFIG) {
        let router = router(&bed.home);
        let begin = || {
            let (told, read) = oneshot::channel();
            let rest = stream::once(async move {
                let _ = told.send(());
                pending::<io::Result<String>>().await
            });
            let most = stream::iter([Ok("x".repeat(LARGEST - 1))]);
            let (router, body) = (router.clone(), Body::from_stream(most.chain(rest)));
            let call = async move { answer(router, "sha256=00", body).await };
            (tokio::spawn(call), read)
        };
        let mut begun = Vec::new();
        for _ in 0..8 {
            let (call, read) = begin();
            read.await.expect("all but the end of it is read");
            begun.push(call);
        }
        let genuine = async |bytes: usize| {
            let body = filled(bytes);
            answer(router.clone(), &signature(&body), body.into()).await
        };
        let refused = genuine(1_000_000).await;
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(genuine(64 * 1024).await.status(), 200, "a small one takes no room");
        let given_up = begun.pop().expect("eight");
        given_up.abort();
        assert!(given_up.await.is_err());
        assert_eq!(genuine(LARGEST).await.status(), 200);
    }

    async fn keywords_of_one_call_count_by_their_time(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let secs = service.home.clock.now() / 1_000 - 60;
        let message = |text: &str, at: i64| {
            json!({ "from": "12025550123", "id": "wamid.8", "timestamp": at.to_string(),
                "type": "text", "text": { "body": text } })
        };
        let write = async |messages: &[Value]| {
            let value = json!({ "metadata": { "phone_number_id": "7" }, "messages": messages });
            signed(&service, body(&value)).any().await.is(200);
        };
        let to = service.home.parse_recipient("+12025550123", None).expect("a number");
        let keeps_back = async || {
            let kept = suppression::keeps_back(&service.home, DEFAULT_TENANT, &to, Lane::Bulk).await;
            kept.expect("an answer")
        };
        let (stop, start) = (message("Stop", secs), message("Start", secs));
        write(&[start.clone(), stop.clone()]).await;
        assert!(keeps_back().await);
        write(&[stop, start.clone()]).await;
        assert!(keeps_back().await, "which of them was later nobody can say");
        write(&[message("Start", secs + 1), message("Stop", secs)]).await;
        assert!(!keeps_back().await);
        write(&[message("Stop", secs - 5)]).await;
        assert!(!keeps_back().await, "it was written before");
        write(&[message("Stop", secs + 5)]).await;
        assert!(keeps_back().await);
        write(&[start]).await;
        assert!(keeps_back().await, "Meta brings it again");
    }
}
