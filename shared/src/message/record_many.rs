//! Recording many steps at once: the plain ones together, one by one the few that touch a
//! verification or go on to another provider. What a step does to a row is the same text for both
//! databases; Postgres takes the rows as arrays and each way as one statement, SQLite takes them as
//! tuples, table by table in one transaction.

use std::collections::HashMap;

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{End, LEASE_MS, Next, Recording, State, record::unsent, reported::settle_early};
use crate::{
    attempt::{self, Beginning, Ending},
    clock::Millis,
    db::{Db, DbError, Tx, bounded, chunks, column, on_tx, retrying},
    verification,
};

/// Leases of attempts that may begin, by message.
type Leases = HashMap<Uuid, Millis>;

/// What one plain step makes of its message.
struct Leaving<'a> {
    step: &'a Recording,
    state: State,
    not_before: Option<Millis>,
    crashes: i32,
    class: Option<&'static str>,
    failure: Option<String>,
}

/// An attempt about to begin.
struct Starting<'a> {
    step: &'a Recording,
    number: i32,
    provider: &'a str,
}

/// A message that fails, and its verification with it.
struct Failing<'a> {
    leaving: Leaving<'a>,
    verification_id: Uuid,
    failure: &'a str,
}

/// Steps by what they need, each kind in the order of the messages' ids: whoever writes to some
/// of the same rows takes them in the same order.
#[derive(Default)]
struct Sorted<'a> {
    leaving: Vec<Leaving<'a>>,
    starting: Vec<Starting<'a>>,
    /// Attempts that follow one that has just ended.
    following: Vec<Starting<'a>>,
    failing: Vec<Failing<'a>>,
}

/// The columns of [`Leaving`].
macro_rules! step {
    () => {
        "step (id, epoch, state, not_before, crashes, class, failure, now, number, outcome, \
         provider_message_id, error_code, detail, retry_at)"
    };
}

macro_rules! leave {
    () => {
        "UPDATE messages AS m
         SET state = s.state, lease_until = NULL,
             finished_at = CASE WHEN s.state = 'queued' THEN NULL ELSE s.now END,
             not_before = COALESCE(s.not_before, m.not_before),
             crashes = s.crashes, failure_class = s.class, failure = s.failure
         FROM step s
         WHERE m.id = s.id AND m.epoch = s.epoch AND m.state || '' = 'sending'"
    };
}

/// An attempt that the sweep has already called unknown stays unknown, but its provider's id is
/// still worth having.
macro_rules! end {
    ($after:literal) => {
        concat!(
            "UPDATE attempts AS a
             SET finished_at = COALESCE(a.finished_at, s.now),
                 outcome = COALESCE(a.outcome, s.outcome),
                 provider_message_id = s.provider_message_id, error_code = s.error_code,
                 detail = s.detail, retry_at = s.retry_at
             FROM step s ",
            $after,
            " WHERE a.message_id = s.id AND a.number = s.number AND a.epoch = s.epoch"
        )
    };
}

macro_rules! renew {
    () => {
        "UPDATE messages AS m SET lease_until = s.lease_until
         FROM step s
         WHERE m.id = s.message_id AND m.epoch = s.epoch AND m.state || '' = 'sending'
           AND m.deadline > s.now
           AND (m.verification_id IS NULL OR EXISTS (
               SELECT 1 FROM verifications v
               WHERE v.id = m.verification_id AND v.status || '' = 'pending'
                 AND v.generation = m.generation))"
    };
}

/// The leases of those that may begin an attempt.
pub(super) async fn record(db: &Db, steps: &[Recording]) -> Result<Leases, DbError> {
    match db {
        Db::Postgres(pool) => record_at_once(db, pool, sort(steps)).await,
        Db::Sqlite { .. } => {
            let (leases, reported) = retrying!(record_together(db, steps).await)?;
            let now = steps.iter().map(|step| step.now).max().unwrap_or_default();
            settle_all_early(db, &reported, now).await?;
            Ok(leases)
        }
    }
}

