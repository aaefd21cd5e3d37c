//! Senders: in whose name a provider's messages go out, by the recipient's country.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer};

use super::{Config, ConfigError};
use crate::recipient;

/// Those of one provider; for other countries its section's own sender counts.
#[derive(Clone, Debug, Default)]
pub struct Senders(BTreeMap<String, Arc<str>>);

impl Senders {
    /// The one for a country (ISO 3166-1 alpha-2).
    #[must_use]
    pub fn of(&self, country: Option<&str>) -> Option<Arc<str>> {
        self.0.get(country?).cloned()
    }

    /// Each country with its sender.
    pub fn by_country(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(country, sender)| (country.as_str(), sender.as_ref()))
    }
}

/// The environment writes its countries in small letters. They come after capital ones, and so over
/// what the file says.
impl<'de> Deserialize<'de> for Senders {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(d)?;
        let read = |(country, sender): (String, String)| {
            (country.to_ascii_uppercase(), Arc::<str>::from(sender))
        };
        Ok(Self(texts.into_iter().map(read).collect()))
    }
}

/// Checks what no type can express, and what every kind of provider asks for.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for (name, section) in &config.providers {
        for (country, sender) in section.senders.by_country() {
            let said = if !recipient::is_region(country) {
                "is no country; write two capital letters, such as GB"
            } else if sender.is_empty() {
                "must not be empty; leave it out, and the section's own sender counts"
            } else {
                continue;
            };
            return Err(ConfigError::new(format!("providers.{name}.senders.{country}"), said));
        }
    }
    Ok(())
}
