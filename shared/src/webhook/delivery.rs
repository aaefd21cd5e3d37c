//! One event on its way to one endpoint.

use uuid::Uuid;

use super::DeliveryState;
use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    listing::Listing,
};

/// It holds nothing of what is posted: that is made from the event, each time.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Delivery {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub webhook_id: Uuid,
    pub event_id: Uuid,
    state: String,
    /// How often it was posted since it began.
    #[sqlx(rename = "attempts")]
    pub posts: i32,
    pub epoch: i32,
    /// When the next post is due.
    pub not_before: Millis,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub last_at: Option<Millis>,
    pub created_at: Millis,
}

/// All columns but the lease.
macro_rules! columns {
    () => {
        "id, tenant_id, webhook_id, event_id, state, attempts, epoch, not_before, last_status, \
         last_error, last_at, created_at"
    };
}
pub(super) use columns;

impl Delivery {
    /// A word that only another version knows is taken for an end.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        DeliveryState::parse(&self.state).unwrap_or(DeliveryState::Failed)
    }

    /// When it is posted next; none when it is not to be, or is being posted.
    #[must_use]
    pub fn next_at(&self) -> Option<Millis> {
        (self.state() == DeliveryState::Queued).then_some(self.not_before)
    }
}

/// Up to `limit` deliveries of an endpoint before the id `before`, the newest first, of one state if it is given.
///
/// # Errors
/// The database does not answer.
pub async fn list_deliveries(
    db: &Db,
    webhook_id: Uuid,
    state: Option<DeliveryState>,
    before: Uuid,
    limit: usize,
) -> Result<Listing<Delivery>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhook_deliveries
         WHERE webhook_id = $1 AND id < $2 AND ($3 IS NULL OR state || '' = $3)
         ORDER BY id DESC LIMIT $4"
    );
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = on_pool!(db.read(), c => {
        sqlx::query_as::<D, Delivery>(SQL)
            .bind(webhook_id)
            .bind(before)
            .bind(state.map(DeliveryState::as_str))
            .bind(wanted)
            .fetch_all(c)
            .await?
    });
    Ok(Listing::of(rows, limit, |row| row.id))
}

/// Delivers one once more, from the beginning, and at once if it waits to be tried again. One that is being
/// posted is left to that. None when the endpoint has no such delivery.
///
/// # Errors
/// The database does not answer.
pub async fn replay(
    db: &Db,
    webhook_id: Uuid,
    id: Uuid,
    now: Millis,
) -> Result<Option<Delivery>, DbError> {
    const SQL: &str = concat!(
        "UPDATE webhook_deliveries
         SET state = CASE state WHEN 'sending' THEN state ELSE 'queued' END,
             attempts = CASE state WHEN 'sending' THEN attempts ELSE 0 END,
             not_before = CASE state WHEN 'sending' THEN not_before ELSE $3 END
         WHERE id = $1 AND webhook_id = $2
         RETURNING ",
        columns!()
    );
    let replayed = on_pool!(db.write(), c => {
        sqlx::query_as::<D, Delivery>(SQL)
            .bind(id)
            .bind(webhook_id)
            .bind(now)
            .fetch_all(c)
            .await?
    });
    Ok(replayed.into_iter().next())
}
