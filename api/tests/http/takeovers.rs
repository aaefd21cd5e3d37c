//! What recipes for logins, resets and changes of numbers leave open: a proof of one's own number, presented
//! where somebody else's is asked for.

use std::sync::Arc;

use otpost_testbed::on_both_homes;
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    check::other_than,
    service::{CHECK, CONSUME, Created, Service, VERIFICATIONS, number},
};

/// Somebody proves `to` for `purpose` and `subject`.
async fn begin(service: &Service, to: &str, purpose: &str, subject: &str) -> Created {
    service.create_with(&json!({ "to": to, "purpose": purpose, "subject": subject })).await
}

fn proof(of: &Created, subject: &str) -> Value {
    json!({ "session_token": of.token, "code": of.code, "subject": subject })
}

fn consume(receipt: &str, purpose: &str, subject: &str) -> Value {
    json!({ "receipt": receipt, "purpose": purpose, "subject": subject })
}

async fn guesses_left(service: &Service, of: &Created) -> i64 {
    service.show(of.id).await.is(200).json["guesses_left"].as_i64().expect("a count")
}

on_both_homes! {
    // For each flow in which a number on file is the second factor, or the only one.
    async fn a_proof_of_ones_own_number_opens_nobody_elses_account(bed, "") {
        let service = Service::start(&bed).await;
        for (n, purpose) in [(0, "two_factor"), (10, "password_reset"), (20, "login")] {
            let his = begin(&service, &number(n + 1), purpose, "mallory-pending-1").await;
            let hers = begin(&service, &number(n + 2), purpose, "ann-pending-2").await;
            // His token and code, where hers are waited for.
            let answer = service.post(CHECK, &proof(&his, "ann-pending-2")).await;
            answer.refused(404, "verification_not_found");
            let answer = service.post(CHECK, &json!({ "session_token": his.token, "code": his.code })).await;
            answer.refused(404, "verification_not_found");
            // Her token, with his code.
            let guess = if his.code == hers.code { other_than(&hers.code) } else { his.code.clone() };
            let mixed = json!({ "session_token": hers.token, "code": guess, "subject": "ann-pending-2" });
            service.post(CHECK, &mixed).await.refused(422, "code_incorrect");
            // None of it cost him the proof of his own, and its receipt is worth nothing elsewhere.
            let answer = service.post(CHECK, &proof(&his, "mallory-pending-1")).await.is(200);
            let receipt = answer.str("receipt");
            for (purpose, subject) in [
                (purpose, "ann-pending-2"), (purpose, ""), ("registration", "mallory-pending-1"),
                ("phone_change", "mallory-pending-1"), ("default", "ann-pending-2"),
            ] {
                let answer = service.post(CONSUME, &consume(receipt, purpose, subject)).await;
                answer.refused(422, "receipt_not_valid");
            }
            service.post(CONSUME, &consume(receipt, purpose, "mallory-pending-1")).await.is(200);
            let again = service.post(CONSUME, &consume(receipt, purpose, "mallory-pending-1")).await;
            again.refused(409, "receipt_already_consumed");
            assert_eq!(service.show(hers.id).await.is(200).str("status"), "pending");
        }
    }

    async fn a_proof_of_one_number_saves_no_other(bed, "") {
        let service = Service::start(&bed).await;
        // The subject is the account, as in an app that gives no change a name of its own.
        let own = begin(&service, &number(1), "phone_change", "user-7").await;
        let other = begin(&service, &number(2), "phone_change", "user-7").await;
        let mut body = proof(&own, "user-7");
        body["to"] = json!(number(2));
        service.post(CHECK, &body).await.refused(404, "verification_not_found");
        assert_eq!(guesses_left(&service, &own).await, 3);
        // With the number that it is of, in whatever spelling, it counts.
        body["to"] = json!("+1 (202) 555-0001");
        let answer = service.post(CHECK, &body).await.is(200);
        assert_eq!(answer.str("to"), "+1********01");
        assert_eq!(service.show(other.id).await.is(200).str("status"), "pending");
    }

    async fn a_proof_for_one_tenant_is_none_for_another(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let his = begin(&service, &number(1), "two_factor", "user-1").await;
        let answer = service.post(CHECK, &proof(&his, "user-1")).by(&foreign).await;
        answer.refused(404, "verification_not_found");
        let receipt = service.post(CHECK, &proof(&his, "user-1")).await.is(200).str("receipt").to_owned();
        let body = consume(&receipt, "two_factor", "user-1");
        service.post(CONSUME, &body).by(&foreign).await.refused(422, "receipt_not_valid");
        service.post(CONSUME, &body).await.is(200);
    }

    // A limit that is read before it is written lets all of them through.
    async fn one_of_parallel_requests_for_an_address_is_taken(
        bed, "[chains]\nemail = [\"console\"]"
    ) {
        let service = Arc::new(Service::start(&bed).await);
        let spellings = ["ann@example.org", "Ann@example.org", "ANN@EXAMPLE.ORG", "ann@Example.org"];
        let barrier = Arc::new(Barrier::new(20));
        let mut calls = JoinSet::new();
        for n in 0..20 {
            let (service, barrier) = (Arc::clone(&service), Arc::clone(&barrier));
            let body = json!({ "to": spellings[n % spellings.len()], "channel": "email" });
            calls.spawn(async move {
                barrier.wait().await;
                service.post(VERIFICATIONS, &body).await.status
            });
        }
        let answers = calls.join_all().await;
        let taken = answers.iter().filter(|status| **status == 202).count();
        let limited = answers.iter().filter(|status| **status == 429).count();
        assert_eq!((taken, limited), (1, 19), "{answers:?}");
    }
}
