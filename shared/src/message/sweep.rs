//! What time does to messages: lost leases, passed deadlines.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use uuid::Uuid;

use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx, retrying},
    event::{self, Changed},
    queue::Lane,
    sandbox, verification,
};

/// Recoveries that run at the same time.
const AT_ONCE: usize = 4;

/// Workers that may be lost while they send a message before it is set aside.
pub const MOST_CRASHES: i32 = 3;

/// The same of workers that had merely claimed it: they were hardly lost because of it, and it was
/// never tried.
const MOST_CRASHES_UNTRIED: i32 = 10;

/// Frees up to `limit` messages whose lease ran out; how many. One with a running attempt has an
/// unknown outcome: a code goes on to the next provider, bulk ends there. After the third
/// worker lost while sending it, or the tenth that had claimed it, a message is set aside.
///
/// # Errors
/// The database does not answer.
pub async fn recover_leases(db: &Db, now: Millis, limit: i64) -> Result<u64, DbError> {
    let lost = on_pool!(db.read(), c => {
        sqlx::query_as::<D, (Uuid, Option<Uuid>)>(
            "SELECT id, verification_id FROM messages WHERE state = 'sending' AND lease_until <= $1
             ORDER BY lease_until LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(c)
        .await?
    });
    // Each in its own transaction, but not one after the other: somebody waits for all of them.
    let recovering = lost.into_iter().map(|(id, verification_id)| {
        let db = db.clone();
        detached(async move {
            match retrying!(recover(&db, id, verification_id, now).await) {
                // Another worker is at it.
                Err(DbError::Locked) => Ok(false),
                result => result,
            }
        })
    });
    let recovered: Vec<Result<bool, DbError>> =
        stream::iter(recovering).buffer_unordered(AT_ONCE).collect().await;
    recovered.into_iter().try_fold(0, |all, one| Ok(all + u64::from(one?)))
}

/// What a lost message was.
#[derive(sqlx::FromRow)]
struct Lost {
    lane: String,
    verification_id: Option<Uuid>,
    crashes: i32,
}

async fn recover(
    db: &Db,
    id: Uuid,
    verification_id: Option<Uuid>,
    now: Millis,
) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    // Rows are locked in one order everywhere: verification, message, attempt.
    if let Some(verification_id) = verification_id {
        verification::lock(&mut tx, verification_id).await?;
    }
    let lost = on_tx!(&mut tx, c => {
        sqlx::query_as::<D, Lost>(
            "UPDATE messages
             SET state = 'queued', lease_until = NULL, crashes = crashes + 1, not_before = $2
             WHERE id = $1 AND state || '' = 'sending' AND lease_until <= $2
             RETURNING lane, verification_id, crashes",
        )
        .bind(id)
        .bind(now)
        .fetch_all(c)
        .await?
    });
    let Some(lost) = lost.into_iter().next() else {
        tx.rollback().await?;
        return Ok(false);
    };
    attempt::mark_unknown(&mut tx, id, now).await?;
    let may_be_sent = attempt::has_unknown(&mut tx, id).await?;
    // In a sandbox nothing is sent twice: the inbox has each message once.
    let bulk = lost.lane != sandbox::LANE && Lane::parse(&lost.lane) == Lane::Bulk;
    let most = if may_be_sent { MOST_CRASHES } else { MOST_CRASHES_UNTRIED };
    if (bulk && may_be_sent) || lost.crashes >= most {
        set_aside(&mut tx, id, &lost, may_be_sent, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Ends a message that goes no further by itself.
async fn set_aside(
    tx: &mut Tx,
    id: Uuid,
    lost: &Lost,
    may_be_sent: bool,
    now: Millis,
) -> Result<(), DbError> {
    let (state, failure) = if may_be_sent {
        ("unknown", "its worker was lost while sending: it may have been sent")
    } else {
        ("failed", "set aside: ten workers were lost with it before it was sent")
    };
    let ended = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages
             SET state = $2, finished_at = $3, failure_class = 'unknown', failure = $4
             WHERE id = $1
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(state)
        .bind(now)
        .bind(failure)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &ended, now).await?;
    if let (Some(verification_id), "failed") = (lost.verification_id, state) {
        verification::go_on_or_fail(tx, verification_id, id, failure, now).await?;
    }
    Ok(())
}

/// Ends up to `limit` messages that were not sent in time; how many. `why` is known when nothing
/// can be sent at the moment.
///
/// # Errors
/// The database does not answer.
pub async fn mark_overdue(
    db: &Db,
    now: Millis,
    limit: i64,
    why: Option<&str>,
) -> Result<u64, DbError> {
    let mut failure = "its time was over before a provider accepted it".to_owned();
    if let Some(why) = why {
        let _ = write!(failure, ", none being in use ({why})");
    }
    let db = db.clone();
    detached(async move { mark_overdue_once(&db, now, limit, &failure).await }).await
}

async fn mark_overdue_once(
    db: &Db,
    now: Millis,
    limit: i64,
    failure: &str,
) -> Result<u64, DbError> {
    let mut tx = db.begin().await?;
    let overdue = on_tx!(&mut tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages
             SET state = 'expired', finished_at = $1,
                 failure = COALESCE(failure, $3)
             WHERE state || '' = 'queued' AND id IN (
                 SELECT id FROM messages WHERE state = 'queued' AND deadline <= $1
                 ORDER BY deadline LIMIT $2)
             RETURNING id, tenant_id",
        )
        .bind(now)
        .bind(limit)
        .bind(failure)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(&mut tx, &overdue, now).await?;
    tx.commit().await?;
    Ok(overdue.len() as u64)
}
