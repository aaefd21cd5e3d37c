//! What is kept for how long, and its removal in steps small enough not to be felt by those who
//! verify meanwhile.

use crate::{
    clock::Millis,
    db::DbError,
    guess_budget,
    home::Home,
    idempotency,
    message::{self, batch},
    process, send_budget, verification,
};

const STEP_ROWS: i64 = 500;
/// Most rows that a step removes of a kind.
pub const STEP: u64 = STEP_ROWS.unsigned_abs();

/// What grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Verifications,
    Messages,
    Batches,
    IdempotencyKeys,
    GuessBudgets,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Verifications,
        Self::Messages,
        Self::Batches,
        Self::IdempotencyKeys,
        Self::GuessBudgets,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::Messages => "messages",
            Self::Batches => "batches",
            Self::IdempotencyKeys => "idempotency keys",
            Self::GuessBudgets => "guess budgets",
        }
    }

    /// Removes at most [`STEP`] rows that are no longer kept, with all that belongs to them; how
    /// many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_some(self, home: &Home, now: Millis) -> Result<u64, DbError> {
        self.step(home, now, false).await
    }

    /// How many rows are no longer kept.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count(self, home: &Home, now: Millis) -> Result<u64, DbError> {
        self.step(home, now, true).await
    }

    async fn step(self, home: &Home, now: Millis, dry_run: bool) -> Result<u64, DbError> {
        let (db, keep) = (&home.db, &home.config.retention);
        let before = |days: u32| now - i64::from(days) * 86_400_000;
        match self {
            Self::Verifications => {
                let before = before(keep.verifications_days);
                verification::purge_finished(db, before, STEP_ROWS, dry_run).await
            }
            Self::Messages => {
                message::purge_finished(db, before(keep.messages_days), STEP_ROWS, dry_run).await
            }
            Self::Batches => batch::purge_expired(db, now, STEP_ROWS, dry_run).await,
            Self::IdempotencyKeys => idempotency::purge_expired(db, now, STEP_ROWS, dry_run).await,
            Self::GuessBudgets => {
                let yesterday = guess_budget::day(now) - 1;
                guess_budget::purge_before(db, yesterday, STEP_ROWS, dry_run).await
            }
        }
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
