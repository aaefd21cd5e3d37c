//! Within a transaction, on either database: rows as tuples, table by table.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Leases, Leaving, Starting,
    statements::{renew, step},
};
use crate::{
    attempt::{self, Beginning, Ending},
    db::{DbError, Tx, on_tx},
    message::LEASE_MS,
};

/// One of the two statements of a plain step; how many rows it changed.
pub(super) async fn leave_in(
    tx: &mut Tx,
    rows: &[Leaving<'_>],
    change: &str,
) -> Result<u64, DbError> {
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
                .push_bind(ending.and_then(|e| e.retry_at))
                .push_bind(ending.and_then(Ending::segments_written))
                .push_bind(ending.and_then(Ending::micros_written))
                .push_bind(ending.and_then(Ending::told_written))
                .push_bind(ending.and_then(Ending::currency_written));
        });
        query.push(") ").push(change);
        query.build().execute(c).await?.rows_affected()
    }))
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
