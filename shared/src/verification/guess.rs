//! Carrying guesses in: each takes effect at most once, and never more than are allowed.

use futures_util::future::BoxFuture;
use sqlx::{PgExecutor, PgPool, Postgres};
use uuid::Uuid;

use super::Status;
use crate::{
    clock::Millis,
    coalesce::{Coalescer, Key, Kind, key_of},
    db::{Db, DbError, Tx, bounded, column, on_tx, retrying},
    event, guess_budget, message,
};

/// One comparison on its way into the database.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    pub(super) id: Uuid,
    pub(super) tenant_id: Uuid,
    pub(super) recipient_hash: Vec<u8>,
    pub(super) generation: i32,
    /// As it was read: another number means that a message was added since.
    pub(super) resends: i32,
    pub(super) correct: bool,
    /// It is the code of the verification's second address.
    pub(super) of_other: bool,
    /// Where it stood when it was read: pending, or verified when its code counts again.
    pub(super) was: Status,
    pub(super) check_key_hash: Option<Vec<u8>>,
    /// Wrong guesses a recipient has per day.
    pub(super) budget: i32,
    pub(super) now: Millis,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    Verified,
    Wrong {
        guesses_left: i32,
    },
    /// The row was no longer as it was read, or the recipient's budget is spent.
    No,
}

pub(crate) type Guesses = Coalescer<Guess, Taken>;

pub(crate) fn coalescer(db: Db) -> Guesses {
    fn run<'a>(db: &'a Db, batch: &'a [Guess]) -> BoxFuture<'a, Result<Vec<Taken>, DbError>> {
        Box::pin(record(db, batch))
    }
    let order = |a: &Guess, b: &Guess| a.recipient_hash.cmp(&b.recipient_hash);
    Coalescer::start(
        db,
        Kind {
            name: "check",
            turns: 2,
            key: |guess| Some(guess.key()),
            order,
            patient: false,
            run,
        },
    )
}

impl Guess {
    /// Guesses about one recipient meet in its budget, and so does each verification of it.
    fn key(&self) -> Key {
        key_of(self.tenant_id, &self.recipient_hash)
    }

    /// True when the verification ended with it; one that counts again had ended before.
    fn ends(&self, guesses_left: i32) -> bool {
        self.was == Status::Pending && (self.correct || guesses_left == 0)
    }

    fn taken(&self, outcomes: &[Outcome]) -> Taken {
        let left = outcomes.iter().find(|o| o.id == self.id).and_then(|o| o.guesses_left);
        match left {
            Some(_) if self.correct => Taken::Verified,
            Some(guesses_left) => Taken::Wrong { guesses_left },
            None => Taken::No,
        }
    }
}

/// One result per guess, in order; no two are about the same recipient.
async fn record(db: &Db, guesses: &[Guess]) -> Result<Vec<Taken>, DbError> {
    match db {
        Db::Postgres(pool, _) => {
            let outcomes = retrying!(take_at_once(db, pool, guesses).await)?;
            // The guesses have taken effect: whatever fails from here on must not make them run again.
            clear_up(db, pool, guesses, &outcomes).await;
            Ok(guesses.iter().map(|guess| guess.taken(&outcomes)).collect())
        }
        Db::Sqlite { .. } => retrying!(record_in_turn(db, guesses).await),
    }
}

async fn record_in_turn(db: &Db, guesses: &[Guess]) -> Result<Vec<Taken>, DbError> {
    let mut tx = db.begin().await?;
    let mut taken = Vec::with_capacity(guesses.len());
    for guess in guesses {
        taken.push(record_one(&mut tx, guess).await?);
    }
    tx.commit().await?;
    Ok(taken)
}

