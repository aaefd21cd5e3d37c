//! Who has no key and tries more than one guess per person's try.

use futures_util::future::join_all;
use otpost_testbed::on_both_homes;
use serde_json::json;

use super::{
    ALREADY, NOT_VALID, TOO_MANY, UNLIMITED, VALID, VERIFY, ask, assert_said, register, register_by,
};
use crate::{
    check::other_than,
    service::{Call, Service, number},
};

/// This machine is a proxy that is believed, so that each call can have an address of its own.
const BEHIND_A_PROXY: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n\
    [limits]\nclient_ip = [\"10000/1s\"]\n[compat.django]\nenabled = true\n\
    wrong_per_client = [\"10000/1s\"]\nrecipient = [\"100/10m\"]\n";

/// As if from this address.
fn from(address: String) -> impl Fn(Call) -> Call {
    move |call| call.header("x-forwarded-for", &address)
}

on_both_homes! {
    async fn parallel_guesses_are_no_more_than_allowed(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let victim = register(&service, &number(1)).await;
        let wrong = other_than(&victim.code);
        let answers = join_all((0..40).map(|_| victim.verify(&service, &wrong))).await;
        let compared = answers.iter().filter(|answer| answer.text == NOT_VALID).count();
        let refused = answers.iter().filter(|answer| answer.text == TOO_MANY).count();
        assert_eq!((compared, refused), (5, 35));
        assert_said(&victim.right(&service).await, 400, TOO_MANY);
    }

    async fn parallel_guesses_from_many_addresses_are_no_more(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let victim = register(&service, &number(1)).await;
        let body = victim.body(&other_than(&victim.code));
        let answers = join_all((0..40).map(|n| {
            let call = service.post(VERIFY, &body).by_nobody();
            call.header("x-forwarded-for", format!("203.0.113.{n}")).any()
        }))
        .await;
        let compared = answers.iter().filter(|answer| answer.text == NOT_VALID).count();
        assert_eq!(compared, 5);
        assert_said(&victim.right(&service).await, 400, TOO_MANY);
    }

    async fn one_of_parallel_right_codes_counts(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let person = register(&service, &number(1)).await;
        let answers = join_all((0..5).map(|_| person.right(&service))).await;
        let count = |text: &str| answers.iter().filter(|answer| answer.text == text).count();
        assert_eq!((count(VALID), count(ALREADY)), (1, 4));
    }

    async fn registering_again_brings_no_new_guesses(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let mut compared = 0;
        for _ in 0..5 {
            let attempt = register(&service, &number(1)).await;
            for _ in 0..3 {
                let answer = attempt.wrong(&service).await;
                compared += usize::from(answer.text == NOT_VALID);
            }
        }
        assert_eq!(compared, 5);
        // Another number is not concerned, and neither is this one when the time of a code is over.
        let other = register(&service, &number(2)).await;
        assert_said(&other.right(&service).await, 200, VALID);
        service.home.clock.advance(600_001);
        let later = register(&service, &number(1)).await;
        assert_said(&later.right(&service).await, 200, VALID);
    }

    async fn many_addresses_share_the_budget_of_a_number(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let mut compared = 0;
        for n in 0..10 {
            let from = from(format!("203.0.113.{n}"));
            let attempt = register_by(&service, &number(1), &from).await;
            let body = attempt.body(&other_than(&attempt.code));
            for _ in 0..4 {
                let answer = from(service.post(VERIFY, &body).by_nobody()).any().await;
                compared += usize::from(answer.text == NOT_VALID);
            }
        }
        assert_eq!(compared, 25, "as many as the number has a day");
    }

    async fn nobody_kills_a_code_that_is_pending(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let victim = register(&service, &number(1)).await;
        let from = from("203.0.113.9".to_owned());
        // A stranger registers the number, guesses, and tries the victim's token that it does not have.
        for _ in 0..4 {
            let attacker = register_by(&service, &number(1), &from).await;
            let body = attacker.body(&other_than(&attacker.code));
            from(service.post(VERIFY, &body).by_nobody()).any().await.is(400);
            let body = json!({
                "phone_number": victim.phone,
                "session_token": format!("{}{}", &victim.token[..22], &attacker.token[22..]),
                "security_code": victim.code,
            });
            let answer = from(service.post(VERIFY, &body).by_nobody()).any().await;
            assert_said(&answer, 400, NOT_VALID);
        }
        assert_said(&victim.right(&service).await, 200, VALID);
    }

    async fn a_token_is_that_of_its_number(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let one = register(&service, &number(1)).await;
        let two = register(&service, &number(2)).await;
        let body = |phone: &str, token: &str, code: &str| {
            json!({ "phone_number": phone, "session_token": token, "security_code": code })
        };
        for (phone, token, code) in [
            (&one.phone, &two.token, &one.code),
            (&one.phone, &two.token, &two.code),
            (&two.phone, &one.token, &one.code),
        ] {
            let answer = ask(&service, VERIFY, &body(phone, token, code)).await;
            assert_said(&answer, 400, NOT_VALID);
        }
        // None of that cost a guess of either.
        for held in [&one, &two] {
            for _ in 0..4 {
                assert_said(&held.wrong(&service).await, 400, NOT_VALID);
            }
            assert_said(&held.right(&service).await, 200, VALID);
        }
    }

    async fn a_token_of_the_native_api_is_one_of_these_too(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let body = json!({
            "phone_number": number(1), "session_token": created.token,
            "security_code": created.code,
        });
        assert_said(&ask(&service, VERIFY, &body).await, 200, VALID);
        assert_eq!(service.show(created.id).await.is(200).str("status"), "verified");
    }

    async fn what_another_tenant_made_is_not_found(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let body = json!({ "to": number(1) });
        let created = service.post(crate::service::VERIFICATIONS, &body).by(&foreign).await.is(202);
        let code = service.code_of(created.str("id").parse().expect("an id")).await;
        let body = json!({
            "phone_number": number(1), "session_token": created.str("session_token"),
            "security_code": code,
        });
        assert_said(&ask(&service, VERIFY, &body).await, 400, NOT_VALID);
    }
}
