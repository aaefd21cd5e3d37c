//! Where the endpoints are, for whom, and what else belongs to them.

use otpost_shared::{
    secrets::Handle,
    tenant::{self, DEFAULT_TENANT, Tenant},
    verification,
};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ALREADY, EXPIRED, NOT_VALID, ON, REGISTER, TOO_MANY, UNLIMITED, VALID, VERIFY, ask,
    assert_said, register, register_by,
};
use crate::service::{Service, VERIFICATIONS, number};

const ELSEWHERE: &str = "[compat.django]\nenabled = true\npath = \"/phones/v2\"\n\
    tenant = \"shop\"\npurpose = \"login\"\ndefault_region = \"US\"\n\
    [purposes.login]\ncode_length = 8\n";

const TEST_NUMBER: &str = "[compat.django]\nenabled = true\n[recipients]\ntest_numbers = \
    [{ number = \"+1234567890\", code = \"246810\", until = \"2099-01-01\" }]\n";

const NOT_SENT_TO: &str = r#"{"phone_number":["No code can be sent to this phone number."]}"#;

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
        let shop = Tenant::new(id, "shop", created_at);
        tenant::insert_if_missing(&service.home.db, &shop).await.expect("stored");
        let answer = ask(&service, "/phones/v2/register", &body).await.is(200);
        let token = Handle::parse(answer.str("session_token"));
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
        bed, "[compat.django]\nenabled = true\n[purposes.default]\nreusable = true\n"
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
        assert_said(&held.wrong(&service).await, 400, NOT_VALID);
        assert_said(&held.right(&service).await, 400, TOO_MANY);
        service.home.clock.advance(600_001);
        let later = register(&service, &number(1)).await;
        assert_said(&later.right(&service).await, 200, VALID);
        service.home.clock.advance(600_001);
        assert_said(&later.right(&service).await, 400, EXPIRED);
    }

    async fn a_purpose_may_be_in_the_database_alone(
        bed, "[compat.django]\nenabled = true\npurpose = \"vip\"\n"
    ) {
        let service = Service::start(&bed).await;
        let body = json!({ "phone_number": number(1) });
        // There is none yet; the log says so.
        let failed = r#"{"detail":"A server error occurred."}"#;
        assert_said(&ask(&service, REGISTER, &body).await, 500, failed);
        let then = json!([{ "channel": "sms", "after_secs": 60 }]);
        let vip = json!({ "changes": { "code_length": 8, "guesses": 2, "then": then } });
        let path = "/v1/policies/vip";
        service.call(Method::PUT, path).json(&vip).await.is(200);
        let held = register(&service, &number(1)).await;
        let id = Handle::parse(&held.token).expect("a token").id;
        let shown = service.show(id).await.is(200);
        let sent = shown.json["messages"].as_array().expect("a list");
        assert_eq!((held.code.len(), sent.len()), (8, 2));
        for _ in 0..2 {
            assert_said(&held.wrong(&service).await, 400, NOT_VALID);
        }
        assert_said(&held.right(&service).await, 400, TOO_MANY);
        let abroad = json!({ "changes": { "countries": ["DE"] } });
        service.call(Method::PUT, path).json(&abroad).await.is(200);
        let refused = ask(&service, REGISTER, &json!({ "phone_number": number(2) })).await;
        assert_said(&refused, 400, NOT_SENT_TO);
    }

    async fn the_first_language_of_the_header_is_the_one(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let long = "x".repeat(3_000);
        for (n, (header, locale)) in (1..).zip([
            ("es", Some("es")),
            ("ES", Some("es")),
            ("es-MX", Some("es-MX")),
            ("es_MX", Some("es-MX")),
            ("es-419", Some("es-419")),
            ("fr-CA;q=0.5", Some("fr-CA")),
            ("es;q=0, fr;q=1", Some("es")),
            ("pt-br,es", Some("pt-BR")),
            ("zh-hant", Some("zh-Hant")),
            ("zh-cmn-Hans", Some("zh")),
            ("eo,fr", None),
            (",fr", None),
            (";q=1", None),
            ("*,es", None),
            ("../../etc", None),
            ("", None),
            (long.as_str(), None),
        ]) {
            let held = register_by(&service, &number(n), |call| {
                call.header("accept-language", header)
            }).await;
            let id = Handle::parse(&held.token).expect("a token").id;
            let row = verification::find(&service.home.db, id).await.expect("an answer");
            assert_eq!(row.expect("a row").locale.as_deref(), locale, "{header:.20}");
        }
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

    async fn who_is_kept_back_is_not_sent_to_and_nobody_learns_it(bed, ON) {
        let service = Service::start(&bed).await;
        let kept = json!({ "to": number(1), "scope": "all" });
        service.post("/v1/suppressions", &kept).await.is(201);
        let [kept, other] = [register(&service, &number(1)).await, register(&service, &number(2)).await];
        assert_eq!(kept.token.len(), other.token.len());
        assert_eq!(service.stored().await.codes, 1, "one of them is sent to");
        for held in [&kept, &other] {
            assert_said(&held.wrong(&service).await, 400, NOT_VALID);
        }
        assert_said(&kept.right(&service).await, 400, NOT_VALID);
        assert_said(&other.right(&service).await, 200, VALID);
        let id = Handle::parse(&kept.token).expect("a token").id;
        let shown = service.show(id).await.is(200);
        assert_eq!((&shown.json["withheld"], &shown.json["decoy"]), (&json!(true), &json!(false)));
        assert_eq!(shown.json["messages"][0]["state"], "canceled");
    }

    async fn whoever_is_disabled_sends_no_new_codes(bed, ON) {
        let service = Service::start(&bed).await;
        let home = &service.home;
        let held = register(&service, &number(1)).await;
        assert_eq!(tenant::mark_disabled(&home.db, DEFAULT_TENANT, home.clock.now()).await, Ok(true));
        home.clock.advance(500);
        let before = service.stored().await;
        let body = json!({ "phone_number": number(2) });
        let refused = ask(&service, REGISTER, &body).await;
        let said = r#"{"detail":"Service temporarily unavailable, try again later."}"#;
        assert_said(&refused, 503, said);
        assert_eq!(service.stored().await, before);
        // What was sent before goes on.
        assert_said(&held.right(&service).await, 200, VALID);
        assert_eq!(tenant::mark_enabled(&home.db, DEFAULT_TENANT).await, Ok(true));
        home.clock.advance(500);
        ask(&service, REGISTER, &body).await.is(200);
    }

    async fn no_answer_and_no_listing_shows_a_code(bed, ON) {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        let id = Handle::parse(&held.token).expect("a token").id;
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
