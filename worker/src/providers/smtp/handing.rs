//! An e-mail that the server has asked for: handed over in a task of its own, since an answer that comes
//! too late still says what became of it, and leaves the connection for the next.

use std::{pin::pin, sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    db::patiently,
    message::{Heard, LateAnswer, take_late_answer},
    outcome::ErrorClass,
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    compose::Letter,
    dialogue::hand_over,
    pool::{Held, Pool},
    reply::{Refusal, Stage, queue_id},
};
use crate::provider::Outcome;

/// How much longer a server's reply is waited for once its e-mail was given up. It may take ten minutes
/// (RFC 5321, 4.5.3.2.6), but holds a connection meanwhile, and may have gone without a word.
const LATE: Duration = Duration::from_mins(1);
/// How long an answer is held on to while the database is away, as outcomes are.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it is written down by now that the attempt was given up, and how many.
const TOO_EARLY: Duration = Duration::from_millis(250);
const MOST_LOOKS: u32 = 160;
/// What may stand in a queue's id.
const LONGEST_ID: usize = 64;

pub(super) struct Handing {
    pub(super) pool: Arc<Pool>,
    pub(super) held: Held,
    pub(super) letter: Letter,
    pub(super) of: Origin,
}

/// The attempt whose e-mail it is.
pub(super) struct Origin {
    pub(super) home: Option<Home>,
    pub(super) provider: Arc<str>,
    pub(super) message_id: Uuid,
    pub(super) number: i32,
}

impl Handing {
    /// Tells whoever waits, or else the message.
    pub(super) async fn run(self, mut waits: oneshot::Sender<Outcome>) {
        let Self { pool, mut held, letter, of } = self;
        let said = {
            let mut handing = pin!(hand_over(&mut held.connection, &letter));
            let in_time = tokio::select! {
                said = &mut handing => Some(said),
                () = waits.closed() => None,
            };
            if let Some(said) = in_time {
                said
            } else {
                let _overdue = pool.note_overdue();
                let late = |_| Err(Refusal::late(Stage::Content, "a minute"));
                timeout(LATE, handing).await.unwrap_or_else(late)
            }
        };
        let outcome = match said {
            Ok(reply) => {
                pool.park(held);
                Outcome::accepted(queue_id(&reply))
            }
            Err(refusal) => {
                pool.give_back(held, &refusal);
                refusal.outcome()
            }
        };
        if let Err(unheard) = waits.send(outcome) {
            of.tell(unheard).await;
        }
    }
}

impl Origin {
    /// Nobody waits any more. Of the server's words only its codes are kept.
    async fn tell(self, outcome: Outcome) {
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
            provider_message_id: outcome.provider_message_id.filter(|id| is_id(id)),
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
                        "the answer to an e-mail that was given up is lost"
                    );
                    return;
                }
            }
        }
    }
}

/// One word, and no address.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'@';
    text.len() <= LONGEST_ID && text.bytes().all(fits)
}