async fn record_one(tx: &mut Tx, guess: &Guess) -> Result<Taken, DbError> {
    let left = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "UPDATE verifications
             SET guesses = guesses + CASE WHEN $9 AND reusable = 1 THEN 0 ELSE 1 END,
                 check_key_hash = CASE WHEN status = 'verified' THEN check_key_hash ELSE $8 END,
                 proves_other = CASE WHEN status = 'verified' THEN proves_other ELSE $10 END,
                 status = CASE WHEN $9 OR status = 'verified' THEN 'verified'
                     WHEN guesses + 1 >= guess_limit THEN 'locked' ELSE status END,
                 finished_at = CASE WHEN status = 'verified' THEN finished_at
                     WHEN $9 OR guesses + 1 >= guess_limit THEN $3 END,
                 seed = CASE WHEN $9 AND reusable = 1 THEN seed
                     WHEN $9 OR guesses + 1 >= guess_limit THEN NULL ELSE seed END,
                 code_sealed = CASE WHEN $9 AND reusable = 1 THEN code_sealed
                     WHEN $9 OR guesses + 1 >= guess_limit THEN NULL ELSE code_sealed END
             WHERE id = $1 AND status || '' = $11 AND ($11 = 'pending' OR reusable = 1)
               AND guesses < guess_limit
               AND generation = $2 AND expires_at > $3
               AND NOT EXISTS (SELECT 1 FROM guess_budgets b
                   WHERE b.tenant_id = $4 AND b.recipient_hash = $5 AND b.day = $6
                     AND b.guesses >= $7)
             RETURNING guess_limit - guesses",
        )
        .bind(guess.id)
        .bind(guess.generation)
        .bind(guess.now)
        .bind(guess.tenant_id)
        .bind(&guess.recipient_hash)
        .bind(guess_budget::day(guess.now))
        .bind(guess.budget)
        .bind(&guess.check_key_hash)
        .bind(guess.correct)
        .bind(i32::from(guess.of_other))
        .bind(guess.was.as_str())
        .fetch_all(c)
        .await?
    });
    let Some(guesses_left) = left.first().copied() else { return Ok(Taken::No) };
    if guess.ends(guesses_left) {
        event::tell_verifications(tx, &[(guess.id, guess.tenant_id)], guess.now).await?;
    }
    if guess.correct || guesses_left == 0 {
        message::mark_canceled(tx, guess.id, guess.now).await?;
    }
    if guess.correct {
        return Ok(Taken::Verified);
    }
    let charge = guess_budget::Charge {
        tenant_id: guess.tenant_id,
        recipient_hash: &guess.recipient_hash,
        limit: guess.budget,
        now: guess.now,
    };
    // SQLite has one writer: the budget cannot have been used up since the statement above.
    guess_budget::charge(tx, &charge).await?;
    Ok(Taken::Wrong { guesses_left })
}

#[derive(sqlx::FromRow)]
struct Outcome {
    id: Uuid,
    /// None when the row did not take the guess.
    guesses_left: Option<i32>,
    resends: Option<i32>,
    charged: bool,
    /// The messages that were called off with it; none where nobody listens.
    canceled: Option<Vec<Uuid>>,
}

