//! Verifications as rows: finding them one by one and many at once, inserting, locking, failing.

use std::cmp::Ordering;

use futures_util::future::BoxFuture;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::Verification;
use crate::{
    clock::Millis,
    coalesce::{Coalescer, Kind},
    db::{Db, DbError, InsertedIds, Pool, Tx, bounded, chunks, column, on_pool, on_tx, push_list},
    event::{self, Changed},
};

macro_rules! select {
    ($ids:literal) => {
        concat!(
            "SELECT id, tenant_id, purpose, channel, status, key_id, hash_key_id, \
             recipient_hash, recipient_sealed, token_hash, seed, code_sealed, code_length, \
             generation, guesses, guess_limit, resends, is_test, subject_sealed, \
             variables_sealed, metadata_sealed, failure, check_key_hash, created_at, resend_at, \
             expires_at, finished_at, receipt_used_at, other_hash, other_sealed, proves_other, \
             reusable, locale, decoy FROM verifications WHERE id ",
            $ids
        )
    };
}

/// The rows of one chunk of ids.
macro_rules! select_all {
    ($c:expr, $ids:expr) => {{
        let mut query = QueryBuilder::<D>::new(select!("IN "));
        push_list(&mut query, $ids);
        query.build_query_as::<Verification>().fetch_all($c).await?
    }};
}

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Verification>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Verification>(select!("= $1")).bind(id).fetch_optional(c).await?
    }))
}

pub(crate) type Lookups = Coalescer<Uuid, Option<Verification>>;

/// Finds rows for concurrent callers with one statement.
pub(crate) fn lookups(db: Db) -> Lookups {
    fn run<'a>(
        db: &'a Db,
        ids: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Option<Verification>>, DbError>> {
        Box::pin(async move {
            let mut found = list(db, ids).await?;
            let each = ids.iter().enumerate().map(|(place, id)| {
                let row = found.iter().position(|row| row.id == *id)?;
                // Whoever asks last has it to himself.
                let is_last = !ids[place + 1..].contains(id);
                Some(if is_last { found.swap_remove(row) } else { found[row].clone() })
            });
            Ok(each.collect())
        })
    }
    Coalescer::start(
        db,
        Kind {
            name: "find",
            turns: 2,
            key: |_| None,
            order: |_, _| Ordering::Equal,
            patient: false,
            run,
        },
    )
}

/// Those of `ids` that exist, in no particular order.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, ids: &[Uuid]) -> Result<Vec<Verification>, DbError> {
    match db.read() {
        Pool::Postgres(pool) => {
            let query = sqlx::query_as::<Postgres, Verification>(select!("= ANY($1)")).bind(ids);
            bounded(async { Ok(query.fetch_all(pool).await?) }).await
        }
        // SQLite has no arrays.
        Pool::Sqlite(_) => {
            let mut found = Vec::with_capacity(ids.len());
            for ids in chunks(ids) {
                found.extend(on_pool!(db.read(), c => select_all!(c, ids)));
            }
            Ok(found)
        }
    }
}

/// [`list`] inside a transaction.
pub(crate) async fn list_in(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Verification>, DbError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in chunks(ids) {
        found.extend(on_tx!(tx, c => select_all!(c, ids)));
    }
    Ok(found)
}

