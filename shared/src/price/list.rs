//! The prices of a provider's section: what one segment costs, by the country of its recipient.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{Currency, Price, exact};
use crate::recipient;

/// What stands for all countries that have no price of their own.
const OTHERS: &str = "*";

/// Without entries nothing is estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    currency: Option<Currency>,
    /// Micros by country (ISO 3166-1 alpha-2), or [`OTHERS`].
    segments: BTreeMap<String, i64>,
}

impl PriceList {
    /// What one segment to a number of this country costs; none where that is not said.
    #[must_use]
    pub fn segment(&self, country: Option<&str>) -> Option<Price> {
        let own = country.and_then(|country| self.segments.get(country));
        let micros = *own.or_else(|| self.segments.get(OTHERS))?;
        Some(Price { micros, currency: self.currency? })
    }

    /// What no type can express: the key below the section's, empty for the whole, and a sentence.
    pub(crate) fn mistake(&self) -> Option<(&str, String)> {
        let is_unknown = |country: &&String| *country != OTHERS && !recipient::is_region(country);
        if let Some(country) = self.segments.keys().find(is_unknown) {
            let said = format!(
                "{country:?} is no country; write two capital letters, such as GB, or \"*\" for \
                 all others"
            );
            return Some((country.as_str(), said));
        }
        match (self.currency, self.segments.is_empty()) {
            (None, false) => {
                Some(("currency", "must name what the prices are in, such as \"EUR\"".to_owned()))
            }
            (Some(_), true) => Some((
                "",
                "must have a price for a country, such as GB = \"0.0400\", or \"*\" = \"0.0800\" \
                 for all others"
                    .to_owned(),
            )),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for PriceList {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = PriceList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a currency, and prices by country")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PriceList, A::Error> {
        let mut list = PriceList::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "currency" {
                list.currency = map.next_value::<Code>()?.0;
            } else {
                // The environment has them in small letters, and goes before the file.
                let SegmentPrice(micros) = map.next_value()?;
                list.segments.insert(key.to_ascii_uppercase(), micros);
            }
        }
        Ok(list)
    }
}

/// A currency, or an empty text for none.
struct Code(Option<Currency>);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        match Currency::parse(&text).filter(|code| code.as_str() == text) {
            Some(code) => Ok(Self(Some(code))),
            None => Err(D::Error::custom("must be the code of a currency, such as \"EUR\"")),
        }
    }
}

struct SegmentPrice(i64);

impl<'de> Deserialize<'de> for SegmentPrice {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        exact(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no price; write an amount with at most six decimals, such as \
                 \"0.0400\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> PriceList {
        toml::from_str(text).expect("prices")
    }

    #[test]
    fn a_country_has_its_own_price_or_that_of_all_others() {
        let list = list("currency = 'EUR'\nGB = '0.04'\nfr = '0.05'\n'*' = '0.08'");
        assert_eq!(list.mistake(), None);
        for (country, micros) in
            [(Some("GB"), 40_000), (Some("FR"), 50_000), (Some("US"), 80_000), (None, 80_000)]
        {
            let price = Price { micros, currency: Currency::EUR };
            assert_eq!(list.segment(country), Some(price), "{country:?}");
        }
    }

    #[test]
    fn where_no_price_is_said_there_is_none() {
        let some = list("currency = 'EUR'\nGB = '0.04'");
        assert_eq!((some.segment(Some("US")), some.segment(None)), (None, None));
        for empty in [PriceList::default(), list(""), list("currency = ''")] {
            assert_eq!((empty.segment(Some("GB")), empty.mistake()), (None, None));
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (text, key) in [
            ("GB = '0.04'", "currency"),
            ("currency = ''\n'*' = '0.04'", "currency"),
            ("currency = 'EUR'", ""),
            ("currency = 'EUR'\nXX = '0.04'", "XX"),
            ("currency = 'EUR'\nGBR = '0.04'", "GBR"),
        ] {
            let list = list(text);
            assert_eq!(list.mistake().map(|(key, _)| key), Some(key), "{text}");
        }
    }
}