/// One statement for all guesses: the budgets are charged first and hold whoever guesses at the same
/// recipient elsewhere; only what they admit reaches the verifications. What comes of the messages
/// that it calls off is the same each time; whether they are returned is not.
macro_rules! statement {
    ($canceled:literal, $ids:literal, $of_each:literal) => {
        concat!(
            "WITH
        guessed AS (
            SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bytea[], $4::int[], $5::bool[],
                $6::bytea[], $7::int[], $8::bigint[], $9::bigint[], $11::int[], $12::text[])
            AS g (id, tenant_id, recipient_hash, generation, correct, check_key_hash, budget,
                day, now, of_other, was)),
        charged AS (
            INSERT INTO guess_budgets (tenant_id, recipient_hash, day, guesses)
            SELECT tenant_id, recipient_hash, day, 1 FROM guessed WHERE NOT correct AND budget > 0
            ON CONFLICT (tenant_id, recipient_hash, day)
            DO UPDATE SET guesses = guess_budgets.guesses + 1
            WHERE guess_budgets.guesses < $10
            RETURNING tenant_id, recipient_hash),
        taken AS (
            UPDATE verifications v
            SET guesses = v.guesses + CASE WHEN g.correct AND v.reusable = 1 THEN 0 ELSE 1 END,
                check_key_hash = CASE WHEN v.status = 'verified' THEN v.check_key_hash
                    ELSE g.check_key_hash END,
                proves_other = CASE WHEN v.status = 'verified' THEN v.proves_other
                    ELSE g.of_other END,
                status = CASE WHEN g.correct OR v.status = 'verified' THEN 'verified'
                    WHEN v.guesses + 1 >= v.guess_limit THEN 'locked' ELSE v.status END,
                finished_at = CASE WHEN v.status = 'verified' THEN v.finished_at
                    WHEN g.correct OR v.guesses + 1 >= v.guess_limit THEN g.now END,
                seed = CASE WHEN g.correct AND v.reusable = 1 THEN v.seed
                    WHEN g.correct OR v.guesses + 1 >= v.guess_limit THEN NULL ELSE v.seed END,
                code_sealed = CASE WHEN g.correct AND v.reusable = 1 THEN v.code_sealed
                    WHEN g.correct OR v.guesses + 1 >= v.guess_limit THEN NULL
                    ELSE v.code_sealed END
            FROM guessed g
            LEFT JOIN charged c
                ON c.tenant_id = g.tenant_id AND c.recipient_hash = g.recipient_hash
            WHERE v.id = g.id AND v.status || '' = g.was AND (g.was = 'pending' OR v.reusable = 1)
              AND v.guesses < v.guess_limit AND v.generation = g.generation AND v.expires_at > g.now
              AND CASE WHEN g.correct THEN NOT EXISTS (SELECT 1 FROM guess_budgets b
                      WHERE b.tenant_id = g.tenant_id AND b.recipient_hash = g.recipient_hash
                        AND b.day = g.day AND b.guesses >= g.budget)
                  ELSE c.tenant_id IS NOT NULL END
            RETURNING v.id, v.status, v.resends, v.guess_limit - v.guesses AS guesses_left, g.now),
        canceled AS (
            UPDATE messages m SET state = 'canceled', finished_at = t.now
            FROM taken t
            WHERE m.verification_id = t.id AND m.state || '' = 'queued' AND t.status <> 'pending'
            ",
            $canceled,
            ")
        SELECT g.id, t.guesses_left, t.resends, c.tenant_id IS NOT NULL AS charged, ",
            $ids,
            " AS canceled
        FROM guessed g
        LEFT JOIN taken t ON t.id = g.id
        ",
            $of_each,
            "
        LEFT JOIN charged c ON c.tenant_id = g.tenant_id AND c.recipient_hash = g.recipient_hash"
        )
    };
}

/// Nobody is told which messages were called off, and so it need not be found out.
const UNHEARD: &str = statement!("", "NULL::uuid[]", "");
const HEARD: &str = statement!(
    "RETURNING m.id, m.verification_id),
        canceled_of AS (
            SELECT verification_id, array_agg(id) AS ids FROM canceled GROUP BY verification_id",
    "k.ids",
    "LEFT JOIN canceled_of k ON k.verification_id = g.id"
);

/// The same as [`record_one`] for many and for Postgres alone. A guess that its row did not take, and
/// whose budget was charged, is given back afterwards.
async fn record_at_once<'c>(
    connection: impl PgExecutor<'c>,
    sql: &'static str,
    guesses: &[Guess],
) -> Result<Vec<Outcome>, DbError> {
    let rows: Vec<&Guess> = guesses.iter().collect();
    Ok(sqlx::query_as::<Postgres, Outcome>(sql)
        .bind(column(&rows, |g| g.id))
        .bind(column(&rows, |g| g.tenant_id))
        .bind(column(&rows, |g| g.recipient_hash.as_slice()))
        .bind(column(&rows, |g| g.generation))
        .bind(column(&rows, |g| g.correct))
        .bind(column(&rows, |g| g.check_key_hash.as_deref()))
        .bind(column(&rows, |g| g.budget))
        .bind(column(&rows, |g| guess_budget::day(g.now)))
        .bind(column(&rows, |g| g.now))
        .bind(guesses.iter().map(|g| g.budget).min().unwrap_or_default())
        .bind(column(&rows, |g| i32::from(g.of_other)))
        .bind(column(&rows, |g| g.was.as_str()))
        .fetch_all(connection)
        .await?)
}

