//! What a gateway of kind `http` says: where it says it, and what its words mean, is told by its
//! section `report`.

mod inbound;
mod said;
mod signature;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::DeserializeOwned};

pub use self::inbound::HttpInbound;
use self::{
    said::Said,
    signature::{MOVED, Signature},
};
use super::{Call, NotHeard, Reference, Report, Word, reference};
use crate::{
    config::{self, ConfigError},
    outcome::ErrorClass,
    price::{Cost, Currency},
};

/// The section's name.
const SECTION: &str = "report";

/// The key in which `{code}` stands in what is sent, if it does: then it takes codes only, since what is none
/// would leave a hole there.
pub fn place_of_code<'a>(
    body: Option<&str>,
    url: &str,
    headers: impl IntoIterator<Item = &'a str>,
) -> Option<&'static str> {
    let holds = |text: &str| text.contains("{code}");
    if body.is_some_and(holds) {
        return Some("body");
    }
    if holds(url) {
        return Some("url");
    }
    headers.into_iter().any(holds).then_some("headers")
}

pub(super) fn takes_codes_only(keys: &toml::Table) -> bool {
    let text = |key: &str| keys.get(key).and_then(toml::Value::as_str);
    let headers = keys.get("headers").and_then(toml::Value::as_table);
    let headers = headers.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_str);
    place_of_code(text("body"), text("url").unwrap_or_default(), headers).is_some()
}

/// How the reports of a gateway are read. A place is a JSON pointer into the body, or the name of
/// a field: of a form in the body, or of the query.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpReports {
    /// The place of the word that says how far the message got.
    status: String,
    /// The words that mean it was handed on.
    #[serde(default)]
    sent: Vec<String>,
    /// The words that mean it arrived.
    #[serde(default)]
    delivered: Vec<String>,
    /// The words that mean it will not arrive any more.
    #[serde(default)]
    undelivered: Vec<String>,
    /// The place of the gateway's error code.
    code: Option<String>,
    /// Error code to error class.
    #[serde(default)]
    errors: BTreeMap<String, String>,
    /// The place that says how many SMS the message took.
    segments: Option<String>,
    /// The place of what it costs, all of it.
    price: Option<String>,
    /// The place of the price's currency, and what it is where nothing stands there.
    currency: Option<String>,
    default_currency: Option<String>,
    /// The place where the gateway gives back what it got as `{report_reference}`; without it the
    /// called address names the message.
    reference: Option<String>,
    /// How the body is signed; without it nothing is.
    signature: Option<Signature>,
}

/// How the calls of a gateway are read: what its section says of them, which [`check_section`] let through.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    pub(super) reports: Option<HttpReports>,
    pub(super) inbound: Option<HttpInbound>,
}

impl Gateway {
    pub(super) fn of(keys: &toml::Table) -> Self {
        let reports: Option<HttpReports> = section(keys, SECTION);
        let inbound: Option<HttpInbound> = section(keys, inbound::SECTION);
        Self {
            reports: reports.filter(|read| read.check("").is_ok()),
            inbound: inbound.filter(|read| read.check("").is_ok()),
        }
    }
}

fn section<T: DeserializeOwned>(keys: &toml::Table, name: &str) -> Option<T> {
    keys.get(name)?.clone().try_into().ok()
}

/// Finds what would make us deaf to a gateway, also where nothing is sent. `provider` is its name.
pub(super) fn check_section(provider: &str, keys: &toml::Table) -> Result<(), ConfigError> {
    if let Some(reports) = read::<HttpReports>(provider, SECTION, keys)? {
        reports.check(provider)?;
    }
    if let Some(inbound) = read::<HttpInbound>(provider, inbound::SECTION, keys)? {
        inbound.check(provider)?;
    }
    Ok(())
}

fn read<T: DeserializeOwned>(
    provider: &str,
    name: &str,
    keys: &toml::Table,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = keys.get(name) else { return Ok(None) };
    let path = format!("{provider}.{name}");
    let Some(table) = value.as_table() else {
        let said = format!("must be a section, as [providers.{path}]");
        return Err(ConfigError::new(format!("providers.{path}"), said));
    };
    if let Some((old, new)) = MOVED.iter().find(|(old, _)| table.contains_key(*old)) {
        let said = format!("is signature.{new} now: write {new} in [providers.{path}.signature]");
        return Err(ConfigError::new(format!("providers.{path}.{old}"), said));
    }
    config::section(&path, table).map(Some)
}

