//! What keeps strangers from having codes sent, guessing, and learning.

use std::time::Duration;

use otpost_shared::tenant::{self, DEFAULT_TENANT};
use otpost_testbed::{Bed, Kind, on_both_homes};
use serde_json::json;

use super::{ON, Page, solve, with};
use crate::{
    check::other_than,
    service::{Service, number},
};

const FEW: &str = "[limits]\nclient_ip = [\"3/1m\"]\n[page]\nenabled = true\nwork_bits = 0\n\
    return_urls = [\"https://app.example.org\"]\nwrong_per_client = [\"3/1m\"]\n";
const FEW_PER_LINK: &str = "[page]\nenabled = true\nwork_bits = 0\n\
    return_urls = [\"https://app.example.org\"]\nsends_per_link = [\"2/1h\"]\n";
const AT_HOME: &str = "[purposes.default]\ncountries = [\"DE\"]\n[page]\nenabled = true\nwork_bits = 0\n\
    return_urls = [\"https://app.example.org\"]\n";

on_both_homes! {
    async fn nothing_is_sent_without_work(bed, ON) {
        let service = Service::start(&bed).await;
        let (page, other) = (Page::make(&service).await, Page::make(&service).await);
        let body = json!({ "to": number(1) });
        let given = page.call("challenge", &json!({})).await.is(200);
        let challenge = given.str("challenge");
        assert_eq!(given.json["bits"], 6);
        let missing = [json!({}), json!({ "challenge": challenge }), json!({ "nonce": "1" })];
        for work in missing {
            let refused = page.call("create", &with(work, &body)).await.refused(422, "work_missing");
            assert!(!refused.str("said").is_empty());
        }
        let foreign = other.work().await;
        let (weak, enough) = (solve(challenge, 6, false), solve(challenge, 6, true));
        for work in [
            json!({ "challenge": challenge, "nonce": weak }),
            json!({ "challenge": challenge, "nonce": format!("+{enough}") }),
            json!({ "challenge": challenge, "nonce": "1".repeat(21) }),
            json!({ "challenge": format!("{challenge}A"), "nonce": enough }),
            json!({ "challenge": "x", "nonce": "1" }),
            foreign,
        ] {
            page.call("create", &with(work, &body)).await.refused(422, "work_not_valid");
        }
        assert_eq!(service.stored().await.codes, 0);
        service.home.clock.advance(15 * 60_000);
        let old = with(json!({ "challenge": challenge, "nonce": enough }), &body);
        page.call("create", &old).await.refused(422, "work_not_valid");
        page.begin(1).await;
    }

    async fn work_counts_for_one_request(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let work = page.work().await;
        let body = with(work.clone(), &json!({ "to": number(1) }));
        let first = page.call("create", &body).await.is(200);
        // The same again is the same request, whose answer may have been lost.
        let again = page.call("create", &body).await.is(200);
        assert_eq!(page.begun(&again).await.id, page.begun(&first).await.id);
        page.call("create", &with(work, &json!({ "to": number(2) }))).await.refused(409, "work_used");
        assert_eq!(service.stored().await.codes, 1);
    }

    async fn a_link_sends_to_so_many(bed, FEW_PER_LINK) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        // What is refused is not counted.
        page.create(&json!({ "to": "+4915" })).await.refused(422, "recipient_invalid");
        for n in [1, 2] {
            page.begin(n).await;
        }
        let refused = page.create(&json!({ "to": number(3) })).await.refused(429, "rate_limited");
        assert_eq!(refused.str("limit"), "link");
        Page::make(&service).await.begin(3).await;
    }

    async fn an_address_sends_so_often(bed, FEW) {
        let service = Service::start(&bed).await;
        for n in 1..=3 {
            Page::make(&service).await.begin(n).await;
        }
        let page = Page::make(&service).await;
        let refused = page.create(&json!({ "to": number(4) })).await.refused(429, "rate_limited");
        assert_eq!(refused.str("limit"), "client");
        assert!(refused.retry_after() <= 60 && refused.str("said").contains(':'), "{}", refused.text);
        // The application's server is not limited.
        service.create(4).await;
    }

    async fn an_address_is_wrong_so_often(bed, FEW) {
        let service = Service::start(&bed).await;
        let (page, other) = (Page::make(&service).await, Page::make(&service).await);
        let (one, two) = (page.begin(1).await, other.begin(2).await);
        let wrong = other_than(&one.code);
        for _ in 0..2 {
            page.check(&one.handle, &wrong).await.refused(422, "code_incorrect");
        }
        // What is right is not counted, and neither is what is no question.
        page.check(&one.handle, "x").await.refused(422, "code_malformed");
        page.check(&one.handle, &one.code).await.is(200);
        other.check(&two.handle, &other_than(&two.code)).await.refused(422, "code_incorrect");
        other.check(&two.handle, &two.code).await.refused(429, "rate_limited");
        service.home.clock.advance(60_001);
        other.check(&two.handle, &two.code).await.is(200);
    }

    async fn five_guesses_and_the_limits_of_a_number_hold_here_too(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let begun = page.begin(1).await;
        let again = page.create(&json!({ "to": number(1) })).await.refused(429, "rate_limited");
        assert_eq!(again.str("limit"), "recipient");
        for left in (0..5).rev() {
            let wrong = page.check(&begun.handle, &other_than(&begun.code)).await;
            assert_eq!(wrong.refused(422, "code_incorrect").json["guesses_left"], left);
        }
        page.check(&begun.handle, &begun.code).await.refused(423, "verification_locked");
    }

    async fn whoever_is_disabled_sends_no_new_codes(bed, ON) {
        let service = Service::start(&bed).await;
        let home = &service.home;
        let (page, other) = (Page::make(&service).await, Page::make(&service).await);
        let begun = page.begin(1).await;
        let work = page.work().await;
        assert_eq!(tenant::mark_disabled(&home.db, DEFAULT_TENANT, home.clock.now()).await, Ok(true));
        home.clock.advance(30_001);
        let refused = page.call("create", &with(work, &json!({ "to": number(2) }))).await;
        let refused = refused.refused(410, "page_expired");
        assert!(!refused.str("said").is_empty());
        page.call("challenge", &json!({})).await.refused(410, "page_expired");
        assert_eq!(page.shown().await.status, 410);
        assert_eq!(service.stored().await.codes, 1);
        // What was sent before goes on.
        page.call("resend", &json!({ "handle": begun.handle })).await.is(200);
        page.check(&begun.handle, &begun.code).await.is(200);
        assert_eq!(tenant::mark_enabled(&home.db, DEFAULT_TENANT).await, Ok(true));
        home.clock.advance(500);
        other.begin(3).await;
    }

    async fn nobody_learns_who_opted_out(bed, ON) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1), "scope": "all" });
        service.post("/v1/suppressions", &body).await.is(201);
        let listed = service.get("/v1/suppressions").await.is(200);
        assert_eq!(listed.json["suppressions"].as_array().map(Vec::len), Some(1), "{}", listed.text);
        service.post("/v1/verifications", &json!({ "to": number(1) })).await.refused(403, "recipient_suppressed");
        let page = Page::make(&service).await;
        let mut answers = Vec::new();
        for n in [1, 2] {
            let begun = page.create(&json!({ "to": number(n) })).await.is(200);
            let wrong = page.begun(&begun).await;
            let wrong = page.check(&wrong.handle, &other_than(&wrong.code)).await;
            service.home.clock.advance(30_001);
            let resent = page.call("resend", &json!({ "handle": begun.str("handle") })).await;
            let said = |text: &str| text.replace("********01", "").replace("********02", "");
            let mut seen = begun.json.clone();
            seen["handle"] = json!(begun.str("handle").len());
            answers.push((said(&seen.to_string()), wrong.status, wrong.text, resent.status, said(&resent.text)));
        }
        assert_eq!(answers[0], answers[1]);
        // Of two numbers one is sent to, twice; the hints about the other find nothing to claim.
        assert_eq!((service.stored().await.codes, service.stored().await.hints), (2, 4));
    }

    async fn a_country_is_refused_as_it_is_not_offered(bed, AT_HOME) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let shown = page.shown().await.is(200);
        assert_eq!(shown.text.matches("<option").count(), 1, "{}", shown.text);
        assert!(shown.text.contains("<option value=\"DE\" data-code=\"49\">"), "{}", shown.text);
        let refused = page.create(&json!({ "to": number(1) })).await.refused(403, "country_not_allowed");
        assert!(refused.json.get("detail").is_none() && !refused.str("said").is_empty());
        page.create(&json!({ "to": "0151 12345678", "country": "DE" })).await.is(200);
    }

    async fn without_the_database_people_are_told_to_wait(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let work = page.work().await;
        service.home.db.close().await;
        let body = with(work, &json!({ "to": number(1) }));
        let answer = tokio::time::timeout(Duration::from_secs(8), page.call("create", &body)).await;
        let answer = answer.expect("an answer in time").refused(503, "unavailable");
        assert!(!answer.str("said").is_empty(), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_sent_stays_counted() {
    let bed = Bed::make(Kind::Production, FEW_PER_LINK).await;
    let service = Service::start(&bed).await;
    let page = Page::make(&service).await;
    let body = with(page.work().await, &json!({ "to": number(1) }));
    let held = bed.hold_commits().await;
    page.call("create", &body).await.refused(503, "unavailable");
    held.let_go().await;
    page.begin(2).await;
    let refused = page.create(&json!({ "to": number(3) })).await.refused(429, "rate_limited");
    assert_eq!(refused.str("limit"), "link");
    // It was sent, and its repeat is not counted.
    page.call("create", &body).await.is(200);
    assert_eq!(service.stored().await.codes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_got_no_answer_stays_counted() {
    let bed = Bed::make(Kind::Production, FEW).await;
    let service = Service::start(&bed).await;
    let (page, other) = (Page::make(&service).await, Page::make(&service).await);
    let (one, two) = (page.begin(1).await, other.begin(2).await);
    let wrong = other_than(&one.code);
    let held = bed.hold_commits().await;
    page.check(&one.handle, &wrong).await.refused(503, "unavailable");
    held.let_go().await;
    for left in [3, 2] {
        let again = page.check(&one.handle, &wrong).await.refused(422, "code_incorrect");
        assert_eq!(again.json["guesses_left"], left, "it was compared");
    }
    other.check(&two.handle, &two.code).await.refused(429, "rate_limited");
}
