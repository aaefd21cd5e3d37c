//! What is wrong with something that people write down, and where: of policies, texts and the file.

use std::fmt;

/// Why something cannot be: what is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What it is about, the one to change first.
    pub fields: Vec<String>,
    pub said: String,
}

impl Mistake {
    pub(crate) fn of(field: impl Into<String>, said: impl Into<String>) -> Self {
        Self { fields: vec![field.into()], said: said.into() }
    }

    /// Of two that contradict each other.
    pub(crate) fn between(first: impl Into<String>, second: &str, said: String) -> Self {
        Self { fields: vec![first.into(), second.to_owned()], said }
    }

    /// The one to change first.
    #[must_use]
    pub fn field(&self) -> &str {
        self.fields.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fields.join(" and "), self.said)
    }
}

impl std::error::Error for Mistake {}
