//! Calling a verification off: no code counts any more, and what is unsent stays unsent.

use uuid::Uuid;

use super::{Status, find};
use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_tx, retrying},
    message,
};

#[derive(Clone, Copy, Debug)]
pub enum CancelAnswer {
    Canceled,
    /// It had ended before, in this way.
    Over(Status),
    NotFound,
}

/// Cancels a pending verification and its unsent messages.
///
/// # Errors
/// The database does not answer.
pub async fn cancel(
    db: &Db,
    tenant_id: Uuid,
    id: Uuid,
    now: Millis,
) -> Result<CancelAnswer, DbError> {
    let owned = db.clone();
    detached(async move { retrying!(cancel_once(&owned, tenant_id, id, now).await) }).await
}

async fn cancel_once(
    db: &Db,
    tenant_id: Uuid,
    id: Uuid,
    now: Millis,
) -> Result<CancelAnswer, DbError> {
    let mut tx = db.begin().await?;
    let changed = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "UPDATE verifications
             SET status = 'canceled', finished_at = $3, seed = NULL, code_sealed = NULL
             WHERE id = $1 AND tenant_id = $2 AND status || '' = 'pending' AND expires_at > $3",
        )
        .bind(id)
        .bind(tenant_id)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    if changed == 1 {
        message::mark_canceled(&mut tx, id, now).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    match find(db, id).await?.filter(|row| row.tenant_id == tenant_id) {
        None => Ok(CancelAnswer::NotFound),
        Some(_) if changed == 1 => Ok(CancelAnswer::Canceled),
        Some(row) => Ok(CancelAnswer::Over(row.status(now))),
    }
}
