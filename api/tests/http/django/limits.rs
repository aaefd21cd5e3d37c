//! How much whoever has no key may ask.

use futures_util::future::join_all;
use otpost_testbed::on_both_homes;
use serde_json::json;

use super::{NOT_VALID, ON, REGISTER, TOO_MANY, VALID, VERIFY, ask, assert_said, register};
use crate::{
    answer::Answer,
    service::{Service, number},
};

const FEW: &str = "[limits]\nclient_ip = [\"3/1m\"]\n[compat.django]\nenabled = true\n\
    wrong_per_client = [\"3/1m\"]\n";

/// The same, each call with the address that this machine, a proxy, says it has.
const BEHIND_A_PROXY: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n\
    [limits]\nclient_ip = [\"3/1m\"]\n[compat.django]\nenabled = true\n\
    wrong_per_client = [\"3/1m\"]\n";

#[track_caller]
fn assert_throttled(answer: &Answer, (least, most): (u64, u64)) {
    let wait = answer.retry_after();
    assert!((least..=most).contains(&wait), "{wait}");
    let unit = if wait == 1 { "second" } else { "seconds" };
    let said =
        format!(r#"{{"detail":"Request was throttled. Expected available in {wait} {unit}."}}"#);
    assert_said(answer, 429, &said);
}

on_both_homes! {
    async fn a_number_gets_five_codes_in_ten_minutes_without_a_wait(bed, ON) {
        let service = Service::start(&bed).await;
        for _ in 0..5 {
            register(&service, &number(1)).await;
        }
        let before = service.stored().await;
        let body = json!({ "phone_number": number(1) });
        assert_throttled(&ask(&service, REGISTER, &body).await, (500, 600));
        assert_eq!(service.stored().await, before);
        register(&service, &number(2)).await;
        service.home.clock.advance(600_001);
        register(&service, &number(1)).await;
    }

    async fn codes_of_the_native_api_count_too(bed, ON) {
        let service = Service::start(&bed).await;
        service.create(1).await;
        for _ in 0..4 {
            register(&service, &number(1)).await;
        }
        let body = json!({ "phone_number": number(1) });
        assert_throttled(&ask(&service, REGISTER, &body).await, (500, 600));
        let native = json!({ "to": number(1) });
        let limited = service.post(crate::service::VERIFICATIONS, &native).await;
        limited.refused(429, "rate_limited");
    }

    async fn a_stranger_takes_nothing_back_of_what_a_key_counted(bed, "[limits]\nrecipient = [\"3/1d\"]\n\
        [compat.django]\nenabled = true\nrecipient = [\"1/1m\"]\n")
    {
        let service = Service::start(&bed).await;
        let native = json!({ "to": number(1) });
        service.create(1).await;
        service.post(crate::service::VERIFICATIONS, &native).await.is(202);
        service.home.clock.advance(60_000);
        register(&service, &number(1)).await;
        service.home.clock.advance(120_000);
        let limited = service.post(crate::service::VERIFICATIONS, &native).await;
        limited.refused(429, "rate_limited");
        register(&service, &number(1)).await;
    }

    async fn an_address_registers_so_many_numbers(bed, FEW) {
        let service = Service::start(&bed).await;
        for n in 1..=3 {
            register(&service, &number(n)).await;
        }
        let body = json!({ "phone_number": number(4) });
        // What an untrusted peer says of itself changes nothing.
        for forwarded in ["203.0.113.1", "203.0.113.2"] {
            let call = service.post(REGISTER, &body).by_nobody();
            let answer = call.header("x-forwarded-for", forwarded).any().await;
            assert_throttled(&answer, (1, 60));
        }
        // Neither does a key.
        let with_key = service.post(REGISTER, &body).any().await;
        assert_throttled(&with_key, (1, 60));
        service.home.clock.advance(60_001);
        register(&service, &number(4)).await;
    }

    async fn parallel_registrations_are_no_more_than_allowed(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let body = json!({ "phone_number": number(1) });
        let answers = join_all((0..40).map(|n| {
            let call = service.post(REGISTER, &body).by_nobody();
            call.header("x-forwarded-for", format!("203.0.113.{n}")).any()
        }))
        .await;
        let sent = answers.iter().filter(|answer| answer.status == 200).count();
        let throttled = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!((sent, throttled, service.stored().await.codes), (5, 35, 5));
    }

    async fn addresses_of_one_network_are_one(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        let from = |network: u32, n: u32| format!("2001:db8:0:{network}:{n}::1");
        for n in 0..4 {
            let body = json!({ "phone_number": number(10 + n) });
            let call = service.post(REGISTER, &body).by_nobody();
            let answer = call.header("x-forwarded-for", from(1, n)).any().await;
            assert_eq!(answer.status, if n < 3 { 200 } else { 429 });
            // The right code with a token that is none: what is wrong counts, about whichever number.
            let guess = json!({
                "phone_number": number(20 + n), "session_token": "x", "security_code": held.code,
            });
            let call = service.post(VERIFY, &guess).by_nobody();
            let answer = call.header("x-forwarded-for", from(1, n)).any().await;
            assert_eq!(answer.status, if n < 3 { 400 } else { 429 });
        }
        let body = json!({ "phone_number": number(14) });
        let call = service.post(REGISTER, &body).by_nobody();
        call.header("x-forwarded-for", from(2, 1)).any().await.is(200);
    }

    async fn an_address_is_wrong_so_often(bed, FEW) {
        let service = Service::start(&bed).await;
        let (one, two) = (register(&service, &number(1)).await, register(&service, &number(2)).await);
        assert_said(&one.wrong(&service).await, 400, NOT_VALID);
        // What is right is not counted, and neither is what is no question.
        assert_said(&one.right(&service).await, 200, VALID);
        ask(&service, VERIFY, &json!({})).await.is(400);
        let unknown = json!({
            "phone_number": number(3), "session_token": "x", "security_code": "123456",
        });
        assert_said(&ask(&service, VERIFY, &unknown).await, 400, NOT_VALID);
        assert_said(&two.wrong(&service).await, 400, NOT_VALID);
        assert_throttled(&two.right(&service).await, (1, 60));
        let call = service.post(VERIFY, &two.body(&two.code)).header("x-forwarded-for", "203.0.113.1");
        assert_throttled(&call.any().await, (1, 60));
        service.home.clock.advance(60_001);
        assert_said(&two.right(&service).await, 200, VALID);
    }

    async fn what_is_over_costs_no_guess(bed, ON) {
        let service = Service::start(&bed).await;
        let late = register(&service, &number(1)).await;
        service.home.clock.advance(600_001);
        for _ in 0..10 {
            late.right(&service).await.is(400);
        }
        let new = register(&service, &number(1)).await;
        assert_said(&new.right(&service).await, 200, VALID);
    }

    async fn a_spent_budget_reads_as_too_many(bed, "[limits]\nguesses_per_recipient_and_day = 2\n\
        [compat.django]\nenabled = true\n") {
        let service = Service::start(&bed).await;
        let held = register(&service, &number(1)).await;
        for _ in 0..2 {
            assert_said(&held.wrong(&service).await, 400, NOT_VALID);
        }
        assert_said(&held.right(&service).await, 400, TOO_MANY);
    }

    async fn the_cap_of_the_day_throttles(bed, "[limits]\nsends_per_tenant_and_day = 1\n\
        [compat.django]\nenabled = true\n") {
        let service = Service::start(&bed).await;
        register(&service, &number(1)).await;
        let body = json!({ "phone_number": number(2) });
        assert_throttled(&ask(&service, REGISTER, &body).await, (1, 86_400));
    }
}
