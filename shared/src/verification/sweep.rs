//! What time does to verifications: expiry, and removal after the retention.
//! Limits of steps are in the text: a plan made without them reads a tenth of the table.

use sqlx::AssertSqlSafe;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
};

/// Writes down the expiry of at most `limit` pending rows and erases their seeds; how many.
///
/// # Errors
/// The database does not answer.
pub async fn mark_expired(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(AssertSqlSafe(format!(
            "UPDATE verifications
             SET status = 'expired', finished_at = expires_at, seed = NULL, code_sealed = NULL
             WHERE status || '' = 'pending' AND id IN (
                 SELECT id FROM verifications
                 WHERE status = 'pending' AND expires_at <= $1
                 ORDER BY expires_at LIMIT {limit})",
        )))
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    }))
}

/// Removes at most `limit` rows that ended before `before`; how many. With `dry_run` it only
/// counts, without a limit.
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
            sqlx::query_scalar::<D, i64>(
                "SELECT count(*) FROM verifications WHERE finished_at < $1",
            )
            .bind(before)
            .fetch_one(c)
            .await?
        });
        return Ok(count.unsigned_abs());
    }
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(AssertSqlSafe(format!(
            "DELETE FROM verifications WHERE id IN (
                 SELECT id FROM verifications WHERE finished_at < $1
                 ORDER BY finished_at LIMIT {limit})",
        )))
        .bind(before)
        .execute(c)
        .await?
        .rows_affected()
    }))
}
