//! Claiming: a worker takes messages under a new epoch and a lease, and renews or returns them.

use std::sync::Arc;

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Message, columns};
use crate::{
    attempt::{self, Beginning},
    channel::Channel,
    clock::Millis,
    db::{Db, DbError, Tx, bounded, chunks, detached, on_pool, on_tx, push_list},
    queue::Lane,
    sandbox,
    verification::{self, Status, Verification},
};

/// How long a claim holds without being renewed: one attempt of at most 5 s, and slack.
pub const LEASE_MS: i64 = 7_000;

/// A message that is ours to send, for as long as its lease holds.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub message: Arc<Message>,
    /// What it carries the code of; none when it was not read along.
    pub verification: Option<Verification>,
    /// The provider of its first attempt, when that is written down already.
    pub begun: Option<String>,
}

/// Claims those of `ids` that are due; a hint that is stale returns nothing. A code by SMS that was
/// never tried begins its first attempt with the provider `begin_with` at the same time.
///
/// # Errors
/// The database does not answer.
pub async fn claim(
    db: &Db,
    ids: &[Uuid],
    begin_with: Option<&str>,
    now: Millis,
) -> Result<Vec<Claimed>, DbError> {
    take(db, Which::Hinted(ids), begin_with, now).await
}

/// Claims up to `limit` due messages of a lane: codes newest first, bulk oldest first. Codes
/// begin as in [`claim`]. Replies go before all else of the bulk lane, as soon as they are due: also those
/// that were put off, and then are due later than what waits. They have no more than half of the claim: while
/// their provider is away there may be many of them.
///
/// # Errors
/// The database does not answer.
pub async fn claim_due(
    db: &Db,
    lane: Lane,
    limit: i64,
    begin_with: Option<&str>,
    now: Millis,
) -> Result<Vec<Claimed>, DbError> {
    take(db, Which::Due(lane, limit), begin_with, now).await
}

/// Claims up to `limit` due messages of sandboxes, oldest first. Nobody else claims one.
///
/// # Errors
/// The database does not answer.
pub async fn claim_of_sandboxes(db: &Db, limit: i64, now: Millis) -> Result<Vec<Claimed>, DbError> {
    // Most of the time there is none, and to see that takes nobody's turn to write.
    let due = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>(
            "SELECT id FROM messages
             WHERE lane = 'sandbox' AND state = 'queued' AND not_before <= $1 AND deadline > $1
             ORDER BY not_before LIMIT 1",
        )
        .bind(now)
        .fetch_optional(c)
        .await?
    });
    if due.is_none() {
        return Ok(Vec::new());
    }
    take(db, Which::OfSandboxes(limit), None, now).await
}

#[derive(Clone, Copy)]
enum Which<'a> {
    Hinted(&'a [Uuid]),
    Due(Lane, i64),
    OfSandboxes(i64),
}

