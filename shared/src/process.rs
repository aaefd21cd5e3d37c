//! Processes: who lives, and who has the duty of tidying up.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
};

/// A process not seen for this long is gone.
pub const GONE_AFTER_MS: i64 = 10_000;

/// Between two signs of life of a process there are three seconds; more than this means that one
/// was missed.
const GAP_MS: i64 = 5_000;

/// Says that a process lives.
///
/// # Errors
/// The database does not answer.
pub async fn mark_seen(db: &Db, id: Uuid, role: &str, now: Millis) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO processes (id, role, seen_at, steady_since) VALUES ($1, $2, $3, $3)
             ON CONFLICT (id) DO UPDATE SET seen_at = $3,
                 steady_since = CASE WHEN processes.seen_at < $4 THEN $3
                     ELSE processes.steady_since END",
        )
        .bind(id)
        .bind(role)
        .bind(now)
        .bind(now - GAP_MS)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Says that a process has ended by itself.
///
/// # Errors
/// The database does not answer.
pub async fn mark_gone(db: &Db, id: Uuid) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM processes WHERE id = $1").bind(id).execute(c).await?;
    });
    Ok(())
}

/// Gives up the duties of a process, so that another need not wait for them to run out.
///
/// # Errors
/// The database does not answer.
pub async fn give_up_duties(db: &Db, id: Uuid) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM duties WHERE holder = $1").bind(id).execute(c).await?;
    });
    Ok(())
}

/// How many processes of each role live, by role.
///
/// # Errors
/// The database does not answer.
pub async fn count_live(db: &Db, now: Millis) -> Result<Vec<(String, i64)>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, (String, i64)>(
            "SELECT role, count(*) FROM processes WHERE seen_at > $1 GROUP BY role ORDER BY role",
        )
        .bind(now - GONE_AFTER_MS)
        .fetch_all(c)
        .await?
    }))
}

/// True when another process than `id` was there all the time since `since`, and so the database
/// was.
///
/// # Errors
/// The database does not answer.
pub async fn has_witness(db: &Db, id: Uuid, since: Millis, now: Millis) -> Result<bool, DbError> {
    let witnesses = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM processes
             WHERE id <> $1 AND seen_at >= $2 AND steady_since <= $3",
        )
        .bind(id)
        .bind(now - GAP_MS)
        .bind(since)
        .fetch_one(c)
        .await?
    });
    Ok(witnesses > 0)
}

/// Removes processes that have long gone.
///
/// # Errors
/// The database does not answer.
pub async fn purge_gone(db: &Db, now: Millis) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM processes WHERE seen_at < $1")
            .bind(now - 10 * GONE_AFTER_MS)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Takes or renews a duty until `until`; false when another process has it.
///
/// # Errors
/// The database does not answer.
pub async fn take_duty(
    db: &Db,
    name: &str,
    holder: Uuid,
    now: Millis,
    until: Millis,
) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO duties (name, holder, held_until) VALUES ($1, $2, $4)
             ON CONFLICT (name) DO UPDATE SET holder = $2, held_until = $4
             WHERE duties.holder = $2 OR duties.held_until <= $3",
        )
        .bind(name)
        .bind(holder)
        .bind(now)
        .bind(until)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}
