//! Recording what became of an attempt, and what the message does next, under its epoch.

use super::{Message, State, claim::renew};
use crate::{
    attempt::{self, Ending},
    clock::Millis,
    db::{Db, DbError, Tx, on_tx, retrying},
    outcome::ErrorClass,
    verification,
};

/// How a message ends for good.
#[derive(Clone, Debug)]
pub struct End {
    pub state: State,
    pub class: ErrorClass,
    /// A sentence for the timeline.
    pub failure: String,
}

/// What the message does next.
#[derive(Clone, Debug)]
pub enum Next {
    Sent,
    /// Its verification or its time is over: nothing more is sent.
    Cancel,
    /// Goes back into the queue until then.
    Wait {
        not_before: Millis,
    },
    /// Goes to another provider at once, as attempt `number`.
    Try {
        number: i32,
        provider: String,
    },
    End(End),
}

/// One step of a claimed message.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    pub message: &'a Message,
    /// The attempt that ended with this step, if one did.
    pub ended: Option<(i32, Ending)>,
    pub next: Next,
    pub now: Millis,
}

/// Writes all steps in one transaction; one result per step, in order. For [`Next::Try`] it is
/// when the lease of that attempt ends: the attempt is written down before its first byte leaves.
/// None there means the message is no longer ours to send: the claim is lost, its time is over,
/// or its verification has ended.
///
/// # Errors
/// The database does not answer.
pub async fn record(db: &Db, steps: &[Recording<'_>]) -> Result<Vec<Option<Millis>>, DbError> {
    retrying!(record_once(db, steps).await)
}

async fn record_once(db: &Db, steps: &[Recording<'_>]) -> Result<Vec<Option<Millis>>, DbError> {
    let mut tx = db.begin().await?;
    let mut leases = Vec::with_capacity(steps.len());
    for step in steps {
        leases.push(write(&mut tx, step).await?);
    }
    tx.commit().await?;
    Ok(leases)
}

/// Rows are locked in one order everywhere: verification, message, attempt.
async fn write(tx: &mut Tx, step: &Recording<'_>) -> Result<Option<Millis>, DbError> {
    let Recording { message, now, .. } = *step;
    let mut lease = None;
    match &step.next {
        Next::Sent => {
            leave(tx, message, State::Sent, None, now).await?;
        }
        Next::Cancel => leave_unsent(tx, message, now).await?,
        Next::Wait { not_before } => requeue(tx, message, *not_before).await?,
        Next::End(end) => end_message(tx, message, end, now).await?,
        Next::Try { number, provider } => {
            lease = renew(tx, message, now).await?;
            if lease.is_some() {
                attempt::insert(tx, message, *number, provider, now).await?;
            } else {
                leave_unsent(tx, message, now).await?;
            }
        }
    }
    if let Some((number, ending)) = &step.ended {
        attempt::mark_ended(tx, message, *number, ending, now).await?;
    }
    Ok(lease)
}

/// Ends a message that is not to be sent any more, saying why.
async fn leave_unsent(tx: &mut Tx, message: &Message, now: Millis) -> Result<(), DbError> {
    let over = End {
        state: State::Expired,
        class: ErrorClass::Transient,
        failure: "its time was over before a provider accepted it".into(),
    };
    if message.deadline <= now {
        leave(tx, message, State::Expired, Some(&over), now).await?;
    } else {
        leave(tx, message, State::Canceled, None, now).await?;
    }
    Ok(())
}

async fn leave(
    tx: &mut Tx,
    message: &Message,
    state: State,
    end: Option<&End>,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages
             SET state = $3, lease_until = NULL, finished_at = $4, failure_class = $5, failure = $6
             WHERE id = $1 AND epoch = $2 AND state = 'sending'",
        )
        .bind(message.id)
        .bind(message.epoch)
        .bind(state.as_str())
        .bind(now)
        .bind(end.map(|e| e.class.as_str()))
        .bind(end.map(|e| e.failure.as_str()))
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

async fn requeue(tx: &mut Tx, message: &Message, not_before: Millis) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET state = 'queued', lease_until = NULL, not_before = $3, crashes = 0
             WHERE id = $1 AND epoch = $2 AND state = 'sending'",
        )
        .bind(message.id)
        .bind(message.epoch)
        .bind(not_before)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Ends the message and, if it failed, its verification. A worker that was presumed dead and
/// replaced ends neither.
async fn end_message(
    tx: &mut Tx,
    message: &Message,
    end: &End,
    now: Millis,
) -> Result<(), DbError> {
    let failed = message.verification_id.filter(|_| end.state == State::Failed);
    if let Some(verification_id) = failed {
        verification::lock(tx, verification_id).await?;
    }
    let ours = leave(tx, message, end.state, Some(end), now).await?;
    if let (Some(verification_id), true) = (failed, ours) {
        verification::mark_failed(tx, verification_id, message.id, &end.failure, now).await?;
    }
    Ok(())
}
