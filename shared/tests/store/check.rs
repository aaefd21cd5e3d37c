//! Checking: never more guesses than allowed, never more than one success, bound to everything.

use std::sync::Arc;

use otpost_shared::{
    secrets::{Code, Handle},
    verification::{self, CheckAnswer, ReceiptAnswer, Status},
};
use otpost_testbed::{Bed, on_both_homes};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::{accept, check, check_request, code_of, messages, number, other_than, request};

on_both_homes! {
    async fn the_right_code_counts_once(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        assert!(matches!(check(&bed.home, &accepted, code.clone()).await, CheckAnswer::Verified { .. }));
        assert!(matches!(
            check(&bed.home, &accepted, code).await,
            CheckAnswer::Over(Status::Verified)
        ));
        // What was not sent yet is called off.
        assert_eq!(messages(&bed.home, accepted.id).await[0].state, "canceled");
    }

    async fn two_hundred_guesses_at_once_take_effect_five_times(bed, "") {
        for round in 0..10 {
            let accepted = accept(&bed.home, round).await;
            let code = code_of(&bed.home, accepted.id).await;
            let barrier = Arc::new(Barrier::new(200));
            let tasks: Vec<_> = (0..200_u32)
                .map(|n| {
                    let (home, barrier) = (bed.home.clone(), Arc::clone(&barrier));
                    let guess = if n == 100 { code.clone() } else { other_than(&code) };
                    let request = check_request(&accepted, guess);
                    tokio::spawn(async move {
                        barrier.wait().await;
                        verification::check(&home, request).await
                    })
                })
                .collect();
            let (mut effects, mut successes) = (0, 0);
            for task in tasks {
                match task.await.expect("no panic") {
                    Ok(CheckAnswer::Verified { .. }) => { effects += 1; successes += 1 }
                    Ok(CheckAnswer::Incorrect { .. }) => effects += 1,
                    // A pool that is too busy refuses, which reveals nothing.
                    Ok(CheckAnswer::Over(_)) | Err(_) => {}
                    Ok(other) => panic!("{other:?}"),
                }
            }
            assert!(effects <= 5 && successes <= 1, "{effects} effects, {successes} successes");
            let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
            assert!(row.expect("a row").guesses <= 5);
        }
    }

    async fn wrong_guesses_count_down_and_lock(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        for left in [4, 3, 2, 1, 0] {
            let answer = check(&bed.home, &accepted, other_than(&code)).await;
            assert!(matches!(answer, CheckAnswer::Incorrect { guesses_left } if guesses_left == left));
        }
        assert!(matches!(check(&bed.home, &accepted, code).await, CheckAnswer::Over(Status::Locked)));
        let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
        assert!(row.code(&bed.home.keys).expect("a key").is_none(), "the seed is erased");
    }

    async fn a_recipient_has_a_budget_of_wrong_guesses_a_day(bed, "[limits]\nrecipient = [\"1000/1s\"]") {
        let mut compared = 0;
        let mut spent = 0;
        for _ in 0..12 {
            let accepted = accept(&bed.home, 1).await;
            let code = code_of(&bed.home, accepted.id).await;
            for _ in 0..5 {
                match check(&bed.home, &accepted, other_than(&code)).await {
                    CheckAnswer::Incorrect { .. } => compared += 1,
                    CheckAnswer::BudgetSpent { .. } => spent += 1,
                    other => panic!("{other:?}"),
                }
            }
            if spent > 0 {
                // Not even the right one counts any more.
                assert!(matches!(
                    check(&bed.home, &accepted, code).await,
                    CheckAnswer::BudgetSpent { .. }
                ));
            }
        }
        assert_eq!((compared, spent), (25, 35));
    }

    async fn time_is_over_when_it_is(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        bed.home.clock.advance(600_001);
        assert!(matches!(check(&bed.home, &accepted, code).await, CheckAnswer::Over(Status::Expired)));
        let marked = verification::mark_expired(&bed.home.db, bed.home.clock.now(), 10).await;
        assert_eq!(marked, Ok(1));
        let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
        assert!(row.code(&bed.home.keys).expect("a key").is_none(), "the seed is erased");
    }

    async fn everything_it_is_bound_to_must_be_presented(bed, "") {
        let mut new = request(number(1));
        new.subject = Some("user-1".into());
        let accepted = verification::accept(&bed.home, new).await.expect("accepted");
        let code = code_of(&bed.home, accepted.id).await;
        let with = |change: fn(&mut verification::CheckRequest)| {
            let mut request = check_request(&accepted, code.clone());
            request.subject = Some("user-1".into());
            change(&mut request);
            let home = bed.home.clone();
            async move { verification::check(&home, request).await.expect("an answer") }
        };
        let wrong: [fn(&mut verification::CheckRequest); 5] = [
            |r| r.subject = None,
            |r| r.subject = Some("user-2".into()),
            |r| r.tenant_id = Uuid::max(),
            |r| r.to = Some(number(2)),
            |r| r.token = Handle::generate(r.token.id),
        ];
        for change in wrong {
            assert!(matches!(with(change).await, CheckAnswer::NotFound));
        }
        let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
        assert_eq!(row.guesses, 0, "nothing was compared");
        let right = with(|r| r.to = Some(number(1))).await;
        assert!(matches!(right, CheckAnswer::Verified { .. }));
    }

    async fn a_repeated_check_gives_the_same_receipt_which_counts_once(bed, "") {
        let mut new = request(number(1));
        new.subject = Some("user-1".into());
        let accepted = verification::accept(&bed.home, new).await.expect("accepted");
        let code = code_of(&bed.home, accepted.id).await;
        let request = || {
            let mut request = check_request(&accepted, code.clone());
            request.subject = Some("user-1".into());
            request.idempotency_key = Some("k".into());
            request
        };
        let mut receipts = Vec::new();
        for _ in 0..2 {
            match verification::check(&bed.home, request()).await.expect("an answer") {
                CheckAnswer::Verified { receipt, .. } => receipts.push(receipt),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(receipts[0], receipts[1]);
        let consume = |tenant, purpose, subject| {
            let (home, receipt) = (bed.home.clone(), receipts[0].clone());
            async move {
                verification::consume_receipt(&home, tenant, &receipt, purpose, subject, false)
                    .await
                    .expect("an answer")
            }
        };
        let ours = otpost_shared::tenant::DEFAULT_TENANT;
        for (tenant, purpose, subject) in [
            (Uuid::max(), "default", Some("user-1")),
            (ours, "login", Some("user-1")),
            (ours, "default", Some("user-2")),
            (ours, "default", None),
        ] {
            assert!(matches!(consume(tenant, purpose, subject).await, ReceiptAnswer::NotValid));
        }
        assert!(matches!(consume(ours, "default", Some("user-1")).await, ReceiptAnswer::Consumed { .. }));
        assert!(matches!(consume(ours, "default", Some("user-1")).await, ReceiptAnswer::AlreadyConsumed));
    }

    async fn keys_rotate_without_losing_a_verification(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        let mut rotated = bed.home.clone();
        let old_keys = keys_of(&bed).await;
        let mut keys = vec![otpost_shared::secrets::Keyring::generate_entry("k2")];
        keys.extend(old_keys.0);
        let ring = otpost_shared::secrets::Keyring::parse(&keys, &old_keys.1).expect("a keyring");
        rotated.keys = Arc::new(ring);
        assert!(matches!(check(&rotated, &accepted, code).await, CheckAnswer::Verified { .. }));
        let next = accept(&rotated, 2).await;
        let row = verification::find(&rotated.db, next.id).await.expect("an answer").expect("a row");
        assert_eq!(row.key_id, "k2");
    }
}

/// The entries the home was opened with: sealing keys and hash keys.
pub async fn keys_of(bed: &Bed) -> (Vec<String>, Vec<String>) {
    let secrets = &bed.home.config.secrets;
    if !secrets.keys.is_empty() {
        let texts = |list: &[otpost_shared::config::SecretText]| {
            list.iter().map(|text| text.expose().to_owned()).collect()
        };
        return (texts(&secrets.keys), texts(&secrets.hash_keys));
    }
    let file = tokio::fs::read_to_string(bed.home.config.data.dir.join("keys")).await;
    let file = file.expect("the generated keys");
    let lines =
        |prefix: char| file.lines().filter(|l| l.starts_with(prefix)).map(str::to_owned).collect();
    (lines('k'), lines('h'))
}

#[test]
fn a_code_is_what_it_says() {
    assert!(Code::normalised("123 456").expect("digits").matches(&Code::new("123456".into())));
}