/// Locks the row, so that what is decided next sees every message of it.
pub(crate) async fn lock(tx: &mut Tx, id: Uuid) -> Result<(), DbError> {
    // SQLite has one writer: the transaction itself is the lock.
    if let Tx::Postgres(tx, _) = tx {
        sqlx::query("SELECT 1 FROM verifications WHERE id = $1 FOR UPDATE")
            .bind(id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Ends a pending verification whose message failed, unless another message of it with digits that
/// still count may have arrived or may still arrive.
pub(crate) async fn mark_failed(
    tx: &mut Tx,
    id: Uuid,
    message_id: Uuid,
    failure: &str,
    now: Millis,
) -> Result<(), DbError> {
    let failed = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE verifications
             SET status = 'failed', failure = $2, finished_at = $3, seed = NULL, code_sealed = NULL
             WHERE id = $1 AND status || '' = 'pending' AND expires_at > $3
               AND NOT EXISTS (SELECT 1 FROM messages m
                   WHERE m.verification_id = $1 AND m.id <> $4
                     AND m.generation = verifications.generation
                     AND m.state || '' IN ('queued', 'sending', 'sent', 'delivered', 'unknown'))
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(failure)
        .bind(now)
        .bind(message_id)
        .fetch_all(c)
        .await?
    });
    event::tell_verifications(tx, &failed, now).await
}

/// The columns of a new row, in the order in which both ways of inserting bind them.
macro_rules! inserted {
    () => {
        "id, tenant_id, purpose, channel, status, key_id, hash_key_id, recipient_hash, \
         recipient_sealed, token_hash, seed, code_sealed, code_length, generation, guesses, \
         guess_limit, resends, is_test, subject_sealed, variables_sealed, metadata_sealed, \
         created_at, resend_at, expires_at, other_hash, other_sealed, reusable, locale, decoy"
    };
}
pub(crate) use inserted;

/// Inserts rows as they are.
pub(crate) async fn insert(tx: &mut Tx, rows: &[&Verification]) -> Result<(), DbError> {
    for rows in chunks(rows) {
        on_tx!(tx, c => {
            let mut query = QueryBuilder::<D>::new(concat!("INSERT INTO verifications (", inserted!(), ") "));
            query.push_values(rows, |mut tuple, row| {
                tuple
                    .push_bind(row.id)
                    .push_bind(row.tenant_id)
                    .push_bind(&row.purpose)
                    .push_bind(&row.channel)
                    .push_bind(&row.status)
                    .push_bind(&row.key_id)
                    .push_bind(&row.hash_key_id)
                    .push_bind(&row.recipient_hash)
                    .push_bind(&row.recipient_sealed)
                    .push_bind(&row.token_hash)
                    .push_bind(&row.seed)
                    .push_bind(&row.code_sealed)
                    .push_bind(row.code_length)
                    .push_bind(row.generation)
                    .push_bind(row.guesses)
                    .push_bind(row.guess_limit)
                    .push_bind(row.resends)
                    .push_bind(row.is_test)
                    .push_bind(&row.subject_sealed)
                    .push_bind(&row.variables_sealed)
                    .push_bind(&row.metadata_sealed)
                    .push_bind(row.created_at)
                    .push_bind(row.resend_at)
                    .push_bind(row.expires_at)
                    .push_bind(&row.other_hash)
                    .push_bind(&row.other_sealed)
                    .push_bind(row.reusable)
                    .push_bind(&row.locale)
                    .push_bind(row.decoy);
            });
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Binds new rows as the columns of `UNNEST`, in the order of [`insert`].
pub(crate) fn bind_columns<'q>(
    query: InsertedIds<'q>,
    rows: &[&'q Verification],
) -> InsertedIds<'q> {
    query
        .bind(column(rows, |r| r.id))
        .bind(column(rows, |r| r.tenant_id))
        .bind(column(rows, |r| r.purpose.as_str()))
        .bind(column(rows, |r| r.channel.as_str()))
        .bind(column(rows, |r| r.status.as_str()))
        .bind(column(rows, |r| r.key_id.as_str()))
        .bind(column(rows, |r| r.hash_key_id.as_str()))
        .bind(column(rows, |r| r.recipient_hash.as_slice()))
        .bind(column(rows, |r| r.recipient_sealed.as_slice()))
        .bind(column(rows, |r| r.token_hash.as_slice()))
        .bind(column(rows, |r| r.seed.as_deref()))
        .bind(column(rows, |r| r.code_sealed.as_deref()))
        .bind(column(rows, |r| r.code_length))
        .bind(column(rows, |r| r.generation))
        .bind(column(rows, |r| r.guesses))
        .bind(column(rows, |r| r.guess_limit))
        .bind(column(rows, |r| r.resends))
        .bind(column(rows, |r| r.is_test))
        .bind(column(rows, |r| r.subject_sealed.as_deref()))
        .bind(column(rows, |r| r.variables_sealed.as_deref()))
        .bind(column(rows, |r| r.metadata_sealed.as_deref()))
        .bind(column(rows, |r| r.created_at))
        .bind(column(rows, |r| r.resend_at))
        .bind(column(rows, |r| r.expires_at))
        .bind(column(rows, |r| r.other_hash.as_deref()))
        .bind(column(rows, |r| r.other_sealed.as_deref()))
        .bind(column(rows, |r| r.reusable))
        .bind(column(rows, |r| r.locale.as_deref()))
        .bind(column(rows, |r| r.decoy))
}
