//! Tenants: who sends. One named `default` exists from the first start.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    clock::Millis,
    config::Config,
    db::{Db, DbError, on_pool},
};

/// The tenant that exists without being created.
pub const DEFAULT_TENANT: Uuid = Uuid::nil();
pub const DEFAULT_TENANT_NAME: &str = "default";

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Tenant {
    pub id: Uuid,
    pub name: String,
    /// Region for national numbers; none means the configured one.
    pub default_region: Option<String>,
    pub created_at: Millis,
}

/// # Errors
/// The database does not answer.
pub async fn insert_if_missing(db: &Db, tenant: &Tenant) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO tenants (id, name, default_region, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(tenant.id)
        .bind(&tenant.name)
        .bind(&tenant.default_region)
        .bind(tenant.created_at)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// # Errors
/// The database does not answer.
pub async fn ensure_default(db: &Db, now: Millis) -> Result<(), DbError> {
    let tenant = Tenant {
        id: DEFAULT_TENANT,
        name: DEFAULT_TENANT_NAME.into(),
        default_region: None,
        created_at: now,
    };
    insert_if_missing(db, &tenant).await
}

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Tenant>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Tenant>(
            "SELECT id, name, default_region, created_at FROM tenants WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(c)
        .await?
    }))
}

/// # Errors
/// The database does not answer.
pub async fn find_by_name(db: &Db, name: &str) -> Result<Option<Tenant>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Tenant>(
            "SELECT id, name, default_region, created_at FROM tenants WHERE name = $1",
        )
        .bind(name)
        .fetch_optional(c)
        .await?
    }))
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

/// Names of tenants, each read once: a tenant keeps its own.
#[derive(Debug, Default)]
pub struct Names(Mutex<HashMap<Uuid, Arc<str>>>);

impl Names {
    /// The name of this tenant; none when there is no such one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(&self, db: &Db, id: Uuid) -> Result<Option<Arc<str>>, DbError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(tenant) = find(db, id).await? else { return Ok(None) };
        let name = Arc::<str>::from(tenant.name);
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(id, Arc::clone(&name));
        Ok(Some(name))
    }
}
