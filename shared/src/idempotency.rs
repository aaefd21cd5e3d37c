//! Idempotency keys: the first answer is kept, sealed, and given again.

use std::collections::HashSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::{
    clock::Millis,
    coalesce::{Key, key_of},
    db::{Db, DbError, InsertedIds, Tx, chunks, column, on_pool, on_tx},
    secrets::{Keyring, SecretError, digest, short_hex},
};

const FIELD: &str = "idempotency.answer";

/// A key as the caller sent it, with the request it stands for.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    key_hash: Vec<u8>,
    request_hash: Vec<u8>,
}

impl IdempotencyKey {
    /// `request` is everything that makes the request what it is: the route and the body. Both
    /// hashes are keyed: a body is little more than a number, and could be guessed from its hash.
    #[must_use]
    pub fn new(keys: &Keyring, key: &str, request: &[&[u8]]) -> Self {
        Self {
            key_hash: keys.lasting_hash(&[b"idempotency-key/v1", key.as_bytes()]),
            request_hash: keys.lasting_hash(&[&[b"request/v1".as_slice()], request].concat()),
        }
    }

    /// Names the key and its request for the limits: who sends another one with the same key repeats nothing.
    #[must_use]
    pub fn marker(&self) -> String {
        short_hex(&digest(&[self.key_hash.as_slice(), &self.request_hash].concat()))
    }
}

/// The kept answer to one key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Record {
    tenant_id: Uuid,
    key_hash: Vec<u8>,
    request_hash: Vec<u8>,
    answer_id: Uuid,
    key_id: String,
    answer_sealed: Vec<u8>,
    expires_at: Millis,
}

impl Record {
    /// Seals `answer`, which belongs to the row `answer_id`.
    ///
    /// # Errors
    /// The answer cannot be sealed.
    pub fn new(
        key: &IdempotencyKey,
        tenant_id: Uuid,
        answer_id: Uuid,
        answer: &[u8],
        keys: &Keyring,
        expires_at: Millis,
    ) -> Result<Self, SecretError> {
        Ok(Self {
            tenant_id,
            key_hash: key.key_hash.clone(),
            request_hash: key.request_hash.clone(),
            answer_id,
            key_id: keys.active_kid().to_owned(),
            answer_sealed: keys.seal(FIELD, answer_id, answer)?,
            expires_at,
        })
    }

    /// True when the key was used with this very request.
    #[must_use]
    pub fn is_for(&self, key: &IdempotencyKey) -> bool {
        self.request_hash == key.request_hash
    }

    /// Enough of the key to tell two apart.
    pub(crate) fn short_key(&self) -> Key {
        key_of(self.tenant_id, &self.key_hash)
    }

    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn answer(&self, keys: &Keyring) -> Result<Vec<u8>, SecretError> {
        let plain = keys.open(&self.key_id, FIELD, self.answer_id, &self.answer_sealed)?;
        Ok(plain.to_vec())
    }
}

/// All columns, in the order in which both ways of inserting bind them.
macro_rules! columns {
    () => {
        "tenant_id, key_hash, request_hash, answer_id, key_id, answer_sealed, expires_at"
    };
}
pub(crate) use columns;

/// # Errors
/// The database does not answer.
pub async fn find(
    db: &Db,
    tenant_id: Uuid,
    key: &IdempotencyKey,
    now: Millis,
) -> Result<Option<Record>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Record>(
            concat!(
                "SELECT ",
                columns!(),
                " FROM idempotency_records
                 WHERE tenant_id = $1 AND key_hash = $2 AND expires_at > $3"
            ),
        )
        .bind(tenant_id)
        .bind(&key.key_hash)
        .bind(now)
        .fetch_optional(c)
        .await?
    }))
}

/// The ids of the answers that are now kept: those whose key was free. A concurrent transaction
/// that holds a key is waited for; no two records may have the same one.
pub(crate) async fn insert(
    tx: &mut Tx,
    records: &[&Record],
    now: Millis,
) -> Result<HashSet<Uuid>, DbError> {
    let mut kept = HashSet::with_capacity(records.len());
    for records in chunks(records) {
        kept.extend(on_tx!(tx, c => {
            let mut query = QueryBuilder::<D>::new(concat!("INSERT INTO idempotency_records (", columns!(), ") "));
            query.push_values(records, |mut tuple, record| {
                tuple
                    .push_bind(record.tenant_id)
                    .push_bind(&record.key_hash)
                    .push_bind(&record.request_hash)
                    .push_bind(record.answer_id)
                    .push_bind(&record.key_id)
                    .push_bind(&record.answer_sealed)
                    .push_bind(record.expires_at);
            });
            query.push(
                " ON CONFLICT (tenant_id, key_hash) DO UPDATE
                 SET request_hash = excluded.request_hash, answer_id = excluded.answer_id,
                     key_id = excluded.key_id, answer_sealed = excluded.answer_sealed,
                     expires_at = excluded.expires_at
                 WHERE idempotency_records.expires_at <= ",
            );
            query.push_bind(now).push(" RETURNING answer_id");
            query.build_query_scalar::<Uuid>().fetch_all(c).await?
        }));
    }
    Ok(kept)
}

/// Binds new records as the columns of `UNNEST`, in the order of [`insert`].
pub(crate) fn bind_columns<'q>(query: InsertedIds<'q>, rows: &[&'q Record]) -> InsertedIds<'q> {
    query
        .bind(column(rows, |r| r.tenant_id))
        .bind(column(rows, |r| r.key_hash.as_slice()))
        .bind(column(rows, |r| r.request_hash.as_slice()))
        .bind(column(rows, |r| r.answer_id))
        .bind(column(rows, |r| r.key_id.as_str()))
        .bind(column(rows, |r| r.answer_sealed.as_slice()))
        .bind(column(rows, |r| r.expires_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_of_the_key_and_its_request() {
        let keys =
            Keyring::parse(&[Keyring::generate_entry("k1")], &[Keyring::generate_entry("h1")]);
        let keys = keys.expect("keys");
        let marker = |key, request: &[u8]| IdempotencyKey::new(&keys, key, &[request]).marker();
        assert_eq!(marker("a", b"1"), marker("a", b"1"));
        for other in [marker("a", b"2"), marker("b", b"1")] {
            assert_ne!(other[..16], marker("a", b"1")[..16]);
        }
    }
}
