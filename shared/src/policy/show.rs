//! What counts for whom, and where each key of it comes from.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use super::{
    Body, DEFAULT_PURPOSE,
    rows::{self, Version},
};
use crate::{
    config::{Config, Purpose},
    db::DbError,
    home::Home,
    mistake::Mistake,
    settings::Owner,
    tenant,
};

/// Where a key comes from; each lies on the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The file, the environment and what is built in.
    Configuration,
    /// What was changed for all tenants.
    Everyone,
    Tenant,
}

impl Layer {
    /// The word used by API and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Everyone => "everyone",
            Self::Tenant => "tenant",
        }
    }
}

/// A purpose's policy as it counts.
#[derive(Clone, Debug)]
pub struct Shown {
    pub purpose: String,
    /// All keys.
    pub policy: Body,
    /// Of those that do not come from the configuration.
    pub sources: BTreeMap<String, Layer>,
    /// The last change of whom it is shown for, also if it took everything back.
    pub own: Option<Version>,
    /// Changes that no longer fit what is below them, and are passed over.
    pub troubles: Vec<(Layer, Mistake)>,
}

impl Shown {
    /// 0 when nothing was ever changed.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.own.as_ref().map_or(0, |own| own.version)
    }

    /// The keys of the last change, none of which is taken back.
    #[must_use]
    pub fn changes(&self) -> Body {
        let body = self.own.as_ref().and_then(|own| own.body().ok().flatten());
        body.unwrap_or_default()
    }

    /// Of the uppermost that says something.
    #[must_use]
    pub fn source(&self) -> Layer {
        let layers = || self.sources.values();
        if layers().any(|layer| *layer == Layer::Tenant) {
            Layer::Tenant
        } else if layers().any(|layer| *layer == Layer::Everyone) {
            Layer::Everyone
        } else {
            Layer::Configuration
        }
    }
}

/// Changes as they were last made, of everyone and of a tenant.
struct Changed {
    of_everyone: Vec<Version>,
    of_tenant: Vec<Version>,
}

impl Changed {
    async fn read(home: &Home, tenant_id: Option<Uuid>) -> Result<Self, DbError> {
        let of_everyone = rows::list_last(&home.db, Owner::Everyone).await?;
        let of_tenant = match tenant_id {
            Some(_) => rows::list_last(&home.db, tenant_id.into()).await?,
            None => Vec::new(),
        };
        Ok(Self { of_everyone, of_tenant })
    }
}

/// All purposes of a tenant by name; those for everyone when none is given.
///
/// # Errors
/// The database does not answer.
pub async fn list(home: &Home, tenant_id: Option<Uuid>) -> Result<Vec<Shown>, DbError> {
    let changed = Changed::read(home, tenant_id).await?;
    let rows = changed.of_everyone.iter().chain(&changed.of_tenant);
    let changed_names = rows.filter(|row| !row.is_taken_back()).map(|row| row.purpose.as_str());
    let names: BTreeSet<&str> =
        home.config.purposes.keys().map(String::as_str).chain(changed_names).collect();
    let shown = names.into_iter().filter_map(|name| show(&home.config, tenant_id, name, &changed));
    Ok(shown.collect())
}

/// One of them; none when there is no such purpose.
///
/// # Errors
/// The database does not answer.
pub async fn find(
    home: &Home,
    tenant_id: Option<Uuid>,
    purpose: &str,
) -> Result<Option<Shown>, DbError> {
    let changed = Changed::read(home, tenant_id).await?;
    Ok(show(&home.config, tenant_id, purpose, &changed))
}

/// The names of the tenants that have a version of their own of this purpose, which lies on that for everyone.
///
/// # Errors
/// The database does not answer.
pub async fn list_with_own(home: &Home, purpose: &str) -> Result<Vec<String>, DbError> {
    let rows = rows::list_current(&home.db).await?;
    let of_it = rows.iter().filter(|row| row.purpose == purpose);
    let with_own: HashSet<Uuid> = of_it.filter_map(Version::tenant_id).collect();
    let tenants = tenant::list(&home.db).await?.into_iter();
    Ok(tenants.filter(|one| with_own.contains(&one.id)).map(|one| one.name).collect())
}

fn show(config: &Config, tenant_id: Option<Uuid>, name: &str, changed: &Changed) -> Option<Shown> {
    let last = |rows: &[Version]| rows.iter().find(|row| row.purpose == name).cloned();
    let (of_everyone, of_tenant) = (last(&changed.of_everyone), last(&changed.of_tenant));
    let of_file = config.purposes.get(name);
    let is_there = |row: &Option<Version>| row.as_ref().is_some_and(|row| !row.is_taken_back());
    if of_file.is_none() && !is_there(&of_everyone) && !is_there(&of_tenant) {
        return None;
    }
    let mut policy: Purpose = of_file.or_else(|| config.purposes.get(DEFAULT_PURPOSE))?.clone();
    let (mut sources, mut troubles) = (BTreeMap::new(), Vec::new());
    for (layer, row) in [(Layer::Everyone, &of_everyone), (Layer::Tenant, &of_tenant)] {
        let Some(row) = row else { continue };
        match row.lay_over(config, &policy) {
            Ok(None) => {}
            Ok(Some((body, merged))) => {
                sources.extend(body.keys().map(|key| (key.to_owned(), layer)));
                policy = merged;
            }
            Err(mistake) => troubles.push((layer, mistake)),
        }
    }
    let own = if tenant_id.is_some() { of_tenant } else { of_everyone };
    let (purpose, policy) = (name.to_owned(), Body::of(&policy));
    Some(Shown { purpose, policy, sources, own, troubles })
}
