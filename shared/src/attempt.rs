//! Attempts: one try of one provider with one message.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
    message::Message,
    outcome::ErrorClass,
};

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Attempt {
    pub message_id: Uuid,
    /// 1 for the first try of the message, counted over all providers.
    pub number: i32,
    pub provider: String,
    pub started_at: Millis,
    pub finished_at: Option<Millis>,
    outcome: Option<String>,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub detail: Option<String>,
    /// The provider asked not to be called before then.
    pub retry_at: Option<Millis>,
}

impl Attempt {
    /// None while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<ErrorClass> {
        self.outcome.as_deref().and_then(|text| text.parse().ok())
    }

    /// An attempt as it stands in memory, before or without its row.
    #[must_use]
    pub fn of(number: i32, provider: &str, outcome: Option<ErrorClass>, at: Millis) -> Self {
        Self {
            message_id: Uuid::nil(),
            number,
            provider: provider.to_owned(),
            started_at: at,
            finished_at: outcome.map(|_| at),
            outcome: outcome.map(|class| class.as_str().to_owned()),
            provider_message_id: None,
            error_code: None,
            detail: None,
            retry_at: None,
        }
    }
}

/// How an attempt ended. No field holds a number or a code.
#[derive(Clone, Debug)]
pub struct Ending {
    pub outcome: ErrorClass,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub detail: Option<String>,
    pub retry_at: Option<Millis>,
}

/// The attempts of a message, in order.
///
/// # Errors
/// The database does not answer.
pub async fn list_by_message(db: &Db, message_id: Uuid) -> Result<Vec<Attempt>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Attempt>(
            "SELECT message_id, number, provider, started_at, finished_at, outcome,
                 provider_message_id, error_code, detail, retry_at
             FROM attempts WHERE message_id = $1 ORDER BY number",
        )
        .bind(message_id)
        .fetch_all(c)
        .await?
    }))
}

pub(crate) async fn insert(
    tx: &mut Tx,
    message: &Message,
    number: i32,
    provider: &str,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO attempts (message_id, number, epoch, provider, started_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(message.id)
        .bind(number)
        .bind(message.epoch)
        .bind(provider)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Writes an ending down. One that the sweep has already called unknown stays unknown, but its
/// provider's id is still worth having.
pub(crate) async fn mark_ended(
    tx: &mut Tx,
    message: &Message,
    number: i32,
    ending: &Ending,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE attempts
             SET finished_at = COALESCE(finished_at, $4), outcome = COALESCE(outcome, $5),
                 provider_message_id = $6, error_code = $7, detail = $8, retry_at = $9
             WHERE message_id = $1 AND number = $2 AND epoch = $3",
        )
        .bind(message.id)
        .bind(number)
        .bind(message.epoch)
        .bind(now)
        .bind(ending.outcome.as_str())
        .bind(&ending.provider_message_id)
        .bind(&ending.error_code)
        .bind(&ending.detail)
        .bind(ending.retry_at)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// True when an attempt of the message may have been a send.
pub(crate) async fn has_unknown(tx: &mut Tx, message_id: Uuid) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "SELECT number FROM attempts WHERE message_id = $1 AND outcome = 'unknown' LIMIT 1",
        )
        .bind(message_id)
        .fetch_all(c)
        .await?
    });
    Ok(!rows.is_empty())
}

/// Calls the running attempt of a message unknown: its worker has gone.
pub(crate) async fn mark_unknown(
    tx: &mut Tx,
    message_id: Uuid,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE attempts
             SET finished_at = $2, outcome = 'unknown', detail = 'the worker was lost meanwhile'
             WHERE message_id = $1 AND outcome IS NULL",
        )
        .bind(message_id)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Removes the attempts of messages that are removed.
pub(crate) async fn delete_of(tx: &mut Tx, messages: &[Uuid]) -> Result<(), DbError> {
    match tx {
        // One statement for a list is Postgres's alone; for SQLite a statement costs no round trip.
        Tx::Postgres(tx) => {
            sqlx::query("DELETE FROM attempts WHERE message_id = ANY($1)")
                .bind(messages)
                .execute(&mut **tx)
                .await?;
        }
        Tx::Sqlite(tx) => {
            for id in messages {
                sqlx::query("DELETE FROM attempts WHERE message_id = $1")
                    .bind(id)
                    .execute(&mut **tx)
                    .await?;
            }
        }
    }
    Ok(())
}
