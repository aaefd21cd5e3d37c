//! Making a change: checked as a whole with what is below, then written as a version of its own.

use uuid::Uuid;

use super::{
    Body, DEFAULT_PURPOSE, merge,
    rows::{self, NewVersion, Version},
};
use crate::{
    clock::Millis,
    config::{Config, Purpose},
    db::{Db, DbError, detached, retrying},
    home::Home,
    mistake::Mistake,
    settings::{self, Owner},
};

/// Bytes of a purpose's name: it stands in every verification.
const LONGEST_NAME: usize = 64;
/// Purposes that one may have changes of: every process holds them in memory.
const MOST_CHANGED: i64 = 200;

/// What somebody wants a purpose's policy to be.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose; none for everyone.
    pub tenant_id: Option<Uuid>,
    pub purpose: String,
    /// All that is to differ from what is below; none takes everything back.
    pub body: Option<Body>,
    /// The version that was looked at before: no other may have come since. 0 means none.
    pub based_on: Option<i32>,
    /// The API key's id, or `cli`.
    pub changed_by: String,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotChanged {
    Mistake(Mistake),
    /// Another change came between: this is the version now.
    Outdated {
        version: i32,
    },
    /// There is nothing to take back.
    NothingOwn,
    /// There is none of this number.
    NoSuchVersion {
        version: i32,
    },
    Unavailable(DbError),
}

impl From<DbError> for NotChanged {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<Mistake> for NotChanged {
    fn from(mistake: Mistake) -> Self {
        Self::Mistake(mistake)
    }
}

/// Makes a change, and returns its version: the last one, if that says the same. From its commit on it counts in this process, and within a
/// second in all others.
///
/// # Errors
/// Why nothing was changed.
pub async fn change(home: &Home, change: Change) -> Result<i32, NotChanged> {
    if let Some(body) = &change.body {
        check_name(&home.config, &change.purpose)?;
        let below = below(home, &change).await?;
        merge(&home.config, &below, body)?;
    }
    let (db, now) = (home.db.clone(), home.clock.now());
    let written = detached(async move { retrying!(write(&db, &change, now).await) }).await;
    home.settings.forget();
    match written? {
        Written::Version(version) => Ok(version),
        Written::Outdated { version } => Err(NotChanged::Outdated { version }),
        Written::NothingOwn => Err(NotChanged::NothingOwn),
        Written::TooMany => {
            let said = format!("{MOST_CHANGED} purposes are changed already; take one back first");
            Err(Mistake::of("purpose", said).into())
        }
    }
}

/// Makes what an earlier version says count again, as a new version; of `change`, its body is not used.
///
/// # Errors
/// Why nothing was changed.
pub async fn restore(home: &Home, version: i32, change: Change) -> Result<i32, NotChanged> {
    let found = rows::find_version(&home.db, change.tenant_id, &change.purpose, version).await?;
    let body = found.ok_or(NotChanged::NoSuchVersion { version })?.body()?;
    if body.is_none() {
        let said = format!("version {version} took everything back; take it back in the same way");
        return Err(Mistake::of("version", said).into());
    }
    self::change(home, Change { body, ..change }).await
}

/// A name of the configuration's, or one that fits into an address and a log.
fn check_name(config: &Config, name: &str) -> Result<(), Mistake> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let is_good = name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(fits);
    if is_good || config.purposes.contains_key(name) {
        return Ok(());
    }
    let said = format!(
        "a purpose has at most {LONGEST_NAME} characters: a small letter, then small letters, digits, _ \
         and -"
    );
    Err(Mistake::of("purpose", said))
}

/// What the change will lie on: the file's purpose, or its default one, and for a tenant what counts for
/// everyone.
async fn below(home: &Home, change: &Change) -> Result<Purpose, NotChanged> {
    let config = &home.config;
    let of_file = config.purposes.get(&change.purpose);
    let of_file = of_file.or_else(|| config.purposes.get(DEFAULT_PURPOSE));
    let Some(of_file) = of_file else {
        let said = format!("the configuration has no [purposes.{DEFAULT_PURPOSE}]");
        return Err(Mistake::of("purpose", said).into());
    };
    if change.tenant_id.is_none() {
        return Ok(of_file.clone());
    }
    let all = rows::list_last(&home.db, Owner::Everyone).await?;
    let of_all = all.iter().find(|row| row.purpose == change.purpose);
    // One that no longer fits is passed over, as it is when it is read.
    let merged = of_all.and_then(|row| row.lay_over(config, of_file).ok().flatten());
    Ok(merged.map_or_else(|| of_file.clone(), |(_, merged)| merged))
}

enum Written {
    Version(i32),
    Outdated { version: i32 },
    NothingOwn,
    TooMany,
}

async fn write(db: &Db, change: &Change, now: Millis) -> Result<Written, DbError> {
    let owner = Owner::from(change.tenant_id);
    let mut tx = db.begin().await?;
    // First of all, because it makes changes come one after the other.
    settings::raise_revision(&mut tx).await?;
    let last = rows::find_last(&mut tx, owner, &change.purpose).await?;
    let version = last.as_ref().map_or(0, |row| row.version);
    if change.based_on.is_some_and(|seen| seen != version) {
        tx.rollback().await?;
        return Ok(Written::Outdated { version });
    }
    let is_new = last.as_ref().is_none_or(Version::is_taken_back);
    if !is_new && last.is_some_and(|last| last.body() == Ok(change.body.clone())) {
        // Nobody needs to read anything again.
        tx.rollback().await?;
        return Ok(Written::Version(version));
    }
    if is_new && change.body.is_none() {
        tx.rollback().await?;
        return Ok(Written::NothingOwn);
    }
    if is_new && rows::count_current(&mut tx, owner).await? >= MOST_CHANGED {
        tx.rollback().await?;
        return Ok(Written::TooMany);
    }
    let new = NewVersion {
        purpose: &change.purpose,
        version: version + 1,
        body: change.body.as_ref().map(Body::to_text),
        changed_by: &change.changed_by,
        changed_at: now,
    };
    rows::insert(&mut tx, owner, &new).await?;
    tx.commit().await?;
    Ok(Written::Version(version + 1))
}
