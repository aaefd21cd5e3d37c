//! How many sends a tenant has per day.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
    guess_budget::day,
    home::Home,
};

/// Counts `count` sends of the tenant's day; false, and none counted, when the cap does not allow all.
pub(crate) async fn charge(
    tx: &mut Tx,
    (tenant_id, cap): (Uuid, i64),
    count: i64,
    now: Millis,
) -> Result<bool, DbError> {
    if count > cap {
        return Ok(false);
    }
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO send_budgets (tenant_id, day, sends) VALUES ($1, $2, $4)
             ON CONFLICT (tenant_id, day) DO UPDATE SET sends = send_budgets.sends + $4
             WHERE send_budgets.sends + $4 <= $3",
        )
        .bind(tenant_id)
        .bind(day(now))
        .bind(cap)
        .bind(count)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// Counts up to `count` sends of the tenant's day at once; how many the cap allows.
pub(crate) async fn charge_many(
    tx: &mut Tx,
    (tenant_id, cap): (Uuid, i64),
    count: i64,
    now: Millis,
) -> Result<i64, DbError> {
    let sends = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i64>(
            "INSERT INTO send_budgets (tenant_id, day, sends) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, day) DO UPDATE SET sends = send_budgets.sends + $3
             RETURNING sends",
        )
        .bind(tenant_id)
        .bind(day(now))
        .bind(count)
        .fetch_one(c)
        .await?
    });
    let granted = (cap - (sends - count)).clamp(0, count);
    if granted < count {
        refund(tx, tenant_id, count - granted, now).await?;
    }
    Ok(granted)
}

const SENDS: &str = "SELECT sends FROM send_budgets WHERE tenant_id = $1 AND day = $2";

/// How many more the tenant may send today.
pub(crate) async fn room_in(
    tx: &mut Tx,
    (tenant_id, cap): (Uuid, i64),
    now: Millis,
) -> Result<i64, DbError> {
    let sends = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i64>(SENDS).bind(tenant_id).bind(day(now)).fetch_optional(c).await?
    });
    Ok((cap - sends.unwrap_or(0)).max(0))
}

/// How many more the tenant may send today; none where there is no cap.
///
/// # Errors
/// The database does not answer.
pub async fn room_today(home: &Home, tenant_id: Uuid) -> Result<Option<i64>, DbError> {
    let Some((_, cap)) = home.send_cap(tenant_id, false) else { return Ok(None) };
    let today = day(home.clock.now());
    let sends = on_pool!(home.db.read(), c => {
        sqlx::query_scalar::<D, i64>(SENDS).bind(tenant_id).bind(today).fetch_optional(c).await?
    });
    Ok(Some((cap - sends.unwrap_or(0)).max(0)))
}

/// A wait for the tenant's count, told apart from one for an idempotency key.
pub(crate) fn held(error: DbError) -> DbError {
    match error {
        DbError::Locked => DbError::Unavailable("the tenant's count is held".into()),
        other => other,
    }
}

/// Gives sends back.
pub(crate) async fn refund(
    tx: &mut Tx,
    tenant_id: Uuid,
    count: i64,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE send_budgets SET sends = sends - $3 WHERE tenant_id = $1 AND day = $2",
        )
        .bind(tenant_id)
        .bind(day(now))
        .bind(count)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Removes the counts of days before `day`; there is one a day per tenant.
///
/// # Errors
/// The database does not answer.
pub async fn purge_before(db: &Db, day: i64) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM send_budgets WHERE day < $1").bind(day).execute(c).await?;
    });
    Ok(())
}
