//! After a change of keys: rows are found by the hash under the last hash key, and opened with the key
//! they were sealed with. Both are rewritten before a process accepts or sends anything.

use uuid::Uuid;

use super::{RECIPIENT, hash};
use crate::{
    db::{DbError, detached, on_pool, on_tx},
    home::Home,
    recipient::Recipient,
};

/// Rows of one statement.
const AT_ONCE: i64 = 500;

#[derive(sqlx::FromRow)]
struct Old {
    id: Uuid,
    tenant_id: Uuid,
    for_everyone: i32,
    key_id: String,
    recipient_sealed: Vec<u8>,
}

/// Rewrites what is hashed or sealed with keys of before; how many rows.
///
/// # Errors
/// The database does not answer, or a key is missing that a row is sealed with.
pub async fn rewrite(home: &Home) -> Result<u64, DbError> {
    let (mut rewritten, mut after) = (0, Uuid::nil());
    loop {
        let old = list(home, after).await?;
        let Some(last) = old.last() else { return Ok(rewritten) };
        after = last.id;
        rewritten += old.len() as u64;
        let home = home.clone();
        detached(async move {
            for row in &old {
                rewrite_one(&home, row).await?;
            }
            Ok(())
        })
        .await?;
    }
}

async fn list(home: &Home, after: Uuid) -> Result<Vec<Old>, DbError> {
    Ok(on_pool!(home.db.read(), c => {
        sqlx::query_as::<D, Old>(
            "SELECT id, tenant_id, for_everyone, key_id, recipient_sealed FROM suppressions
             WHERE id > $3 AND (hash_key_id < $1 OR hash_key_id > $1
                 OR (hash_key_id = $1 AND (key_id < $2 OR key_id > $2)))
             ORDER BY id LIMIT $4",
        )
        .bind(home.keys.lasting_hash_kid())
        .bind(home.keys.active_kid())
        .bind(after)
        .bind(AT_ONCE)
        .fetch_all(c)
        .await?
    }))
}

async fn rewrite_one(home: &Home, old: &Old) -> Result<(), DbError> {
    let stored = home.keys.open(&old.key_id, RECIPIENT, old.id, &old.recipient_sealed)?;
    let to = std::str::from_utf8(&stored).ok().and_then(Recipient::from_stored);
    let Some(to) = to else { return Err(DbError::Broken("a suppression has no number".into())) };
    let (hash, sealed) = (hash(&home.keys, &to), home.keys.seal(RECIPIENT, old.id, &stored)?);
    let mut tx = home.db.begin().await?;
    on_tx!(&mut tx, c => {
        // Whoever said it again meanwhile has a newer row.
        sqlx::query::<D>(
            "DELETE FROM suppressions WHERE id = $1 AND EXISTS (
                 SELECT 1 FROM suppressions o WHERE o.recipient_hash = $2 AND o.tenant_id = $3
                     AND o.for_everyone = $4 AND o.id <> $1)",
        )
        .bind(old.id)
        .bind(&hash)
        .bind(old.tenant_id)
        .bind(old.for_everyone)
        .execute(c)
        .await?;
    });
    on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "UPDATE suppressions
             SET recipient_hash = $2, hash_key_id = $3, recipient_sealed = $4, key_id = $5
             WHERE id = $1",
        )
        .bind(old.id)
        .bind(&hash)
        .bind(home.keys.lasting_hash_kid())
        .bind(&sealed)
        .bind(home.keys.active_kid())
        .execute(c)
        .await?;
    });
    tx.commit().await
}
