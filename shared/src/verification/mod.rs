//! Verifications: one proof that an address is held, from the first code to its end.

mod accept;
mod cancel;
mod check;
mod receipt;
mod resend;
mod sweep;

use uuid::Uuid;

pub use accept::{Accepted, NewVerification, Refused, accept};
pub use cancel::{CancelAnswer, cancel};
pub use check::{CheckAnswer, CheckRequest, check};
pub use receipt::{ReceiptAnswer, consume_receipt, receipt};
pub use resend::{ResendAnswer, ResendRequest, resend};
pub use sweep::{mark_expired, purge_finished};

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_pool, on_tx},
    recipient::Recipient,
    secrets::{Code, CodeInput, Handle, Keyring, SecretError},
};

/// Where a verification stands. Everything but `Pending` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Verified,
    Locked,
    Expired,
    Canceled,
    Failed,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Locked => "locked",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "verified" => Self::Verified,
            "locked" => Self::Locked,
            "expired" => Self::Expired,
            "canceled" => Self::Canceled,
            _ => Self::Failed,
        }
    }
}

/// One row. Sealed fields open through [`Verification::recipient`] and its neighbours.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Verification {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub purpose: String,
    pub channel: String,
    status: String,
    pub key_id: String,
    pub hash_key_id: String,
    pub recipient_hash: Vec<u8>,
    recipient_sealed: Vec<u8>,
    token_hash: Vec<u8>,
    seed: Option<Vec<u8>>,
    code_sealed: Option<Vec<u8>>,
    code_length: i32,
    pub generation: i32,
    pub guesses: i32,
    pub guess_limit: i32,
    pub resends: i32,
    is_test: i32,
    subject_sealed: Option<Vec<u8>>,
    variables_sealed: Option<Vec<u8>>,
    metadata_sealed: Option<Vec<u8>>,
    /// Why it ended without success.
    pub failure: Option<String>,
    check_key_hash: Option<Vec<u8>>,
    pub created_at: Millis,
    pub resend_at: Millis,
    pub expires_at: Millis,
    /// When it became terminal; for a verified one, the moment of success.
    pub finished_at: Option<Millis>,
    pub receipt_used_at: Option<Millis>,
}

impl Verification {
    /// Where it stands at `now`: pending rows past their time count as expired before the sweep
    /// has written it down.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        match Status::parse(&self.status) {
            Status::Pending if self.expires_at <= now => Status::Expired,
            status => status,
        }
    }

    #[must_use]
    pub fn is_test(&self) -> bool {
        self.is_test != 0
    }

    #[must_use]
    pub fn guesses_left(&self) -> i32 {
        (self.guess_limit - self.guesses).max(0)
    }

    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn recipient(&self, keys: &Keyring) -> Result<Recipient, SecretError> {
        let e164 = keys.open(&self.key_id, field::RECIPIENT, self.id, &self.recipient_sealed)?;
        let e164 = std::str::from_utf8(&e164).map_err(|_| SecretError::BrokenSeal)?;
        Recipient::parse_unchecked(e164, None).map_err(|_| SecretError::BrokenSeal)
    }

    /// Whom the caller says this is about; must be presented again at check.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn subject(&self, keys: &Keyring) -> Result<Option<String>, SecretError> {
        self.open_text(keys, field::SUBJECT, self.subject_sealed.as_deref())
    }

    /// The caller's own JSON object.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn metadata(&self, keys: &Keyring) -> Result<Option<serde_json::Value>, SecretError> {
        let text = self.open_text(keys, field::METADATA, self.metadata_sealed.as_deref())?;
        text.map(|t| serde_json::from_str(&t).map_err(|_| SecretError::BrokenSeal)).transpose()
    }

    /// Values for the placeholders of the text.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn variables(&self, keys: &Keyring) -> Result<Variables, SecretError> {
        let text = self.open_text(keys, field::VARIABLES, self.variables_sealed.as_deref())?;
        text.map_or_else(
            || Ok(Variables::new()),
            |t| serde_json::from_str(&t).map_err(|_| SecretError::BrokenSeal),
        )
    }

    fn open_text(
        &self,
        keys: &Keyring,
        field: &str,
        sealed: Option<&[u8]>,
    ) -> Result<Option<String>, SecretError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = keys.open(&self.key_id, field, self.id, sealed)?;
        String::from_utf8(plain.to_vec()).map(Some).map_err(|_| SecretError::BrokenSeal)
    }

    /// The code of the row's current generation; none on terminal rows, whose seed is erased.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn code(&self, keys: &Keyring) -> Result<Option<Code>, SecretError> {
        if let Some(code) = self.open_text(keys, field::CODE, self.code_sealed.as_deref())? {
            return Ok(Some(Code::new(code)));
        }
        let Some(seed) = &self.seed else { return Ok(None) };
        let input = CodeInput {
            tenant_id: self.tenant_id,
            purpose: &self.purpose,
            recipient_hash: &self.recipient_hash,
            verification_id: self.id,
            seed,
            generation: self.generation,
            length: self.code_length.unsigned_abs(),
        };
        keys.derive_code(&self.key_id, input).map(Some)
    }

    /// True when this is the token that was given out for this row.
    #[must_use]
    pub fn holds_token(&self, token: &Handle) -> bool {
        token.id == self.id && token.matches(&self.token_hash)
    }
}

