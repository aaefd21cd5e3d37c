//! Idempotency keys: the first answer is kept, sealed, and given again.

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
    secrets::{Keyring, SecretError, short_hex},
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
            key_hash: keys.lookup_hash(&[b"idempotency-key/v1", key.as_bytes()]),
            request_hash: keys.lookup_hash(&[&[b"request/v1".as_slice()], request].concat()),
        }
    }

    /// For naming the key in a limit's marker.
    #[must_use]
    pub fn marker(&self) -> String {
        short_hex(&self.key_hash)
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
    /// The operating system has no randomness to give.
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

    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn answer(&self, keys: &Keyring) -> Result<Vec<u8>, SecretError> {
        let plain = keys.open(&self.key_id, FIELD, self.answer_id, &self.answer_sealed)?;
        Ok(plain.to_vec())
    }
}

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
            "SELECT tenant_id, key_hash, request_hash, answer_id, key_id, answer_sealed, expires_at
             FROM idempotency_records
             WHERE tenant_id = $1 AND key_hash = $2 AND expires_at > $3",
        )
        .bind(tenant_id)
        .bind(&key.key_hash)
        .bind(now)
        .fetch_optional(c)
        .await?
    }))
}

/// False when the key is taken; a concurrent transaction that holds it is waited for.
pub(crate) async fn insert(tx: &mut Tx, record: &Record, now: Millis) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO idempotency_records
                (tenant_id, key_hash, request_hash, answer_id, key_id, answer_sealed, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, key_hash) DO UPDATE
             SET request_hash = $3, answer_id = $4, key_id = $5, answer_sealed = $6,
                 expires_at = $7
             WHERE idempotency_records.expires_at <= $8",
        )
        .bind(record.tenant_id)
        .bind(&record.key_hash)
        .bind(&record.request_hash)
        .bind(record.answer_id)
        .bind(&record.key_id)
        .bind(&record.answer_sealed)
        .bind(record.expires_at)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// Removes at most `limit` records that nobody is owed any more; how many. With `dry_run` it
/// only counts, without a limit.
///
/// # Errors
/// The database does not answer.
pub async fn purge_expired(
    db: &Db,
    now: Millis,
    limit: i64,
    dry_run: bool,
) -> Result<u64, DbError> {
    if dry_run {
        let count: i64 = on_pool!(db.read(), c => {
            sqlx::query_scalar::<D, i64>(
                "SELECT count(*) FROM idempotency_records WHERE expires_at <= $1",
            )
            .bind(now)
            .fetch_one(c)
            .await?
        });
        return Ok(count.unsigned_abs());
    }
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "DELETE FROM idempotency_records WHERE (tenant_id, key_hash) IN (
                 SELECT tenant_id, key_hash FROM idempotency_records
                 WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        )
        .bind(now)
        .bind(limit)
        .execute(c)
        .await?
        .rows_affected()
    }))
}
