//! What can be changed while everything runs, as one snapshot that nobody waits for: the policies as they
//! count for each tenant, and the texts.
//!
//! | module | what lives there |
//! |---|---|
//! | `live` | the snapshot of this process, and when it is read again |
//! | `owner` | whose a change is |

mod live;
mod owner;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use uuid::Uuid;

pub use self::{live::Live, owner::Owner};
use crate::{
    config::{Config, Purpose},
    db::{Db, DbError, Tx, on_pool, on_tx},
    mistake::Mistake,
    policy::{DEFAULT_PURPOSE, Version},
    texts::{Rows, Texts},
};

/// One state of all that can be changed. It never changes itself.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    revision: i64,
    purposes: HashMap<String, OfPurpose>,
    texts: Texts,
    troubles: Vec<Trouble>,
    /// The tenants whose events are written down.
    listeners: HashSet<Uuid>,
    /// For all tenants.
    log_is_kept: bool,
}

/// A purpose as it counts for tenants.
#[derive(Clone, Debug, Default)]
struct OfPurpose {
    /// For all but those below; none when there is no such purpose for them.
    of_everyone: Option<Arc<Purpose>>,
    of_tenants: HashMap<Uuid, Arc<Purpose>>,
}

impl OfPurpose {
    fn of(&self, owner: Owner) -> Option<&Arc<Purpose>> {
        let own = match owner {
            Owner::Tenant(id) => self.of_tenants.get(&id),
            Owner::Everyone => None,
        };
        own.or(self.of_everyone.as_ref())
    }
}

/// A change that no longer fits what is below it, and is passed over.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Whose change; none when it is for everyone.
    pub tenant_id: Option<Uuid>,
    pub purpose: String,
    pub version: i32,
    pub mistake: Mistake,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant_id, purpose, version, mistake } = self;
        write!(f, "version {version} of policy {purpose:?} ")?;
        if let Some(tenant_id) = tenant_id {
            write!(f, "of tenant {tenant_id} ")?;
        }
        write!(f, "no longer fits what is below it and is passed over: {mistake}")
    }
}

impl Settings {
    /// As the configuration alone says it.
    fn of_file(config: &Config) -> Self {
        let purposes = config.purposes.iter().map(|(name, purpose)| {
            let of_everyone = Some(Arc::new(purpose.clone()));
            (name.clone(), OfPurpose { of_everyone, of_tenants: HashMap::new() })
        });
        let texts = Texts::load(Rows::default(), &config.texts.language);
        Self { purposes: purposes.collect(), texts, ..Self::default() }
    }

    /// With these changes over it, and these texts.
    fn new(config: &Config, revision: i64, changes: &[Version], texts: Rows) -> Self {
        let texts = Texts::load(texts, &config.texts.language);
        let mut settings = Self { revision, texts, ..Self::of_file(config) };
        // A tenant's own lie on those for everyone.
        let (of_everyone, of_tenants): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.tenant_id().is_none());
        for change in of_everyone.into_iter().chain(of_tenants) {
            settings.lay(config, change);
        }
        settings
    }

    fn lay(&mut self, config: &Config, change: &Version) {
        let tenant_id = change.tenant_id();
        let below = self.purposes.get(&change.purpose).and_then(|of| of.of_everyone.as_deref());
        let Some(below) = below.or_else(|| config.purposes.get(DEFAULT_PURPOSE)) else { return };
        match change.lay_over(config, below) {
            Ok(None) => {}
            Ok(Some((_, merged))) => {
                let of = self.purposes.entry(change.purpose.clone()).or_default();
                let merged = Arc::new(merged);
                match tenant_id {
                    None => of.of_everyone = Some(merged),
                    Some(tenant_id) => {
                        of.of_tenants.insert(tenant_id, merged);
                    }
                }
            }
            Err(mistake) => self.troubles.push(Trouble {
                tenant_id,
                purpose: change.purpose.clone(),
                version: change.version,
                mistake,
            }),
        }
    }

    /// What holds for a tenant's verifications of this purpose; none when there is no such one.
    #[must_use]
    pub fn policy(&self, tenant_id: Uuid, purpose: &str) -> Option<Arc<Purpose>> {
        self.policy_of(Owner::Tenant(tenant_id), purpose)
    }

    /// The same of whom a change is for: a purpose that one tenant made for itself is nobody else's.
    #[must_use]
    pub fn policy_of(&self, owner: Owner, purpose: &str) -> Option<Arc<Purpose>> {
        self.purposes.get(purpose)?.of(owner).cloned()
    }

    /// The names of the purposes that there are for them, in order.
    #[must_use]
    pub fn purposes(&self, owner: Owner) -> Vec<String> {
        let of_them = self.purposes.iter().filter(|(_, of)| of.of(owner).is_some());
        of_them.map(|(name, _)| name).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// What people read and hear.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// True when the events of any tenant are written down.
    #[must_use]
    pub fn somebody_listens(&self) -> bool {
        self.log_is_kept || !self.listeners.is_empty()
    }

    /// What is passed over.
    #[must_use]
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }
}

/// Says that something has changed. Whoever changes something does so first, and thereby waits for whoever
/// is changing something.
pub(crate) async fn raise_revision(tx: &mut Tx) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>("UPDATE settings_revision SET revision = revision + 1 WHERE one = 1")
            .execute(c)
            .await?;
    });
    Ok(())
}

async fn revision(db: &Db) -> Result<i64, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, i64>("SELECT revision FROM settings_revision WHERE one = 1")
            .fetch_one(c)
            .await?
    }))
}
