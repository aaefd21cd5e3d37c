//! Texts of one's own as rows: each change is a new version, and raises the revision of the settings.

use uuid::Uuid;

use super::{Draft, Locale, Place};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx, retrying},
    home::Home,
    mistake::Mistake,
    settings::{self, Owner},
};

/// Texts that one tenant, or all together, may have.
pub const MOST_TEMPLATES: i64 = 1_000;
/// Versions of a text that are shown.
pub const MOST_VERSIONS: i64 = 100;

/// One version of one text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredTemplate {
    pub tenant_id: Uuid,
    /// 1 for those of all tenants.
    pub for_everyone: i32,
    pub purpose: String,
    pub channel: String,
    pub locale: String,
    pub version: i32,
    pub title: Option<String>,
    /// None in a version that took the text away.
    pub body: Option<String>,
    /// Separated by spaces.
    pub variables: String,
    /// The API key's id, or `cli`.
    pub changed_by: String,
    pub created_at: Millis,
    pub superseded_at: Option<Millis>,
}

impl StoredTemplate {
    #[must_use]
    pub fn is_for_everyone(&self) -> bool {
        self.for_everyone != 0
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let words = |of: &Self| (of.title.clone(), of.body.clone(), of.variables.clone());
        words(self) == words(other)
    }

    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.split(' ').filter(|name| !name.is_empty())
    }
}

macro_rules! columns {
    () => {
        "tenant_id, for_everyone, purpose, channel, locale, version, title, body, variables, \
         changed_by, created_at, superseded_at"
    };
}

/// What counts now.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub templates: Vec<StoredTemplate>,
    /// Of tenants that have one.
    pub languages: Vec<(Uuid, String)>,
}

/// Why a text was not saved.
#[derive(Clone, Debug)]
pub enum NotSaved {
    Mistake(Mistake),
    Unavailable(DbError),
}

impl From<Mistake> for NotSaved {
    fn from(mistake: Mistake) -> Self {
        Self::Mistake(mistake)
    }
}

impl From<DbError> for NotSaved {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

/// All that counts, of everyone.
pub(crate) async fn list_current(db: &Db) -> Result<Rows, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM templates WHERE superseded_at IS NULL AND body IS NOT NULL"
    );
    let templates = on_pool!(db.read(), c => {
        sqlx::query_as::<D, StoredTemplate>(SQL).fetch_all(c).await?
    });
    let languages = on_pool!(db.read(), c => {
        sqlx::query_as::<D, (Uuid, String)>(
            "SELECT id, language FROM tenants WHERE language IS NOT NULL",
        )
        .fetch_all(c)
        .await?
    });
    Ok(Rows { templates, languages })
}

/// What counts of an owner's texts, by purpose, channel and language.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, owner: Owner) -> Result<Vec<StoredTemplate>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM templates
          WHERE tenant_id = $1 AND for_everyone = $2 AND superseded_at IS NULL
            AND body IS NOT NULL
          ORDER BY purpose, channel, locale"
    );
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, StoredTemplate>(SQL)
            .bind(tenant_id)
            .bind(for_everyone)
            .fetch_all(c)
            .await?
    }))
}

/// The versions of one text, the newest first and at most [`MOST_VERSIONS`]; none when there never was one.
///
/// # Errors
/// The database does not answer.
pub async fn versions(db: &Db, owner: Owner, of: &Place) -> Result<Vec<StoredTemplate>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM templates
          WHERE tenant_id = $1 AND for_everyone = $2 AND purpose = $3 AND channel = $4
            AND locale = $5
          ORDER BY version DESC LIMIT $6"
    );
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, StoredTemplate>(SQL)
            .bind(tenant_id)
            .bind(for_everyone)
            .bind(&of.purpose)
            .bind(of.channel.as_str())
            .bind(of.locale.to_string())
            .bind(MOST_VERSIONS)
            .fetch_all(c)
            .await?
    }))
}

/// Saves a text, checked, as the next version; one that says what the last one says is none. It counts in every process within a second.
///
/// # Errors
/// What is wrong with it, or the database does not answer.
pub async fn save(
    home: &Home,
    owner: Owner,
    place: Place,
    draft: Draft,
    changed_by: &str,
) -> Result<StoredTemplate, NotSaved> {
    draft.check(place.channel)?;
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    place.policy(&settings, owner)?;
    let new = StoredTemplate {
        title: draft.title,
        body: Some(draft.text),
        variables: draft.variables.join(" "),
        ..taken_away(owner, place, changed_by, home.clock.now())
    };
    match write(home, owner, new).await? {
        Written::Yes(row) | Written::Unchanged(row) => Ok(*row),
        Written::TooMany => {
            let said = format!("there are {MOST_TEMPLATES} already; delete some first");
            Err(Mistake::of("text", said).into())
        }
        Written::Nothing => Err(DbError::Broken("a text was not written".into()).into()),
    }
}

/// Takes a text away; false when there is none.
///
/// # Errors
/// The database does not answer.
pub async fn delete(
    home: &Home,
    owner: Owner,
    place: Place,
    changed_by: &str,
) -> Result<bool, DbError> {
    let new = taken_away(owner, place, changed_by, home.clock.now());
    Ok(matches!(write(home, owner, new).await?, Written::Yes(_)))
}

