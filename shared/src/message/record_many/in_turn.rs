//! Within a transaction, on either database: rows as tuples, table by table.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Leases, Leaving, Starting,
    statements::{end, leave, outbids, renew, step, unless_called_off},
};
use crate::{
    attempt::{self, Beginning, Ending},
    db::{DbError, Tx, on_tx},
    event::{self, Changed},
    message::LEASE_MS,
};

/// Begins a statement that has the steps as its first table.
macro_rules! with_steps {
    ($rows:expr) => {{
        let mut query = QueryBuilder::<D>::new(concat!("WITH ", step!(), " AS ("));
        query.push_values($rows, |mut tuple, row| {
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
                .push_bind(ending.and_then(|e| e.retry_at))
                .push_bind(ending.and_then(Ending::segments_written))
                .push_bind(ending.and_then(Ending::micros_written))
                .push_bind(ending.and_then(Ending::told_written))
                .push_bind(ending.and_then(Ending::currency_written));
        });
        query.push(") ");
        query
    }};
}

/// Changes the messages of plain steps, and tells what has become of them; how many.
pub(super) async fn leave_in(tx: &mut Tx, rows: &[Leaving<'_>]) -> Result<usize, DbError> {
    // In Postgres both tables of the statement have an id; in SQLite no other than the changed one is seen.
    let returning = match tx {
        Tx::Postgres(..) => " RETURNING m.id, m.tenant_id",
        Tx::Sqlite(..) => " RETURNING id, tenant_id",
    };
    let changed = on_tx!(&mut *tx, c => {
        let mut query = with_steps!(rows);
        query.push(leave!()).push(returning);
        query.build_query_as::<Changed>().fetch_all(c).await?
    });
    let now = rows.iter().map(|row| row.step.now).max().unwrap_or_default();
    event::tell_messages(tx, &changed, now).await?;
    Ok(changed.len())
}

/// Changes the attempts that ended with plain steps.
pub(super) async fn end_in(tx: &mut Tx, rows: &[Leaving<'_>]) -> Result<(), DbError> {
    on_tx!(tx, c => {
        let mut query = with_steps!(rows);
        query.push(end!(""));
        query.build().execute(c).await?;
    });
    Ok(())
}

pub(super) async fn begin_in(tx: &mut Tx, rows: &[Starting<'_>]) -> Result<Leases, DbError> {
    let renewed = on_tx!(&mut *tx, c => {
        let mut query =
            QueryBuilder::<D>::new("WITH step (message_id, epoch, now, lease_until, suppression_hash) AS (");
        query.push_values(rows, |mut tuple, Starting { step, suppression_hash, .. }| {
            tuple
                .push_bind(step.message.id)
                .push_bind(step.message.epoch)
                .push_bind(step.now)
                .push_bind(step.now + LEASE_MS)
                .push_bind(*suppression_hash);
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
