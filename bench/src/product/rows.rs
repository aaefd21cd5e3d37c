//! The columns the checker reads. Ids are text here, times Unix milliseconds.

use sqlx::{AssertSqlSafe, FromRow, PgPool};

use crate::error::{Result, while_doing};

#[derive(Debug, FromRow)]
pub(crate) struct Verification {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) guesses: i32,
    pub(crate) guess_limit: i32,
    pub(crate) resends: i32,
    pub(crate) failure: Option<String>,
    pub(crate) expires_at: i64,
}

#[derive(Debug, FromRow)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) verification_id: String,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    pub(crate) deadline: i64,
}

#[derive(Debug, FromRow)]
pub(crate) struct Attempt {
    pub(crate) message_id: String,
    pub(crate) started_at: i64,
    /// Empty while it runs.
    pub(crate) outcome: Option<String>,
}

pub(crate) async fn verifications(pool: &PgPool) -> Result<Vec<Verification>> {
    sqlx::query_as(
        "SELECT id::text, status, guesses, guess_limit, resends, failure, expires_at
         FROM verifications",
    )
    .fetch_all(pool)
    .await
    .map_err(while_doing("reading verifications"))
}

pub(crate) async fn messages(pool: &PgPool) -> Result<Vec<Message>> {
    sqlx::query_as(
        "SELECT id::text, verification_id::text, state,
                coalesce(failure, failure_class) AS failure, deadline
         FROM messages WHERE verification_id IS NOT NULL",
    )
    .fetch_all(pool)
    .await
    .map_err(while_doing("reading messages"))
}

pub(crate) async fn attempts(pool: &PgPool) -> Result<Vec<Attempt>> {
    sqlx::query_as("SELECT message_id::text, started_at, outcome FROM attempts")
        .fetch_all(pool)
        .await
        .map_err(while_doing("reading attempts"))
}

/// How many messages are still on their way.
pub(crate) async fn count_pending(pool: &PgPool) -> Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')")
        .fetch_one(pool)
        .await
        .map_err(while_doing("counting messages"))
}

/// The messages some worker holds at this moment, each with the epoch of its claim.
pub(crate) async fn moving(pool: &PgPool) -> Result<Vec<(String, i32)>> {
    sqlx::query_as("SELECT id::text, epoch FROM messages WHERE state = 'sending'")
        .fetch_all(pool)
        .await
        .map_err(while_doing("reading claimed messages"))
}

/// Every column of `verifications` but the id, each with the value of one real row as an SQL
/// literal: the bare limit is measured with rows of the same width.
pub(crate) async fn sample_columns(pool: &PgPool) -> Result<Vec<(String, String)>> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, udt_name::text FROM information_schema.columns
         WHERE table_name = 'verifications' AND column_name <> 'id' ORDER BY ordinal_position",
    )
    .fetch_all(pool)
    .await?;
    let mut sample = Vec::new();
    for (name, kind) in columns {
        let literal = format!(
            "SELECT quote_nullable({name}::text) || '::{kind}' FROM verifications
             ORDER BY created_at DESC LIMIT 1"
        );
        let literal = sqlx::query_scalar(AssertSqlSafe(literal))
            .fetch_optional(pool)
            .await?
            .ok_or("no verification to take the row width from")?;
        sample.push((name, literal));
    }
    Ok(sample)
}
