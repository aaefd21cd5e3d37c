//! Postgres: rows as arrays, each way one statement.

use sqlx::{PgPool, Postgres};
use uuid::Uuid;

use super::{
    Leaving, Starting,
    statements::{end, leave, outbids, renew, step, unless_called_off},
};
use crate::{
    attempt::Ending,
    clock::Millis,
    db::{DbError, column},
    message::LEASE_MS,
};

/// Which of the attempts their providers have reported of already, and which of those before them
/// were delivered after all: nobody was asked again when that was known in time.
pub(super) async fn leave_at_once(
    pool: &PgPool,
    rows: &[Leaving<'_>],
) -> Result<Vec<(Uuid, i32)>, DbError> {
    // The join makes sure that a message is locked before its attempt, as everywhere.
    const SQL: &str = concat!(
        "WITH ",
        step!(),
        " AS (SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::int[],
            $6::text[], $7::text[], $8::bigint[], $9::int[], $10::text[], $11::text[],
            $12::text[], $13::text[], $14::bigint[], $15::int[], $16::bigint[], $17::int[],
            $18::text[])),
        left_behind AS (",
        leave!(),
        " RETURNING m.id), ended AS (",
        end!("LEFT JOIN left_behind l ON l.id = s.id"),
        " RETURNING a.message_id, a.number, a.report)
        SELECT message_id, number FROM ended WHERE report IN ('delivered', 'undelivered')
        UNION ALL
        SELECT o.message_id, o.number FROM step s
            JOIN left_behind l ON l.id = s.id
            JOIN attempts o ON o.message_id = s.id AND o.number < COALESCE(s.number, o.number + 1)
        WHERE (s.number > 1 OR (s.number IS NULL AND s.state = 'sent'))
          AND o.report = 'delivered'"
    );
    let rows: Vec<&Leaving<'_>> = rows.iter().collect();
    let ended: Vec<Option<&(i32, Ending)>> = column(&rows, |r| r.step.ended.as_ref());
    let ending = |of: fn(&Ending) -> Option<&str>| -> Vec<Option<&str>> {
        ended.iter().map(|e| e.and_then(|(_, ending)| of(ending))).collect()
    };
    let small = |of: fn(&Ending) -> Option<i32>| -> Vec<Option<i32>> {
        ended.iter().map(|e| e.and_then(|(_, ending)| of(ending))).collect()
    };
    let large = |of: fn(&Ending) -> Option<i64>| -> Vec<Option<i64>> {
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
        .bind(large(|e| e.retry_at))
        .bind(small(Ending::segments_written))
        .bind(large(Ending::micros_written))
        .bind(small(Ending::told_written))
        .bind(ending(Ending::currency_written))
        .fetch_all(pool)
        .await?)
}

/// Renews the leases and writes the attempts down; the lease of each that may begin.
pub(super) async fn begin_at_once(
    pool: &PgPool,
    rows: &[Starting<'_>],
) -> Result<Vec<(Uuid, Millis)>, DbError> {
    const SQL: &str = concat!(
        "WITH step (message_id, epoch, now, lease_until, number, provider, suppression_hash) AS (
            SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::int[],
                $6::text[], $7::bytea[])),
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
        .bind(column(&rows, |r| r.suppression_hash))
        .fetch_all(pool)
        .await?)
}
