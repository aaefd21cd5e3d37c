//! What a gateway of kind `http` says: where it says it, and what its words mean, is told by its
//! section `report`.

use std::collections::{BTreeMap, BTreeSet};

use hmac::Hmac;
use serde::Deserialize;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{
    Call, NotHeard, Reference, Report, Word,
    fields::Fields,
    mac::{is_base64_of, mac},
    reference,
};
use crate::{
    config::{ConfigError, SecretText},
    json_pointer::Pointer,
    outcome::ErrorClass,
    price::{self, Cost, Currency, Price},
    secrets::{hex, same_bytes},
};

/// The section's name.
const SECTION: &str = "report";

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
    /// The header that holds the signature of the body, and the secret it is made with.
    signature_header: Option<String>,
    secret: Option<SecretText>,
    #[serde(default)]
    signature_algorithm: Algorithm,
    #[serde(default)]
    signature_encoding: Encoding,
}

/// What the HMAC is made with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn sign(self, secret: &str, body: &[u8]) -> Vec<u8> {
        let secret = secret.as_bytes();
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(secret, &[body]),
            Self::Sha256 => mac::<Hmac<Sha256>>(secret, &[body]),
            Self::Sha512 => mac::<Hmac<Sha512>>(secret, &[body]),
        }
    }
}

/// How the signature is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Hex,
    Base64,
}

impl HttpReports {
    /// The section of a gateway that reports and whose section makes sense.
    pub(super) fn of(keys: &toml::Table) -> Option<Self> {
        let read: Self = keys.get(SECTION)?.clone().try_into().ok()?;
        read.check("").ok().map(|()| read)
    }

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
            ("signature_header", self.signature_header.as_ref()),
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
        match (&self.signature_header, self.secret.as_ref().map(SecretText::expose)) {
            (None, None) | (Some(_), Some(_)) if self.secret_is_good() => Ok(()),
            (None, _) => mistake("signature_header", "must be set when secret is".into()),
            (_, None) => mistake("secret", "must be set when signature_header is".into()),
            _ => mistake("secret", "must not be empty; leave both out".into()),
        }
    }

    fn secret_is_good(&self) -> bool {
        self.secret.as_ref().is_none_or(|secret| !secret.expose().is_empty())
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
        let at = |place: Option<&String>| said.at(place?).ok().flatten();
        let named = at(self.currency.as_ref()).filter(|code| !code.is_empty());
        let currency = named.as_deref().or(self.default_currency.as_deref());
        let amount = at(self.price.as_ref()).zip(currency.and_then(Currency::parse));
        let price = amount.and_then(|(amount, currency)| Price::parse(&amount, currency));
        let segments = at(self.segments.as_ref()).as_deref().and_then(price::count);
        Cost { segments, price, is_per_segment: false }
    }

    /// The HMAC of the body as it came, perhaps behind the algorithm's name, as `sha256=…`.
    fn check_signature(&self, call: &Call<'_>) -> Result<(), NotHeard> {
        let (Some(header), Some(secret)) = (&self.signature_header, &self.secret) else {
            return Ok(());
        };
        let given = call
            .header(&header.to_ascii_lowercase())
            .ok_or(NotHeard::NotGenuine("it is not signed"))?;
        let named = given.strip_prefix(self.signature_algorithm.name());
        let given = named.and_then(|rest| rest.strip_prefix('=')).unwrap_or(given);
        let made = self.signature_algorithm.sign(secret.expose(), call.body);
        let is_same = match self.signature_encoding {
            Encoding::Hex => {
                same_bytes(hex(&made).as_bytes(), &given.as_bytes().to_ascii_lowercase())
            }
            Encoding::Base64 => is_base64_of(given, &made),
        };
        if is_same {
            Ok(())
        } else {
            Err(NotHeard::NotGenuine("the signature is not the gateway's"))
        }
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

/// Only gateways that sign have a secret for it.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>) -> Result<(), NotHeard> {
    HttpReports::of(keys).ok_or(NotHeard::Unexpected)?.check_signature(call)
}

pub(super) fn read(keys: &toml::Table, call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let reports = HttpReports::of(keys).ok_or(NotHeard::Unexpected)?;
    let said = Said::new(call, reports.secret.is_some());
    let of = match &reports.reference {
        None => reference(call)?,
        Some(place) => said
            .at(place)?
            .as_deref()
            .and_then(Reference::parse)
            .ok_or(NotHeard::NotGenuine("it does not give back the reference of a message"))?,
    };
    let status = said.at(&reports.status)?.ok_or(NotHeard::Malformed("there is no status"))?;
    let Some((_, word)) = reports.words().find(|(known, _)| **known == status) else {
        return Ok(None);
    };
    let cost = reports.cost(&said);
    if word != Word::Undelivered {
        return Ok(Some(Report { of, word, class: None, code: None, cost }));
    }
    let code = reports.code.as_ref().map(|place| said.at(place)).transpose()?.flatten();
    let class = Some(reports.class_of(code.as_deref()));
    let code = code.filter(|code| !code.is_empty());
    Ok(Some(Report { of, word, class, code, cost }))
}

/// Body and query, as far as they are to be believed.
struct Said {
    json: Option<Value>,
    /// Those of the body first.
    fields: [Fields; 2],
}

impl Said {
    /// What is signed is the body: then the query says nothing.
    fn new(call: &Call<'_>, is_signed: bool) -> Self {
        let query = if is_signed { "" } else { call.query() };
        let fields = [call.body, query.as_bytes()].map(Fields::of_form);
        Self { json: serde_json::from_slice(call.body).ok(), fields }
    }

    fn at(&self, place: &str) -> Result<Option<String>, NotHeard> {
        let Some(pointer) = Pointer::parse(place) else {
            let found = self.fields.iter().find_map(|fields| fields.first(place));
            return Ok(found.map(str::to_owned));
        };
        let json = self.json.as_ref().ok_or(NotHeard::Malformed("the body is not JSON"))?;
        Ok(pointer.text_in(json))
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
