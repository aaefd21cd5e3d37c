//! Suppressions: recipients not to be sent to, and why. Consulted when something is accepted, and
//! again in the statement that begins an attempt, so that nothing starts after one is committed.
//!
//! | module | what lives there |
//! |---|---|
//! | [`blocked`] | whether codes are kept back, without a question for each of them |
//! | [`list`] | page by page |
//! | [`rewrite`] | after a change of keys |

mod blocked;
mod list;
mod rewrite;

use std::collections::HashSet;

use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

pub use self::{
    blocked::Blocked,
    list::{find, list},
    rewrite::rewrite,
};
use crate::{
    clock::Millis,
    db::{DbError, Tx, on_pool, on_tx},
    home::Home,
    queue::Lane,
    recipient::Recipient,
    secrets::{Keyring, SecretError},
};

/// Which sends it keeps back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All but codes.
    Bulk,
    All,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Bulk, Self::All];

    /// The word used in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::All => "all",
        }
    }

    /// Reads what [`Scope::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person, by a message.
    Stop,
    /// A provider, which refused to send or said so in a report.
    Provider,
    /// The tenant.
    Manual,
}

impl Reason {
    /// The word used in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Provider => "provider",
            Self::Manual => "manual",
        }
    }
}

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Suppression {
    pub id: Uuid,
    for_everyone: i32,
    key_id: String,
    recipient_sealed: Vec<u8>,
    pub scope: String,
    pub reason: String,
    /// Through which provider it was heard.
    pub provider: Option<String>,
    pub created_at: Millis,
}

/// All columns but the hash.
macro_rules! columns {
    () => {
        "id, for_everyone, key_id, recipient_sealed, scope, reason, provider, created_at"
    };
}
use columns;

const RECIPIENT: &str = "suppression.recipient";

impl Suppression {
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn recipient(&self, keys: &Keyring) -> Result<Recipient, SecretError> {
        let stored = keys.open(&self.key_id, RECIPIENT, self.id, &self.recipient_sealed)?;
        let stored = std::str::from_utf8(&stored).map_err(|_| SecretError::BrokenSeal)?;
        Recipient::from_stored(stored).ok_or(SecretError::BrokenSeal)
    }

    /// True for what a person or a provider said: no tenant takes it back.
    #[must_use]
    pub fn is_for_everyone(&self) -> bool {
        self.for_everyone != 0
    }
}

/// One to be added.
#[derive(Clone, Debug)]
pub struct NewSuppression {
    /// None when it counts for all tenants.
    pub tenant_id: Option<Uuid>,
    pub to: Recipient,
    pub scope: Scope,
    pub reason: Reason,
    pub provider: Option<String>,
}

/// What a recipient is found by, whoever the tenant is.
#[must_use]
pub fn hash(keys: &Keyring, to: &Recipient) -> Vec<u8> {
    keys.lasting_hash(&[b"suppression/v1", to.identity().as_bytes()])
}

/// One to be added, sealed and hashed.
pub(crate) struct Ready {
    id: Uuid,
    new: NewSuppression,
    hash: Vec<u8>,
    hash_key_id: String,
    sealed: Vec<u8>,
    key_id: String,
    created_at: Millis,
}

impl Ready {
    fn new(home: &Home, new: NewSuppression) -> Result<Self, SecretError> {
        let id = Uuid::now_v7();
        Ok(Self {
            hash: hash(&home.keys, &new.to),
            hash_key_id: home.keys.lasting_hash_kid().to_owned(),
            sealed: home.keys.seal(RECIPIENT, id, new.to.to_stored().as_bytes())?,
            key_id: home.keys.active_kid().to_owned(),
            created_at: home.clock.now(),
            id,
            new,
        })
    }

    /// What a person or a provider said: no texts from a sender that all tenants share.
    pub(crate) fn told(
        home: &Home,
        to: Recipient,
        reason: Reason,
        provider: &str,
    ) -> Result<Self, SecretError> {
        let new = NewSuppression {
            tenant_id: None,
            to,
            scope: Scope::Bulk,
            reason,
            provider: Some(provider.to_owned()),
        };
        Self::new(home, new)
    }

    /// To be called once it is committed.
    pub(crate) fn note_added(&self, home: &Home) {
        home.blocked.forget();
        let reason = self.new.reason.as_str();
        metrics::counter!("otpost_suppressions_total", "reason" => reason).increment(1);
    }
}

/// Writes one down, wherever `D` runs; a row that is there already is widened at most.
macro_rules! insert {
    ($c:expr, $ready:expr) => {{
        let Ready { id, new, hash, hash_key_id, sealed, key_id, created_at } = $ready;
        sqlx::query_as::<D, Suppression>(concat!(
            "INSERT INTO suppressions (id, tenant_id, for_everyone, recipient_hash, key_id,
                 recipient_sealed, scope, reason, provider, created_at, hash_key_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (recipient_hash, tenant_id, for_everyone) DO UPDATE
             SET scope = CASE WHEN excluded.scope = 'all' THEN 'all'
                 ELSE suppressions.scope END
             RETURNING ",
            columns!()
        ))
        .bind(*id)
        .bind(new.tenant_id.unwrap_or(Uuid::nil()))
        .bind(i32::from(new.tenant_id.is_none()))
        .bind(hash)
        .bind(key_id)
        .bind(sealed)
        .bind(new.scope.as_str())
        .bind(new.reason.as_str())
        .bind(new.provider.as_deref())
        .bind(*created_at)
        .bind(hash_key_id)
        .fetch_one($c)
        .await?
    }};
}