/// Alone when nobody is told of what the guesses end, and otherwise in one transaction with that.
async fn take_at_once(db: &Db, pool: &PgPool, guesses: &[Guess]) -> Result<Vec<Outcome>, DbError> {
    let ears = db.ears();
    if !guesses.iter().any(|guess| ears.hear(guess.tenant_id)) {
        return bounded(record_at_once(pool, UNHEARD, guesses)).await;
    }
    let mut tx = db.begin().await?;
    let outcomes = match &mut tx {
        Tx::Postgres(tx, _) => record_at_once(&mut **tx, HEARD, guesses).await?,
        Tx::Sqlite(..) => return Err(DbError::Broken("this is a statement of Postgres'".into())),
    };
    let (mut ended, mut canceled, mut now) = (Vec::new(), Vec::new(), 0);
    for guess in guesses {
        let Some(outcome) = outcomes.iter().find(|o| o.id == guess.id) else { continue };
        if outcome.guesses_left.is_some_and(|left| guess.ends(left)) {
            ended.push((guess.id, guess.tenant_id));
        }
        let of = outcome.canceled.iter().flatten();
        canceled.extend(of.map(|id| (*id, guess.tenant_id)));
        now = guess.now.max(now);
    }
    event::tell_verifications(&mut tx, &ended, now).await?;
    event::tell_messages(&mut tx, &canceled, now).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// What the statement could not do itself. Nothing depends on it: a message of a verification that
/// has ended is not sent, and a guess that is not given back is one fewer until the day ends.
async fn clear_up(db: &Db, pool: &PgPool, guesses: &[Guess], outcomes: &[Outcome]) {
    let mut unused = Vec::new();
    for guess in guesses {
        let Some(outcome) = outcomes.iter().find(|o| o.id == guess.id) else { continue };
        // The statement sees messages as they were when it began, and one that a resend added
        // while it waited for the row is none of them.
        let ended = guess.correct || outcome.guesses_left == Some(0);
        if ended && outcome.resends.is_some_and(|resends| resends != guess.resends) {
            let canceled = message::mark_canceled_of(db, guess.id, guess.now).await;
            log(canceled, "a message of an ended verification was not called off");
        }
        if outcome.charged && outcome.guesses_left.is_none() {
            unused.push(guess);
        }
    }
    if !unused.is_empty() {
        log(bounded(give_back(pool, &unused)).await, "unused guesses were not given back");
    }
}

fn log(done: Result<(), DbError>, otherwise: &str) {
    if let Err(error) = done {
        tracing::warn!(%error, "{otherwise}");
    }
}

async fn give_back(pool: &PgPool, guesses: &[&Guess]) -> Result<(), DbError> {
    sqlx::query::<Postgres>(
        "UPDATE guess_budgets b SET guesses = b.guesses - 1
         FROM UNNEST($1::uuid[], $2::bytea[], $3::bigint[]) AS g (tenant_id, recipient_hash, day)
         WHERE b.tenant_id = g.tenant_id AND b.recipient_hash = g.recipient_hash
           AND b.day = g.day",
    )
    .bind(column(guesses, |g| g.tenant_id))
    .bind(column(guesses, |g| g.recipient_hash.as_slice()))
    .bind(column(guesses, |g| guess_budget::day(g.now)))
    .execute(pool)
    .await?;
    Ok(())
}