/// A version without a text; its number comes when it is written.
fn taken_away(owner: Owner, place: Place, changed_by: &str, now: Millis) -> StoredTemplate {
    let (tenant_id, for_everyone) = owner.columns();
    StoredTemplate {
        tenant_id,
        for_everyone,
        purpose: place.purpose,
        channel: place.channel.as_str().into(),
        locale: place.locale.to_string(),
        version: 1,
        title: None,
        body: None,
        variables: String::new(),
        changed_by: changed_by.to_owned(),
        created_at: now,
        superseded_at: None,
    }
}

enum Written {
    Yes(Box<StoredTemplate>),
    /// The last version, which says the same.
    Unchanged(Box<StoredTemplate>),
    /// There is none that could be taken away.
    Nothing,
    TooMany,
}

async fn write(home: &Home, owner: Owner, new: StoredTemplate) -> Result<Written, DbError> {
    let db = home.db.clone();
    let written =
        detached(async move { retrying!(write_once(&db, owner, new.clone()).await) }).await;
    home.settings.forget();
    written
}

async fn write_once(db: &Db, owner: Owner, new: StoredTemplate) -> Result<Written, DbError> {
    let mut tx = db.begin().await?;
    let written = write_in(&mut tx, owner, new).await?;
    if matches!(written, Written::Yes(_)) {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(written)
}

async fn write_in(tx: &mut Tx, owner: Owner, mut new: StoredTemplate) -> Result<Written, DbError> {
    // First of all, because it makes changes come one after the other.
    settings::raise_revision(tx).await?;
    let last = supersede(tx, &new).await?;
    let had_text = last.as_ref().is_some_and(|last| last.body.is_some());
    if new.body.is_none() && !had_text {
        return Ok(Written::Nothing);
    }
    if let Some(last) = last.as_ref().filter(|last| had_text && last.says_the_same(&new)) {
        let last = StoredTemplate { superseded_at: None, ..last.clone() };
        return Ok(Written::Unchanged(Box::new(last)));
    }
    if !had_text && count(tx, owner).await? >= MOST_TEMPLATES {
        return Ok(Written::TooMany);
    }
    new.version = last.map_or(1, |last| last.version + 1);
    insert(tx, &new).await?;
    Ok(Written::Yes(Box::new(new)))
}

/// The version that counted until now.
async fn supersede(tx: &mut Tx, new: &StoredTemplate) -> Result<Option<StoredTemplate>, DbError> {
    const SQL: &str = concat!(
        "UPDATE templates SET superseded_at = $6
         WHERE tenant_id = $1 AND for_everyone = $2 AND purpose = $3 AND channel = $4
           AND locale = $5 AND superseded_at IS NULL
         RETURNING ",
        columns!()
    );
    Ok(on_tx!(tx, c => {
        sqlx::query_as::<D, StoredTemplate>(SQL)
            .bind(new.tenant_id)
            .bind(new.for_everyone)
            .bind(&new.purpose)
            .bind(&new.channel)
            .bind(&new.locale)
            .bind(new.created_at)
            .fetch_optional(c)
            .await?
    }))
}

async fn count(tx: &mut Tx, owner: Owner) -> Result<i64, DbError> {
    let (tenant_id, for_everyone) = owner.columns();
    Ok(on_tx!(tx, c => {
        sqlx::query_scalar::<D, i64>(
            "SELECT count(*) FROM templates
             WHERE tenant_id = $1 AND for_everyone = $2 AND superseded_at IS NULL
               AND body IS NOT NULL",
        )
        .bind(tenant_id)
        .bind(for_everyone)
        .fetch_one(c)
        .await?
    }))
}

async fn insert(tx: &mut Tx, new: &StoredTemplate) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO templates (id, tenant_id, for_everyone, purpose, channel, locale, version,
                 title, body, variables, changed_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(Uuid::now_v7())
        .bind(new.tenant_id)
        .bind(new.for_everyone)
        .bind(&new.purpose)
        .bind(&new.channel)
        .bind(&new.locale)
        .bind(new.version)
        .bind(&new.title)
        .bind(&new.body)
        .bind(&new.variables)
        .bind(&new.changed_by)
        .bind(new.created_at)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// The language of a tenant's people who ask for none; none for the configuration's.
///
/// # Errors
/// The database does not answer.
pub async fn language_of(db: &Db, tenant_id: Uuid) -> Result<Option<String>, DbError> {
    let found = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Option<String>>("SELECT language FROM tenants WHERE id = $1")
            .bind(tenant_id)
            .fetch_optional(c)
            .await?
    });
    Ok(found.flatten())
}

/// Sets it, or takes it away; it counts in every process within a second.
///
/// # Errors
/// The database does not answer.
pub async fn set_language(
    home: &Home,
    tenant_id: Uuid,
    language: Option<&Locale>,
) -> Result<(), DbError> {
    let language = language.map(Locale::to_string);
    let db = home.db.clone();
    let work = async move { retrying!(write_language(&db, tenant_id, language.as_deref()).await) };
    let written = detached(work).await;
    home.settings.forget();
    written
}

async fn write_language(db: &Db, tenant_id: Uuid, language: Option<&str>) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    settings::raise_revision(&mut tx).await?;
    let changed = on_tx!(&mut tx, c => {
        sqlx::query::<D>(
            "UPDATE tenants SET language = $2
             WHERE id = $1 AND coalesce(language, '') <> coalesce($2, '')",
        )
        .bind(tenant_id)
        .bind(language)
        .execute(c)
        .await?
        .rows_affected()
    });
    // Nobody needs to read anything again.
    if changed == 0 { tx.rollback().await } else { tx.commit().await }
}
