//! What a provider answers after its attempt was given up as unknown.

use uuid::Uuid;

use super::{Message, find, reported::lock};
use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_tx, retrying},
    event::{self, Changed},
    home::Home,
    outcome::ErrorClass,
};

/// The answer to one attempt. No field holds an address or a code.
#[derive(Clone, Debug)]
pub struct LateAnswer {
    pub message_id: Uuid,
    pub number: i32,
    pub provider: String,
    pub class: ErrorClass,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub detail: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nobody has written down yet that it was given up: to be said again soon.
    TooEarly,
    /// It changes nothing, or the attempt alone.
    Noted,
    /// It says how the message ends.
    Settled,
}

/// Takes an answer in. What was accepted is sent, and not sent again by anybody but whoever is at it
/// already; a text that was refused has failed.
///
/// # Errors
/// The database does not answer.
pub async fn take_late_answer(home: &Home, answer: LateAnswer) -> Result<Heard, DbError> {
    let Some(row) = find(&home.db, answer.message_id).await? else { return Ok(Heard::Noted) };
    let (db, now) = (home.db.clone(), home.clock.now());
    detached(async move { retrying!(write(&db, &row, &answer, now).await) }).await
}

async fn write(db: &Db, row: &Message, answer: &LateAnswer, now: Millis) -> Result<Heard, DbError> {
    let mut tx = db.begin().await?;
    lock(&mut tx, row).await?;
    let Some(answered) = attempt::mark_answered(&mut tx, answer).await? else {
        let is_early = attempt::is_running(&mut tx, row.id, answer.number).await?;
        tx.rollback().await?;
        return Ok(if is_early { Heard::TooEarly } else { Heard::Noted });
    };
    let is_settled = match answer.class {
        // Its report was faster, and says more: others may still be asked.
        ErrorClass::Ok if answered.is_undelivered => false,
        ErrorClass::Ok => mark_sent(&mut tx, row.id, now).await?,
        _ if row.verification_id.is_some() => false,
        _ => mark_failed(&mut tx, answer, now).await?,
    };
    tx.commit().await?;
    count(answer);
    Ok(if is_settled { Heard::Settled } else { Heard::Noted })
}

/// The attempt itself was counted as unknown when it was given up.
fn count(answer: &LateAnswer) {
    let labels = [("provider", answer.provider.clone()), ("outcome", answer.class.to_string())];
    metrics::counter!("otpost_attempts_settled_total", &labels).increment(1);
}

async fn mark_sent(tx: &mut Tx, id: Uuid, now: Millis) -> Result<bool, DbError> {
    let sent = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages
             SET state = 'sent', finished_at = COALESCE(finished_at, $2),
                 failure_class = NULL, failure = NULL
             WHERE id = $1 AND state || '' IN ('queued', 'unknown')
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(now)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &sent, now).await?;
    Ok(!sent.is_empty())
}

/// A text ends with its first unknown attempt: now it is known.
async fn mark_failed(tx: &mut Tx, answer: &LateAnswer, now: Millis) -> Result<bool, DbError> {
    if attempt::has_unknown(tx, answer.message_id).await? {
        return Ok(false);
    }
    let code = answer.error_code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    let failure = format!("refused, after it was given up ({}{code})", answer.provider);
    let failed = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages SET state = 'failed', failure_class = $2, failure = $3
             WHERE id = $1 AND state || '' = 'unknown'
             RETURNING id, tenant_id",
        )
        .bind(answer.message_id)
        .bind(answer.class.as_str())
        .bind(&failure)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &failed, now).await?;
    Ok(!failed.is_empty())
}
