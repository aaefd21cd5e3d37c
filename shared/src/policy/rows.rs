//! The table of policies: what counts now, and every version before.

use uuid::Uuid;

use super::{Body, merge};
use crate::{
    clock::Millis,
    config::{Config, Purpose},
    db::{Db, DbError, Tx, on_pool, on_tx},
    mistake::Mistake,
    settings::Owner,
};

/// One change of a policy.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Version {
    pub purpose: String,
    pub(super) tenant_id: Uuid,
    pub(super) for_everyone: i32,
    pub version: i32,
    body: Option<String>,
    /// The API key's id, or `cli`.
    pub changed_by: String,
    pub changed_at: Millis,
}

macro_rules! columns {
    () => {
        "purpose, tenant_id, for_everyone, version, body, changed_by, changed_at"
    };
}

impl Version {
    /// Whose it is; none when it is for everyone.
    pub(crate) fn tenant_id(&self) -> Option<Uuid> {
        (self.for_everyone == 0).then_some(self.tenant_id)
    }

    /// What it says; none when it took everything back.
    ///
    /// # Errors
    /// It is not readable.
    pub fn body(&self) -> Result<Option<Body>, Mistake> {
        self.body.as_deref().map(Body::read).transpose()
    }

    /// What it says, and the policy that has it over what is below; none when it took everything back.
    ///
    /// # Errors
    /// It is not readable, or does not fit what is below.
    pub(crate) fn lay_over(
        &self,
        config: &Config,
        below: &Purpose,
    ) -> Result<Option<(Body, Purpose)>, Mistake> {
        let Some(body) = self.body()? else { return Ok(None) };
        let merged = merge(config, below, &body)?;
        Ok(Some((body, merged)))
    }

    pub(crate) fn is_taken_back(&self) -> bool {
        self.body.is_none()
    }
}

/// All that count, of everyone.
pub(crate) async fn list_current(db: &Db) -> Result<Vec<Version>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM policies WHERE is_current = 1 AND body IS NOT NULL
         ORDER BY for_everyone, tenant_id, purpose"
    );
    Ok(on_pool!(db.read(), c => sqlx::query_as::<D, Version>(SQL).fetch_all(c).await?))
}

/// The last change of each purpose for whom it says, also where it took everything back.
pub(super) async fn list_last(db: &Db, owner: Owner) -> Result<Vec<Version>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM policies WHERE is_current = 1 AND for_everyone = $1 AND tenant_id = $2"
    );
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Version>(SQL)
            .bind(for_everyone)
            .bind(tenant_id)
            .fetch_all(c)
            .await?
    }))
}

/// Up to `limit` changes of a purpose before this version, the newest first; those for everyone when no
/// tenant is given.
///
/// # Errors
/// The database does not answer.
pub async fn list_versions(
    db: &Db,
    tenant_id: Option<Uuid>,
    purpose: &str,
    before: i32,
    limit: usize,
) -> Result<Vec<Version>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM policies WHERE for_everyone = $1 AND tenant_id = $2 AND purpose = $3 AND version < $4
         ORDER BY version DESC LIMIT $5"
    );
    let (tenant_id, for_everyone) = Owner::from(tenant_id).columns();
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Version>(SQL)
            .bind(for_everyone)
            .bind(tenant_id)
            .bind(purpose)
            .bind(before)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await?
    }))
}

/// The change of this number.
pub(super) async fn find_version(
    db: &Db,
    tenant_id: Option<Uuid>,
    purpose: &str,
    version: i32,
) -> Result<Option<Version>, DbError> {
    let up_to = list_versions(db, tenant_id, purpose, version.saturating_add(1), 1).await?;
    Ok(up_to.into_iter().find(|row| row.version == version))
}

/// The last change of one purpose.
pub(super) async fn find_last(
    tx: &mut Tx,
    owner: Owner,
    purpose: &str,
) -> Result<Option<Version>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM policies
         WHERE is_current = 1 AND for_everyone = $1 AND tenant_id = $2 AND purpose = $3"
    );
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_tx!(tx, c => {
        sqlx::query_as::<D, Version>(SQL)
            .bind(for_everyone)
            .bind(tenant_id)
            .bind(purpose)
            .fetch_optional(c)
            .await?
    }))
}

/// Of how many purposes there are changes that count.
pub(super) async fn count_current(tx: &mut Tx, owner: Owner) -> Result<i64, DbError> {
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_tx!(tx, c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM policies
             WHERE is_current = 1 AND for_everyone = $1 AND tenant_id = $2 AND body IS NOT NULL",
        )
        .bind(for_everyone)
        .bind(tenant_id)
        .fetch_one(c)
        .await?
    }))
}

/// What a new version says, who made it, and when.
pub(super) struct NewVersion<'a> {
    pub(super) purpose: &'a str,
    pub(super) version: i32,
    pub(super) body: Option<String>,
    pub(super) changed_by: &'a str,
    pub(super) changed_at: Millis,
}

/// Adds a version, which counts from now on.
pub(super) async fn insert(tx: &mut Tx, owner: Owner, new: &NewVersion<'_>) -> Result<(), DbError> {
    let (tenant_id, for_everyone) = owner.columns();
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE policies SET is_current = 0
             WHERE is_current = 1 AND for_everyone = $1 AND tenant_id = $2 AND purpose = $3",
        )
        .bind(for_everyone)
        .bind(tenant_id)
        .bind(new.purpose)
        .execute(c)
        .await?;
    });
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO policies (for_everyone, tenant_id, purpose, version, is_current, body,
                 changed_by, changed_at)
             VALUES ($1, $2, $3, $4, 1, $5, $6, $7)",
        )
        .bind(for_everyone)
        .bind(tenant_id)
        .bind(new.purpose)
        .bind(new.version)
        .bind(new.body.as_deref())
        .bind(new.changed_by)
        .bind(new.changed_at)
        .execute(c)
        .await?;
    });
    Ok(())
}
