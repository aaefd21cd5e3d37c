//! What is kept for how long, and its removal in steps small enough not to be felt by those who
//! verify meanwhile.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, detached, on_pool, on_tx, patiently},
    guess_budget,
    home::Home,
    process, send_budget,
};

/// Most rows that a step removes.
pub const STEP: u64 = 50;
/// A step is followed by a rest so many times as long. Five hundred rows at once, or no rests, and
/// an accept's p99 is several times what it is in quiet (`bench -- purge`).
const REST: u32 = 4;

/// What grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Verifications,
    /// With their attempts.
    Messages,
    Batches,
    IdempotencyKeys,
    GuessBudgets,
    ProviderIds,
    /// Who was answered lately.
    Replies,
    /// What people said last, STOP or START.
    LastWords,
    HeardStarts,
    /// Which verification a number has in a Service.
    Starts,
    /// What lies in the inboxes of sandboxes.
    Inboxes,
    Events,
    Deliveries,
}

/// Where a kind's rows are.
struct Place {
    table: &'static str,
    key: &'static str,
    /// Its order in time, indexed.
    age: &'static str,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Verifications,
        Self::Messages,
        Self::Batches,
        Self::IdempotencyKeys,
        Self::GuessBudgets,
        Self::ProviderIds,
        Self::Replies,
        Self::LastWords,
        Self::HeardStarts,
        Self::Starts,
        Self::Inboxes,
        Self::Events,
        Self::Deliveries,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::Messages => "messages",
            Self::Batches => "batches",
            Self::IdempotencyKeys => "idempotency keys",
            Self::GuessBudgets => "guess budgets",
            Self::ProviderIds => "provider ids",
            Self::Replies => "replies",
            Self::LastWords => "last words",
            Self::HeardStarts => "heard starts",
            Self::Starts => "starts",
            Self::Inboxes => "inboxes",
            Self::Events => "events",
            Self::Deliveries => "deliveries",
        }
    }

    fn place(self) -> Place {
        let (table, key, age) = match self {
            Self::Verifications => ("verifications", "id", "finished_at"),
            Self::Messages => ("messages", "id", "finished_at"),
            Self::Batches => ("batches", "id", "expires_at"),
            Self::IdempotencyKeys => ("idempotency_records", "tenant_id, key_hash", "expires_at"),
            Self::GuessBudgets => ("guess_budgets", "tenant_id, recipient_hash, day", "day"),
            Self::ProviderIds => ("provider_message_ids", "provider, id", "expires_at"),
            Self::Replies => ("replies", "recipient_hash, keyword", "expires_at"),
            Self::LastWords => ("last_words", "recipient_hash", "expires_at"),
            Self::HeardStarts => ("heard_starts", "id_hash", "expires_at"),
            Self::Starts => ("verify_starts", "service_id, recipient_hash", "kept_until"),
            Self::Inboxes => ("inbox_messages", "tenant_id, number", "expires_at"),
            Self::Events => ("events", "id", "at"),
            Self::Deliveries => ("webhook_deliveries", "id", "created_at"),
        };
        Place { table, key, age }
    }

    /// The age of the first rows that are kept: Unix milliseconds, or days for budgets.
    fn kept_from(self, home: &Home, now: Millis) -> Millis {
        let keep = &home.config.retention;
        let before = |days: u32| now - i64::from(days) * 86_400_000;
        match self {
            Self::Verifications => before(keep.verifications_days),
            Self::Messages => before(keep.messages_days),
            Self::Events | Self::Deliveries => before(keep.events_days),
            // They carry the end of their time themselves.
            Self::Batches
            | Self::IdempotencyKeys
            | Self::ProviderIds
            | Self::Replies
            | Self::LastWords
            | Self::HeardStarts
            | Self::Starts
            | Self::Inboxes => now + 1,
            Self::GuessBudgets => guess_budget::day(now) - 1,
        }
    }

    /// How many rows are no longer kept.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count(self, home: &Home, now: Millis) -> Result<u64, DbError> {
        self.count_before(&home.db, self.kept_from(home, now)).await
    }

    /// How many rows are older than `age`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_before(self, db: &Db, age: Millis) -> Result<u64, DbError> {
        let Place { table, age: column, .. } = self.place();
        let count: i64 = on_pool!(db.read(), c => {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} < $1");
            sqlx::query_scalar::<D, i64>(AssertSqlSafe(sql)).bind(age).fetch_one(c).await?
        });
        Ok(count.unsigned_abs())
    }

    /// Removes the `limit` oldest rows within a span of ages; how old each was.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_oldest(
        self,
        db: &Db,
        ages: Range<Millis>,
        limit: i64,
    ) -> Result<Vec<Millis>, DbError> {
        let db = db.clone();
        detached(async move {
            let mut tx = db.begin_relaxed().await?;
            let place = self.place();
            let sql = |returning| AssertSqlSafe(place.removal(returning));
            let removed = if self == Self::Messages {
                let removed = on_tx!(&mut tx, c => {
                    sqlx::query_as::<D, (Millis, Uuid)>(sql("finished_at, id"))
                        .bind(ages.start)
                        .bind(ages.end)
                        .bind(limit)
                        .fetch_all(c)
                        .await?
                });
                let (removed, messages): (Vec<_>, Vec<_>) = removed.into_iter().unzip();
                attempt::delete_of(&mut tx, &messages).await?;
                removed
            } else {
                on_tx!(&mut tx, c => {
                    sqlx::query_scalar::<D, Millis>(sql(place.age))
                        .bind(ages.start)
                        .bind(ages.end)
                        .bind(limit)
                        .fetch_all(c)
                        .await?
                })
            };
            tx.commit().await?;
            Ok(removed)
        })
        .await
    }
}

