//! Making endpoints, changing them, giving them another secret, trying them, removing them.

use uuid::Uuid;

use super::{SECRET, Secret, Webhook, find, target};
use crate::{
    clock::Millis,
    config::Webhooks,
    db::{Db, DbError, Tx, detached, on_tx, retrying},
    event::{AboutWebhook, Filter, NoSuchKind},
    home::Home,
    secrets::SecretError,
    settings,
};

/// How long the secret before signs too.
pub const ROTATION_MS: Millis = 86_400_000;
/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// Where somebody wants which events.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    pub url: String,
    pub description: String,
    pub types: Vec<String>,
}

/// What is to be different; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub url: Option<String>,
    pub description: Option<String>,
    pub types: Option<Vec<String>>,
    pub is_enabled: Option<bool>,
}

/// Why nothing was made or changed.
#[derive(Clone, Debug)]
pub enum NotMade {
    /// A field, and a sentence that begins with its name.
    Field {
        name: &'static str,
        said: String,
    },
    TooMany {
        most: u32,
    },
    NotFound,
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

impl From<NoSuchKind> for NotMade {
    fn from(error: NoSuchKind) -> Self {
        Self::Field { name: "types", said: error.to_string() }
    }
}

fn check_url(url: &str, rules: Webhooks) -> Result<(), NotMade> {
    let wrong = |said| NotMade::Field { name: "url", said: format!("url {said}") };
    target::parse(url, rules).map(drop).map_err(wrong)
}

fn check_description(text: &str) -> Result<(), NotMade> {
    if text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let said = format!("description has at most {LONGEST_DESCRIPTION} characters, in one line");
    Err(NotMade::Field { name: "description", said })
}

fn read_types(types: &[String]) -> Result<String, NotMade> {
    Ok(Filter::parse(types.iter().map(String::as_str))?.to_stored())
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
    let rules = home.config.webhooks;
    check_url(&new.url, rules)?;
    check_description(&new.description)?;
    let (id, secret) = (Uuid::now_v7(), Secret::generate());
    let row = Webhook {
        id,
        tenant_id,
        url: new.url.clone(),
        description: new.description.clone(),
        types: read_types(&new.types)?,
        key_id: home.keys.active_kid().to_owned(),
        secret_sealed: home.keys.seal(SECRET, id, secret.bytes())?,
        old_key_id: None,
        old_secret_sealed: None,
        old_until: None,
        state: "enabled".into(),
        failing_since: None,
        disabled_at: None,
        disabled_why: None,
        created_at: home.clock.now(),
    };
    let (db, made, most) = (home.db.clone(), row.clone(), i64::from(rules.most_per_tenant));
    let is_made = detached(async move { retrying!(insert(&db, &made, most).await) }).await;
    home.settings.forget();
    if !is_made? {
        return Err(NotMade::TooMany { most: rules.most_per_tenant });
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

/// Changes an endpoint. Enabling one takes away that it has failed.
///
/// # Errors
/// Why nothing was changed.
pub async fn update(
    home: &Home,
    tenant_id: Uuid,
    id: Uuid,
    change: &Change,
) -> Result<Webhook, NotMade> {
    if let Some(url) = &change.url {
        check_url(url, home.config.webhooks)?;
    }
    if let Some(description) = &change.description {
        check_description(description)?;
    }
    let types = change.types.as_deref().map(read_types).transpose()?;
    let (db, now, change) = (home.db.clone(), home.clock.now(), change.clone());
    detached(async move {
        let mut tx = db.begin().await?;
        on_tx!(&mut tx, c => {
            sqlx::query::<D>(
                "UPDATE webhooks
                 SET url = COALESCE($3, url), description = COALESCE($4, description),
                     types = COALESCE($5, types)
                 WHERE id = $1 AND tenant_id = $2",
            )
            .bind(id)
            .bind(tenant_id)
            .bind(&change.url)
            .bind(&change.description)
            .bind(&types)
            .execute(c)
            .await?;
        });
        match change.is_enabled {
            Some(true) => enable_in(&mut tx, tenant_id, id).await?,
            Some(false) => disable_in(&mut tx, tenant_id, id, now).await?,
            None => {}
        }
        tx.commit().await
    })
    .await?;
    find(&home.db, tenant_id, id).await?.ok_or(NotMade::NotFound)
}

async fn enable_in(tx: &mut Tx, tenant_id: Uuid, id: Uuid) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE webhooks
             SET state = 'enabled', failing_since = NULL, disabled_at = NULL, disabled_why = NULL
             WHERE id = $1 AND tenant_id = $2 AND state = 'disabled'",
        )
        .bind(id)
        .bind(tenant_id)
        .execute(c)
        .await?;
    });
    Ok(())
}

async fn disable_in(tx: &mut Tx, tenant_id: Uuid, id: Uuid, now: Millis) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE webhooks SET state = 'disabled', disabled_at = $3
             WHERE id = $1 AND tenant_id = $2 AND state = 'enabled'",
        )
        .bind(id)
        .bind(tenant_id)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Gives an endpoint another secret. The one it had signs too for a day.
///
/// # Errors
/// Why nothing was changed.
pub async fn rotate(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<(Webhook, Secret), NotMade> {
    let secret = Secret::generate();
    let (sealed, kid) = (home.keys.seal(SECRET, id, secret.bytes())?, home.keys.active_kid());
    let (db, kid, until) = (home.db.clone(), kid.to_owned(), home.clock.now() + ROTATION_MS);
    detached(async move {
        let mut tx = db.begin().await?;
        on_tx!(&mut tx, c => {
            sqlx::query::<D>(
                "UPDATE webhooks
                 SET old_key_id = key_id, old_secret_sealed = secret_sealed, old_until = $5,
                     key_id = $3, secret_sealed = $4
                 WHERE id = $1 AND tenant_id = $2",
            )
            .bind(id)
            .bind(tenant_id)
            .bind(&kid)
            .bind(&sealed)
            .bind(until)
            .execute(c)
            .await?;
        });
        tx.commit().await
    })
    .await?;
    let row = find(&home.db, tenant_id, id).await?.ok_or(NotMade::NotFound)?;
    Ok((row, secret))
}

/// Writes an event down that is for this endpoint alone, whatever types it takes; its id.
///
/// # Errors
/// The database does not answer, or there is no such endpoint.
pub async fn test(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<Uuid, NotMade> {
    let Some(row) = find(&home.db, tenant_id, id).await? else { return Err(NotMade::NotFound) };
    if !row.is_enabled() {
        let said = "it is disabled, and gets nothing; enable it first".to_owned();
        return Err(NotMade::Field { name: "id", said });
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
