//! What time does to verifications.

use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_pool, on_tx},
    event::{self, Changed},
};

/// Writes down the expiry of at most `limit` pending rows and erases their seeds; how many.
///
/// # Errors
/// The database does not answer.
pub async fn mark_expired(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    let db = db.clone();
    detached(async move { mark_expired_once(&db, now, limit).await }).await
}

async fn mark_expired_once(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    let mut tx = db.begin().await?;
    let expired = on_tx!(&mut tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE verifications
             SET status = 'expired', finished_at = expires_at, seed = NULL, code_sealed = NULL,
                 reusable = CASE WHEN reusable = 0 THEN 0 ELSE 2 END
             WHERE status || '' = 'pending' AND id IN (
                 SELECT id FROM verifications
                 WHERE status = 'pending' AND expires_at <= $1
                 ORDER BY expires_at LIMIT $2)
             RETURNING id, tenant_id",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(c)
        .await?
    });
    event::tell_verifications(&mut tx, &expired, now).await?;
    tx.commit().await?;
    Ok(expired.len() as u64)
}

/// Ends at most `limit` rows that have ended otherwise and whose code counted again until now, and erases
/// their seeds; how many.
///
/// # Errors
/// The database does not answer.
pub async fn mark_used_up(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE verifications SET reusable = 2, seed = NULL, code_sealed = NULL
             WHERE reusable + 0 = 1 AND id IN (
                 SELECT id FROM verifications
                 WHERE reusable = 1 AND expires_at <= $1 AND status || '' <> 'pending'
                 ORDER BY expires_at LIMIT $2)",
        )
        .bind(now)
        .bind(limit)
        .execute(c)
        .await?
        .rows_affected()
    }))
}
