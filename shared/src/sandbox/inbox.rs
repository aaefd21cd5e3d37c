//! The inbox of a sandbox tenant: messages as people would have received them, sealed and for a day.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    channel::Channel,
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx, retrying},
    home::Home,
    message::Message,
    recipient::Recipient,
    secrets::SecretError,
};

/// How long a message is kept.
pub const KEPT_MS: Millis = 86_400_000;
/// Messages of a tenant; older ones fall out.
pub const MOST: i64 = 1_000;

const SEALED: &str = "inbox.message";

/// What a person would have received.
#[derive(Clone, Serialize, Deserialize)]
pub struct Content {
    /// A number in E.164, or an e-mail address.
    pub to: String,
    /// Of an e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is read, or heard.
    pub text: String,
    /// The code in it, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content")
    }
}

/// One message in the inbox.
#[derive(Clone, Debug)]
pub struct Received {
    /// Grows with each message of the tenant, in the order in which they came.
    pub number: i64,
    pub message_id: Uuid,
    pub verification_id: Option<Uuid>,
    pub channel: Channel,
    pub at: Millis,
    pub content: Content,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    message_id: Uuid,
    verification_id: Option<Uuid>,
    channel: String,
    key_id: String,
    sealed: Vec<u8>,
    received_at: Millis,
}

impl Row {
    fn open(self, home: &Home) -> Result<Received, DbError> {
        let content = home.keys.open(&self.key_id, SEALED, self.message_id, &self.sealed)?;
        let content = serde_json::from_slice(&content).map_err(|_| SecretError::BrokenSeal)?;
        Ok(Received {
            number: self.number,
            message_id: self.message_id,
            verification_id: self.verification_id,
            channel: Channel::parse(&self.channel).unwrap_or_default(),
            at: self.received_at,
            content,
        })
    }
}

/// Which messages are looked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub to: Option<Recipient>,
    pub channel: Option<Channel>,
    /// Only those with a greater number.
    pub since: i64,
    /// Only those with a smaller one.
    pub before: Option<i64>,
}

/// Puts what a message says into its tenant's inbox; once more has no effect. Nothing of a tenant that is no
/// sandbox.
///
/// # Errors
/// The database does not answer, or there is no key.
pub async fn put(
    home: &Home,
    row: &Message,
    content: &Content,
    now: Millis,
) -> Result<(), DbError> {
    let plain = serde_json::to_vec(content).map_err(|e| DbError::Broken(e.to_string()))?;
    let sealed = home.keys.seal(SEALED, row.id, &plain)?;
    let (db, row) = (home.db.clone(), row.clone());
    let key_id = home.keys.active_kid().to_owned();
    detached(async move { retrying!(insert(&db, &row, &key_id, &sealed, now).await) }).await
}

async fn insert(
    db: &Db,
    row: &Message,
    key_id: &str,
    sealed: &[u8],
    now: Millis,
) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    // Whoever comes at the same time waits here for the commit: a number is never seen before a smaller one.
    let number = on_tx!(&mut tx, c => {
        sqlx::query_scalar::<D, i64>(
            "UPDATE tenants SET inbox_number = inbox_number + 1 WHERE id = $1 AND sandbox = 1
             RETURNING inbox_number",
        )
        .bind(row.tenant_id)
        .fetch_all(c)
        .await?
    });
    let Some(number) = number.into_iter().next() else { return tx.rollback().await };
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "INSERT INTO inbox_messages (tenant_id, number, message_id, verification_id, channel,
                 recipient_hash, key_id, sealed, received_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (message_id) DO NOTHING",
        )
        .bind(row.tenant_id)
        .bind(number)
        .bind(row.id)
        .bind(row.verification_id)
        .bind(&row.channel)
        .bind(&row.recipient_hash)
        .bind(key_id)
        .bind(sealed)
        .bind(now)
        .bind(now + KEPT_MS)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 0 {
        return tx.rollback().await;
    }
    delete_surplus(&mut tx, row.tenant_id, number).await?;
    tx.commit().await
}

async fn delete_surplus(tx: &mut Tx, tenant_id: Uuid, last: i64) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>("DELETE FROM inbox_messages WHERE tenant_id = $1 AND number <= $2")
            .bind(tenant_id)
            .bind(last - MOST)
            .execute(c)
            .await?;
    });
    Ok(())
}

fn hash(home: &Home, tenant_id: Uuid, to: Option<&Recipient>) -> Option<Vec<u8>> {
    to.map(|to| home.keys.recipient_hash(tenant_id, &to.identity()))
}

/// Up to `limit` messages, newest first.
///
/// # Errors
/// The database does not answer, or a message's key is missing.
pub async fn list(
    home: &Home,
    tenant_id: Uuid,
    wanted: &Wanted,
    limit: usize,
    now: Millis,
) -> Result<Vec<Received>, DbError> {
    let rows = on_pool!(home.db.read(), c => {
        sqlx::query_as::<D, Row>(
            "SELECT number, message_id, verification_id, channel, key_id, sealed, received_at
             FROM inbox_messages
             WHERE tenant_id = $1 AND number > $2 AND number < $3 AND expires_at > $4
               AND recipient_hash = COALESCE($5, recipient_hash) AND channel = COALESCE($6, channel)
             ORDER BY number DESC LIMIT $7",
        )
        .bind(tenant_id)
        .bind(wanted.since)
        .bind(wanted.before.unwrap_or(i64::MAX))
        .bind(now)
        .bind(hash(home, tenant_id, wanted.to.as_ref()))
        .bind(wanted.channel.map(Channel::as_str))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(c)
        .await?
    });
    rows.into_iter().map(|row| row.open(home)).collect()
}

/// Removes all messages of the tenant, or those to one recipient; how many. Numbers go on from where they were.
///
/// # Errors
/// The database does not answer.
pub async fn clear(home: &Home, tenant_id: Uuid, to: Option<&Recipient>) -> Result<u64, DbError> {
    Ok(on_pool!(home.db.write(), c => {
        sqlx::query::<D>(
            "DELETE FROM inbox_messages
             WHERE tenant_id = $1 AND recipient_hash = COALESCE($2, recipient_hash)",
        )
        .bind(tenant_id)
        .bind(hash(home, tenant_id, to))
        .execute(c)
        .await?
        .rows_affected()
    }))
}
