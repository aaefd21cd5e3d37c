//! `/v1/inbound/{provider}/reports`: providers call us, and so may anybody else.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use otpost_shared::{
    attempt::Ending,
    message::{self, Message, Next, Recording},
    outcome::ErrorClass,
    price::{Charge, Currency, Price},
    queue::Lane,
    report::Reference,
    suppression,
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, Kind, on_both_homes};
use reqwest::Method;
use serde_json::json;
use sha1::Sha1;
use sha2::Sha256;

use crate::service::Service;

const PUBLIC: &str = "https://codes.example/otp";
const FORM: &str = "application/x-www-form-urlencoded";

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example/otp/"
[recipients]
countries = ["*"]
[chains]
sms = ["primary", "backup", "third", "gateway", "many", "shared", "local"]
[providers.primary]
kind = "twilio"
account_sid = "AC1"
auth_token = "12345"
from = "Otpost"
[providers.backup]
kind = "vonage"
api_key = "k"
api_secret = "s"
from = "Otpost"
[providers.third]
kind = "sinch"
service_plan_id = "plan"
api_token = "t"
[providers.gateway]
kind = "http"
url = "https://gateway.example/?p={to}&t={text}&dlr={report_url}"
[providers.gateway.report]
status = "/status"
delivered = ["DELIVRD"]
undelivered = ["UNDELIV"]
code = "/error"
errors = { 5 = "recipient" }
[providers.many]
kind = "infobip"
base_url = "https://xyz.api.infobip.com"
api_key = "k"
from = "Otpost"
[providers.shared]
kind = "bird"
api_key = "bk_eu1_k"
from = "Otpost"
signing_secret = "whsec_MTIzNDU="
[providers.local]
kind = "sandbox"
"#;

/// A code that `provider` has accepted, and the path at which it reports.
pub async fn sent(service: &Service, n: u32, provider: &str) -> (Arc<Message>, String) {
    sent_with(service, n, provider, Ending::of(ErrorClass::Ok)).await
}

async fn sent_with(
    service: &Service,
    n: u32,
    provider: &str,
    ending: Ending,
) -> (Arc<Message>, String) {
    let home = &service.home;
    let created = service.create(n).await;
    let id = message::list_by_verification(&home.db, created.id).await.expect("an answer")[0].id;
    let now = home.clock.now();
    let claimed = message::claim(&home.db, &[id], Some(provider), now).await.expect("an answer");
    let message = Arc::clone(&claimed[0].message);
    let ended = Some((1, ending));
    let step = Recording { message: Arc::clone(&message), ended, next: Next::Sent, now };
    home.record(step).await.expect("written");
    let url = home.report_url(provider, &message, 1).expect("a key").expect("it reports");
    let path = url.strip_prefix(PUBLIC).expect("the public address").to_owned();
    (message, path)
}

