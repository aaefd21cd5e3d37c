//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

use toml::de::{DeTable, DeValue};

use super::layers::{PREFIX, variable_of};

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
    /// The line of `key` (dotted, as `routes[1].chain`), or of the deepest part of it that the file
    /// has.
    fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut table = table.get_ref();
        let mut start = None;
        for part in key.split('.') {
            let (part, place) = with_place(part);
            let found = table.iter().find(|(name, _)| name.get_ref() == part);
            let Some((name, mut value)) = found else { break };
            start = Some(name.span().start);
            if let (DeValue::Array(list), Some(place)) = (value.get_ref(), place) {
                let Some(entry) = list.get(place) else { break };
                start = Some(entry.span().start);
                value = entry;
            }
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        let before = self.text.get(..start?)?;
        Some(before.matches('\n').count() + 1)
    }
}

/// `routes[1]` as `routes` and 1.
fn with_place(part: &str) -> (&str, Option<usize>) {
    match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
        Some((name, place)) => (name, place.parse().ok()),
        None => (part, None),
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
        let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let set = set.filter(|name| name.starts_with(PREFIX)).find(|name| self.comes_from(name));
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

    /// True when this variable sets the key, or what it is a part of, or a part of it.
    fn comes_from(&self, name: &str) -> bool {
        let key = variable_of(&self.key);
        let is_it = |set: &str| {
            let (of_key, of_set) = (format!("{key}__"), format!("{set}__"));
            set == key || set.starts_with(&of_key) || key.starts_with(&of_set)
        };
        !self.key.is_empty() && (is_it(name) || name.strip_suffix("_FILE").is_some_and(is_it))
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
