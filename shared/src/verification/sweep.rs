//! What time does to verifications.

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
        sqlx::query::<D>(
            "UPDATE verifications
             SET status = 'expired', finished_at = expires_at, seed = NULL, code_sealed = NULL
             WHERE status || '' = 'pending' AND id IN (
                 SELECT id FROM verifications
                 WHERE status = 'pending' AND expires_at <= $1
                 ORDER BY expires_at LIMIT $2)",
        )
        .bind(now)
        .bind(limit)
        .execute(c)
        .await?
        .rows_affected()
    }))
}
