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
    /// How the body is signed; without it nothing is.
    signature: Option<Signature>,
}

impl HttpInbound {
    /// Finds what no type can express. `provider` is the gateway's name.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self, provider: &str) -> Result<(), ConfigError> {
        let empty = [("from", &self.from), ("text", &self.text)];
        let empty = empty.into_iter().find(|(_, place)| place.is_empty());
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
        Ok(vec![Received::new(from.as_deref(), text.as_deref())?])
    }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
