//! Whose inbox it is: a sandbox's, in the database, or that of the service that runs here.

use otpost_shared::{
    Home,
    recipient::Recipient,
    sandbox::inbox::{self, Wanted},
    tenant::{self, Tenant},
};

use super::{entry::Entry, service};
use crate::output::Failure;

/// Messages that are looked at.
const MOST: usize = 1_000;
/// Sandboxes that are named.
const MOST_NAMED: i64 = 5;

pub(super) enum Source {
    /// With the sandboxes that are beside it.
    Service(Home, Vec<String>),
    Sandbox(Home, Tenant),
}

impl Source {
    pub(super) async fn choose(home: Home, name: Option<&str>) -> Result<Self, Failure> {
        if let Some(name) = name {
            let tenant = super::super::tenant(&home, name).await?;
            if tenant.is_sandbox() {
                return Ok(Self::Sandbox(home, tenant));
            }
            return Err(Failure::new(format!(
                "tenant {name:?} is no sandbox: what it sends goes to people; `otpost tenant create NAME \
                 --sandbox` makes one"
            )));
        }
        let names = tenant::list_sandboxes(&home.db, MOST_NAMED).await?;
        if home.config.has_inbox() {
            return Ok(Self::Service(home, names));
        }
        match names.as_slice() {
            [one] => {
                let tenant = super::super::tenant(&home, one).await?;
                Ok(Self::Sandbox(home, tenant))
            }
            [] => Err(Failure::new(
                "there is no inbox here: what is sent goes to people. Make a tenant for tests with `otpost \
                 tenant create ci --sandbox`, and a key for it with `otpost key create --tenant ci`",
            )),
            several => Err(Failure::misused(format!(
                "there are several sandboxes; name one with --tenant, such as {}",
                several.join(", ")
            ))),
        }
    }

    pub(super) fn home(&self) -> &Home {
        match self {
            Self::Service(home, _) | Self::Sandbox(home, _) => home,
        }
    }

    /// Newest first.
    pub(super) async fn list(&self, to: Option<&Recipient>) -> Result<Vec<Entry>, Failure> {
        match self {
            Self::Service(home, _) => {
                let mut all = service::read(home.config.server.listen).await?;
                all.retain(|entry| {
                    to.is_none_or(|to| to.address().eq_ignore_ascii_case(&entry.to))
                });
                Ok(all)
            }
            Self::Sandbox(home, tenant) => {
                let wanted = Wanted { to: to.cloned(), ..Wanted::default() };
                let now = home.clock.now();
                let found = inbox::list(home, tenant.id, &wanted, MOST, now).await?;
                Ok(found.into_iter().map(Entry::from).collect())
            }
        }
    }

    /// What brings messages here.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Service(home, sandboxes) => {
                let url = home.config.public_url();
                let here = format!(
                    "send a code from {url}/ or with POST /v1/verifications and it is here"
                );
                match sandboxes.first() {
                    None => here,
                    Some(name) => {
                        format!("{here}; what a sandbox sends is seen with --tenant {name}")
                    }
                }
            }
            Self::Sandbox(_, tenant) => format!(
                "send a code with a key of `otpost key create --tenant {0}` while a worker runs, and it is here",
                tenant.name
            ),
        }
    }
}
