//! Recording what became of an attempt, and what the message does next, under its epoch.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Message, State, record_many};
use crate::{
    attempt::{Attempt, Ending},
    clock::Millis,
    coalesce::{Coalescer, Kind},
    db::{Db, DbError},
    home::Home,
    outcome::ErrorClass,
};

/// How a message ends for good.
#[derive(Clone, Debug)]
pub struct End {
    pub state: State,
    pub class: ErrorClass,
    /// A sentence for the timeline.
    pub failure: String,
}

impl End {
    /// Of a message whose recipient is not to be sent to.
    #[must_use]
    pub fn suppressed() -> Self {
        Self {
            state: State::Failed,
            class: ErrorClass::OptedOut,
            failure: "the recipient is not to be sent to; nothing was sent".into(),
        }
    }

    /// The same after these attempts, one of which may have sent it.
    #[must_use]
    pub fn suppressed_after(attempts: &[Attempt]) -> Self {
        let may_have_sent =
            |a: &Attempt| matches!(a.outcome(), Some(ErrorClass::Ok | ErrorClass::Unknown));
        if attempts.iter().any(may_have_sent) {
            Self::suppressed_meanwhile()
        } else {
            Self::suppressed()
        }
    }

    /// Of a code of which that was found out on its way to another provider: an earlier one may have sent
    /// it, so its verification goes on.
    pub(super) fn suppressed_meanwhile() -> Self {
        Self {
            state: State::Canceled,
            failure: "the recipient is not to be sent to; no further provider was asked".into(),
            ..Self::suppressed()
        }
    }
}

/// What the message does next.
#[derive(Clone, Debug)]
pub enum Next {
    Sent,
    /// Its verification or its time is over: nothing more is sent.
    Cancel,
    /// Goes back into the queue until then; why, in a sentence for the timeline, if there is more to
    /// say than its attempts do.
    Wait {
        not_before: Millis,
        why: Option<String>,
    },
    /// As [`Next::Wait`], and one more time that it was of no use: set aside after the third.
    Stumble {
        not_before: Millis,
    },
    /// Goes to another provider at once, as attempt `number`.
    Try {
        number: i32,
        provider: String,
        /// What the recipient's suppressions would be found by; empty when none keeps it back.
        suppression_hash: Vec<u8>,
    },
    End(End),
}

/// One step of a claimed message.
#[derive(Clone, Debug)]
pub struct Recording {
    pub message: Arc<Message>,
    /// The attempt that ended with this step, if one did.
    pub ended: Option<(i32, Ending)>,
    pub next: Next,
    pub now: Millis,
}

pub(crate) type Steps = Coalescer<Recording, Option<Millis>>;

pub(crate) fn steps(db: Db) -> Steps {
    fn run<'a>(
        db: &'a Db,
        steps: &'a [Recording],
    ) -> BoxFuture<'a, Result<Vec<Option<Millis>>, DbError>> {
        Box::pin(record(db, steps))
    }
    let key = |step: &Recording| Some(step.message.id.into_bytes());
    let order = |a: &Recording, b: &Recording| a.message.id.cmp(&b.message.id);
    Coalescer::start(db, Kind { name: "record", turns: 1, key, order, patient: true, run })
}

impl Home {
    /// [`record`] for one step, together with the steps of other messages.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn record(&self, step: Recording) -> Result<Option<Millis>, DbError> {
        self.coalescers.steps.call(step).await
    }
}

/// Writes steps of different messages down; one result per step, in order. For [`Next::Try`] it
/// is when the lease of that attempt ends: the attempt is written down before its first byte
/// leaves. None there means the message is no longer ours to send: the claim is lost, its time is
/// over, its recipient is not to be sent to, or its verification has ended. Each step may be written down again with the same effect.
///
/// # Errors
/// The database does not answer; some of the steps may have been written.
pub async fn record(db: &Db, steps: &[Recording]) -> Result<Vec<Option<Millis>>, DbError> {
    let leases = record_many::record(db, steps).await?;
    Ok(steps.iter().map(|step| leases.get(&step.message.id).copied()).collect())
}

/// How a message ends that is not to be sent any more; without words when somebody called it off.
pub(super) fn unsent(message: &Message, now: Millis) -> Option<End> {
    (message.deadline <= now).then(|| End {
        state: State::Expired,
        class: ErrorClass::Transient,
        failure: "its time was over before a provider accepted it".into(),
    })
}
