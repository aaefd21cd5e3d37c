//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

/// The file a configuration came from, kept for pointing at its lines.
#[derive(Clone, Default)]
pub struct Source {
    pub path: Option<PathBuf>,
    pub(super) text: String,
}

/// Without the text, which holds secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.path)
    }
}

impl Source {
    /// The line of `key` (dotted), or of the deepest part of it that the file has.
    fn line_of(&self, key: &str) -> Option<usize> {
        let table = toml::de::DeTable::parse(&self.text).ok()?;
        let mut table = table.get_ref();
        let mut start = None;
        for part in key.split('.') {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else {
                break;
            };
            start = Some(name.span().start);
            match value.get_ref() {
                toml::de::DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        let before = self.text.get(..start?)?;
        Some(before.matches('\n').count() + 1)
    }
}

/// A mistake in the configuration: which key, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Dotted; empty when it is about the file as a whole.
    pub key: String,
    pub message: String,
    place: Option<String>,
}

impl ConfigError {
    #[must_use]
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), place: None }
    }

    /// Adds file and line, or the environment variable, that the key came from.
    #[must_use]
    pub fn at(mut self, source: &Source) -> Self {
        let variable = super::layers::variable_of(&self.key);
        let (file, below) = (format!("{variable}_FILE"), format!("{variable}__"));
        let set =
            std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).find(|name| {
                !self.key.is_empty()
                    && (*name == variable || *name == file || name.starts_with(&below))
            });
        if let Some(name) = set {
            self.place = Some(format!("environment variable {name}"));
        } else if let Some(path) = &source.path {
            self.place = Some(match source.line_of(&self.key) {
                Some(line) => format!("{}:{line}", path.display()),
                None => path.display().to_string(),
            });
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}