impl HttpReports {
    /// Finds what no type can express. `provider` is the gateway's name.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self, provider: &str) -> Result<(), ConfigError> {
        let mistake = |key: &str, said: String| {
            Err(ConfigError::new(format!("providers.{provider}.{SECTION}.{key}"), said))
        };
        let places = [
            ("status", Some(&self.status)),
            ("code", self.code.as_ref()),
            ("segments", self.segments.as_ref()),
            ("price", self.price.as_ref()),
            ("currency", self.currency.as_ref()),
            ("reference", self.reference.as_ref()),
        ];
        if let Some((key, _)) = places.iter().find(|(_, text)| text.is_some_and(String::is_empty)) {
            return mistake(key, "must not be empty".into());
        }
        let mut known = BTreeSet::new();
        if let Some((twice, word)) = self.words().find(|(said, _)| !known.insert(*said)) {
            return mistake(word.as_str(), format!("{twice:?} is listed already"));
        }
        if known.is_empty() {
            return mistake("delivered", "no word means anything: list some here".into());
        }
        for class in self.errors.values() {
            if read_class(class).is_none() {
                let known = ErrorClass::ALL.map(ErrorClass::as_str)[1..].join(", ");
                return mistake("errors", format!("{class:?} is none of {known}"));
            }
        }
        if !self.errors.is_empty() && self.code.is_none() {
            return mistake("errors", "needs code, which says where the code stands".into());
        }
        let currencies = (self.currency.is_some(), self.default_currency.as_deref());
        if let Some((key, said)) = currency_mistake("price", self.price.is_some(), currencies) {
            return mistake(key, said);
        }
        match self.signature.as_ref().and_then(Signature::mistake) {
            Some((key, said)) => mistake(key, said),
            None => Ok(()),
        }
    }

    /// True when what was sent comes back in the report, and not in the address.
    #[must_use]
    pub fn brings_reference(&self) -> bool {
        self.reference.is_some()
    }

    fn words(&self) -> impl Iterator<Item = (&String, Word)> {
        let lists = [
            (&self.sent, Word::Sent),
            (&self.delivered, Word::Delivered),
            (&self.undelivered, Word::Undelivered),
        ];
        lists.into_iter().flat_map(|(list, word)| list.iter().map(move |said| (said, word)))
    }

    fn class_of(&self, code: Option<&str>) -> ErrorClass {
        let class = code.and_then(|code| self.errors.get(code));
        class.and_then(|class| read_class(class)).unwrap_or(ErrorClass::Transient)
    }

    /// What cannot be read is not said.
    fn cost(&self, said: &Said) -> Cost {
        let at = |place: Option<&String>| said.decimal_at(place?);
        Cost::of_texts(
            at(self.segments.as_ref()).as_deref(),
            at(self.price.as_ref()).as_deref(),
            at(self.currency.as_ref()).as_deref(),
            self.default_currency.as_deref().and_then(Currency::parse),
        )
    }

    /// Checks the signature, of gateways that sign, and reads what is signed.
    pub(super) fn hear(&self, call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
        let said = Said::heard(call, self.signature.as_ref())?;
        let of =
            match &self.reference {
                None => reference(call)?,
                Some(place) => said.at(place)?.as_deref().and_then(Reference::parse).ok_or(
                    NotHeard::NotGenuine("it does not give back the reference of a message"),
                )?,
            };
        let status = said.at(&self.status)?.ok_or(NotHeard::Malformed("there is no status"))?;
        let Some((_, word)) = self.words().find(|(known, _)| **known == status) else {
            return Ok(None);
        };
        let cost = self.cost(&said);
        if word != Word::Undelivered {
            return Ok(Some(Report { of, word, class: None, code: None, cost }));
        }
        let code = self.code.as_ref().map(|place| said.at(place)).transpose()?.flatten();
        let class = Some(self.class_of(code.as_deref()));
        let code = code.filter(|code| !code.is_empty());
        Ok(Some(Report { of, word, class, code, cost }))
    }
}

/// A price needs a currency, and a currency a price: the key that is wrong, and a sentence. `currencies` are
/// whether a place is named for it, and what it is otherwise.
#[must_use]
pub fn currency_mistake(
    price: &'static str,
    has_price: bool,
    currencies: (bool, Option<&str>),
) -> Option<(&'static str, String)> {
    match currencies {
        (_, Some(code)) if Currency::parse(code).is_none() => {
            let said = format!("{code:?} is no currency; write its three letters, such as \"EUR\"");
            Some(("default_currency", said))
        }
        (false, None) if has_price => {
            let said = "needs a currency: say where it stands, or what it is in default_currency";
            Some((price, said.to_owned()))
        }
        (true, _) | (_, Some(_)) if !has_price => {
            Some((price, "must be set when its currency is".to_owned()))
        }
        _ => None,
    }
}

/// A refusal is never `ok`.
fn read_class(word: &str) -> Option<ErrorClass> {
    word.parse().ok().filter(|class| *class != ErrorClass::Ok)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
