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
};

/// What every key's text begins with, so that scanners of leaked secrets can recognise it.
pub const PREFIX: &str = "otp_";

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
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Verify, Self::Send, Self::Manage, Self::Events];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Send => "send",
            Self::Manage => "manage",
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
}

/// Makes a key; the text is the only copy of its secret.
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
    read: Arc<Mutex<HashMap<Uuid, (Millis, ApiKey)>>>,
    /// Nearly every request asks for a key first.
    pulse: Arc<Pulse>,
}

/// A revoked key works at most this much longer, and never a second.
const TRUSTED_FOR_MS: i64 = 500;
/// Keys remembered at the same time.
const MOST: usize = 10_000;

impl ApiKeys {
    /// The key this text belongs to, if its secret is right and it is neither revoked nor expired.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find(&self, db: &Db, text: &str, now: Millis) -> Result<Option<ApiKey>, DbError> {
        let Some(handle) = text.strip_prefix(PREFIX).and_then(Handle::parse) else {
            return Ok(None);
        };
        let key = match self.recall(handle.id, now) {
            Some(key) => Some(key),
            None => self.read(db, handle.id, now).await?,
        };
        Ok(key.filter(|key| {
            handle.matches(&key.secret_hash)
                && key.revoked_at.is_none()
                && key.expires_at.is_none_or(|at| at > now)
        }))
    }

    fn recall(&self, id: Uuid, now: Millis) -> Option<ApiKey> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&id).filter(|(at, _)| is_fresh(*at, now)).map(|(_, key)| key.clone())
    }

    /// `now` is from before the reading, as is the age of what was read.
    async fn read(&self, db: &Db, id: Uuid, now: Millis) -> Result<Option<ApiKey>, DbError> {
        let key = self.pulse.of(find(db, id)).await?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MOST {
            read.retain(|_, (at, _)| is_fresh(*at, now));
        }
        match &key {
            Some(key) if read.len() < MOST => read.insert(id, (now, key.clone())),
            _ => read.remove(&id),
        };
        Ok(key)
    }
}

/// The clock may have been set back since.
fn is_fresh(at: Millis, now: Millis) -> bool {
    (0..TRUSTED_FOR_MS).contains(&(now - at))
}

async fn find(db: &Db, id: Uuid) -> Result<Option<ApiKey>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, ApiKey>(
            "SELECT id, tenant_id, name, secret_hash, scopes, created_at, expires_at, revoked_at
             FROM api_keys WHERE id = $1",
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
