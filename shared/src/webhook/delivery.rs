//! One event on its way to one endpoint.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    page::Page,
};

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Delivery {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub webhook_id: Uuid,
    pub event_id: Uuid,
    /// `queued`, `sending`, `delivered` or `failed`.
    pub state: String,
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

/// Up to `limit` deliveries of an endpoint before the id `before`, the newest first, of one state if it is given.
///
/// # Errors
/// The database does not answer.
pub async fn list_deliveries(
    db: &Db,
    webhook_id: Uuid,
    state: Option<&str>,
    before: Uuid,
    limit: usize,
) -> Result<Page<Delivery>, DbError> {
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
            .bind(state)
            .bind(wanted)
            .fetch_all(c)
            .await?
    });
    Ok(Page::of(rows, limit, |row| row.id))
}

/// # Errors
/// The database does not answer.
pub async fn find_delivery(
    db: &Db,
    webhook_id: Uuid,
    id: Uuid,
) -> Result<Option<Delivery>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhook_deliveries WHERE id = $1 AND webhook_id = $2"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Delivery>(SQL).bind(id).bind(webhook_id).fetch_optional(c).await?
    }))
}

/// Delivers one once more, from the beginning; one that is still on its way at once.
///
/// # Errors
/// The database does not answer.
pub async fn replay(
    db: &Db,
    webhook_id: Uuid,
    id: Uuid,
    now: Millis,
) -> Result<Option<Delivery>, DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE webhook_deliveries SET state = 'queued', attempts = 0, not_before = $3
             WHERE id = $1 AND webhook_id = $2 AND state || '' <> 'sending'",
        )
        .bind(id)
        .bind(webhook_id)
        .bind(now)
        .execute(c)
        .await?;
    });
    find_delivery(db, webhook_id, id).await
}
