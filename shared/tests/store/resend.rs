//! Resending: same digits or new ones, but never new guesses nor more time.

use otpost_shared::verification::{self, CheckAnswer, ResendAnswer, ResendRequest, Status};
use otpost_shared::{secrets::Code, tenant::DEFAULT_TENANT};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{accept, check, code_of, key, messages, other_than};

fn again(id: Uuid) -> ResendRequest {
    ResendRequest {
        tenant_id: DEFAULT_TENANT,
        id,
        channel: None,
        client: None,
        idempotency_key: None,
    }
}

const FAST: &str = "[limits]\nrecipient = [\"1000/1s\"]";
const ROTATING: &str =
    "[limits]\nrecipient = [\"1000/1s\"]\n[purposes.default]\nresend = \"rotate\"";

on_both_homes! {
    async fn a_resend_sends_the_same_digits_and_nothing_else_changes(bed, FAST) {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        let early = verification::resend(&bed.home, again(accepted.id)).await.expect("an answer");
        assert!(matches!(early, ResendAnswer::TooEarly { resend_at } if resend_at == accepted.resend_at));
        bed.home.clock.advance(30_000);
        let later = verification::resend(&bed.home, again(accepted.id)).await.expect("an answer");
        let ResendAnswer::Resent(resent) = later else { panic!("resent") };
        assert_eq!(resent.expires_at, accepted.expires_at);
        assert!(code_of(&bed.home, accepted.id).await.matches(&code));
        assert_eq!(messages(&bed.home, accepted.id).await.len(), 2);
    }

    async fn a_resend_gives_no_new_guesses(bed, FAST) {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        for _ in 0..4 {
            check(&bed.home, &accepted, other_than(&code)).await;
        }
        bed.home.clock.advance(31_000);
        verification::resend(&bed.home, again(accepted.id)).await.expect("an answer");
        let fifth = check(&bed.home, &accepted, other_than(&code)).await;
        assert!(matches!(fifth, CheckAnswer::Incorrect { guesses_left: 0 }));
        assert!(matches!(check(&bed.home, &accepted, code).await, CheckAnswer::Over(Status::Locked)));
        let over = verification::resend(&bed.home, again(accepted.id)).await.expect("an answer");
        assert!(matches!(over, ResendAnswer::Over(Status::Locked)));
    }

    async fn a_rotating_resend_makes_the_old_code_void(bed, ROTATING) {
        let accepted = accept(&bed.home, 1).await;
        let old = code_of(&bed.home, accepted.id).await;
        bed.home.clock.advance(31_000);
        verification::resend(&bed.home, again(accepted.id)).await.expect("an answer");
        let new = code_of(&bed.home, accepted.id).await;
        let states: Vec<_> =
            messages(&bed.home, accepted.id).await.into_iter().map(|m| m.state).collect();
        assert_eq!(states, ["canceled", "queued"]);
        if !new.matches(&old) {
            let answer = check(&bed.home, &accepted, Code::new(old.as_str().into())).await;
            assert!(matches!(answer, CheckAnswer::Incorrect { guesses_left: 4 }));
        }
        assert!(matches!(check(&bed.home, &accepted, new).await, CheckAnswer::Verified { .. }));
    }

    async fn a_repeated_resend_sends_once(bed, FAST) {
        let accepted = accept(&bed.home, 1).await;
        bed.home.clock.advance(31_000);
        for _ in 0..3 {
            let mut request = again(accepted.id);
            request.idempotency_key = Some(key(&bed.home, "k", "resend"));
            let answer = verification::resend(&bed.home, request).await.expect("an answer");
            assert!(matches!(answer, ResendAnswer::Resent(_)));
        }
        assert_eq!(messages(&bed.home, accepted.id).await.len(), 2);
    }

    async fn canceling_calls_off_what_is_unsent(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let code = code_of(&bed.home, accepted.id).await;
        let now = bed.home.clock.now();
        let foreign = verification::cancel(&bed.home.db, Uuid::max(), accepted.id, now).await;
        assert!(matches!(foreign, Ok(verification::CancelAnswer::NotFound)));
        let ours = verification::cancel(&bed.home.db, DEFAULT_TENANT, accepted.id, now).await;
        assert!(matches!(ours, Ok(verification::CancelAnswer::Canceled)));
        assert_eq!(messages(&bed.home, accepted.id).await[0].state, "canceled");
        assert!(matches!(check(&bed.home, &accepted, code).await, CheckAnswer::Over(Status::Canceled)));
    }
}
