//! Texts by the recipient's country, such as languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::recipient;

/// Under countries (ISO 3166-1 alpha-2); for others something else counts.
#[derive(Clone, Debug, Default)]
pub struct ByCountry(BTreeMap<String, String>);

impl ByCountry {
    #[must_use]
    pub fn of(&self, country: Option<&str>) -> Option<&str> {
        self.0.get(country?).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(country, text)| (country.as_str(), text.as_str()))
    }

    /// The first name in it that is no country.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|country| !recipient::is_region(country))
    }
}

/// The environment writes its countries in small letters. They come after capital ones, and so over
/// what the file says.
impl<'de> Deserialize<'de> for ByCountry {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(d)?;
        let capital = |(country, text): (String, String)| (country.to_ascii_uppercase(), text);
        Ok(Self(texts.into_iter().map(capital).collect()))
    }
}
