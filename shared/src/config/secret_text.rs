//! A configured text that must not be printed.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A secret from the configuration; its `Debug` hides it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "SecretText(empty)" } else { "SecretText(hidden)" })
    }
}
