//! Ending a verification without a code: called off, or taken as verified because its caller says so. No code
//! counts any more, and what is unsent stays unsent.

use uuid::Uuid;

use super::{Status, find};
use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_tx, retrying},
    event::{self, Changed},
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
    let ended = end(db, (tenant_id, id), Status::Canceled, now).await?;
    match find(db, id).await?.filter(|row| row.tenant_id == tenant_id) {
        None => Ok(CancelAnswer::NotFound),
        Some(_) if ended => Ok(CancelAnswer::Canceled),
        Some(row) => Ok(CancelAnswer::Over(row.status(now))),
    }
}

/// Ends a pending verification as its caller says that it ended: somebody else compared the code. There is
/// no receipt of it. False when it was not pending, or there is none.
///
/// # Errors
/// The database does not answer.
pub async fn approve(db: &Db, tenant_id: Uuid, id: Uuid, now: Millis) -> Result<bool, DbError> {
    end(db, (tenant_id, id), Status::Verified, now).await
}

async fn end(db: &Db, which: (Uuid, Uuid), status: Status, now: Millis) -> Result<bool, DbError> {
    let db = db.clone();
    detached(async move { retrying!(end_once(&db, which, status, now).await) }).await
}

async fn end_once(
    db: &Db,
    (tenant_id, id): (Uuid, Uuid),
    status: Status,
    now: Millis,
) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let changed = on_tx!(&mut tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE verifications
             SET status = $4, finished_at = $3, seed = NULL, code_sealed = NULL
             WHERE id = $1 AND tenant_id = $2 AND status || '' = 'pending' AND expires_at > $3
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(tenant_id)
        .bind(now)
        .bind(status.as_str())
        .fetch_all(c)
        .await?
    });
    let is_ended = !changed.is_empty();
    if is_ended {
        event::tell_verifications(&mut tx, &changed, now).await?;
        message::mark_canceled(&mut tx, id, now).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(is_ended)
}