/// Values for placeholders, by name.
pub type Variables = std::collections::BTreeMap<String, String>;

/// The names under which fields are sealed.
mod field {
    pub(super) const RECIPIENT: &str = "verification.recipient";
    pub(super) const SUBJECT: &str = "verification.subject";
    pub(super) const METADATA: &str = "verification.metadata";
    pub(super) const VARIABLES: &str = "verification.variables";
    pub(super) const CODE: &str = "verification.code";
}

const SELECT: &str = "SELECT id, tenant_id, purpose, channel, status, key_id, hash_key_id,
    recipient_hash, recipient_sealed, token_hash, seed, code_sealed, code_length, generation,
    guesses, guess_limit, resends, is_test, subject_sealed, variables_sealed, metadata_sealed,
    failure, check_key_hash, created_at, resend_at, expires_at, finished_at, receipt_used_at
    FROM verifications WHERE id = $1";

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Verification>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Verification>(SELECT).bind(id).fetch_optional(c).await?
    }))
}

/// Locks the row, so that what is decided next sees every message of it.
pub(crate) async fn lock(tx: &mut Tx, id: Uuid) -> Result<(), DbError> {
    // SQLite has one writer: the transaction itself is the lock.
    if let Tx::Postgres(tx) = tx {
        sqlx::query("SELECT 1 FROM verifications WHERE id = $1 FOR UPDATE")
            .bind(id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Ends a pending verification whose message failed, unless another message of it may have
/// arrived or may still arrive.
pub(crate) async fn mark_failed(
    tx: &mut Tx,
    id: Uuid,
    message_id: Uuid,
    failure: &str,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE verifications
             SET status = 'failed', failure = $2, finished_at = $3, seed = NULL, code_sealed = NULL
             WHERE id = $1 AND status = 'pending'
               AND NOT EXISTS (SELECT 1 FROM messages m
                   WHERE m.verification_id = $1 AND m.id <> $4
                     AND m.state IN ('queued', 'sending', 'sent', 'delivered', 'unknown'))",
        )
        .bind(id)
        .bind(failure)
        .bind(now)
        .bind(message_id)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Inserts rows as they are.
pub(crate) async fn insert(tx: &mut Tx, rows: &[Verification]) -> Result<(), DbError> {
    for row in rows {
        on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO verifications (id, tenant_id, purpose, channel, status, key_id,
                    hash_key_id, recipient_hash, recipient_sealed, token_hash, seed, code_sealed,
                    code_length, generation, guesses, guess_limit, resends, is_test,
                    subject_sealed, variables_sealed, metadata_sealed, created_at, resend_at,
                    expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                    $17, $18, $19, $20, $21, $22, $23, $24)",
            )
            .bind(row.id)
            .bind(row.tenant_id)
            .bind(&row.purpose)
            .bind(&row.channel)
            .bind(&row.status)
            .bind(&row.key_id)
            .bind(&row.hash_key_id)
            .bind(&row.recipient_hash)
            .bind(&row.recipient_sealed)
            .bind(&row.token_hash)
            .bind(&row.seed)
            .bind(&row.code_sealed)
            .bind(row.code_length)
            .bind(row.generation)
            .bind(row.guesses)
            .bind(row.guess_limit)
            .bind(row.resends)
            .bind(row.is_test)
            .bind(&row.subject_sealed)
            .bind(&row.variables_sealed)
            .bind(&row.metadata_sealed)
            .bind(row.created_at)
            .bind(row.resend_at)
            .bind(row.expires_at)
            .execute(c)
            .await?;
        });
    }
    Ok(())
}
