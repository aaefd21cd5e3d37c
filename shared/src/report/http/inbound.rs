//! What people write back, as a gateway brings it: where it says it is told by its section `inbound`.

use serde::Deserialize;

use super::{said::Said, signature::Signature};
use crate::{
    config::ConfigError,
    inbound::received::Received,
    report::{Call, NotHeard},
};

/// The section's name.
pub(super) const SECTION: &str = "inbound";

/// How what people write is read. Places are those of [`HttpReports`](super::HttpReports).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpInbound {
    /// The place of the number that wrote.
    from: String,
    /// The place of what it wrote.
    text: String,
    /// The place of the gateway's name for it, by which it is known when it is brought again.
    id: Option<String>,
    /// How the body is signed; without it nothing is.
    signature: Option<Signature>,
}

impl HttpInbound {
    /// Finds what no type can express. `provider` is the gateway's name.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self, provider: &str) -> Result<(), ConfigError> {
        let places =
            [("from", Some(&self.from)), ("text", Some(&self.text)), ("id", self.id.as_ref())];
        let empty = places.into_iter().find(|(_, place)| place.is_some_and(String::is_empty));
        let empty = empty.map(|(key, _)| (key, "must not be empty".to_owned()));
        match empty.or_else(|| self.signature.as_ref().and_then(Signature::mistake)) {
            Some((key, said)) => {
                Err(ConfigError::new(format!("providers.{provider}.{SECTION}.{key}"), said))
            }
            None => Ok(()),
        }
    }

    /// Checks the signature, of gateways that sign, and reads what is signed.
    pub(in crate::report) fn hear(&self, call: &Call<'_>) -> Result<Vec<Received>, NotHeard> {
        let said = Said::heard(call, self.signature.as_ref())?;
        let (from, text) = (said.at(&self.from)?, said.at(&self.text)?);
        // A picture alone has an empty text. Where there is no such place every STOP would be nothing.
        if text.is_none() && !said.has(&self.text) {
            let why = "there is nothing where inbound.text says that the text stands";
            return Err(NotHeard::Malformed(why));
        }
        let id = self.id.as_ref().map(|place| said.at(place)).transpose()?.flatten();
        Ok(vec![Received::new(from.as_deref(), text.as_deref())?.named(id.as_deref())])
    }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