impl Place {
    /// Removes the `$3` oldest rows from the age `$1` to below `$2`: not one that was renewed since it was looked
    /// for. That is not to be looked up in the index again.
    fn removal(&self, returning: &str) -> String {
        let Self { table, key, age } = self;
        format!(
            "DELETE FROM {table} WHERE ({key}) IN (
                 SELECT {key} FROM {table} WHERE {age} >= $1 AND {age} < $2
                 ORDER BY {age} LIMIT $3)
                 AND {age} + 0 < $2
             RETURNING {returning}",
        )
    }
}

/// The removal of what is no longer kept of a kind, step by step, oldest first.
#[derive(Debug)]
pub struct Removal {
    kind: Kind,
    /// Where the last step ended: an index still leads to what was removed until it is vacuumed,
    /// and each step would walk over all of it.
    ages: Range<Millis>,
    patience: Duration,
}

impl Removal {
    #[must_use]
    pub fn new(kind: Kind, home: &Home, now: Millis) -> Self {
        let ages = Millis::MIN..kind.kept_from(home, now);
        Self { kind, ages, patience: Duration::ZERO }
    }

    /// Goes on after the database was away for up to so long.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Removes up to [`STEP`] more rows with all that belongs to them, and rests if there may be
    /// others; how many: less than a step at the end, and where somebody else removes them too.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn step(&mut self, db: &Db) -> Result<u64, DbError> {
        let remove = || async {
            let began = Instant::now();
            let ages = self.ages.clone();
            let removed = self.kind.remove_oldest(db, ages, STEP.cast_signed()).await?;
            Ok((removed, began.elapsed()))
        };
        let (removed, took) = patiently(self.patience, remove).await?;
        if let Some(last) = removed.iter().max() {
            self.ages.start = *last;
        }
        let removed = removed.len() as u64;
        if removed == STEP {
            tokio::time::sleep(took * REST).await;
        }
        Ok(removed)
    }
}

/// Removes the few rows that processes and tenants leave behind.
///
/// # Errors
/// The database does not answer.
pub async fn remove_traces(home: &Home, now: Millis) -> Result<(), DbError> {
    process::purge_gone(&home.db, now).await?;
    send_budget::purge_before(&home.db, guess_budget::day(now) - 1).await
}
