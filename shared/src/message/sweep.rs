//! What time does to messages: lost leases, passed deadlines, removal after the retention.

use uuid::Uuid;

use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, on_pool, on_tx, retrying},
};

/// Frees up to `limit` messages whose lease ran out; how many. One with a running attempt has an
/// unknown outcome: a code goes on to the next provider, bulk ends there. After the third
/// worker lost with it, a message is set aside.
///
/// # Errors
/// The database does not answer.
pub async fn recover_leases(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    let ids = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>(
            "SELECT id FROM messages WHERE state = 'sending' AND lease_until <= $1
             ORDER BY lease_until LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(c)
        .await?
    });
    let mut recovered = 0;
    for id in ids {
        recovered += u64::from(retrying!(recover(db, id, now).await)?);
    }
    Ok(recovered)
}

async fn recover(db: &Db, id: Uuid, now: Millis) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "UPDATE messages
             SET lease_until = NULL, crashes = crashes + 1, not_before = $2,
                 state = CASE
                     WHEN lane = 'bulk' AND EXISTS (SELECT 1 FROM attempts a
                         WHERE a.message_id = messages.id AND a.outcome IS NULL) THEN 'unknown'
                     WHEN crashes >= 2 THEN 'failed'
                     ELSE 'queued' END,
                 failure_class = CASE
                     WHEN lane = 'bulk' AND EXISTS (SELECT 1 FROM attempts a
                         WHERE a.message_id = messages.id AND a.outcome IS NULL) THEN 'unknown'
                     ELSE failure_class END,
                 failure = CASE
                     WHEN lane = 'bulk' AND EXISTS (SELECT 1 FROM attempts a
                         WHERE a.message_id = messages.id AND a.outcome IS NULL)
                     THEN 'its worker was lost while sending: it may have been sent'
                     WHEN crashes >= 2 THEN 'set aside: three workers were lost with it'
                     ELSE failure END,
                 finished_at = CASE
                     WHEN crashes >= 2 OR (lane = 'bulk' AND EXISTS (SELECT 1 FROM attempts a
                         WHERE a.message_id = messages.id AND a.outcome IS NULL)) THEN $2
                     ELSE NULL END
             WHERE id = $1 AND state = 'sending' AND lease_until <= $2",
        )
        .bind(id)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 1 {
        attempt::mark_unknown(&mut tx, id, now).await?;
    }
    tx.commit().await?;
    Ok(rows == 1)
}

/// Ends up to `limit` messages that were not sent in time; how many.
///
/// # Errors
/// The database does not answer.
pub async fn mark_overdue(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE messages
             SET state = 'expired', finished_at = $1,
                 failure = COALESCE(failure, 'its time was over before a provider accepted it')
             WHERE state = 'queued' AND id IN (
                 SELECT id FROM messages WHERE state = 'queued' AND deadline <= $1
                 ORDER BY deadline LIMIT $2)",
        )
        .bind(now)
        .bind(limit)
        .execute(c)
        .await?
        .rows_affected()
    }))
}

/// Removes at most `limit` messages, with their attempts, that ended before `before`; how many
/// messages. With `dry_run` it only counts, without a limit.
///
/// # Errors
/// The database does not answer.
pub async fn purge_finished(
    db: &Db,
    before: Millis,
    limit: i64,
    dry_run: bool,
) -> Result<u64, DbError> {
    if dry_run {
        let count: i64 = on_pool!(db.read(), c => {
            sqlx::query_scalar::<D, i64>("SELECT count(*) FROM messages WHERE finished_at < $1")
                .bind(before)
                .fetch_one(c)
                .await?
        });
        return Ok(count.unsigned_abs());
    }
    let mut tx = db.begin().await?;
    on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "DELETE FROM attempts WHERE message_id IN (
                 SELECT id FROM messages WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)",
        )
        .bind(before)
        .bind(limit)
        .execute(c)
        .await?;
    });
    let removed = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "DELETE FROM messages WHERE id IN (
                 SELECT id FROM messages WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)",
        )
        .bind(before)
        .bind(limit)
        .execute(c)
        .await?
        .rows_affected()
    });
    tx.commit().await?;
    Ok(removed)
}
