//! Counting messages: what waits, what is being sent, what has ended; when a verification got its own.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    queue::Lane,
};

/// What waits on one channel.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Waiting {
    pub(crate) channel: String,
    /// Its time has come.
    pub(crate) due: i64,
    /// It was looked at before, and is to wait. What was not is a step that may never come.
    pub(crate) put_off: i64,
}

/// What ended on one channel.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Drained {
    pub(crate) channel: String,
    pub(crate) count: i64,
    /// Since the first of them.
    pub(crate) for_ms: i64,
}

/// How many messages of a lane are queued, without steps that have not begun; counting stops at `limit`.
///
/// # Errors
/// The database does not answer.
pub async fn count_waiting(db: &Db, lane: Lane, limit: i64) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM (
                 SELECT 1 AS one FROM messages
                 WHERE lane = $1 AND state = 'queued' AND (epoch > 0 OR not_before <= created_at)
                 LIMIT $2) w",
        )
        .bind(lane.as_str())
        .bind(limit)
        .fetch_one(c)
        .await?
    }))
}

/// How many messages workers hold, counted up to `limit`.
///
/// # Errors
/// The database does not answer.
pub async fn count_sending(db: &Db, limit: i64) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM (SELECT 1 AS one FROM messages WHERE state = 'sending' LIMIT $1) s",
        )
        .bind(limit)
        .fetch_one(c)
        .await?
    }))
}

/// Messages that ended, by what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Finished {
    pub ended: i64,
    /// A provider took them, and has not said that they will not arrive.
    pub sent: i64,
    /// Not known to have arrived, as [`super::batch::Which::NotSent`].
    pub failed: i64,
}

/// The messages of a lane that ended after `since`, without steps that were called off before they began.
///
/// # Errors
/// The database does not answer.
pub async fn count_finished_since(db: &Db, lane: Lane, since: Millis) -> Result<Finished, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Finished>(
            "SELECT count(*) AS ended,
                 count(CASE WHEN state IN ('sent', 'delivered') THEN 1 END) AS sent,
                 count(CASE WHEN state IN ('failed', 'undelivered', 'expired', 'unknown') THEN 1 END)
                     AS failed
             FROM messages WHERE finished_at > $2 AND lane = $1
               AND NOT (state = 'canceled' AND epoch = 0 AND not_before > created_at)",
        )
        .bind(lane.as_str())
        .bind(since)
        .fetch_one(c)
        .await?
    }))
}

/// [`count_waiting`], channel by channel.
pub(crate) async fn count_waiting_by_channel(
    db: &Db,
    lane: Lane,
    limit: i64,
    now: Millis,
) -> Result<Vec<Waiting>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Waiting>(
            "SELECT channel, count(CASE WHEN not_before <= $3 THEN 1 END) AS due,
                 count(CASE WHEN not_before > $3 THEN 1 END) AS put_off
             FROM (SELECT channel, not_before FROM messages
                 WHERE lane = $1 AND state = 'queued' AND (epoch > 0 OR not_before <= $3)
                 LIMIT $2) w
             GROUP BY channel",
        )
        .bind(lane.as_str())
        .bind(limit)
        .bind(now)
        .fetch_all(c)
        .await?
    }))
}

/// [`count_finished_since`], channel by channel.
pub(crate) async fn count_finished_by_channel(
    db: &Db,
    lane: Lane,
    since: Millis,
    now: Millis,
) -> Result<Vec<Drained>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Drained>(
            "SELECT channel, count(*) AS count, $3 - min(finished_at) AS for_ms
             FROM messages WHERE finished_at > $2 AND lane = $1
               AND NOT (state = 'canceled' AND epoch = 0 AND not_before > created_at)
             GROUP BY channel",
        )
        .bind(lane.as_str())
        .bind(since)
        .bind(now)
        .fetch_all(c)
        .await?
    }))
}

/// When messages of a verification were added after `since`, up to `limit` of them, the newest first.
pub(crate) async fn list_times_since(
    db: &Db,
    verification_id: Uuid,
    since: Millis,
    limit: u32,
) -> Result<Vec<Millis>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Millis>(
            "SELECT created_at FROM messages WHERE verification_id = $1 AND created_at > $2
             ORDER BY created_at DESC LIMIT $3",
        )
        .bind(verification_id)
        .bind(since)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await?
    }))
}
