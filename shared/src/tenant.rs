//! Tenants: who sends. One named `default` exists from the first start.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    clock::Millis,
    config::Config,
    db::{Db, DbError, on_pool},
    home::Home,
};

/// The tenant that exists without being created. It is never a sandbox.
pub const DEFAULT_TENANT: Uuid = Uuid::nil();
pub const DEFAULT_TENANT_NAME: &str = "default";
/// Characters of a name.
pub const LONGEST_NAME: usize = 64;
/// Who is disabled counts as read for so long: as long as a revoked key.
const TRUSTED_FOR_MS: i64 = 500;

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Tenant {
    pub id: Uuid,
    pub name: String,
    /// Region for national numbers; none means the configured one.
    pub default_region: Option<String>,
    pub created_at: Millis,
    sandbox: i32,
    /// Since when its keys are refused, and what asks for new codes without one.
    pub disabled_at: Option<Millis>,
}

impl Tenant {
    /// One whose messages go to people.
    #[must_use]
    pub fn new(id: Uuid, name: impl Into<String>, created_at: Millis) -> Self {
        let name = name.into();
        Self { id, name, default_region: None, created_at, sandbox: 0, disabled_at: None }
    }

    /// One whose messages go into its inbox and nowhere else.
    #[must_use]
    pub fn sandbox(id: Uuid, name: impl Into<String>, created_at: Millis) -> Self {
        Self { sandbox: 1, ..Self::new(id, name, created_at) }
    }

    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.sandbox != 0
    }
}

/// True for a name that a tenant can have: routes and commands are to name it without quotes.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_within = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_first = text.bytes().next().is_some_and(is_within);
    is_first
        && text.len() <= LONGEST_NAME
        && text.bytes().all(|byte| is_within(byte) || b"._-".contains(&byte))
}

macro_rules! columns {
    () => {
        "id, name, default_region, created_at, sandbox, disabled_at"
    };
}

/// False when there is one of this name or id.
///
/// # Errors
/// The database does not answer.
pub async fn insert_if_missing(db: &Db, tenant: &Tenant) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO tenants (id, name, default_region, created_at, sandbox, disabled_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant.id)
        .bind(&tenant.name)
        .bind(&tenant.default_region)
        .bind(tenant.created_at)
        .bind(tenant.sandbox)
        .bind(tenant.disabled_at)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// # Errors
/// The database does not answer.
pub async fn ensure_default(db: &Db, now: Millis) -> Result<(), DbError> {
    insert_if_missing(db, &Tenant::new(DEFAULT_TENANT, DEFAULT_TENANT_NAME, now)).await.map(drop)
}

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Tenant>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM tenants WHERE id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Tenant>(SQL).bind(id).fetch_optional(c).await?
    }))
}

/// # Errors
/// The database does not answer.
pub async fn find_by_name(db: &Db, name: &str) -> Result<Option<Tenant>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM tenants WHERE name = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Tenant>(SQL).bind(name).fetch_optional(c).await?
    }))
}

/// All of them, by name.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db) -> Result<Vec<Tenant>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM tenants ORDER BY name");
    Ok(on_pool!(db.read(), c => sqlx::query_as::<D, Tenant>(SQL).fetch_all(c).await?))
}

/// The names of up to `most` sandboxes.
///
/// # Errors
/// The database does not answer.
pub async fn list_sandboxes(db: &Db, most: i64) -> Result<Vec<String>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, String>(
            "SELECT name FROM tenants WHERE sandbox = 1 ORDER BY name LIMIT $1",
        )
        .bind(most)
        .fetch_all(c)
        .await?
    }))
}

/// From now on its keys are refused, and what asks for new codes without one; false when they were before.
///
/// # Errors
/// The database does not answer.
pub async fn mark_disabled(db: &Db, id: Uuid, now: Millis) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE tenants SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL",
        )
        .bind(id)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// All of that counts again; false when it did before.
///
/// # Errors
/// The database does not answer.
pub async fn mark_enabled(db: &Db, id: Uuid) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE tenants SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL",
        )
        .bind(id)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// The name of a tenant, where routes ask for it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn name_for_routes(
    db: &Db,
    config: &Config,
    id: Uuid,
) -> Result<Option<String>, DbError> {
    if !config.routes_by_tenant() {
        return Ok(None);
    }
    Ok(find(db, id).await?.map(|tenant| tenant.name))
}

/// What a tenant keeps as it is.
#[derive(Clone, Debug)]
pub struct Known {
    pub name: Arc<str>,
    pub is_sandbox: bool,
}

/// What tenants keep, of each read once, and which of them are disabled; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    known: Arc<Mutex<HashMap<Uuid, Known>>>,
    disabled: Arc<Mutex<Disabled>>,
}

/// Those who are disabled, and when that was read.
#[derive(Debug, Default)]
struct Disabled {
    read_at: Option<Millis>,
    ids: HashSet<Uuid>,
}

impl Directory {
    /// None when there is no such tenant.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(&self, db: &Db, id: Uuid) -> Result<Option<Known>, DbError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(tenant) = find(db, id).await? else { return Ok(None) };
        let is_sandbox = tenant.is_sandbox();
        let known = Known { name: tenant.name.into(), is_sandbox };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, known.clone());
        Ok(Some(known))
    }

    /// `now` is from before the reading, as is the age of what was read.
    async fn is_disabled(&self, db: &Db, id: Uuid, now: Millis) -> Result<bool, DbError> {
        let disabled = || self.disabled.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock may have been set back since.
        let is_fresh = |at: Millis| (0..TRUSTED_FOR_MS).contains(&(now - at));
        {
            let known = disabled();
            if known.read_at.is_some_and(is_fresh) {
                return Ok(known.ids.contains(&id));
            }
        }
        let ids: HashSet<Uuid> = list_disabled(db).await?.into_iter().collect();
        let is_disabled = ids.contains(&id);
        *disabled() = Disabled { read_at: Some(now), ids };
        Ok(is_disabled)
    }
}

async fn list_disabled(db: &Db) -> Result<Vec<Uuid>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>("SELECT id FROM tenants WHERE disabled_at IS NOT NULL")
            .fetch_all(c)
            .await?
    }))
}

impl Home {
    /// True when what this tenant sends goes into its inbox and to no provider.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_sandbox(&self, tenant_id: Uuid) -> Result<bool, DbError> {
        if tenant_id == DEFAULT_TENANT {
            return Ok(false);
        }
        let known = self.tenants.of(&self.db, tenant_id).await?;
        Ok(known.is_some_and(|tenant| tenant.is_sandbox))
    }

    /// True when nobody is to get a new code of this tenant, whoever asks: keys are refused by themselves.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_disabled(&self, tenant_id: Uuid) -> Result<bool, DbError> {
        self.tenants.is_disabled(&self.db, tenant_id, self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for good in ["a", "default", "shop-2", "ci.main", "0"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(LONGEST_NAME + 1);
        for wrong in ["", "-a", ".", "Shop", "a b", "a/b", "é", "a\"", long.as_str()] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
