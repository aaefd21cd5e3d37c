//! Claiming: a worker takes messages under a new epoch and a lease, and renews or returns them.

use uuid::Uuid;

use super::{Message, columns};
use crate::{
    clock::Millis,
    db::{Db, DbError, Pool, Tx, on_pool, on_tx},
    queue::Lane,
};

/// How long a claim holds without being renewed: one attempt of at most 5 s, and slack.
pub const LEASE_MS: i64 = 7_000;

/// Claims those of `ids` that are due; a hint that is stale returns nothing.
///
/// # Errors
/// The database does not answer.
pub async fn claim(db: &Db, ids: &[Uuid], now: Millis) -> Result<Vec<Message>, DbError> {
    const SQL: &str = concat!(
        "UPDATE messages SET state = 'sending', epoch = epoch + 1, lease_until = $3
         WHERE id = $1 AND state = 'queued' AND not_before <= $2 AND deadline > $2 RETURNING ",
        columns!()
    );
    let mut claimed = Vec::with_capacity(ids.len());
    for id in ids {
        let rows = on_pool!(db.write(), c => {
            sqlx::query_as::<D, Message>(SQL)
                .bind(id)
                .bind(now)
                .bind(now + LEASE_MS)
                .fetch_all(c)
                .await?
        });
        claimed.extend(rows);
    }
    Ok(claimed)
}

/// Claims up to `limit` due messages of a lane: codes newest first, bulk oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn claim_due(
    db: &Db,
    lane: Lane,
    limit: i64,
    now: Millis,
) -> Result<Vec<Message>, DbError> {
    macro_rules! sql {
        ($order:literal, $lock:literal) => {
            concat!(
                "UPDATE messages SET state = 'sending', epoch = epoch + 1, lease_until = $4
                 WHERE state = 'queued' AND id IN (
                     SELECT id FROM messages
                     WHERE lane = $1 AND state = 'queued' AND not_before <= $2 AND deadline > $2
                     ORDER BY not_before ",
                $order,
                " LIMIT $3 ",
                $lock,
                ") RETURNING ",
                columns!()
            )
        };
    }
    // Only Postgres has concurrent writers to step around; SQLite has one and no such clause.
    let sql = match (db.write(), lane) {
        (Pool::Postgres(_), Lane::Otp) => sql!("DESC", "FOR UPDATE SKIP LOCKED"),
        (Pool::Postgres(_), Lane::Bulk) => sql!("ASC", "FOR UPDATE SKIP LOCKED"),
        (Pool::Sqlite(_), Lane::Otp) => sql!("DESC", ""),
        (Pool::Sqlite(_), Lane::Bulk) => sql!("ASC", ""),
    };
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, Message>(sql)
            .bind(lane.as_str())
            .bind(now)
            .bind(limit)
            .bind(now + LEASE_MS)
            .fetch_all(c)
            .await?
    }))
}

/// Puts a claimed message back that was not started, as a worker does that is told to stop.
/// False when the claim was lost before.
///
/// # Errors
/// The database does not answer.
pub async fn mark_released(db: &Db, id: Uuid, epoch: i32) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE messages SET state = 'queued', lease_until = NULL
             WHERE id = $1 AND epoch = $2 AND state = 'sending'",
        )
        .bind(id)
        .bind(epoch)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// Renews the lease for one more attempt; none when the message is no longer ours to send.
pub(super) async fn renew(
    tx: &mut Tx,
    message: &Message,
    now: Millis,
) -> Result<Option<Millis>, DbError> {
    let lease_until = now + LEASE_MS;
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET lease_until = $4
             WHERE id = $1 AND epoch = $2 AND state = 'sending' AND deadline > $3
               AND (verification_id IS NULL OR EXISTS (
                   SELECT 1 FROM verifications v
                   WHERE v.id = messages.verification_id AND v.status = 'pending'
                     AND v.generation = messages.generation))",
        )
        .bind(message.id)
        .bind(message.epoch)
        .bind(now)
        .bind(lease_until)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok((rows == 1).then_some(lease_until))
}
