//! Making endpoints, changing them, giving them another secret, trying them, removing them.

use uuid::Uuid;

use super::{SECRET, Secret, State, Target, Webhook, columns, find, target::Refused};
use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_pool, on_tx, retrying},
    event::{AboutWebhook, Filter},
    home::Home,
    secrets::SecretError,
    settings,
};

/// How long the secret before signs too.
pub const ROTATION_MS: Millis = 86_400_000;
/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// What an endpoint is for, in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: String) -> Result<Self, Refused> {
        if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
            return Err("has at most 200 characters, in one line");
        }
        Ok(Self(text))
    }
}

/// Where somebody wants which events.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub target: Target,
    pub description: Description,
    pub filter: Filter,
}

/// What is to be different; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub target: Option<Target>,
    pub description: Option<Description>,
    pub filter: Option<Filter>,
    pub is_enabled: Option<bool>,
}

/// Why nothing was made, changed or told.
#[derive(Clone, Debug)]
pub enum NotMade {
    TooMany {
        most: u32,
    },
    NotFound,
    /// It is disabled, and gets nothing.
    Disabled,
    Unavailable(DbError),
}

impl From<DbError> for NotMade {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<SecretError> for NotMade {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Makes an endpoint. From then on, within a second, the tenant's events are written down and posted there.
/// The secret is in no other answer.
///
/// # Errors
/// Why it was not made.
pub async fn create(
    home: &Home,
    tenant_id: Uuid,
    new: &NewWebhook,
) -> Result<(Webhook, Secret), NotMade> {
    let most = home.config.webhooks.most_per_tenant;
    let (id, secret) = (Uuid::now_v7(), Secret::generate());
    let row = Webhook {
        id,
        tenant_id,
        url: new.target.as_str().to_owned(),
        description: new.description.0.clone(),
        types: new.filter.to_stored(),
        key_id: home.keys.active_kid().to_owned(),
        secret_sealed: home.keys.seal(SECRET, id, secret.bytes())?,
        old_key_id: None,
        old_secret_sealed: None,
        old_until: None,
        state: State::Enabled.as_str().into(),
        failing_since: None,
        disabled_at: None,
        disabled_why: None,
        created_at: home.clock.now(),
    };
    let (db, made) = (home.db.clone(), row.clone());
    let is_made = detached(async move { retrying!(insert(&db, &made, most.into()).await) }).await;
    home.settings.forget();
    if !is_made? {
        return Err(NotMade::TooMany { most });
    }
    Ok((row, secret))
}

/// False when the tenant has as many as it may have.
async fn insert(db: &Db, row: &Webhook, most: i64) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    // First of all, because it makes changes come one after the other: none is missed by the count.
    settings::raise_revision(&mut tx).await?;
    let count = on_tx!(&mut tx, c => {
        sqlx::query_scalar::<D, i64>("SELECT count(*) FROM webhooks WHERE tenant_id = $1")
            .bind(row.tenant_id)
            .fetch_one(c)
            .await?
    });
    if count >= most {
        tx.rollback().await?;
        return Ok(false);
    }
    on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "INSERT INTO webhooks (id, tenant_id, url, description, types, key_id, secret_sealed,
                 state, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.id)
        .bind(row.tenant_id)
        .bind(&row.url)
        .bind(&row.description)
        .bind(&row.types)
        .bind(&row.key_id)
        .bind(&row.secret_sealed)
        .bind(&row.state)
        .bind(row.created_at)
        .execute(c)
        .await?;
    });
    tx.commit().await?;
    Ok(true)
}

