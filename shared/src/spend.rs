//! What was spent: the attempts of messages that ended in some time, page by page along the index of when
//! they did. Nothing is opened for it: whom a message went to nobody sees here.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::{
    attempt::Priced,
    clock::Millis,
    db::{Db, DbError, chunks, on_pool, push_list},
    price::Charge,
    queue::Lane,
};

/// An attempt that may cost something.
#[derive(Clone, Debug)]
pub struct Spent {
    /// When its message ended.
    pub ended_at: Millis,
    pub tenant_id: Uuid,
    pub lane: Lane,
    pub provider: String,
    pub segments: Option<i32>,
    /// None when nobody has said what it costs.
    pub charge: Option<Charge>,
}

/// Where a page begins: behind this message, which ended then.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    ended_at: Millis,
    id: Uuid,
}

impl Place {
    /// Before everything that ended at this moment.
    #[must_use]
    pub fn before(ended_at: Millis) -> Self {
        Self { ended_at, id: Uuid::nil() }
    }
}

#[derive(Debug)]
pub struct Page {
    pub spent: Vec<Spent>,
    /// None when this is the last one.
    pub next: Option<Place>,
}

#[derive(sqlx::FromRow)]
struct Ended {
    id: Uuid,
    tenant_id: Uuid,
    lane: String,
    finished_at: Millis,
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: Uuid,
    provider: String,
    segments: Option<i32>,
    #[sqlx(flatten)]
    priced: Priced,
}

/// The attempts of the next messages that ended before `until`; of `most` messages at once. One that was
/// refused is only there if it has a price.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, from: Place, until: Millis, most: i64) -> Result<Page, DbError> {
    let ended = on_pool!(db.read(), c => {
        sqlx::query_as::<D, Ended>(
            "SELECT id, tenant_id, lane, finished_at FROM messages
             WHERE finished_at >= $1 AND finished_at < $3 AND (finished_at > $1 OR id > $2)
               AND lane <> 'sandbox'
             ORDER BY finished_at, id LIMIT $4",
        )
        .bind(from.ended_at)
        .bind(from.id)
        .bind(until)
        .bind(most)
        .fetch_all(c)
        .await?
    });
    let last = ended.last().map(|row| Place { ended_at: row.finished_at, id: row.id });
    let next = last.filter(|_| i64::try_from(ended.len()) == Ok(most));
    let ids: Vec<Uuid> = ended.iter().map(|row| row.id).collect();
    let of: HashMap<Uuid, Ended> = ended.into_iter().map(|row| (row.id, row)).collect();
    let mut spent = Vec::new();
    for ids in chunks(&ids) {
        let rows = list_attempts(db, ids).await?;
        let known = |row: Row| Some(Spent::new(of.get(&row.message_id)?, row));
        spent.extend(rows.into_iter().filter_map(known));
    }
    Ok(Page { spent, next })
}

async fn list_attempts(db: &Db, messages: &[Uuid]) -> Result<Vec<Row>, DbError> {
    Ok(on_pool!(db.read(), c => {
        let mut query = QueryBuilder::<D>::new(
            "SELECT message_id, provider, segments, price_micros, price_told, price_currency
             FROM attempts
             WHERE (price_micros IS NOT NULL OR outcome IN ('ok', 'unknown')) AND message_id IN ",
        );
        push_list(&mut query, messages);
        query.build_query_as::<Row>().fetch_all(c).await?
    }))
}

impl Spent {
    fn new(message: &Ended, row: Row) -> Self {
        Self {
            ended_at: message.finished_at,
            tenant_id: message.tenant_id,
            lane: Lane::parse(&message.lane),
            charge: row.priced.charge(),
            provider: row.provider,
            segments: row.segments,
        }
    }
}
