//! Handing events out: each once to each endpoint that takes it. And once more, when somebody asks for that.

use std::collections::HashSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Webhook, columns, find};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, chunks, detached, on_tx},
    event::{self, Event, Filter, WEBHOOK_DISABLED, WEBHOOK_TEST},
};

/// Events handed out in one transaction.
const AT_ONCE: usize = 500;
/// Transactions of one call, so that whoever calls comes to something else too.
const MOST_AT_ONCE: usize = 8;
/// Events of a replay read at a time.
const PAGE: usize = 500;
/// Pages that one call of a replay looks at: a request has the time for them.
const MOST_PAGES: usize = 20;

/// Hands out what has been told since the last time, up to 4,000 events; how many. Any process may, at any
/// moment: they come one after the other.
///
/// # Errors
/// The database does not answer, or another process is at it for long; some may have been handed out.
pub async fn spread(db: &Db, now: Millis) -> Result<usize, DbError> {
    if !event::is_behind(db).await? {
        return Ok(0);
    }
    let mut count = 0;
    for _ in 0..MOST_AT_ONCE {
        let some = spread_once(db, now).await?;
        count += some;
        if some < AT_ONCE {
            break;
        }
    }
    Ok(count)
}

async fn spread_once(db: &Db, now: Millis) -> Result<usize, DbError> {
    let db = db.clone();
    detached(async move {
        let mut tx = db.begin().await?;
        let events = event::give_places(&mut tx, AT_ONCE).await?;
        let of: HashSet<Uuid> = events.iter().map(|event| event.tenant_id).collect();
        for tenant_id in of {
            let endpoints = list_enabled(&mut tx, tenant_id).await?;
            let its = events.iter().filter(|event| event.tenant_id == tenant_id);
            let pairs = its.flat_map(|event| {
                let takes = move |webhook: &&Webhook| takes(webhook, event);
                let its = endpoints.iter().filter(takes);
                its.map(move |webhook| (Uuid::now_v7(), webhook.id, event.id))
            });
            let pairs: Vec<_> = pairs.collect();
            insert(&mut tx, tenant_id, &pairs, now).await?;
        }
        tx.commit().await?;
        Ok(events.len())
    })
    .await
}

/// A test is for one endpoint alone; that one is disabled is told to the others.
fn takes(webhook: &Webhook, event: &Event) -> bool {
    let is_about = event.webhook_id == Some(webhook.id);
    match event.kind.as_str() {
        WEBHOOK_TEST => is_about,
        WEBHOOK_DISABLED => !is_about && webhook.filter().takes(&event.kind),
        kind => webhook.filter().takes(kind),
    }
}

async fn list_enabled(tx: &mut Tx, tenant_id: Uuid) -> Result<Vec<Webhook>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhooks WHERE tenant_id = $1 AND state = 'enabled' ORDER BY id"
    );
    Ok(on_tx!(tx, c => {
        sqlx::query_as::<D, Webhook>(SQL).bind(tenant_id).fetch_all(c).await?
    }))
}

/// Makes deliveries, and begins those anew that are there, but for those that are under way.
async fn insert(
    tx: &mut Tx,
    tenant_id: Uuid,
    pairs: &[(Uuid, Uuid, Uuid)],
    now: Millis,
) -> Result<(), DbError> {
    for rows in chunks(pairs) {
        on_tx!(&mut *tx, c => {
            let mut query = QueryBuilder::<D>::new(
                "INSERT INTO webhook_deliveries (id, tenant_id, webhook_id, event_id, state,
                     attempts, epoch, not_before, created_at) ",
            );
            query.push_values(rows, |mut tuple, (id, webhook_id, event_id)| {
                tuple
                    .push_bind(*id)
                    .push_bind(tenant_id)
                    .push_bind(*webhook_id)
                    .push_bind(*event_id)
                    .push("'queued', 0, 0")
                    .push_bind(now)
                    .push_bind(now);
            });
            query.push(
                " ON CONFLICT (webhook_id, event_id) DO UPDATE
                  SET state = 'queued', attempts = 0, not_before = excluded.not_before
                  WHERE webhook_deliveries.state <> 'sending'",
            );
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Where a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// With what happened then.
    Moment(Millis),
    /// After this place in the log.
    Place(i64),
}

/// What one call of a replay brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub events: usize,
    /// There are more events to look at: it came as far as the place `next`.
    pub next: Option<i64>,
}

/// Hands a tenant's events out once more to one endpoint, as far as it takes them and as far as one call
/// comes. None when there is no such endpoint.
///
/// # Errors
/// The database does not answer, and nothing was handed out, or something without having been noted.
pub async fn replay_from(
    db: &Db,
    tenant_id: Uuid,
    webhook_id: Uuid,
    from: ReplayFrom,
    now: Millis,
) -> Result<Option<Replayed>, DbError> {
    let Some(webhook) = find(db, tenant_id, webhook_id).await? else { return Ok(None) };
    let place = match from {
        ReplayFrom::Place(place) => Some(place),
        ReplayFrom::Moment(moment) => event::place_before(db, tenant_id, moment).await?,
    };
    let mut replayed = Replayed { events: 0, next: place };
    for page in 0..MOST_PAGES {
        let Some(place) = replayed.next else { break };
        match replay_page(db, &webhook, place, now).await {
            Ok(one) => replayed = Replayed { events: replayed.events + one.events, ..one },
            Err(error) if page == 0 => return Err(error),
            // Whoever asked has come as far as that, and need not begin anew.
            Err(error) => {
                tracing::warn!(%error, "a replay is cut short");
                break;
            }
        }
    }
    Ok(Some(replayed))
}

/// One page after this place.
async fn replay_page(
    db: &Db,
    webhook: &Webhook,
    place: i64,
    now: Millis,
) -> Result<Replayed, DbError> {
    let (db, tenant_id) = (db.clone(), webhook.tenant_id);
    // All types: a test is for whom it was made, and the filter is the endpoint's.
    let page = event::list(&db, tenant_id, place, &Filter::default(), PAGE).await?;
    let taken = page.events.iter().filter(|event| takes(webhook, event));
    let pairs: Vec<_> = taken.map(|event| (Uuid::now_v7(), webhook.id, event.id)).collect();
    let replayed = Replayed { events: pairs.len(), next: page.has_more.then_some(page.next) };
    if !pairs.is_empty() {
        detached(async move {
            let mut tx = db.begin().await?;
            insert(&mut tx, tenant_id, &pairs, now).await?;
            tx.commit().await
        })
        .await?;
    }
    Ok(replayed)
}