/// Changes an endpoint. Enabling one that was disabled takes away that it has failed; of one that was not, its
/// failures still count.
///
/// # Errors
/// Why nothing was changed.
pub async fn update(
    home: &Home,
    tenant_id: Uuid,
    id: Uuid,
    change: &Change,
) -> Result<Webhook, NotMade> {
    const SQL: &str = concat!(
        "UPDATE webhooks
         SET url = COALESCE($3, url), description = COALESCE($4, description),
             types = COALESCE($5, types), state = COALESCE($6, state),
             failing_since = CASE WHEN state = 'disabled' AND $6 = 'enabled'
                 THEN NULL ELSE failing_since END,
             disabled_at = CASE $6 WHEN 'enabled' THEN NULL
                 WHEN 'disabled' THEN COALESCE(disabled_at, $7) ELSE disabled_at END,
             disabled_why = CASE $6 WHEN 'enabled' THEN NULL ELSE disabled_why END
         WHERE id = $1 AND tenant_id = $2
         RETURNING ",
        columns!()
    );
    let state = |is_enabled| if is_enabled { State::Enabled } else { State::Disabled };
    let changed = on_pool!(home.db.write(), c => {
        sqlx::query_as::<D, Webhook>(SQL)
            .bind(id)
            .bind(tenant_id)
            .bind(change.target.as_ref().map(Target::as_str))
            .bind(change.description.as_ref().map(|description| description.0.as_str()))
            .bind(change.filter.as_ref().map(Filter::to_stored))
            .bind(change.is_enabled.map(|is_enabled| state(is_enabled).as_str()))
            .bind(home.clock.now())
            .fetch_all(c)
            .await?
    });
    changed.into_iter().next().ok_or(NotMade::NotFound)
}

/// Gives an endpoint another secret. The one it had signs too for a day.
///
/// # Errors
/// Why nothing was changed.
pub async fn rotate(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<(Webhook, Secret), NotMade> {
    const SQL: &str = concat!(
        "UPDATE webhooks
         SET old_key_id = key_id, old_secret_sealed = secret_sealed, old_until = $5,
             key_id = $3, secret_sealed = $4
         WHERE id = $1 AND tenant_id = $2
         RETURNING ",
        columns!()
    );
    let secret = Secret::generate();
    let sealed = home.keys.seal(SECRET, id, secret.bytes())?;
    let rotated = on_pool!(home.db.write(), c => {
        sqlx::query_as::<D, Webhook>(SQL)
            .bind(id)
            .bind(tenant_id)
            .bind(home.keys.active_kid())
            .bind(&sealed)
            .bind(home.clock.now() + ROTATION_MS)
            .fetch_all(c)
            .await?
    });
    let row = rotated.into_iter().next().ok_or(NotMade::NotFound)?;
    Ok((row, secret))
}

/// Writes an event down that is for this endpoint alone, whatever types it takes; its id.
///
/// # Errors
/// The database does not answer, or there is no such endpoint.
pub async fn test(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<Uuid, NotMade> {
    let Some(row) = find(&home.db, tenant_id, id).await? else { return Err(NotMade::NotFound) };
    if !row.is_enabled() {
        return Err(NotMade::Disabled);
    }
    let (db, now) = (home.db.clone(), home.clock.now());
    Ok(detached(async move {
        let mut tx = db.begin().await?;
        let event = AboutWebhook::test(tenant_id, id).tell(&mut tx, now).await?;
        tx.commit().await?;
        Ok(event)
    })
    .await?)
}

/// Removes an endpoint with what waits for it; false when there is none.
///
/// # Errors
/// The database does not answer.
pub async fn remove(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<bool, DbError> {
    let db = home.db.clone();
    let removed = detached(async move {
        let mut tx = db.begin().await?;
        settings::raise_revision(&mut tx).await?;
        let rows = on_tx!(&mut tx, c => {
            sqlx::query::<D>("DELETE FROM webhooks WHERE id = $1 AND tenant_id = $2")
                .bind(id)
                .bind(tenant_id)
                .execute(c)
                .await?
                .rows_affected()
        });
        // What was delivered goes with the retention.
        on_tx!(&mut tx, c => {
            sqlx::query::<D>(
                "DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND state = 'queued'",
            )
            .bind(id)
            .execute(c)
            .await?;
        });
        tx.commit().await?;
        Ok(rows == 1)
    })
    .await;
    home.settings.forget();
    removed
}
