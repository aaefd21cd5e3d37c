//! Answers that come when nobody waits for them any more, from providers that are talked to over
//! connections of our own: told to the message instead.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    db::patiently,
    message::{Heard, LateAnswer, take_late_answer},
    outcome::ErrorClass,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};
use uuid::Uuid;

use crate::provider::Outcome;

/// How long an answer is held on to while the database is away, as outcomes are.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it is written down by now that the attempt was given up, and how many.
const TOO_EARLY: Duration = Duration::from_millis(250);
const MOST_LOOKS: u32 = 160;

/// What a task of its own tells until then. What comes from there on, it is to [tell](Origin::tell)
/// otherwise.
pub(super) async fn in_time(
    mut answer: oneshot::Receiver<Outcome>,
    until: Instant,
    broke_off: &str,
    late: impl FnOnce() -> Outcome,
) -> Outcome {
    let answered = timeout_at(until, &mut answer).await;
    // What comes at this very moment counts.
    answer.close();
    match answered {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::refused(ErrorClass::Unknown, None, broke_off),
        Err(_) => answer.try_recv().unwrap_or_else(|_| late()),
    }
}

/// The attempt whose answer it is.
pub(super) struct Origin {
    pub(super) home: Option<Home>,
    pub(super) provider: Arc<str>,
    pub(super) message_id: Uuid,
    pub(super) number: i32,
}

impl Origin {
    /// Of the provider's words only its code is kept, and the id, in which no address may stand.
    pub(super) async fn tell(self, outcome: Outcome) {
        let Some(home) = &self.home else { return };
        if outcome.class == ErrorClass::Unknown {
            return;
        }
        let is_accepted = outcome.class == ErrorClass::Ok;
        let answer = LateAnswer {
            message_id: self.message_id,
            number: self.number,
            provider: self.provider.to_string(),
            class: outcome.class,
            provider_message_id: outcome.provider_message_id,
            error_code: outcome.code,
            detail: (!is_accepted).then(|| "refused, after it was given up".to_owned()),
        };
        for _ in 0..MOST_LOOKS {
            let heard = patiently(PATIENCE, || take_late_answer(home, answer.clone())).await;
            match heard {
                Ok(Heard::TooEarly) => sleep(TOO_EARLY).await,
                Ok(Heard::Noted | Heard::Settled) => return,
                Err(error) => {
                    let provider = &*self.provider;
                    tracing::warn!(
                        message.id = %self.message_id, provider, %error,
                        "the answer to an attempt that was given up is lost"
                    );
                    return;
                }
            }
        }
    }
}
