//! Batches: one text to many recipients, taken slice by slice, so that one bad row stops nothing
//! and a repeat goes on where the first call ended.
//!
//! | module | what lives there |
//! |---|---|
//! | [`text`], [`row`] | what is given, and what becomes of it |
//! | [`filling`] | the pipeline: one slice is prepared while the one before commits |
//! | [`check`], [`prepare`], [`commit`] | a row checked; a slice sealed; a slice written |
//! | [`ids`], [`seen`] | ids that say where a message belongs; duplicates |
//! | [`foresee`] | what rows would come to, without storing them |
//! | [`list`] | what became of a batch |

mod check;
mod commit;
mod filling;
mod foresee;
mod ids;
mod list;
mod prepare;
mod row;
mod seen;
mod text;

use std::collections::BTreeMap;

use uuid::Uuid;

pub use check::{Checked, Checker};
pub use filling::{Filling, SLICE};
pub use foresee::Foreseen;
pub use ids::{index_of, is_within, message_id};
pub use list::{Page, Which, count_by_state, list};
pub use row::{Outcome, Row, RowRefused, Stored};
pub use text::{BatchText, TextError};

use crate::{
    admission::Refused,
    clock::Millis,
    db::{Db, DbError, on_pool},
    home::Home,
    secrets::Keyring,
};

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Batch {
    pub id: Uuid,
    pub tenant_id: Uuid,
    key_hash: Option<Vec<u8>>,
    text_hash: Vec<u8>,
    /// Rows given so far, accepted or not.
    pub size: i64,
    pub created_at: Millis,
    /// Until then its key is remembered.
    pub expires_at: Millis,
}

impl Batch {
    /// How many of its rows have no message, of those that `states` counts: they were refused,
    /// unless the retention was shortened since and has removed some.
    #[must_use]
    pub fn refused(&self, states: &BTreeMap<String, i64>) -> i64 {
        (self.size - states.values().sum::<i64>()).max(0)
    }
}

/// What a batch is known by besides its id.
#[derive(Clone, Debug)]
pub struct NewBatch {
    pub tenant_id: Uuid,
    pub text: BatchText,
    /// The caller's key: with the same one a repeat goes on in the same batch.
    pub key: Option<String>,
}

/// Begins a batch, or goes on with the one that has this key.
///
/// # Errors
/// Nobody takes any of its rows, the key was used for another text, or the database does not answer.
pub async fn open(home: &Home, new: NewBatch) -> Result<Filling, Refused> {
    let now = home.clock.now();
    let batch = build(home, &new, now);
    let text_hash = batch.text_hash.clone();
    let checker = Checker::new(home, new.tenant_id, new.text).await?;
    let found = find_by_key(&home.db, &batch, now).await?;
    let batch = match found {
        Some(found) => found,
        None if insert_if_missing(&home.db, &batch, now).await? => batch,
        // Another call with this key came first.
        None => find_by_key(&home.db, &batch, now).await?.ok_or(Refused::KeyInUse)?,
    };
    if batch.text_hash != text_hash {
        return Err(Refused::KeyReused);
    }
    Ok(Filling::new(home, batch, checker))
}

/// The batch that a call like this would go on with.
///
/// # Errors
/// The database does not answer.
pub async fn find_known(home: &Home, new: &NewBatch) -> Result<Option<Batch>, Refused> {
    let now = home.clock.now();
    Ok(find_by_key(&home.db, &build(home, new, now), now).await?)
}

/// Neither hash can be guessed from, a text being perhaps a short one.
fn text_hash(keys: &Keyring, text: &BatchText) -> Vec<u8> {
    keys.lasting_hash(&[b"batch-text/v1", text.as_str().as_bytes()])
}

fn build(home: &Home, new: &NewBatch, now: Millis) -> Batch {
    let key_hash =
        |key: &String| home.keys.lasting_hash(&[b"batch-key/v1".as_slice(), key.as_bytes()]);
    Batch {
        id: ids::batch_id(now),
        tenant_id: new.tenant_id,
        key_hash: new.key.as_ref().map(key_hash),
        text_hash: text_hash(&home.keys, &new.text),
        size: 0,
        created_at: now,
        // Its messages are kept for as long after they are over: while the key counts none of
        // them is missing, unless the retention is shortened.
        expires_at: now + i64::from(home.config.retention.messages_days) * 86_400_000,
    }
}

/// The tenant's batch with this id.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, tenant_id: Uuid, id: Uuid) -> Result<Option<Batch>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Batch>(
            "SELECT id, tenant_id, key_hash, text_hash, size, created_at, expires_at
             FROM batches WHERE id = $1 AND tenant_id = $2",
        )
        .bind(id)
        .bind(tenant_id)
        .fetch_optional(c)
        .await?
    }))
}

async fn find_by_key(db: &Db, new: &Batch, now: Millis) -> Result<Option<Batch>, DbError> {
    let Some(key_hash) = &new.key_hash else { return Ok(None) };
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Batch>(
            "SELECT id, tenant_id, key_hash, text_hash, size, created_at, expires_at
             FROM batches WHERE tenant_id = $1 AND key_hash = $2 AND expires_at > $3",
        )
        .bind(new.tenant_id)
        .bind(key_hash)
        .bind(now)
        .fetch_optional(c)
        .await?
    }))
}

/// False when the key is taken; one that is no longer remembered is taken over.
async fn insert_if_missing(db: &Db, new: &Batch, now: Millis) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO batches
                (id, tenant_id, key_hash, text_hash, size, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, key_hash) DO UPDATE
             SET id = $1, text_hash = $4, size = $5, created_at = $6, expires_at = $7
             WHERE batches.expires_at <= $8",
        )
        .bind(new.id)
        .bind(new.tenant_id)
        .bind(&new.key_hash)
        .bind(&new.text_hash)
        .bind(new.size)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}
