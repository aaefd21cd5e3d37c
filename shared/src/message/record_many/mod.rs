//! Recording many steps at once: the plain ones together, one by one the few that touch a
//! verification or go on to another provider. What a step does to a row is the same text for both
//! databases; Postgres takes the rows as arrays and each way as one statement, SQLite takes them as
//! tuples, table by table in one transaction.

mod at_once;
mod in_turn;
mod statements;

use std::collections::HashMap;

use sqlx::PgPool;
use uuid::Uuid;

use self::{
    at_once::{begin_at_once, leave_at_once},
    in_turn::{begin_in, end_in, leave_in},
};
use super::{End, Next, Recording, State, record::unsent, reported::settle_early};
use crate::{
    attempt::{self, Told},
    clock::Millis,
    db::{Db, DbError, Tx, bounded, chunks, retrying},
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
    suppression_hash: &'a [u8],
}

/// A message that did not reach its recipient: the next step follows, or the verification fails with it.
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

/// The leases of those that may begin an attempt.
pub(super) async fn record(db: &Db, steps: &[Recording]) -> Result<Leases, DbError> {
    match db {
        Db::Postgres(pool, _) => record_at_once(db, pool, sort(steps)).await,
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
            (Next::Try { number, provider, suppression_hash }, _) => {
                let starting = Starting { step, number: *number, provider, suppression_hash };
                match step.ended {
                    None => sorted.starting.push(starting),
                    Some(_) => sorted.following.push(starting),
                }
            }
            (Next::End(end), Some(verification_id)) if ends_a_step(end.state) => {
                let leaving = Leaving::end(step, end);
                sorted.failing.push(Failing { leaving, verification_id, failure: &end.failure });
            }
            _ => sorted.leaving.push(Leaving::plain(step)),
        }
    }
    sorted.starting.sort_unstable_by_key(|row| row.step.message.id);
    sorted
}

/// After which the next step of a workflow comes at once.
fn ends_a_step(state: State) -> bool {
    matches!(state, State::Failed | State::Undelivered)
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
        match (unsent(&step.message, step.now), &step.next) {
            (Some(over), _) => Self::end(step, &over),
            // Nobody calls a text off but its recipient.
            (None, Next::Try { .. }) if step.message.verification_id.is_none() => {
                Self::end(step, &End::suppressed())
            }
            // The statement knows whether it was called off.
            (None, Next::Try { .. }) => Self::end(step, &End::suppressed_meanwhile()),
            (None, _) => Self::to(step, State::Canceled),
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
        let ears = db.ears();
        let is_heard = |row: &Leaving<'_>| ears.hear(row.step.message.tenant_id);
        let reported = if sorted.leaving.iter().any(is_heard) {
            retrying!(leave_together(db, &sorted.leaving).await)?
        } else {
            retrying!(bounded(leave_at_once(pool, &sorted.leaving)).await)?
        };
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

/// Plain steps in one transaction, with what is told of them.
async fn leave_together(db: &Db, rows: &[Leaving<'_>]) -> Result<Vec<(Uuid, i32)>, DbError> {
    let mut tx = db.begin().await?;
    let reported = leave_all(&mut tx, rows).await?;
    tx.commit().await?;
    Ok(reported)
}

/// The attempts of these steps whose reports came before.
async fn leave_all(tx: &mut Tx, rows: &[Leaving<'_>]) -> Result<Vec<(Uuid, i32)>, DbError> {
    let mut reported = Vec::new();
    for rows in chunks(rows) {
        leave_in(tx, rows).await?;
        end_in(tx, rows).await?;
        reported.extend(list_told(tx, rows).await?);
    }
    Ok(reported)
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
    let reported = leave_all(&mut tx, &sorted.leaving).await?;
    leases.extend(follow(&mut tx, &sorted.following).await?);
    for row in &sorted.failing {
        fail(&mut tx, row).await?;
    }
    tx.commit().await?;
    Ok((leases, reported))
}

/// The attempts whose reports say how their messages go on: those that end with these steps, and those
/// before them that were delivered after all.
async fn list_told(tx: &mut Tx, rows: &[Leaving<'_>]) -> Result<Vec<(Uuid, i32)>, DbError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.step.message.id).collect();
    let ends = |one: &Told| {
        let mut ended = rows.iter().filter(|row| row.step.message.id == one.message_id);
        ended.any(|row| row.step.ended.as_ref().is_some_and(|(number, _)| *number == one.number))
    };
    let told = attempt::list_told(tx, &ids).await?.into_iter();
    let told = told.filter(|one| one.is_delivered || ends(one));
    Ok(told.map(|one| (one.message_id, one.number)).collect())
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
            leave_in(tx, &lost).await?;
        }
        end_in(tx, &unsent).await?;
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
    if leave_in(tx, rows).await? == 1 {
        let (of, id, now) = (*verification_id, step.message.id, step.now);
        match leaving.state {
            State::Failed => verification::go_on_or_fail(tx, of, id, failure, now).await?,
            _ => drop(verification::go_on(tx, of, id, now).await?),
        }
    }
    end_in(tx, rows).await
}
