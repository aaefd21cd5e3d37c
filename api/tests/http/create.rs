//! `POST /v1/verifications`.

use std::collections::BTreeSet;

use otpost_shared::{
    Home, lanes,
    message::{self, Claimed, Next, Recording},
    queue::Lane,
};
use otpost_testbed::on_both_homes;
use serde_json::json;
use uuid::Uuid;

use crate::service::{MESSAGES, Service, Stored, VERIFICATIONS, number};

const POLICIES: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
[purposes.greet]
template = "Hi {name}, {code}"
code_length = 8
"#;

const COSTLY: &str = r#"
[recipients]
default_region = "DE"
[chains]
sms = ["gateway"]
[providers.gateway]
kind = "twilio"
"#;

/// A body beside a good `to`, and the refusal it gets.
const BAD_FIELDS: [(&str, &str, &str); 26] = [
    (r#""channel": "email""#, "channel_unavailable", "channel"),
    (r#""channel": "SMS""#, "channel_unavailable", "channel"),
    (r#""channel": """#, "channel_unavailable", "channel"),
    (r#""channel": 1"#, "invalid_field", "channel"),
    (r#""purpose": "gret""#, "unknown_purpose", "purpose"),
    (r#""purpose": """#, "unknown_purpose", "purpose"),
    (r#""purpose": -1"#, "invalid_field", "purpose"),
    (r#""subject": 1.5"#, "invalid_field", "subject"),
    (r#""subject": ["x"]"#, "invalid_field", "subject"),
    (r#""metadata": "text""#, "invalid_field", "metadata"),
    (r#""metadata": [1]"#, "invalid_field", "metadata"),
    (r#""metadata": 7"#, "invalid_field", "metadata"),
    (r#""variables": null"#, "invalid_field", "variables"),
    (r#""variables": {"name": 1}"#, "invalid_field", "variables.name"),
    (r#""variables": {"name": null}"#, "invalid_field", "variables.name"),
    (r#""variables": {"code": "1"}"#, "variable_reserved", "variables"),
    (r#""purpose": "greet""#, "variable_missing", "variables"),
    (r#""client_ip": "203.0.113""#, "invalid_field", "client_ip"),
    (r#""client_ip": "localhost""#, "invalid_field", "client_ip"),
    (r#""client_ip": 2130706433"#, "invalid_field", "client_ip"),
    (r#""code": 123456"#, "invalid_field", "code"),
    (r#""code": "12345""#, "invalid_field", "code"),
    (r#""code": "12345x""#, "invalid_field", "code"),
    (r#""code": """#, "invalid_field", "code"),
    (r#""colour": "red""#, "invalid_field", "colour"),
    (r#""to": "+12025550102""#, "invalid_field", "to"),
];

/// What has ended by now ended nine seconds ago, and it is known how busy the lane is.
async fn nine_seconds_later(home: &Home) {
    let now = home.clock.now() + 9_000;
    lanes::measure(home, now).await.expect("measured");
    home.lanes.refresh(&home.db, now).await.expect("learnt");
}

/// As a worker does.
async fn send(home: &Home, verification: Uuid) {
    let rows = message::list_by_verification(&home.db, verification).await.expect("an answer");
    let now = home.clock.now();
    let claimed = message::claim(&home.db, &[rows[0].id], None, now).await.expect("an answer");
    for Claimed { message, .. } in claimed {
        let step = Recording { message, ended: None, next: Next::Sent, now };
        home.record(step).await.expect("recorded");
    }
}

/// As a worker does whose provider is not in use.
async fn put_off_all(home: &Home) {
    let now = home.clock.now();
    let claimed = message::claim_due(&home.db, Lane::Otp, 100, None, now).await.expect("claimed");
    for claimed in claimed {
        let next = Next::Wait { not_before: now + 60_000, why: None };
        let step = Recording { message: claimed.message, ended: None, next, now };
        home.record(step).await.expect("recorded");
    }
}

on_both_homes! {
    async fn a_text_is_not_made_longer_than_any_provider_takes(bed, POLICIES) {
        let service = Service::start(&bed).await;
        // "Hi , " and a code of eight digits.
        let body = |characters: usize| {
            let name = "\u{fc}".repeat(characters - 13);
            json!({ "to": number(1), "purpose": "greet", "variables": { "name": name } })
        };
        let answer = service.post(VERIFICATIONS, &body(1_601)).await;
        answer.refused(422, "invalid_field").names("variables");
        service.post(VERIFICATIONS, &body(1_600)).await.is(202);
    }

    async fn the_answer_tells_all_that_the_caller_needs(bed, "") {
        let service = Service::start(&bed).await;
        let answer = service.post(VERIFICATIONS, &json!({ "to": number(1) })).await.is(202);
        let members: BTreeSet<&str> =
            answer.json.as_object().expect("an object").keys().map(String::as_str).collect();
        let expected =
            ["id", "session_token", "status", "channel", "to", "expires_at", "resend_at"];
        assert_eq!(members, BTreeSet::from(expected));
        assert_eq!((answer.str("status"), answer.str("channel")), ("pending", "sms"));
        assert_eq!(answer.str("to"), "+1********01");
        assert_eq!(answer.str("session_token").len(), 64);
        assert!(answer.str("resend_at") < answer.str("expires_at"));
        assert_eq!(answer.header("content-type"), "application/json");
        let expected = Stored { codes: 1, hints: 1, ..Stored::default() };
        assert_eq!(service.stored().await, expected);
    }

    async fn everything_that_may_be_sent_is_kept(bed, POLICIES) {
        let service = Service::start(&bed).await;
        let metadata = json!({ "deep": [1, -2.5, null, { "emoji": "📞" }] });
        let created = service.create_with(&json!({
            "to": number(1), "channel": "sms", "purpose": "greet", "subject": "ü".repeat(127),
            "variables": { "name": "Ann", "unused": "x" }, "client_ip": "2001:db8::1",
            "metadata": metadata, "code": "８７６５ 43-21",
        })).await;
        assert_eq!(created.code, "87654321");
        let shown = service.show(created.id).await.is(200);
        assert_eq!((shown.str("purpose"), shown.str("subject")), ("greet", &*"ü".repeat(127)));
        assert_eq!(shown.json["metadata"], metadata);
        let nul = service.create_with(&json!({ "to": number(3), "subject": "a\u{0}b" })).await;
        assert_eq!(service.show(nul.id).await.is(200).str("subject"), "a\u{0}b");
        // What may be left out may also be null.
        service.create_with(&json!({
            "to": number(2), "channel": null, "purpose": null, "subject": null,
            "metadata": null, "client_ip": null, "code": null,
        })).await;
    }

    async fn another_tenant_makes_its_own(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let ours = service.create(1).await;
        // The limit per number is each tenant's own.
        let body = json!({ "to": number(1) });
        let theirs = service.post(VERIFICATIONS, &body).by(&foreign).await.is(202);
        service.show(ours.id).await.is(200);
        let their_id = theirs.str("id").parse().expect("an id");
        service.show(their_id).await.refused(404, "verification_not_found");
    }

    async fn bad_fields_are_named_and_leave_nothing(bed, POLICIES) {
        let service = Service::start(&bed).await;
        let to = number(1);
        for (field, code, name) in BAD_FIELDS {
            let body = format!(r#"{{"to": "{to}", {field}}}"#);
            let answer = service.post_text(VERIFICATIONS, body).once("k").await;
            answer.refused(422, code).names(name);
        }
        for field in ["subject", "metadata", "variables"] {
            let value = if field == "subject" {
                json!("x".repeat(256))
            } else {
                json!({ "x": "y".repeat(4_096) })
            };
            let body = json!({ "to": to, field: value });
            service.post(VERIFICATIONS, &body).await.refused(422, "invalid_field").names(field);
        }
        assert_eq!(service.stored().await, Stored::default());
        // Neither the number's limit nor the key is used up.
        service.post(VERIFICATIONS, &json!({ "to": to })).once("k").await.is(202);
        assert_eq!(service.end_pending().await, 1);
    }

    async fn metadata_may_be_deep_but_not_endless(bed, "") {
        let service = Service::start(&bed).await;
        let nested = |depth| {
            let (open, close) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
            format!(r#"{{"to": "{}", "metadata": {open}1{close}}}"#, number(1))
        };
        for depth in [127, 800, 10_000] {
            let answer = service.post_text(VERIFICATIONS, nested(depth)).await;
            answer.refused(400, "malformed_body");
        }
        let created = service.post_text(VERIFICATIONS, nested(100)).await.is(202);
        service.show(created.str("id").parse().expect("an id")).await.is(200);
    }

    async fn a_test_number_is_never_sent_to(bed, POLICIES) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "+1 555 000 1111" });
        let created = service.create_with(&body).await;
        service.create_with(&body).await;
        assert_eq!(created.code, "424242");
        let shown = service.show(created.id).await.is(200);
        assert_eq!((&shown.json["test"], &shown.json["messages"]), (&json!(true), &json!([])));
        assert_eq!(service.stored().await, Stored::default());
    }

    async fn a_country_must_be_allowed_where_it_costs_money(bed, COSTLY) {
        let service = Service::start(&bed).await;
        let abroad = service.post(VERIFICATIONS, &json!({ "to": number(1) })).await;
        let abroad = abroad.refused(403, "country_not_allowed").names("to");
        assert_eq!(abroad.str("country"), "US");
        assert!(abroad.str("detail").contains("recipients.countries"), "{}", abroad.text);
        assert_eq!(service.stored().await, Stored::default());
        service.create_with(&json!({ "to": "0151 12345678" })).await;
    }

    async fn the_cap_of_the_day_holds_for_all_sends(
        bed, "[limits]\nsends_per_tenant_and_day = 2"
    ) {
        let service = Service::start(&bed).await;
        service.create(1).await;
        service.post(MESSAGES, &json!({ "to": number(2), "text": "hello" })).await.is(202);
        let capped = service.post(VERIFICATIONS, &json!({ "to": number(3) })).await;
        let capped = capped.refused(429, "daily_cap_reached");
        assert!(capped.str("resets_at").ends_with("T00:00:00.000Z"), "{}", capped.text);
        assert_eq!(service.end_pending().await, 1);
    }

    async fn a_lane_that_cannot_deliver_in_time_says_so(
        bed, "[purposes.default]\nlifetime_secs = 30\nresend_after_secs = 10"
    ) {
        let service = Service::start(&bed).await;
        let ended = service.create(0).await;
        for n in 1..=3 {
            service.create(n).await;
        }
        send(&service.home, ended.id).await;
        // One message in nine seconds, and three are waiting.
        nine_seconds_later(&service.home).await;
        let busy = service.post(VERIFICATIONS, &json!({ "to": number(4) })).await;
        assert_eq!(busy.refused(503, "lane_busy").retry_after(), 15);
        assert_eq!(service.end_pending().await, 4);
        // Texts that have a day are taken all the same.
        service.post(MESSAGES, &json!({ "to": number(4), "text": "hello" })).await.is(202);
    }

    async fn a_channel_that_cannot_deliver_holds_up_no_other(
        bed,
        "[chains]\nemail = [\"console\"]\n[purposes.default]\nemail_lifetime_secs = 60"
    ) {
        let service = Service::start(&bed).await;
        let by_email = |n: i32| json!({ "to": format!("ann{n}@example.org"), "channel": "email" });
        let ended = service.post(VERIFICATIONS, &by_email(0)).await.is(202);
        for n in 1..=4 {
            service.post(VERIFICATIONS, &by_email(n)).await.is(202);
        }
        send(&service.home, ended.str("id").parse().expect("an id")).await;
        nine_seconds_later(&service.home).await;
        service.post(VERIFICATIONS, &by_email(5)).await.refused(503, "lane_busy");
        service.create(1).await;
    }

    async fn a_route_that_cannot_deliver_holds_up_no_other(
        bed,
        "[[routes]]\ncountries = [\"GB\"]\nchain = [\"console\"]\n\
         [purposes.default]\nlifetime_secs = 30\nresend_after_secs = 10"
    ) {
        let service = Service::start(&bed).await;
        let ended = service.create(0).await;
        for n in 1..=3 {
            service.create(n).await;
        }
        send(&service.home, ended.id).await;
        put_off_all(&service.home).await;
        nine_seconds_later(&service.home).await;
        service.create(4).await;
    }

    async fn the_message_carries_the_verification(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let rows = message::list_by_verification(&service.home.db, created.id).await;
        let rows = rows.expect("an answer");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].state.as_str(), rows[0].generation), ("queued", 1));
    }
}
