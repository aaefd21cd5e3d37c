//! What a policy says of codes that count again, of steps, of countries, of own codes and of resends.

use std::sync::Arc;

use otpost_shared::{
    Home,
    admission::Refused,
    channel::Channel,
    policy,
    secrets::Code,
    tenant::DEFAULT_TENANT,
    verification::{
        self, CheckAnswer, NewVerification, ReceiptAnswer, ResendAnswer, ResendRequest, Status,
    },
};
use otpost_testbed::on_both_homes;
use serde_json::json;
use tokio::sync::Barrier;
use uuid::Uuid;

use super::{
    check, check_request, code_of, key, messages, other_than,
    policies::{VOICE, accept, change, change_of, for_purpose},
    refusal, request,
};

const REUSABLE: &str = "[purposes.default]\nreusable = true";
const TWO_RESENDS: &str =
    "[limits]\nrecipient = [\"1000/1s\"]\n[purposes.default]\nresends = \"2/5m\"";

async fn channels(home: &Home, id: Uuid) -> Vec<String> {
    messages(home, id).await.into_iter().map(|message| message.channel).collect()
}

on_both_homes! {
    async fn a_code_that_counts_again_gives_one_receipt(bed, REUSABLE) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        let code = code_of(home, accepted.id).await;
        let keyed = || {
            let mut request = check_request(&accepted, code.clone());
            request.idempotency_key = Some("k".into());
            request
        };
        let first = verification::check(home, keyed()).await.expect("an answer");
        let CheckAnswer::Verified { receipt, at, .. } = first else { panic!("{first:?}") };
        for _ in 0..2 {
            let again = check(home, &accepted, code.clone()).await;
            let CheckAnswer::VerifiedAgain { at: first_at, .. } = again else { panic!("{again:?}") };
            assert_eq!(first_at, at);
        }
        let repeat = verification::check(home, keyed()).await.expect("an answer");
        let CheckAnswer::Verified { receipt: same, .. } = repeat else { panic!("{repeat:?}") };
        assert_eq!(receipt, same);
        // Right ones cost nothing, wrong ones what they always do.
        for left in [4, 3, 2, 1, 0] {
            let wrong = check(home, &accepted, other_than(&code)).await;
            assert!(matches!(wrong, CheckAnswer::Incorrect { guesses_left } if guesses_left == left));
        }
        let over = check(home, &accepted, code).await;
        assert!(matches!(over, CheckAnswer::Over(Status::Locked)), "{over:?}");
        let row = verification::find(&home.db, accepted.id).await.expect("an answer").expect("it");
        assert!(row.code(&home.keys).expect("a key").is_none(), "the seed is erased");
        let consume = async || {
            let (tenant, purpose) = (DEFAULT_TENANT, "default");
            let done = verification::consume_receipt(home, tenant, &receipt, purpose, None, false);
            done.await.expect("an answer")
        };
        assert!(matches!(consume().await, ReceiptAnswer::Consumed { .. }));
        assert!(matches!(consume().await, ReceiptAnswer::AlreadyConsumed));
    }

    async fn a_code_that_counts_again_ends_with_its_time(bed, REUSABLE) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        let code = code_of(home, accepted.id).await;
        assert!(matches!(check(home, &accepted, code.clone()).await, CheckAnswer::Verified { .. }));
        let pending = accept(home, 2, "default").await;
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        home.clock.advance(600_001);
        let expired = |answer| matches!(answer, CheckAnswer::Over(Status::Expired));
        assert!(expired(check(home, &accepted, code.clone()).await));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(1));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        assert!(expired(check(home, &accepted, code.clone()).await));
        assert_eq!(verification::mark_expired(&home.db, home.clock.now(), 10).await, Ok(1));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        for id in [accepted.id, pending.id] {
            let row = verification::find(&home.db, id).await.expect("an answer").expect("it");
            assert!(row.code(&home.keys).expect("a key").is_none(), "the seed is erased");
        }
    }

    async fn of_right_codes_at_once_one_gets_the_receipt(bed, REUSABLE) {
        let accepted = accept(&bed.home, 1, "default").await;
        let code = code_of(&bed.home, accepted.id).await;
        let barrier = Arc::new(Barrier::new(12));
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let (home, barrier) = (bed.home.clone(), Arc::clone(&barrier));
                let request = check_request(&accepted, code.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    verification::check(&home, request).await
                })
            })
            .collect();
        let (mut receipts, mut again) = (0, 0);
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(CheckAnswer::Verified { .. }) => receipts += 1,
                Ok(CheckAnswer::VerifiedAgain { .. }) => again += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((receipts, again), (1, 11));
    }

    async fn steps_of_the_policy_follow_where_the_request_has_no_word_on_them(bed, VOICE) {
        let home = &bed.home;
        let step = json!([{ "channel": "voice", "after_secs": 60 }]);
        change(home, None, "login", json!({ "then": step })).await;
        let accepted = accept(home, 1, "login").await;
        assert_eq!(channels(home, accepted.id).await, ["sms", "voice"]);
        let none = NewVerification { then: Some(Vec::new()), ..for_purpose(2, "login") };
        let accepted = verification::accept(home, none).await.expect("accepted");
        assert_eq!(channels(home, accepted.id).await, ["sms"]);
        let ann = otpost_shared::recipient::Recipient::parse_email("ann@example.org");
        let by_email = NewVerification { purpose: "login".into(), ..request(ann.expect("one")) };
        let accepted = verification::accept(home, by_email).await.expect("accepted");
        assert_eq!(channels(home, accepted.id).await, ["email"], "no call reaches it");
    }

    async fn countries_and_own_codes_are_the_purposes(bed, VOICE) {
        let home = &bed.home;
        let keyed = || {
            let idempotency_key = Some(key(home, "k", "login"));
            NewVerification { idempotency_key, ..for_purpose(1, "login") }
        };
        let first = verification::accept(home, keyed()).await.expect("accepted");
        let strict = json!({ "own_codes": false, "countries": ["US"] });
        change(home, None, "login", strict).await;
        let own = NewVerification { code: Some(Code::new("123456".into())), ..for_purpose(2, "login") };
        let refused = refusal(verification::accept(home, own).await);
        assert!(matches!(&refused, Refused::OwnCode { purpose } if purpose == "login"), "{refused:?}");
        accept(home, 2, "login").await;
        change(home, None, "login", json!({ "countries": ["GB", "IE"] })).await;
        let refused = refusal(verification::accept(home, for_purpose(3, "login")).await);
        let Refused::CountryNotOfPurpose { region, purpose } = &refused else { panic!("{refused:?}") };
        assert_eq!((region.as_deref(), purpose.as_str()), (Some("US"), "login"));
        let again = verification::accept(home, keyed()).await.expect("the first answer");
        assert_eq!(again.id, first.id);
        let own = |purpose: &str| {
            let idempotency_key = Some(key(home, "own", purpose));
            let code = Some(Code::new("123456".into()));
            NewVerification { idempotency_key, code, ..for_purpose(4, purpose) }
        };
        change(home, Some(DEFAULT_TENANT), "shop", json!({})).await;
        let first_own = verification::accept(home, own("shop")).await.expect("accepted");
        change(home, Some(DEFAULT_TENANT), "shop", json!({ "own_codes": false })).await;
        let again = verification::accept(home, own("shop")).await.expect("the first answer");
        assert_eq!(again.id, first_own.id);
        let gone = change_of(Some(DEFAULT_TENANT), "shop", None);
        policy::change(home, gone).await.expect("taken back");
        let again = verification::accept(home, own("shop")).await.expect("the first answer");
        assert_eq!(again.id, first_own.id);
        home.clock.advance(31_000);
        let resend = resend_request(first.id);
        let refused = refusal(verification::resend(home, resend).await);
        assert!(matches!(refused, Refused::CountryNotOfPurpose { .. }), "{refused:?}");
        accept(home, 3, "default").await;
    }

    async fn a_code_is_sent_again_so_often_in_so_long(bed, TWO_RESENDS) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        home.clock.advance(31_000);
        let ResendAnswer::Resent(first) = resend(home, accepted.id).await else { panic!("first") };
        home.clock.advance(31_000);
        let ResendAnswer::Resent(second) = resend(home, accepted.id).await else { panic!("second") };
        // The first one was sent 30 s before its next would have been possible.
        let room_at = first.resend_at - 30_000 + 300_000;
        assert_eq!(second.resend_at, room_at);
        home.clock.advance(31_000);
        let early = resend(home, accepted.id).await;
        assert!(matches!(early, ResendAnswer::TooEarly { resend_at } if resend_at == room_at));
        home.clock.advance(room_at - home.clock.now() + 1);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::Resent(_)));
    }

    async fn fewer_resends_count_at_once(bed, "[limits]\nrecipient = [\"1000/1s\"]") {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        home.clock.advance(31_000);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::Resent(_)));
        change(home, None, "default", json!({ "resends": "1/10m" })).await;
        home.clock.advance(31_000);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::TooEarly { .. }));
        let call = ResendRequest { channel: Some(Channel::Sms), ..resend_request(accepted.id) };
        let answer = verification::resend(home, call).await.expect("an answer");
        assert!(matches!(answer, ResendAnswer::TooEarly { .. }), "{answer:?}");
    }
}

fn resend_request(id: Uuid) -> ResendRequest {
    ResendRequest {
        tenant_id: DEFAULT_TENANT,
        id,
        channel: None,
        client: None,
        idempotency_key: None,
    }
}

pub(super) async fn resend(home: &Home, id: Uuid) -> ResendAnswer {
    verification::resend(home, resend_request(id)).await.expect("an answer")
}
