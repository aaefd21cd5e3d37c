//! Which verification a recipient has in a Service: the last one that was started.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
};

/// The last verification of the recipient with this hash.
///
/// # Errors
/// The database does not answer.
pub async fn last_of(
    db: &Db,
    service_id: Uuid,
    recipient_hash: &[u8],
) -> Result<Option<Uuid>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>(
            "SELECT verification_id FROM verify_starts WHERE service_id = $1 AND recipient_hash = $2",
        )
        .bind(service_id)
        .bind(recipient_hash)
        .fetch_optional(c)
        .await?
    }))
}

/// A verification that takes the place of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started<'a> {
    pub(super) service_id: Uuid,
    pub(super) recipient_hash: &'a [u8],
    pub(super) verification_id: Uuid,
    /// The one before; none when there was none.
    pub(super) instead_of: Option<Uuid>,
    pub(super) kept_until: Millis,
}

/// Changes nothing when another one stands there meanwhile.
pub(super) async fn insert_or_replace(db: &Db, started: &Started<'_>) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO verify_starts (service_id, recipient_hash, verification_id, kept_until)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (service_id, recipient_hash)
             DO UPDATE SET verification_id = excluded.verification_id, kept_until = excluded.kept_until
             WHERE verify_starts.verification_id = $5",
        )
        .bind(started.service_id)
        .bind(started.recipient_hash)
        .bind(started.verification_id)
        .bind(started.kept_until)
        .bind(started.instead_of.unwrap_or_default())
        .execute(c)
        .await?;
    });
    Ok(())
}
