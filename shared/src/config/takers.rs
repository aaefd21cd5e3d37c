//! Who takes a message that is no code: what a chain keeps for codes alone reaches nobody with it.

use std::fmt;

use super::{Config, ProviderSection, Traits, channels::key_of, routes::chain_key};
use crate::{channel::Channel, queue::Lane, report::kind::Kind};

/// Why nobody would send a message that is no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTaker {
    /// The chain it goes by, as errors name it: `chains.sms`.
    chain: String,
    /// Those that it names, which all take codes only.
    names: Vec<String>,
}

impl fmt::Display for NoTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = &self.chain;
        match self.names.as_slice() {
            [] => write!(f, "{chain} names no provider; name one there"),
            [name] => write!(
                f,
                "{chain} has nobody for what is no code, since {name} takes codes only; name a \
                 provider there that takes texts"
            ),
            names => write!(
                f,
                "{chain} has nobody for what is no code, since {} take codes only; name a provider \
                 there that takes texts",
                names.join(", ")
            ),
        }
    }
}

impl std::error::Error for NoTaker {}

impl ProviderSection {
    /// True when it could make nothing of a message that is no code: then none is given to it.
    #[must_use]
    pub fn takes_codes_only(&self) -> bool {
        (Kind::of(&self.kind).takes_codes_only)(&self.keys)
    }
}

impl Config {
    /// True when some provider takes codes only, so that it matters where other messages go.
    #[must_use]
    pub fn keeps_some_for_codes(&self) -> bool {
        self.providers_in_use().any(|(_, section)| section.takes_codes_only())
    }

    /// True when it matters whose a message is.
    #[must_use]
    pub fn routes_by_tenant(&self) -> bool {
        self.routes.iter().any(|route| !route.tenants.is_empty())
    }

    /// Whether somebody takes this message, now or later.
    ///
    /// # Errors
    /// Nobody who is named for it ever would.
    pub fn check_takers(&self, message: &Traits<'_>) -> Result<(), NoTaker> {
        let (chain, names) = self.chain_for(message);
        self.check_chain_for(message.lane, || chain, names)
    }

    /// Whether somebody takes texts of this tenant by this channel, wherever they go.
    ///
    /// # Errors
    /// Nobody who is named for any of them ever would.
    pub fn check_takers_of_texts(
        &self,
        channel: Channel,
        tenant: Option<&str>,
    ) -> Result<(), NoTaker> {
        let lane = Lane::Bulk;
        let is_theirs = |tenants: &[String]| {
            tenants.is_empty() || tenant.is_some_and(|name| tenants.iter().any(|t| t == name))
        };
        for (place, route) in self.routes.iter().enumerate() {
            if route.channel != channel || !route.may_take(lane) || !is_theirs(&route.tenants) {
                continue;
            }
            let checked = self.check_chain_for(lane, || chain_key(place), &route.chain);
            // What comes after one that depends on nothing else is never reached.
            if checked.is_ok() || route.countries.is_empty() && route.prefixes.is_empty() {
                return checked;
            }
        }
        self.check_chain_for(lane, || key_of(channel), self.chains.of(channel))
    }

    fn check_chain_for(
        &self,
        lane: Lane,
        key: impl FnOnce() -> String,
        names: &[String],
    ) -> Result<(), NoTaker> {
        let takes = |name: &String| {
            let section = self.providers.get(name);
            section.is_some_and(|of| lane == Lane::Otp || !of.takes_codes_only())
        };
        if names.iter().any(takes) {
            return Ok(());
        }
        Err(NoTaker { chain: key(), names: names.to_vec() })
    }
}
