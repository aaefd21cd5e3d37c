//! How many wrong guesses a recipient has per day, over all its verifications.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
};

const DAY_MS: i64 = 86_400_000;

/// The day a moment falls in, counted from 1970 in UTC.
#[must_use]
pub fn day(now: Millis) -> i64 {
    now.div_euclid(DAY_MS)
}

/// When the day of `now` ends.
#[must_use]
pub fn day_end(now: Millis) -> Millis {
    (day(now) + 1) * DAY_MS
}

/// One wrong guess to be charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'a> {
    pub(crate) tenant_id: Uuid,
    pub(crate) recipient_hash: &'a [u8],
    pub(crate) limit: i32,
    pub(crate) now: Millis,
}

/// Charges one guess; false when the budget was spent before.
pub(crate) async fn charge(tx: &mut Tx, charge: &Charge<'_>) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "INSERT INTO guess_budgets (tenant_id, recipient_hash, day, guesses)
             VALUES ($1, $2, $3, 1)
             ON CONFLICT (tenant_id, recipient_hash, day)
             DO UPDATE SET guesses = guess_budgets.guesses + 1
             WHERE guess_budgets.guesses < $4
             RETURNING guesses",
        )
        .bind(charge.tenant_id)
        .bind(charge.recipient_hash)
        .bind(day(charge.now))
        .bind(charge.limit)
        .fetch_all(c)
        .await?
    });
    Ok(!rows.is_empty())
}

/// [`charge`] as a transaction of its own.
pub(crate) async fn charge_alone(db: &Db, of: &Charge<'_>) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let charged = charge(&mut tx, of).await?;
    tx.commit().await?;
    Ok(charged)
}

/// Gives one guess back.
pub(crate) async fn refund(db: &Db, of: &Charge<'_>) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE guess_budgets SET guesses = guesses - 1
             WHERE tenant_id = $1 AND recipient_hash = $2 AND day = $3",
        )
        .bind(of.tenant_id)
        .bind(of.recipient_hash)
        .bind(day(of.now))
        .execute(c)
        .await?;
    });
    Ok(())
}

/// True when no guess can be charged any more.
pub(crate) async fn is_spent(db: &Db, of: &Charge<'_>) -> Result<bool, DbError> {
    let guesses = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i32>(
            "SELECT guesses FROM guess_budgets
             WHERE tenant_id = $1 AND recipient_hash = $2 AND day = $3",
        )
        .bind(of.tenant_id)
        .bind(of.recipient_hash)
        .bind(day(of.now))
        .fetch_optional(c)
        .await?
    });
    Ok(guesses.is_some_and(|guesses| guesses >= of.limit))
}
