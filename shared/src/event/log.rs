//! The log: events in the order of their commits, for those who ask for what came after.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Event, Filter, columns};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, chunks, on_pool, on_tx},
};

/// True when there are events without a place in the log.
pub(crate) async fn is_behind(db: &Db) -> Result<bool, DbError> {
    let first = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>(
            "SELECT id FROM events WHERE seq IS NULL ORDER BY at, id LIMIT 1",
        )
        .fetch_optional(c)
        .await?
    });
    Ok(first.is_some())
}

/// Gives up to `limit` events their places, and returns them. Whoever else does so waits for the commit:
/// so a reader that has seen one place has seen all before it.
pub(crate) async fn give_places(tx: &mut Tx, limit: usize) -> Result<Vec<Event>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM events WHERE seq IS NULL ORDER BY at, id LIMIT $1");
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
    let last = on_tx!(&mut *tx, c => {
        sqlx::query_scalar::<D, i64>(
            "UPDATE event_counter SET last = last + 0 WHERE one = 1 RETURNING last",
        )
        .fetch_all(c)
        .await?
    });
    let Some(last) = last.first().copied() else {
        return Err(DbError::Broken("event_counter has no row".into()));
    };
    let mut events = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Event>(SQL).bind(wanted).fetch_all(c).await?
    });
    let mut place = last;
    for event in &mut events {
        place += 1;
        event.seq = Some(place);
    }
    for rows in chunks(&events) {
        on_tx!(&mut *tx, c => {
            let mut query = QueryBuilder::<D>::new("WITH placed (id, seq) AS (");
            query.push_values(rows, |mut tuple, event| {
                tuple.push_bind(event.id).push_bind(event.seq);
            });
            query.push(
                ") UPDATE events SET seq = p.seq FROM placed p WHERE events.id = p.id",
            );
            query.build().execute(c).await?;
        });
    }
    on_tx!(&mut *tx, c => {
        sqlx::query::<D>("UPDATE event_counter SET last = $1 WHERE one = 1")
            .bind(place)
            .execute(c)
            .await?;
    });
    Ok(events)
}

/// Some events, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    pub events: Vec<Event>,
    /// What to ask after the next time, also when there is nothing more for now.
    pub next: i64,
    pub has_more: bool,
}

/// How many events one question for few types may pass over.
const MOST_PASSED_OVER: usize = 1_000;

/// Up to `limit` events after the place `after` that the filter takes. With a filter a page may be short, or
/// empty, although more follow: `has_more` says so.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    tenant_id: Uuid,
    after: i64,
    filter: &Filter,
    limit: usize,
) -> Result<Page, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM events WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    );
    let looked_at = if filter.words().is_empty() { limit } else { limit.max(MOST_PASSED_OVER) };
    let wanted = i64::try_from(looked_at + 1).unwrap_or(i64::MAX);
    let mut found = on_pool!(db.read(), c => {
        sqlx::query_as::<D, Event>(SQL)
            .bind(tenant_id)
            .bind(after)
            .bind(wanted)
            .fetch_all(c)
            .await?
    });
    let mut has_more = found.len() > looked_at;
    found.truncate(looked_at);
    let mut next = found.last().and_then(|event| event.seq).unwrap_or(after);
    let mut events: Vec<Event> =
        found.into_iter().filter(|event| filter.takes(&event.kind)).collect();
    if events.len() > limit {
        has_more = true;
        events.truncate(limit);
        next = events.last().and_then(|event| event.seq).unwrap_or(after);
    }
    Ok(Page { events, next, has_more })
}

/// Nothing is committed so long after it happened, nor are the clocks of two processes so far apart.
const LATEST_MS: Millis = 60_000;

/// The place before a tenant's first event of this moment or later; none when there is no such event. Behind
/// it there may also be some that happened shortly before and were committed after.
///
/// # Errors
/// The database does not answer.
pub async fn place_before(
    db: &Db,
    tenant_id: Uuid,
    moment: Millis,
) -> Result<Option<i64>, DbError> {
    // The order of the log is that of the moments, but for what lies close together: it is halved, however
    // long it is, and the rest is read.
    let early = moment.saturating_sub(LATEST_MS);
    let (mut low, mut high) = (0, last_place(db).await?);
    while low < high {
        let middle = low + (high - low) / 2;
        match first_after(db, tenant_id, middle, Millis::MIN).await? {
            Some((place, at)) if at < early => low = place,
            _ => high = middle,
        }
    }
    let first = first_after(db, tenant_id, low, moment).await?;
    Ok(first.map(|(place, _)| place - 1))
}

/// The last place that was given to anybody.
async fn last_place(db: &Db) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>("SELECT last FROM event_counter WHERE one = 1")
            .fetch_one(c)
            .await?
    }))
}

/// A tenant's first event after a place that happened at this moment or later: its place, and when.
async fn first_after(
    db: &Db,
    tenant_id: Uuid,
    place: i64,
    moment: Millis,
) -> Result<Option<(i64, Millis)>, DbError> {
    Ok(on_pool!(db.read(), c => {
        // In the order of the log, and not of the moments.
        sqlx::query_as::<D, (i64, Millis)>(
            "SELECT seq, at FROM events WHERE tenant_id = $1 AND seq > $2 AND at + 0 >= $3
             ORDER BY seq LIMIT 1",
        )
        .bind(tenant_id)
        .bind(place)
        .bind(moment)
        .fetch_optional(c)
        .await?
    }))
}

/// An event with or without a place, of whatever tenant; none once it has been removed.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Event>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM events WHERE id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Event>(SQL).bind(id).fetch_optional(c).await?
    }))
}