/// Adds a recipient, and returns the row; one that is there already is widened at most. From its
/// commit on no text is begun for the recipient, and within half a second no code that is kept back.
///
/// # Errors
/// The database does not answer.
pub async fn add(home: &Home, new: NewSuppression) -> Result<Suppression, DbError> {
    let ready = Ready::new(home, new)?;
    let added = on_pool!(home.db.write(), c => insert!(c, &ready));
    ready.note_added(home);
    Ok(added)
}

/// Adds one together with what else the transaction writes.
pub(crate) async fn add_in(tx: &mut Tx, ready: &Ready) -> Result<Suppression, DbError> {
    Ok(on_tx!(tx, c => insert!(c, ready)))
}

/// Adds what a person or a provider said: no texts from a sender that all tenants share.
///
/// # Errors
/// The database does not answer.
pub async fn add_told(
    home: &Home,
    to: Recipient,
    reason: Reason,
    provider: &str,
) -> Result<(), DbError> {
    let ready = Ready::told(home, to, reason, provider)?;
    on_pool!(home.db.write(), c => insert!(c, &ready));
    ready.note_added(home);
    Ok(())
}

/// Takes back what a person or a provider said of the one with this hash, wherever `D` runs.
macro_rules! lift {
    ($c:expr, $hash:expr) => {
        sqlx::query::<D>("DELETE FROM suppressions WHERE recipient_hash = $1 AND for_everyone = 1")
            .bind($hash)
            .execute($c)
            .await?
            .rows_affected()
    };
}

/// Takes back what a person or a provider said, because the person says otherwise; how many rows.
/// What a tenant decided stays.
///
/// # Errors
/// The database does not answer.
pub async fn lift(home: &Home, to: &Recipient) -> Result<u64, DbError> {
    let hash = hash(&home.keys, to);
    Ok(on_pool!(home.db.write(), c => lift!(c, &hash)))
}

/// Takes it back together with what else the transaction writes.
pub(crate) async fn lift_in(tx: &mut Tx, hash: &[u8]) -> Result<u64, DbError> {
    Ok(on_tx!(tx, c => lift!(c, hash)))
}

/// Removes one row; false when there is none.
///
/// # Errors
/// The database does not answer.
pub async fn remove(home: &Home, id: Uuid) -> Result<bool, DbError> {
    let removed = on_pool!(home.db.write(), c => {
        sqlx::query::<D>("DELETE FROM suppressions WHERE id = $1")
            .bind(id)
            .execute(c)
            .await?
            .rows_affected()
    });
    home.blocked.forget();
    Ok(removed == 1)
}

/// True when this recipient is not to be sent to in this lane.
///
/// # Errors
/// The database does not answer.
pub async fn keeps_back(
    home: &Home,
    tenant_id: Uuid,
    to: &Recipient,
    lane: Lane,
) -> Result<bool, DbError> {
    if lane == Lane::Otp && !home.blocked.any(&home.db, home.clock.now()).await? {
        return Ok(false);
    }
    let hash = hash(&home.keys, to);
    let rows = on_pool!(home.db.read(), c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM suppressions
             WHERE recipient_hash = $1 AND (for_everyone = 1 OR tenant_id = $2)
               AND (scope = 'all' OR $3 = 'bulk')",
        )
        .bind(&hash)
        .bind(tenant_id)
        .bind(lane.as_str())
        .fetch_one(c)
        .await?
    });
    Ok(rows > 0)
}

/// Those of these hashes whose recipients are not to be sent texts.
pub(crate) async fn among(
    tx: &mut Tx,
    tenant_id: Uuid,
    hashes: &[&[u8]],
) -> Result<HashSet<Vec<u8>>, DbError> {
    macro_rules! sql {
        ($which:literal) => {
            concat!(
                "SELECT recipient_hash FROM suppressions
                 WHERE (for_everyone = 1 OR tenant_id = $1) AND recipient_hash ",
                $which
            )
        };
    }
    let found = match tx {
        Tx::Postgres(tx, _) => {
            sqlx::query_scalar::<Postgres, Vec<u8>>(sql!("= ANY($2)"))
                .bind(tenant_id)
                .bind(hashes)
                .fetch_all(&mut **tx)
                .await?
        }
        // A look-up in the file costs no round trip.
        Tx::Sqlite(tx, _) => {
            let mut found = Vec::new();
            for hash in hashes {
                let row = sqlx::query_scalar::<Sqlite, Vec<u8>>(sql!("= $2"))
                    .bind(tenant_id)
                    .bind(*hash)
                    .fetch_optional(&mut **tx);
                found.extend(row.await?);
            }
            found
        }
    };
    Ok(found.into_iter().collect())
}

/// True when somebody other than the recipient says that this one is not to be sent texts: the tenant, or a
/// provider before the recipient wrote STOP.
pub(crate) async fn is_kept_back_by_others(
    tx: &mut Tx,
    tenant_id: Uuid,
    hash: &[u8],
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM suppressions
             WHERE recipient_hash = $1 AND (for_everyone = 1 OR tenant_id = $2)
               AND reason <> 'stop'",
        )
        .bind(hash)
        .bind(tenant_id)
        .fetch_one(c)
        .await?
    });
    Ok(rows > 0)
}
