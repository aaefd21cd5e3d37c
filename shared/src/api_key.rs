//! API keys: the credential of a tenant. Shown once, stored hashed, revocable at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    clock::Millis,
    db::{Db, DbError, Pulse, on_pool},
    secrets::Handle,
    tenant::Tenant,
};

/// What every key's text begins with, so that scanners of leaked secrets can recognise it.
pub const PREFIX: &str = "otp_";
/// The same of a sandbox's key, so that nobody takes it for one that sends to people.
pub const SANDBOX_PREFIX: &str = "otp_sandbox_";

/// What a key may do. Checked by the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Create, check, show, resend and cancel verifications.
    Verify,
    /// Send messages that are not codes.
    Send,
    /// Show and change policies and texts.
    Manage,
    /// Read what happened, and say where it is posted to.
    Events,
    /// Read and clear the inbox of a sandbox.
    Inbox,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Verify, Self::Send, Self::Manage, Self::Events, Self::Inbox];
    /// What a key of a tenant that is no sandbox can be good for.
    pub const LIVE: [Self; 4] = [Self::Verify, Self::Send, Self::Manage, Self::Events];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Send => "send",
            Self::Manage => "manage",
            Self::Inbox => "inbox",
            Self::Events => "events",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ApiKey {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub name: String,
    pub secret_hash: Vec<u8>,
    /// Scope names, separated by spaces.
    pub scopes: String,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
}

impl ApiKey {
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.split(' ').any(|name| name == scope.as_str())
    }

    /// Neither revoked nor expired.
    fn counts(&self, now: Millis) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }
}

/// Makes a key of this tenant, which shows whether it is a sandbox's; the text is the only copy of its secret.
#[must_use]
pub fn generate_for(
    tenant: &Tenant,
    name: &str,
    scopes: &[Scope],
    now: Millis,
) -> (ApiKey, Zeroizing<String>) {
    let (key, text) = generate(tenant.id, name, scopes, now);
    if !tenant.is_sandbox() {
        return (key, text);
    }
    let secret = text.strip_prefix(PREFIX).unwrap_or_default();
    (key, Zeroizing::new(format!("{SANDBOX_PREFIX}{secret}")))
}

/// Makes a key of a tenant that is no sandbox; the text is the only copy of its secret.
#[must_use]
pub fn generate(
    tenant_id: Uuid,
    name: &str,
    scopes: &[Scope],
    now: Millis,
) -> (ApiKey, Zeroizing<String>) {
    let handle = Handle::generate(Uuid::now_v7());
    let key = ApiKey {
        id: handle.id,
        tenant_id,
        name: name.to_owned(),
        secret_hash: handle.hash(),
        scopes: scopes.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" "),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    (key, Zeroizing::new(format!("{PREFIX}{}", *handle.to_text())))
}

/// # Errors
/// The database does not answer.
pub async fn insert(db: &Db, key: &ApiKey) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO api_keys
                (id, tenant_id, name, secret_hash, scopes, created_at, expires_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id)
        .bind(key.tenant_id)
        .bind(&key.name)
        .bind(&key.secret_hash)
        .bind(&key.scopes)
        .bind(key.created_at)
        .bind(key.expires_at)
        .bind(key.revoked_at)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Keys as they were read lately, so that not every request asks the database; clones share them.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys {
    read: Arc<Mutex<HashMap<Uuid, (Millis, Found)>>>,
    /// Nearly every request asks for a key first.
    pulse: Arc<Pulse>,
}

/// A key whose tenant is not disabled.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Found {
    #[sqlx(flatten)]
    key: ApiKey,
    sandbox: i32,
}

/// A revoked key works at most this much longer, and never a second.
const TRUSTED_FOR_MS: i64 = 500;
/// Keys remembered at the same time.
const MOST: usize = 10_000;

impl ApiKeys {
    /// The key this text belongs to, if its secret is right and it is neither revoked nor expired, nor its
    /// tenant disabled.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find(&self, db: &Db, text: &str, now: Millis) -> Result<Option<ApiKey>, DbError> {
        let (text, as_sandbox) = match text.strip_prefix(SANDBOX_PREFIX) {
            Some(text) => (text, true),
            None => (text.strip_prefix(PREFIX).unwrap_or_default(), false),
        };
        let Some(handle) = Handle::parse(text) else { return Ok(None) };
        let found = self.recall_or_read(db, handle.id, now).await?;
        let found = found.filter(|found| (found.sandbox != 0) == as_sandbox);
        let key = found.map(|found| found.key);
        Ok(key.filter(|key| handle.matches(&key.secret_hash) && key.counts(now)))
    }

    /// Whether a key that was found before is still as good.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn still_counts(&self, db: &Db, id: Uuid, now: Millis) -> Result<bool, DbError> {
        let found = self.recall_or_read(db, id, now).await?;
        Ok(found.is_some_and(|found| found.key.counts(now)))
    }

    async fn recall_or_read(
        &self,
        db: &Db,
        id: Uuid,
        now: Millis,
    ) -> Result<Option<Found>, DbError> {
        match self.recall(id, now) {
            Some(found) => Ok(Some(found)),
            // Rare and large: every request with a key would carry it.
            None => Box::pin(self.read(db, id, now)).await,
        }
    }

    fn recall(&self, id: Uuid, now: Millis) -> Option<Found> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&id).filter(|(at, _)| is_fresh(*at, now)).map(|(_, found)| found.clone())
    }

    /// `now` is from before the reading, as is the age of what was read.
    async fn read(&self, db: &Db, id: Uuid, now: Millis) -> Result<Option<Found>, DbError> {
        let found = self.pulse.of(find(db, id)).await?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MOST {
            read.retain(|_, (at, _)| is_fresh(*at, now));
        }
        match &found {
            Some(found) if read.len() < MOST => read.insert(id, (now, found.clone())),
            _ => read.remove(&id),
        };
        Ok(found)
    }
}

/// The clock may have been set back since.
fn is_fresh(at: Millis, now: Millis) -> bool {
    (0..TRUSTED_FOR_MS).contains(&(now - at))
}

async fn find(db: &Db, id: Uuid) -> Result<Option<Found>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Found>(
            "SELECT k.id, k.tenant_id, k.name, k.secret_hash, k.scopes, k.created_at, k.expires_at,
                 k.revoked_at, t.sandbox
             FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
             WHERE k.id = $1 AND t.disabled_at IS NULL",
        )
        .bind(id)
        .fetch_optional(c)
        .await?
    }))
}

/// Oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, tenant_id: Uuid) -> Result<Vec<ApiKey>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, ApiKey>(
            "SELECT id, tenant_id, name, secret_hash, scopes, created_at, expires_at, revoked_at
             FROM api_keys WHERE tenant_id = $1 ORDER BY created_at",
        )
        .bind(tenant_id)
        .fetch_all(c)
        .await?
    }))
}

/// False when there is no such key of this tenant, or it was revoked before.
///
/// # Errors
/// The database does not answer.
pub async fn mark_revoked(
    db: &Db,
    tenant_id: Uuid,
    id: Uuid,
    now: Millis,
) -> Result<bool, DbError> {
    let changed = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE api_keys SET revoked_at = $3
             WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant_id)
        .bind(id)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(changed == 1)
}
