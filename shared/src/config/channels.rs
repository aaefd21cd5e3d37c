//! Which channels a kind of provider serves, and whether the chains keep to that.

use super::{Config, ConfigError};
use crate::channel::Channel::{self, Email, Sms};

/// The kinds that send e-mail; every other one sends SMS alone.
const KINDS: [(&str, &[Channel]); 4] = [
    ("console", &[Sms, Email]),
    ("http", &[Sms, Email]),
    ("sandbox", &[Sms, Email]),
    ("smtp", &[Email]),
];

/// True when a provider of this kind can stand in this channel's chain.
#[must_use]
pub fn serves(kind: &str, channel: Channel) -> bool {
    let listed = KINDS.iter().find(|(name, _)| *name == kind);
    listed.map_or(channel == Sms, |(_, channels)| channels.contains(&channel))
}

/// Every chain names providers that there are, each once, of kinds that serve its channel; and there is
/// a chain at all.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if config.chains.available().next().is_none() {
        return Err(ConfigError::new("chains.sms", "must name at least one provider"));
    }
    Channel::ALL.into_iter().try_for_each(|channel| check_chain(config, channel))
}

fn check_chain(config: &Config, channel: Channel) -> Result<(), ConfigError> {
    let key = || format!("chains.{}", channel.as_str());
    let fail = |said: String| Err(ConfigError::new(key(), said));
    let names = config.chains.of(channel);
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
    if channel == Sms {
        return said;
    }
    let kinds = KINDS.iter().filter(|(_, channels)| channels.contains(&channel));
    let kinds: Vec<&str> = kinds.map(|(kind, _)| *kind).collect();
    format!("{said}; kinds that do: {}", kinds.join(", "))
}
