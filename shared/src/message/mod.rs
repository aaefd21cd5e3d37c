//! Messages: one text to one recipient, from the commit to its outcome. The row is the truth.

mod accept;
mod claim;
mod record;
mod sweep;

use uuid::Uuid;

pub use accept::{AcceptedMessage, NewMessage, accept};
pub use claim::{LEASE_MS, claim, claim_due, mark_released};
pub use record::{End, Next, Recording, record};
pub use sweep::{mark_overdue, purge_finished, recover_leases};

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
    queue::Lane,
    recipient::Recipient,
    secrets::{Keyring, SecretError},
    verification::Verification,
};

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sending,
    Sent,
    Failed,
    /// It may have been sent; nobody will know.
    Unknown,
    Expired,
    Canceled,
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }
}

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Message {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub verification_id: Option<Uuid>,
    pub generation: i32,
    lane: String,
    pub channel: String,
    pub state: String,
    key_id: String,
    recipient_hash: Vec<u8>,
    recipient_sealed: Option<Vec<u8>>,
    body_sealed: Option<Vec<u8>>,
    pub epoch: i32,
    pub lease_until: Option<Millis>,
    pub crashes: i32,
    pub not_before: Millis,
    pub deadline: Millis,
    pub failure_class: Option<String>,
    pub failure: Option<String>,
    pub created_at: Millis,
    pub finished_at: Option<Millis>,
}

/// New messages are due this much before "now": the clocks of two processes agree only so far,
/// and a hint that arrives at a clock that is behind must not find its message not yet due.
const CLOCK_SLACK_MS: i64 = 1_000;

/// The names under which fields are sealed.
mod field {
    pub(super) const RECIPIENT: &str = "message.recipient";
    pub(super) const BODY: &str = "message.body";
}

/// All columns, for `SELECT` and `RETURNING`.
macro_rules! columns {
    () => {
        "id, tenant_id, verification_id, generation, lane, channel, state, key_id, \
         recipient_hash, recipient_sealed, body_sealed, epoch, lease_until, crashes, \
         not_before, deadline, failure_class, failure, created_at, finished_at"
    };
}
use columns;

impl Message {
    /// The message that carries the code of a verification's current generation.
    #[must_use]
    pub fn for_verification(row: &Verification, now: Millis) -> Self {
        Self {
            id: Uuid::now_v7(),
            tenant_id: row.tenant_id,
            verification_id: Some(row.id),
            generation: row.generation,
            lane: Lane::Otp.as_str().into(),
            channel: row.channel.clone(),
            state: State::Queued.as_str().into(),
            key_id: row.key_id.clone(),
            recipient_hash: row.recipient_hash.clone(),
            recipient_sealed: None,
            body_sealed: None,
            epoch: 0,
            lease_until: None,
            crashes: 0,
            not_before: now - CLOCK_SLACK_MS,
            deadline: row.expires_at,
            failure_class: None,
            failure: None,
            created_at: now,
            finished_at: None,
        }
    }

    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::parse(&self.lane)
    }

    /// The recipient; none when the verification holds it.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn recipient(&self, keys: &Keyring) -> Result<Option<Recipient>, SecretError> {
        let Some(sealed) = &self.recipient_sealed else { return Ok(None) };
        let e164 = keys.open(&self.key_id, field::RECIPIENT, self.id, sealed)?;
        let e164 = std::str::from_utf8(&e164).map_err(|_| SecretError::BrokenSeal)?;
        let recipient = Recipient::parse_unchecked(e164, None);
        recipient.map(Some).map_err(|_| SecretError::BrokenSeal)
    }

    /// The text; none when it is rendered from the verification.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn body(&self, keys: &Keyring) -> Result<Option<String>, SecretError> {
        let Some(sealed) = &self.body_sealed else { return Ok(None) };
        let body = keys.open(&self.key_id, field::BODY, self.id, sealed)?;
        String::from_utf8(body.to_vec()).map(Some).map_err(|_| SecretError::BrokenSeal)
    }
}

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Message>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Message>(SQL).bind(id).fetch_optional(c).await?
    }))
}

/// The messages of a verification, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_by_verification(db: &Db, id: Uuid) -> Result<Vec<Message>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE verification_id = $1 ORDER BY created_at, id"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Message>(SQL).bind(id).fetch_all(c).await?
    }))
}

/// How many messages of a lane are queued; counting stops at `limit`.
///
/// # Errors
/// The database does not answer.
pub async fn count_waiting(db: &Db, lane: Lane, limit: i64) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM (
                 SELECT 1 AS one FROM messages WHERE lane = $1 AND state = 'queued' LIMIT $2) w",
        )
        .bind(lane.as_str())
        .bind(limit)
        .fetch_one(c)
        .await?
    }))
}

/// How many messages of a lane ended after `since`.
///
/// # Errors
/// The database does not answer.
pub async fn count_finished_since(db: &Db, lane: Lane, since: Millis) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM messages WHERE finished_at > $2 AND lane = $1",
        )
        .bind(lane.as_str())
        .bind(since)
        .fetch_one(c)
        .await?
    }))
}

/// Inserts rows as they are.
pub(crate) async fn insert(tx: &mut Tx, rows: &[Message]) -> Result<(), DbError> {
    for row in rows {
        on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO messages (id, tenant_id, verification_id, generation, lane, channel,
                    state, key_id, recipient_hash, recipient_sealed, body_sealed, epoch, crashes,
                    not_before, deadline, failure, created_at, finished_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                    $17, $18)",
            )
            .bind(row.id)
            .bind(row.tenant_id)
            .bind(row.verification_id)
            .bind(row.generation)
            .bind(&row.lane)
            .bind(&row.channel)
            .bind(&row.state)
            .bind(&row.key_id)
            .bind(&row.recipient_hash)
            .bind(&row.recipient_sealed)
            .bind(&row.body_sealed)
            .bind(row.epoch)
            .bind(row.crashes)
            .bind(row.not_before)
            .bind(row.deadline)
            .bind(&row.failure)
            .bind(row.created_at)
            .bind(row.finished_at)
            .execute(c)
            .await?;
        });
    }
    Ok(())
}

/// Calls off what a verification has not sent yet.
pub(crate) async fn mark_canceled(
    tx: &mut Tx,
    verification_id: Uuid,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET state = 'canceled', finished_at = $2
             WHERE verification_id = $1 AND state = 'queued'",
        )
        .bind(verification_id)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}
