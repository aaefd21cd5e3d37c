//! Which channels a kind of provider serves, and whether the chains keep to that.

use super::{Config, ConfigError, Route, Traits, routes};
use crate::{channel::Channel, queue::Lane, report::kind::Kind};

/// True when a provider of this kind can stand in a chain of this channel.
#[must_use]
pub fn serves(kind: &str, channel: Channel) -> bool {
    Kind::of(kind).channels.contains(&channel)
}

/// The chains that routes leave messages to are good, and there is one at all.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if config.chains.available().next().is_none() {
        return Err(ConfigError::new("chains.sms", "must name at least one provider"));
    }
    Channel::ALL.into_iter().try_for_each(|channel| {
        check_chain(config, &key_of(channel), channel, config.chains.of(channel))
    })
}

/// How the chain of a channel is named.
pub(super) fn key_of(channel: Channel) -> String {
    format!("chains.{}", channel.as_str())
}

impl Config {
    /// What says that the provider of this name is meant for messages that are no codes: a route of nothing
    /// else names it, or it answers keywords. A chain of all messages does not tell.
    #[must_use]
    pub fn is_for_other_than_codes(&self, name: &str) -> Option<String> {
        let names = |route: &Route| route.chain.iter().any(|named| named == name);
        let mut routes = self.routes.iter().enumerate();
        if let Some((place, _)) =
            routes.find(|(_, route)| !route.may_take(Lane::Otp) && names(route))
        {
            let key = routes::chain_key(place);
            return Some(format!("{key} names it for the lane bulk"));
        }
        let mut replying = self.replying();
        let replies = || format!("providers.{name}.replies lets it answer what people write");
        replying.any(|replying| replying == name).then(replies)
    }

    /// The providers that a message may go to, in order, and the key that names them.
    #[must_use]
    pub fn chain_for(&self, message: &Traits<'_>) -> (String, &[String]) {
        match self.routes.iter().enumerate().find(|(_, route)| route.fits(message)) {
            Some((place, route)) => (routes::chain_key(place), &route.chain),
            None => (key_of(message.channel), self.chains.of(message.channel)),
        }
    }
}

/// A chain names providers that there are, each once, of kinds that serve its channel.
pub(super) fn check_chain(
    config: &Config,
    key: &str,
    channel: Channel,
    names: &[String],
) -> Result<(), ConfigError> {
    let fail = |said: String| Err(ConfigError::new(key, said));
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            return fail(format!("{name:?} stands there twice"));
        }
        let Some(section) = config.providers.get(name) else {
            let known: Vec<_> = config.providers.keys().cloned().collect();
            let known = known.join(", ");
            return fail(format!("there is no [providers.{name}]; there are: {known}"));
        };
        if !serves(&section.kind, channel) {
            return fail(wrong_kind(name, &section.kind, channel));
        }
    }
    Ok(())
}

fn wrong_kind(name: &str, kind: &str, channel: Channel) -> String {
    let said = format!("provider {name:?} of kind {kind} sends no {}", channel.noun());
    if channel == Channel::Sms {
        return said;
    }
    let kinds: Vec<&str> = Kind::that_serve(channel).collect();
    format!("{said}; kinds that do: {}", kinds.join(", "))
}