/// As Twilio signs: the address, then the names and values of the form, sorted.
fn signature(path: &str, sorted: &[(&str, &str)]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(b"12345").expect("a key");
    mac.update(format!("{PUBLIC}{path}").as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(mac.finalize().into_bytes())
}

/// As Bird signs: the id, the time and the body, with dots between.
fn bird_signature(time: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"12345").expect("a key");
    mac.update(format!("msg_1.{time}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

pub async fn state(service: &Service, id: uuid::Uuid) -> String {
    message::find(&service.home.db, id).await.expect("an answer").expect("a row").state
}

on_both_homes! {
    async fn a_signed_report_is_taken(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "primary").await;
        let signed = signature(&path, &[("MessageSid", "SM1"), ("MessageStatus", "delivered")]);
        let body = "MessageStatus=delivered&MessageSid=SM1";
        let call = |signature: &str| {
            let call = service.call(Method::POST, &path).by_nobody();
            call.header("x-twilio-signature", signature).raw(FORM, body)
        };
        call("").await.refused(401, "report_not_genuine");
        call(&signed.to_lowercase()).await.refused(401, "report_not_genuine");
        assert_eq!(state(&service, message.id).await, "sent");
        for _ in 0..3 {
            call(&signed).any().await.is(200);
            assert_eq!(state(&service, message.id).await, "delivered");
        }
        let of = message.verification_id.expect("a code");
        let shown = service.show(of).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        assert_eq!((&attempt["outcome"], &attempt["report"]), (&json!("ok"), &json!("delivered")));
        assert!(attempt["reported_at"].is_string());
    }

    async fn an_estimate_gives_way_to_what_the_report_tells(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let price = Price { micros: 80_000, currency: Currency::EUR };
        let charge = Some(Charge { price, is_estimated: true });
        let ending = Ending { segments: Some(2), charge, ..Ending::of(ErrorClass::Ok) };
        let (message, path) = sent_with(&service, 1, "backup", ending).await;
        let of = message.verification_id.expect("a code");
        let shown = async || {
            let shown = service.show(of).await.is(200);
            let attempt = &shown.json["messages"][0]["attempts"][0];
            (attempt["segments"].clone(), attempt["price"].clone(), shown.json["cost"].clone())
        };
        let price = json!({"amount": "0.08", "currency": "EUR", "estimated": true});
        assert_eq!(shown().await, (json!(2), price.clone(), json!([price])));
        let told = format!("{path}&status=delivered&err-code=0&price=0.03330000");
        service.call(Method::GET, &told).by_nobody().any().await.is(200);
        let price = json!({"amount": "0.0666", "currency": "EUR", "estimated": false});
        assert_eq!(shown().await, (json!(2), price.clone(), json!([price])));

        let (message, _) = sent(&service, 2, "backup").await;
        let shown = service.show(message.verification_id.expect("a code")).await.is(200);
        let attempt = shown.json["messages"][0]["attempts"][0].as_object().expect("an attempt");
        assert!(!attempt.contains_key("price") && !attempt.contains_key("segments"));
        assert!(!shown.json.as_object().expect("a verification").contains_key("cost"));
    }

    async fn an_address_that_we_gave_is_taken(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "backup").await;
        let call = |path: &str| service.call(Method::GET, path).by_nobody();
        call(&format!("{path}&status=buffered")).any().await.is(200);
        assert_eq!(state(&service, message.id).await, "sent");
        let elsewhere = path.replace("backup", "primary");
        call(&format!("{elsewhere}&status=delivered")).await.refused(401, "report_not_genuine");
        let made_up = path.replace("of=", "of=A");
        call(&format!("{made_up}&status=delivered")).await.refused(401, "report_not_genuine");
        call(&path).await.refused(422, "invalid_field");
        let failed = format!("{path}&status=failed&err-code=8");
        call(&failed).any().await.is(200);
        assert_eq!(state(&service, message.id).await, "queued", "another provider is asked");
    }

    async fn a_report_in_json_is_taken(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "third").await;
        let call = |status: &str| {
            let body = json!({"type": "recipient_delivery_report_sms", "status": status, "code": 402});
            let call = service.call(Method::POST, &path).by_nobody();
            call.raw("application/json", body.to_string())
        };
        call("Queued").any().await.is(200);
        assert_eq!(state(&service, message.id).await, "sent");
        call("Failed").any().await.is(200);
        assert_eq!(state(&service, message.id).await, "queued", "another provider is asked");
        let of = message.verification_id.expect("a code");
        let shown = service.show(of).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        let reported = ["report", "report_class", "report_code"].map(|name| &attempt[name]);
        assert_eq!(reported, [&json!("undelivered"), &json!("region"), &json!("402")]);
    }

    async fn a_gateway_is_read_as_configured(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "gateway").await;
        let call = |body: &str| {
            service.call(Method::POST, &path).by_nobody().raw("application/json", body.to_owned())
        };
        call(r#"{"status": "ENROUTE"}"#).any().await.is(200);
        call(r#"{"state": "UNDELIV"}"#).await.refused(422, "invalid_field");
        assert_eq!(state(&service, message.id).await, "sent");
        let odd = "5\u{0}".repeat(2_000);
        call(&json!({"status": "UNDELIV", "error": odd}).to_string()).any().await.is(200);
        let of = message.verification_id.expect("a code");
        let shown = service.show(of).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        assert_eq!(attempt["report"], json!("undelivered"));
        assert_eq!(attempt.get("report_code"), None, "that is no code");
        assert_eq!(state(&service, message.id).await, "queued", "another provider is asked");

        let (message, path) = sent(&service, 2, "gateway").await;
        let body = r#"{"status": "UNDELIV", "error": 5}"#;
        let call = service.call(Method::POST, &path).by_nobody().raw("application/json", body);
        call.any().await.is(200);
        let of = message.verification_id.expect("a code");
        let shown = service.show(of).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        assert_eq!((&attempt["report_class"], &attempt["report_code"]), (&json!("recipient"), &json!("5")));
        assert_eq!(state(&service, message.id).await, "undelivered");
    }

    async fn all_that_one_call_says_is_taken(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "many").await;
        let (other, elsewhere) = sent(&service, 2, "backup").await;
        let result = |id, group: u32, status: u32| {
            json!({"messageId": id, "status": {"groupId": group, "id": status}})
        };
        let results = [result(message.id, 1, 7), result(other.id, 3, 5), result(message.id, 3, 5)];
        let body = json!({"results": results}).to_string();
        let call = |path: &str| {
            service.call(Method::POST, path).by_nobody().raw("application/json", body.clone())
        };
        let elsewhere = elsewhere.replace("backup", "many");
        call(&elsewhere).await.refused(401, "report_not_genuine");
        call(&path).any().await.is(200);
        assert_eq!(state(&service, message.id).await, "delivered");
        assert_eq!(state(&service, other.id).await, "sent", "the address is not about it");
    }

    async fn of_all_that_an_account_sends_ours_is_taken(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "shared").await;
        let (_, elses) = sent(&service, 2, "backup").await;
        let (path, of) = path.split_once("?of=").expect("a reference");
        assert_eq!(Reference::parse(of).expect("ours").number, Reference::LATEST);
        let time = (service.home.clock.now() / 1_000).to_string();
        let call = async |reference: &str, signs: &str| {
            let data = json!({"metadata": {"reference": reference}});
            let body = json!({"type": "sms.delivered", "data": data}).to_string();
            let signature = bird_signature(signs, &body);
            let call = service.call(Method::POST, path).by_nobody().raw("application/json", body);
            let call = call.header("webhook-id", "msg_1").header("webhook-timestamp", &time);
            call.header("webhook-signature", &signature).any().await
        };
        let (_, elses) = elses.split_once("?of=").expect("a reference");
        for reference in ["order 77", elses] {
            call(reference, &time).await.is(200);
        }
        call(of, "0").await.is(401);
        assert_eq!(state(&service, message.id).await, "sent");
        call(of, &time).await.is(200);
        assert_eq!(state(&service, message.id).await, "delivered");
    }

    async fn what_people_write_may_come_with_the_reports(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let url = service.home.inbound_url("shared").expect("an address");
        let path = url.strip_prefix(PUBLIC).expect("the public address").to_owned();
        let time = (service.home.clock.now() / 1_000).to_string();
        let write = async |text: &str, signs: &str| {
            let data = json!({"from": "+12025550123", "to": "+12025550199", "text": text});
            let body = json!({"type": "sms.received", "data": data}).to_string();
            let signature = bird_signature(signs, &body);
            let call = service.call(Method::POST, &path).by_nobody().raw("application/json", body);
            let call = call.header("webhook-id", "msg_1").header("webhook-timestamp", &time);
            call.header("webhook-signature", &signature).any().await
        };
        let to = service.home.parse_recipient("+12025550123", None).expect("a number");
        let keeps_back = async || {
            let kept = suppression::keeps_back(&service.home, DEFAULT_TENANT, &to, Lane::Bulk).await;
            kept.expect("an answer")
        };
        write("STOP", "0").await.is(401);
        assert!(!keeps_back().await);
        write("STOP", &time).await.is(200);
        assert!(keeps_back().await);
        write("START", &time).await.is(200);
        assert!(!keeps_back().await);
    }

    async fn what_is_no_report_changes_nothing(bed, CONFIG) {
        let service = Service::start(&bed).await;
        let (message, path) = sent(&service, 1, "backup").await;
        for (provider, status, code) in [
            ("nobody", 404, "route_not_found"),
            ("local", 404, "route_not_found"),
            ("primary", 401, "report_not_genuine"),
            ("backup", 401, "report_not_genuine"),
        ] {
            let path = format!("/v1/inbound/{provider}/reports?status=delivered");
            service.call(Method::GET, &path).by_nobody().await.refused(status, code);
        }
        let large = "x".repeat(70_000);
        let call = service.call(Method::POST, &path).by_nobody().raw(FORM, large);
        call.await.refused(413, "body_too_large");
        let broken = service.call(Method::POST, &path).by_nobody().raw("application/json", "{");
        broken.await.refused(422, "invalid_field");
        service.call(Method::PUT, &path).by_nobody().await.refused(405, "method_not_allowed");
        assert_eq!(state(&service, message.id).await, "sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_can_never_be_taken_is_not_asked_for_again() {
    let bed = Bed::make(Kind::Production, CONFIG).await;
    let service = Service::start(&bed).await;
    let (message, path) = sent(&service, 1, "backup").await;
    bed.spoil(message.verification_id.expect("a code")).await;
    let report = |status: &'static str| {
        service.call(Method::POST, &path).by_nobody().raw(FORM, status).any()
    };
    // Whose opt-out it tells cannot be read any more.
    report("status=rejected&err-code=9").await.is(200);
    assert_eq!(state(&service, message.id).await, "sent", "nothing of it is written down");
    report("status=delivered").await.is(200);
    assert_eq!(state(&service, message.id).await, "delivered");
}
