//! An e-mail that the server has asked for: handed over in a task of its own, since an answer that comes
//! too late still says what became of it, and leaves the connection for the next.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use super::{
    compose::Letter,
    dialogue::hand_over,
    pool::{Held, Pool},
    reply::{Refusal, Stage, queue_id},
};
use crate::{provider::Outcome, providers::late::Origin};

/// How much longer a server's reply is waited for once its e-mail was given up. It may take ten minutes
/// (RFC 5321, 4.5.3.2.6), but holds a connection meanwhile, and may have gone without a word.
const LATE: Duration = Duration::from_mins(1);
/// What may stand in a queue's id.
const LONGEST_ID: usize = 64;

pub(super) struct Handing {
    pub(super) pool: Arc<Pool>,
    pub(super) held: Held,
    pub(super) letter: Letter,
    pub(super) of: Origin,
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
        if let Err(mut unheard) = waits.send(outcome) {
            unheard.provider_message_id = unheard.provider_message_id.filter(|id| is_id(id));
            of.tell(unheard).await;
        }
    }
}

/// One word, and no address.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'@';
    text.len() <= LONGEST_ID && text.bytes().all(fits)
}