async fn take(
    db: &Db,
    which: Which<'_>,
    begin_with: Option<&str>,
    now: Millis,
) -> Result<Vec<Claimed>, DbError> {
    let pool = match db {
        Db::Sqlite { .. } => return take_in_turn(db, which, begin_with, now).await,
        Db::Postgres(pool, _) => pool,
    };
    let rows = bounded(take_at_once(pool, which, begin_with, now)).await?;
    let of: Vec<Uuid> = rows.iter().filter_map(|row| row.message.verification_id).collect();
    // Without them the messages are still ours; each is then read when its turn comes.
    let mut of = if of.is_empty() {
        Vec::new()
    } else {
        verification::list(db, &of).await.unwrap_or_default()
    };
    let claimed = rows.into_iter().map(|row| Claimed {
        verification: take_one(&mut of, row.message.verification_id),
        message: Arc::new(row.message),
        begun: row.begun,
    });
    Ok(claimed.collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    message: Message,
    begun: Option<String>,
}

/// Claims and begins in one statement: for Postgres alone, which has writing CTEs and concurrent
/// writers to step around.
async fn take_at_once(
    pool: &PgPool,
    which: Which<'_>,
    begin_with: Option<&str>,
    now: Millis,
) -> Result<Vec<Row>, DbError> {
    let query = sqlx::query_as::<Postgres, Row>(at_once(which));
    let query = query.bind(now).bind(now + LEASE_MS).bind(begin_with);
    let query = match which {
        Which::Hinted(ids) => query.bind(ids),
        Which::Due(lane, limit) => query.bind(lane.as_str()).bind(limit),
        Which::OfSandboxes(limit) => query.bind(sandbox::LANE).bind(limit),
    };
    Ok(query.fetch_all(pool).await?)
}

/// Some that are due and that nobody else is claiming.
macro_rules! due {
    ($of:literal, $order:literal, $limit:literal) => {
        concat!(
            "SELECT id FROM messages
             WHERE ",
            $of,
            " AND state = 'queued' AND not_before <= $1 AND deadline > $1
             ORDER BY not_before ",
            $order,
            " LIMIT ",
            $limit,
            " FOR UPDATE SKIP LOCKED"
        )
    };
}

fn at_once(which: Which<'_>) -> &'static str {
    macro_rules! sql {
        ($($ids:tt)*) => {
            concat!(
                "WITH claimed AS (
                     UPDATE messages SET state = 'sending', epoch = epoch + 1, lease_until = $2
                     WHERE state || '' = 'queued' AND not_before <= $1 AND deadline > $1 AND id ",
                $($ids)*,
                " RETURNING ",
                columns!(),
                "), begun AS (
                     INSERT INTO attempts (message_id, number, epoch, provider, started_at)
                     SELECT c.id, 1, c.epoch, $3, $1
                     FROM claimed c JOIN verifications v ON v.id = c.verification_id
                     WHERE $3::text IS NOT NULL AND c.epoch = 1 AND c.lane = 'otp'
                       AND c.channel = 'sms'
                       AND v.status || '' = 'pending' AND v.generation = c.generation
                     RETURNING message_id, provider)
                 SELECT c.*, b.provider AS begun
                 FROM claimed c LEFT JOIN begun b ON b.message_id = c.id"
            )
        };
    }
    // As an array the ids are picked once: an IN may run anew for each row, and a run that skips
    // what the last one locked picks others, so that more is claimed than was asked for.
    macro_rules! picked {
        ($($ids:tt)*) => {
            sql!(concat!("= ANY (ARRAY(", $($ids)*, "))"))
        };
    }
    match which {
        Which::Hinted(_) => sql!("= ANY($4) AND lane <> 'sandbox'"),
        Which::OfSandboxes(_) => picked!(due!("lane = $4", "ASC", "$5")),
        Which::Due(Lane::Otp, _) => picked!(due!("lane = $4", "DESC", "$5")),
        // Replies are looked for within the statement, which a bulk send runs all the time: to find that
        // there is none costs one look into an index that is as good as empty, and no round trip. That look
        // does not name the lane, or the index of all that is due there would fit too, and might be walked
        // to its end. The texts are not to be replies: what a statement has locked itself it does not skip.
        Which::Due(Lane::Bulk, _) => picked!(
            "WITH due_replies AS (",
            due!("keyword IS NOT NULL", "ASC", "($5 + 1) / 2"),
            ") SELECT id FROM due_replies UNION ALL SELECT id FROM (",
            due!("lane = $4 AND keyword IS NULL", "ASC", "$5 - (SELECT count(*) FROM due_replies)"),
            ") texts"
        ),
    }
}

/// The same for SQLite, table by table.
async fn take_in_turn(
    db: &Db,
    which: Which<'_>,
    begin_with: Option<&str>,
    now: Millis,
) -> Result<Vec<Claimed>, DbError> {
    let mut tx = db.begin().await?;
    let messages = match which {
        Which::Hinted(ids) => take_hinted(&mut tx, ids, now).await?,
        Which::Due(lane, limit) => take_due(&mut tx, lane, limit, now).await?,
        Which::OfSandboxes(limit) => take_due_of_sandboxes(&mut tx, limit, now).await?,
    };
    let of: Vec<Uuid> = messages.iter().filter_map(|m| m.verification_id).collect();
    let of = verification::list_in(&mut tx, &of).await?;
    let claimed: Vec<Claimed> = messages
        .into_iter()
        .map(|message| {
            // Several of them may be of one.
            let verification = of.iter().find(|of| Some(of.id) == message.verification_id).cloned();
            let fits = verification.as_ref().is_some_and(|v| {
                v.status(now) == Status::Pending && v.generation == message.generation
            });
            let is_sms = message.channel == Channel::Sms.as_str();
            let begins = fits && is_sms && message.epoch == 1 && message.is_hinted();
            let begun = begin_with.filter(|_| begins).map(str::to_owned);
            Claimed { verification, message: Arc::new(message), begun }
        })
        .collect();
    let begun = claimed.iter().filter_map(|claimed| {
        let provider = claimed.begun.as_deref()?;
        Some(Beginning { message: &claimed.message, number: 1, provider, now })
    });
    attempt::insert(&mut tx, &begun.collect::<Vec<_>>()).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Takes the one with this id out; of several messages of one the first has it.
fn take_one(of: &mut Vec<Verification>, id: Option<Uuid>) -> Option<Verification> {
    let place = of.iter().position(|verification| Some(verification.id) == id)?;
    Some(of.swap_remove(place))
}

async fn take_hinted(tx: &mut Tx, ids: &[Uuid], now: Millis) -> Result<Vec<Message>, DbError> {
    let mut taken = Vec::with_capacity(ids.len());
    for ids in chunks(ids) {
        taken.extend(on_tx!(tx, c => {
            let mut query = QueryBuilder::<D>::new(
                "UPDATE messages SET state = 'sending', epoch = epoch + 1, lease_until = ",
            );
            query.push_bind(now + LEASE_MS).push(" WHERE id IN ");
            push_list(&mut query, ids);
            query.push(" AND state || '' = 'queued' AND not_before <= ").push_bind(now);
            query.push(" AND deadline > ").push_bind(now).push(" AND lane <> 'sandbox'");
            query.push(concat!(" RETURNING ", columns!()));
            query.build_query_as::<Message>().fetch_all(c).await?
        }));
    }
    Ok(taken)
}

/// The first rows of some that are due.
macro_rules! first_due {
    ($of:literal, $order:literal) => {
        concat!(
            "UPDATE messages SET state = 'sending', epoch = epoch + 1, lease_until = $3
             WHERE state || '' = 'queued' AND id IN (
                 SELECT id FROM messages
                 WHERE ",
            $of,
            " AND state = 'queued' AND not_before <= $1 AND deadline > $1
                 ORDER BY not_before ",
            $order,
            " LIMIT $2) RETURNING ",
            columns!()
        )
    };
}

async fn take_due_of_sandboxes(
    tx: &mut Tx,
    limit: i64,
    now: Millis,
) -> Result<Vec<Message>, DbError> {
    take_first(tx, first_due!("lane = 'sandbox'", "ASC"), limit, now).await
}

async fn take_due(
    tx: &mut Tx,
    lane: Lane,
    limit: i64,
    now: Millis,
) -> Result<Vec<Message>, DbError> {
    if lane == Lane::Otp {
        return take_first(tx, first_due!("lane = 'otp'", "DESC"), limit, now).await;
    }
    // Here a second statement costs no round trip.
    let half = (limit + 1) / 2;
    let mut taken = take_first(tx, first_due!("keyword IS NOT NULL", "ASC"), half, now).await?;
    let left = limit - i64::try_from(taken.len()).unwrap_or(limit);
    if left > 0 {
        let texts = first_due!("lane = 'bulk' AND keyword IS NULL", "ASC");
        taken.extend(take_first(tx, texts, left, now).await?);
    }
    Ok(taken)
}

async fn take_first(
    tx: &mut Tx,
    sql: &'static str,
    limit: i64,
    now: Millis,
) -> Result<Vec<Message>, DbError> {
    Ok(on_tx!(tx, c => {
        sqlx::query_as::<D, Message>(sql)
            .bind(now)
            .bind(limit)
            .bind(now + LEASE_MS)
            .fetch_all(c)
            .await?
    }))
}

/// Puts a claimed message back that was not started, as a worker does that is told to stop.
/// False when the claim was lost before.
///
/// # Errors
/// The database does not answer.
pub async fn mark_released(db: &Db, id: Uuid, epoch: i32) -> Result<bool, DbError> {
    let db = db.clone();
    detached(async move { release(&db, id, epoch).await }).await
}

async fn release(db: &Db, id: Uuid, epoch: i32) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET state = 'queued', lease_until = NULL
             WHERE id = $1 AND epoch = $2 AND state || '' = 'sending'",
        )
        .bind(id)
        .bind(epoch)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 1 {
        attempt::delete_unstarted(&mut tx, id, epoch).await?;
    }
    tx.commit().await?;
    Ok(rows == 1)
}
