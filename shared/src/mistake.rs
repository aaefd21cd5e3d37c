//! What is wrong with something that people write down, and where: of policies, texts and the file.

use std::fmt;

/// Why something cannot be: what is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What it is about, the one to change first.
    pub fields: Vec<String>,
    pub said: String,
    /// What else is wrong there, each by itself.
    pub also: Vec<Mistake>,
}

impl Mistake {
    pub(crate) fn of(field: impl Into<String>, said: impl Into<String>) -> Self {
        Self { fields: vec![field.into()], said: said.into(), also: Vec::new() }
    }

    /// Of two that contradict each other.
    pub(crate) fn between(first: impl Into<String>, second: &str, said: String) -> Self {
        Self { fields: vec![first.into(), second.to_owned()], said, also: Vec::new() }
    }

    /// The first of them, with the others; none where nothing is wrong.
    pub(crate) fn together(found: Vec<Self>) -> Result<(), Self> {
        let mut found = found.into_iter();
        match found.next() {
            Some(first) => Err(Self { also: found.collect(), ..first }),
            None => Ok(()),
        }
    }

    /// What this and all else that is wrong is about, each once.
    #[must_use]
    pub fn all_fields(&self) -> Vec<String> {
        let also = self.also.iter().flat_map(Self::all_fields);
        let mut fields = Vec::new();
        for field in self.fields.iter().cloned().chain(also) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// The one to change first.
    #[must_use]
    pub fn field(&self) -> &str {
        self.fields.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fields.join(" and "), self.said)?;
        self.also.iter().try_for_each(|other| write!(f, "; {other}"))
    }
}

impl std::error::Error for Mistake {}