fn sort(steps: &[Recording]) -> Sorted<'_> {
    let mut sorted = Sorted::default();
    for step in steps {
        match (&step.next, step.message.verification_id) {
            (Next::Try { number, provider }, _) => {
                let starting = Starting { step, number: *number, provider };
                match step.ended {
                    None => sorted.starting.push(starting),
                    Some(_) => sorted.following.push(starting),
                }
            }
            (Next::End(end), Some(verification_id)) if end.state == State::Failed => {
                let leaving = Leaving::end(step, end);
                sorted.failing.push(Failing { leaving, verification_id, failure: &end.failure });
            }
            _ => sorted.leaving.push(Leaving::plain(step)),
        }
    }
    sorted.starting.sort_unstable_by_key(|row| row.step.message.id);
    sorted
}

impl<'a> Leaving<'a> {
    fn to(step: &'a Recording, state: State) -> Self {
        let crashes = step.message.crashes;
        Self { step, state, not_before: None, crashes, class: None, failure: None }
    }

    /// The step as a change of the message alone.
    fn plain(step: &'a Recording) -> Self {
        let crashes = step.message.crashes;
        match &step.next {
            Next::Sent => Self::to(step, State::Sent),
            Next::Wait { not_before, why } => Self {
                not_before: Some(*not_before),
                failure: why.clone(),
                // Only a worker that came back with an outcome shows that the job does no harm.
                crashes: if step.ended.is_some() { 0 } else { crashes },
                ..Self::to(step, State::Queued)
            },
            Next::Stumble { not_before } => Self {
                not_before: Some(*not_before),
                crashes: crashes + 1,
                ..Self::to(step, State::Queued)
            },
            Next::End(end) => Self::end(step, end),
            Next::Cancel | Next::Try { .. } => Self::unsent(step),
        }
    }

    fn end(step: &'a Recording, end: &End) -> Self {
        Self {
            class: Some(end.class.as_str()),
            failure: Some(end.failure.clone()),
            ..Self::to(step, end.state)
        }
    }

    /// A message that is not to be sent any more.
    fn unsent(step: &'a Recording) -> Self {
        match unsent(&step.message, step.now) {
            Some(over) => Self::end(step, &over),
            None => Self::to(step, State::Canceled),
        }
    }
}

async fn record_at_once(db: &Db, pool: &PgPool, mut sorted: Sorted<'_>) -> Result<Leases, DbError> {
    let mut leases = Leases::new();
    if !sorted.starting.is_empty() {
        leases.extend(retrying!(bounded(begin_at_once(pool, &sorted.starting)).await)?);
        sorted.leave_those_without(&leases);
    }
    if !sorted.leaving.is_empty() {
        sorted.leaving.sort_unstable_by_key(|row| row.step.message.id);
        let reported = retrying!(bounded(leave_at_once(pool, &sorted.leaving)).await)?;
        let now = sorted.leaving.iter().map(|row| row.step.now).max().unwrap_or_default();
        settle_all_early(db, &reported, now).await?;
    }
    if !sorted.following.is_empty() {
        sorted.following.sort_unstable_by_key(|row| row.step.message.id);
        leases.extend(retrying!(follow_at_once(db, &sorted.following).await)?);
    }
    for row in &sorted.failing {
        retrying!(fail_alone(db, row).await)?;
    }
    Ok(leases)
}

impl Sorted<'_> {
    /// What is no longer ours to send still has to be ended.
    fn leave_those_without(&mut self, leases: &Leases) {
        let missing = self.starting.iter().map(|row| row.step);
        let missing = missing.filter(|step| !leases.contains_key(&step.message.id));
        self.leaving.extend(missing.map(Leaving::unsent));
    }
}

/// Reports that were faster than the outcomes that have just been written.
async fn settle_all_early(db: &Db, reported: &[(Uuid, i32)], now: Millis) -> Result<(), DbError> {
    for (id, number) in reported {
        retrying!(settle_early(db, *id, *number, now).await)?;
    }
    Ok(())
}

