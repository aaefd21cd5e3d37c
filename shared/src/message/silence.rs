//! Codes that a provider took and then said nothing about, although it reports: after a while they go
//! on to another provider, once. And whether it reports at all, which nobody notices when it stops.

use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::reported::{LEAST_LIFE_MS, lock, requeue};
use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, detached, on_pool, retrying},
    home::Home,
    message,
};

/// Whoever was silent for longer is left as it is: nobody looked in time.
const LOOK_BACK_MS: Millis = 5_000;
/// Messages that one look sends on.
const MOST: i64 = 200;
/// Messages that tell whether a provider reports, and how far back they may be.
const SAMPLE: i64 = 20;
const SAMPLE_BACK_MS: Millis = 600_000;
/// Messages of both lanes that are gone through for them.
const MOST_LOOKED_AT: i64 = 10_000;
/// Messages that go on at the same time.
const AT_ONCE: usize = 4;

/// Most reports have come by then.
pub const REPORTED_WITHIN_MS: Millis = 120_000;

/// What was last heard of a provider's codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Codes it took, at most 20.
    pub taken: i64,
    /// Those of which it said whether they arrived.
    pub reported: i64,
}

impl Sample {
    /// Silence says something: nearly all of them are reported, and they are enough to know.
    #[must_use]
    pub fn is_reporting(self) -> bool {
        self.taken >= 5 && self.reported * 4 >= self.taken * 3
    }

    /// It took many, and said nothing of any.
    #[must_use]
    pub fn is_silent(self) -> bool {
        self.taken >= SAMPLE && self.reported == 0
    }
}

/// What a provider said of the codes that were sent before `until`.
///
/// # Errors
/// The database does not answer.
pub async fn sample(db: &Db, provider: &str, until: Millis) -> Result<Sample, DbError> {
    let (taken, reported) = on_pool!(db.read(), c => {
        sqlx::query_as::<D, (i64, i64)>(
            "SELECT count(*), count(CASE WHEN s.report <> 'sent' AND s.report <> 'silent' THEN 1 END)
             FROM (
                 SELECT a.report FROM (
                     SELECT id, finished_at, lane FROM messages
                     WHERE finished_at > $2 AND finished_at <= $3
                     ORDER BY finished_at DESC LIMIT $4) m
                 JOIN attempts a ON a.message_id = m.id
                 WHERE m.lane = 'otp' AND a.provider = $1 AND a.outcome = 'ok'
                 ORDER BY m.finished_at DESC LIMIT $5) s",
        )
        .bind(provider)
        .bind(until - SAMPLE_BACK_MS)
        .bind(until)
        .bind(MOST_LOOKED_AT)
        .bind(SAMPLE)
        .fetch_one(c)
        .await?
    });
    Ok(Sample { taken, reported })
}

/// A code that is still worth another provider, and the attempt that nothing was said of.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Silent {
    id: Uuid,
    number: i32,
}

/// Sends on what this provider has been silent about for `after_ms`; how many. Nothing, while it is
/// silent about most: then it is the reports that are lost, not the messages.
///
/// # Errors
/// The database does not answer.
pub async fn send_on(
    home: &Home,
    provider: &str,
    after_ms: Millis,
    now: Millis,
) -> Result<u64, DbError> {
    let until = now - after_ms;
    let silent = list(&home.db, provider, until, now).await?;
    if silent.is_empty() || !sample(&home.db, provider, until).await?.is_reporting() {
        return Ok(0);
    }
    let going = silent.into_iter().map(|one| {
        let home = home.clone();
        detached(async move {
            let gone = retrying!(send_one_on(&home.db, one, now).await)?;
            if gone {
                home.queue.hint(one.id);
            }
            Ok(gone)
        })
    });
    let gone: Vec<Result<bool, DbError>> =
        stream::iter(going).buffer_unordered(AT_ONCE).collect().await;
    gone.into_iter().try_fold(0, |all, one| Ok(all + u64::from(one?)))
}

/// Only what has not gone on before.
async fn list(db: &Db, provider: &str, until: Millis, now: Millis) -> Result<Vec<Silent>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Silent>(
            "SELECT m.id, a.number FROM messages m JOIN attempts a ON a.message_id = m.id
             JOIN verifications v ON v.id = m.verification_id
             WHERE v.status || '' = 'pending' AND v.generation = m.generation
               AND m.finished_at > $2 AND m.finished_at <= $3 AND m.lane = 'otp'
               AND m.state || '' = 'sent' AND m.deadline >= $4
               AND a.provider = $1 AND a.outcome = 'ok'
               AND (a.report IS NULL OR a.report = 'sent')
               AND NOT EXISTS (
                   SELECT 1 FROM attempts o WHERE o.message_id = m.id
                     AND (o.number > a.number OR o.report IN ('undelivered', 'silent')))
             ORDER BY m.finished_at LIMIT $5",
        )
        .bind(provider)
        .bind(until - LOOK_BACK_MS)
        .bind(until)
        .bind(now + LEAST_LIFE_MS)
        .bind(MOST)
        .fetch_all(c)
        .await?
    }))
}

/// False when it was reported, verified or resent meanwhile.
async fn send_one_on(db: &Db, silent: Silent, now: Millis) -> Result<bool, DbError> {
    let Some(row) = message::find(db, silent.id).await? else { return Ok(false) };
    let mut tx = db.begin().await?;
    lock(&mut tx, &row).await?;
    let gone = requeue(&mut tx, row.id, now).await?
        && attempt::mark_silent(&mut tx, row.id, silent.number, now).await?;
    if gone {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(gone)
}
