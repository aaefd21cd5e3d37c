//! Where the endpoints are, for whom, and what else belongs to them.

use otpost_shared::{
    tenant::{self, Tenant},
    verification,
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ALREADY, EXPIRED, NOT_VALID, ON, REGISTER, VALID, VERIFY, ask, assert_said, register};
use crate::service::{Service, VERIFICATIONS, number};

const ELSEWHERE: &str = "[compat.django]\nenabled = true\npath = \"/phones/v2\"\n\
    tenant = \"shop\"\npurpose = \"login\"\ndefault_region = \"US\"\n\
    [purposes.login]\ncode_length = 8\n";

const TEST_NUMBER: &str = "[compat.django]\nenabled = true\n[recipients]\ntest_numbers = \
    [{ number = \"+1234567890\", code = \"246810\", until = \"2099-01-01\" }]\n";

const DESCRIBED: &str = r#"{"name":"Register","description":"","renders":["application/json"],"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"],"actions":{"POST":{"phone_number":{"type":"string","required":true,"read_only":false,"label":"Phone number"}}}}"#;

on_both_homes! {
    async fn they_are_off_unless_switched_on(bed, "") {
        let service = Service::start(&bed).await;
        for path in [REGISTER, VERIFY] {
            let answer = service.post(path, &json!({ "phone_number": number(1) })).await;
            answer.refused(404, "route_not_found");
        }
    }

    async fn they_are_where_they_are_put_and_speak_for_a_tenant(bed, ELSEWHERE) {
        let service = Service::start(&bed).await;
        let body = json!({ "phone_number": "(202) 555-0001" });
        ask(&service, REGISTER, &body).await.is(404);
        // There is no such tenant yet; the log says so.
        let missing = ask(&service, "/phones/v2/register", &body).await;
        assert_said(&missing, 500, r#"{"detail":"A server error occurred."}"#);
        let (id, created_at) = (Uuid::now_v7(), service.home.clock.now());
        let shop = Tenant { id, name: "shop".into(), default_region: None, created_at };
        tenant::insert_if_missing(&service.home.db, &shop).await.expect("stored");
        let answer = ask(&service, "/phones/v2/register", &body).await.is(200);
        let token = otpost_shared::secrets::Handle::parse(answer.str("session_token"));
        let row = verification::find(&service.home.db, token.expect("a token").id).await;
        let row = row.expect("an answer").expect("a row");
        assert_eq!((row.tenant_id, row.purpose.as_str()), (id, "login"));
        let code = service.code_of(row.id).await;
        assert_eq!(code.len(), 8);
        let body = json!({
            "phone_number": number(1), "session_token": answer.str("session_token"),
            "security_code": code,
        });
        assert_said(&ask(&service, "/phones/v2/verify/", &body).await, 200, VALID);
    }

    async fn an_endpoint_describes_itself(bed, ON) {
        let service = Service::start(&bed).await;
        let answer = service.call(Method::OPTIONS, REGISTER).by_nobody().any().await;
        assert_said(&answer, 200, DESCRIBED);
        let answer = service.call(Method::OPTIONS, VERIFY).by_nobody().any().await.is(200);
        let places = ["phone_number", "session_token", "security_code"];
        let places = places.map(|name| answer.text.find(name).expect("a field"));
        assert!(places.is_sorted(), "{}", answer.text);
        let head = service.call(Method::HEAD, VERIFY).by_nobody().any().await;
        assert_eq!((head.status, head.text.as_str()), (405, ""));
    }

    async fn pages_of_known_origins_may_call(
        bed, "[server]\ncors_origins = [\"https://app.example.org\"]\n\
        [compat.django]\nenabled = true\n"
    ) {
        let service = Service::start(&bed).await;
        let call = |origin: &str| {
            let call = service.post(REGISTER, &json!({ "phone_number": number(1) }));
            call.by_nobody().header("origin", origin)
        };
        let known = call("https://app.example.org").any().await.is(200);
        assert_eq!(known.header("access-control-allow-origin"), "https://app.example.org");
        let unknown = call("https://other.example.org").any().await;
        assert_eq!(unknown.header("access-control-allow-origin"), "");
    }

    async fn a_code_may_count_more_than_once(
        bed, "[compat.django]\nenabled = true\nonce = false\n"
    ) {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        for _ in 0..7 {
            assert_said(&held.right(&service).await, 200, VALID);
        }
        // What is wrong is counted as before.
        for _ in 0..4 {
            assert_said(&held.wrong(&service).await, 400, NOT_VALID);
        }
        assert_said(&held.right(&service).await, 200, VALID);
        service.home.clock.advance(600_001);
        assert_said(&held.right(&service).await, 400, EXPIRED);
    }

    async fn a_code_counts_once_unless_told_otherwise(bed, ON) {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        assert_said(&held.right(&service).await, 200, VALID);
        assert_said(&held.right(&service).await, 400, ALREADY);
    }

    async fn a_test_number_need_not_exist(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let held = register(&service, "+1234567890").await;
        assert_eq!(held.code, "246810");
        assert_eq!(service.stored().await.codes, 0, "nothing is sent");
        assert_said(&held.right(&service).await, 200, VALID);
    }

    async fn who_is_kept_back_is_not_sent_to(bed, ON) {
        let service = Service::start(&bed).await;
        let kept = json!({ "to": number(1), "scope": "all" });
        service.post("/v1/suppressions", &kept).await.is(201);
        let before = service.stored().await;
        let answer = ask(&service, REGISTER, &json!({ "phone_number": number(1) })).await;
        let said = r#"{"phone_number":["No code can be sent to this phone number."]}"#;
        assert_said(&answer, 400, said);
        assert_eq!(service.stored().await, before);
    }

    async fn no_answer_and_no_listing_shows_a_code(bed, ON) {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        let id = otpost_shared::secrets::Handle::parse(&held.token).expect("a token").id;
        let shown = service.get(&format!("{VERIFICATIONS}/{id}")).await.is(200);
        assert!(!shown.text.contains(&held.code), "{}", shown.text);
        let digits = number(1);
        let digits = digits.trim_start_matches('+');
        assert!(!shown.text.contains(digits) && !held.token.contains(digits));
        let answer = ask(&service, REGISTER, &json!({ "phone_number": number(1) })).await.is(200);
        let members = answer.json.as_object().expect("an object");
        assert_eq!(members.keys().collect::<Vec<_>>(), ["session_token"]);
        assert_ne!(answer.json["session_token"], Value::String(held.token));
    }
}