/// Together, because when a provider stops answering, all that it was given goes on at once.
async fn follow_at_once(db: &Db, rows: &[Starting<'_>]) -> Result<Leases, DbError> {
    let mut tx = db.begin().await?;
    let leases = follow(&mut tx, rows).await?;
    tx.commit().await?;
    Ok(leases)
}

async fn fail_alone(db: &Db, row: &Failing<'_>) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    fail(&mut tx, row).await?;
    tx.commit().await
}

/// Which of the attempts their providers have reported of already.
async fn leave_at_once(pool: &PgPool, rows: &[Leaving<'_>]) -> Result<Vec<(Uuid, i32)>, DbError> {
    // The join makes sure that a message is locked before its attempt, as everywhere.
    const SQL: &str = concat!(
        "WITH ",
        step!(),
        " AS (SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::int[],
            $6::text[], $7::text[], $8::bigint[], $9::int[], $10::text[], $11::text[],
            $12::text[], $13::text[], $14::bigint[])),
        left_behind AS (",
        leave!(),
        " RETURNING m.id), ended AS (",
        end!("LEFT JOIN left_behind l ON l.id = s.id"),
        " RETURNING a.message_id, a.number, a.report)
        SELECT message_id, number FROM ended WHERE report IN ('delivered', 'undelivered')"
    );
    let rows: Vec<&Leaving<'_>> = rows.iter().collect();
    let ended: Vec<Option<&(i32, Ending)>> = column(&rows, |r| r.step.ended.as_ref());
    let ending = |of: fn(&Ending) -> Option<&str>| -> Vec<Option<&str>> {
        ended.iter().map(|e| e.and_then(|(_, ending)| of(ending))).collect()
    };
    Ok(sqlx::query_as::<Postgres, (Uuid, i32)>(SQL)
        .bind(column(&rows, |r| r.step.message.id))
        .bind(column(&rows, |r| r.step.message.epoch))
        .bind(column(&rows, |r| r.state.as_str()))
        .bind(column(&rows, |r| r.not_before))
        .bind(column(&rows, |r| r.crashes))
        .bind(column(&rows, |r| r.class))
        .bind(column(&rows, |r| r.failure.as_deref()))
        .bind(column(&rows, |r| r.step.now))
        .bind(ended.iter().map(|e| e.map(|(number, _)| *number)).collect::<Vec<_>>())
        .bind(ending(|e| Some(e.outcome.as_str())))
        .bind(ending(|e| e.provider_message_id.as_deref()))
        .bind(ending(|e| e.error_code.as_deref()))
        .bind(ending(|e| e.detail.as_deref()))
        .bind(ended.iter().map(|e| e.and_then(|(_, ending)| ending.retry_at)).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?)
}

/// Renews the leases and writes the attempts down; the lease of each that may begin.
async fn begin_at_once(
    pool: &PgPool,
    rows: &[Starting<'_>],
) -> Result<Vec<(Uuid, Millis)>, DbError> {
    const SQL: &str = concat!(
        "WITH step (message_id, epoch, now, lease_until, number, provider) AS (
            SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::int[],
                $6::text[])),
        renewed AS (",
        renew!(),
        " RETURNING s.*),
        begun AS (
            INSERT INTO attempts (message_id, number, epoch, provider, started_at)
            SELECT message_id, number, epoch, provider, now FROM renewed
            ON CONFLICT (message_id, number) DO UPDATE
            SET provider = excluded.provider, started_at = excluded.started_at
            WHERE attempts.epoch = excluded.epoch AND attempts.outcome IS NULL)
        SELECT message_id, lease_until FROM renewed"
    );
    let rows: Vec<&Starting<'_>> = rows.iter().collect();
    Ok(sqlx::query_as::<Postgres, (Uuid, Millis)>(SQL)
        .bind(column(&rows, |r| r.step.message.id))
        .bind(column(&rows, |r| r.step.message.epoch))
        .bind(column(&rows, |r| r.step.now))
        .bind(column(&rows, |r| r.step.now + LEASE_MS))
        .bind(column(&rows, |r| r.number))
        .bind(column(&rows, |r| r.provider))
        .fetch_all(pool)
        .await?)
}

/// Everything in one transaction.
async fn record_together(
    db: &Db,
    steps: &[Recording],
) -> Result<(Leases, Vec<(Uuid, i32)>), DbError> {
    let mut sorted = sort(steps);
    let mut tx = db.begin().await?;
    let mut leases = Leases::new();
    for rows in chunks(&sorted.starting) {
        leases.extend(begin_in(&mut tx, rows).await?);
    }
    sorted.leave_those_without(&leases);
    let mut reported = Vec::new();
    for rows in chunks(&sorted.leaving) {
        leave_in(&mut tx, rows, leave!()).await?;
        leave_in(&mut tx, rows, end!("")).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.step.message.id).collect();
        reported.extend(attempt::list_reported(&mut tx, &ids).await?);
    }
    leases.extend(follow(&mut tx, &sorted.following).await?);
    for row in &sorted.failing {
        fail(&mut tx, row).await?;
    }
    tx.commit().await?;
    Ok((leases, reported))
}

/// Ends one attempt of each message and begins another.
async fn follow(tx: &mut Tx, rows: &[Starting<'_>]) -> Result<Leases, DbError> {
    let mut leases = Leases::new();
    for rows in chunks(rows) {
        let begun = begin_in(tx, rows).await?;
        let unsent: Vec<Leaving<'_>> = rows.iter().map(|row| Leaving::unsent(row.step)).collect();
        let lost = rows.iter().filter(|row| !begun.contains_key(&row.step.message.id));
        let lost: Vec<Leaving<'_>> = lost.map(|row| Leaving::unsent(row.step)).collect();
        if !lost.is_empty() {
            leave_in(tx, &lost, leave!()).await?;
        }
        leave_in(tx, &unsent, end!("")).await?;
        leases.extend(begun);
    }
    Ok(leases)
}

/// Rows are locked in one order everywhere: verification, message, attempt. A worker that was
/// presumed dead and replaced ends neither of the first two.
async fn fail(tx: &mut Tx, row: &Failing<'_>) -> Result<(), DbError> {
    let Failing { leaving, verification_id, failure } = row;
    let step = leaving.step;
    verification::lock(tx, *verification_id).await?;
    let rows = std::slice::from_ref(leaving);
    if leave_in(tx, rows, leave!()).await? == 1 {
        verification::mark_failed(tx, *verification_id, step.message.id, failure, step.now).await?;
    }
    leave_in(tx, rows, end!("")).await?;
    Ok(())
}

/// One of the two statements of a plain step; how many rows it changed.
async fn leave_in(tx: &mut Tx, rows: &[Leaving<'_>], change: &str) -> Result<u64, DbError> {
    Ok(on_tx!(tx, c => {
        let mut query = QueryBuilder::<D>::new(concat!("WITH ", step!(), " AS ("));
        query.push_values(rows, |mut tuple, row| {
            let ended = row.step.ended.as_ref();
            let ending = ended.map(|(_, ending)| ending);
            tuple
                .push_bind(row.step.message.id)
                .push_bind(row.step.message.epoch)
                .push_bind(row.state.as_str())
                .push_bind(row.not_before)
                .push_bind(row.crashes)
                .push_bind(row.class)
                .push_bind(row.failure.as_deref())
                .push_bind(row.step.now)
                .push_bind(ended.map(|(number, _)| *number))
                .push_bind(ending.map(|e| e.outcome.as_str()))
                .push_bind(ending.and_then(|e| e.provider_message_id.as_deref()))
                .push_bind(ending.and_then(|e| e.error_code.as_deref()))
                .push_bind(ending.and_then(|e| e.detail.as_deref()))
                .push_bind(ending.and_then(|e| e.retry_at));
        });
        query.push(") ").push(change);
        query.build().execute(c).await?.rows_affected()
    }))
}

async fn begin_in(tx: &mut Tx, rows: &[Starting<'_>]) -> Result<Leases, DbError> {
    let renewed = on_tx!(&mut *tx, c => {
        let mut query =
            QueryBuilder::<D>::new("WITH step (message_id, epoch, now, lease_until) AS (");
        query.push_values(rows, |mut tuple, Starting { step, .. }| {
            tuple
                .push_bind(step.message.id)
                .push_bind(step.message.epoch)
                .push_bind(step.now)
                .push_bind(step.now + LEASE_MS);
        });
        query.push(concat!(") ", renew!(), " RETURNING id"));
        query.build_query_scalar::<Uuid>().fetch_all(c).await?
    });
    let begun = rows.iter().filter(|row| renewed.contains(&row.step.message.id));
    let beginnings = begun.clone().map(|row| Beginning {
        message: &row.step.message,
        number: row.number,
        provider: row.provider,
        now: row.step.now,
    });
    attempt::insert(tx, &beginnings.collect::<Vec<_>>()).await?;
    Ok(begun.map(|row| (row.step.message.id, row.step.now + LEASE_MS)).collect())
}
