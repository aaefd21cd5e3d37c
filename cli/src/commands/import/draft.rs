//! A configuration in the making: sections, keys, and what is said beside them.

use std::fmt::Write;

use serde_json::Value;

/// TOML, section by section, as it is printed.
#[derive(Debug, Default)]
pub(super) struct Draft(String);

impl Draft {
    /// A line of explanation.
    pub(super) fn say(&mut self, said: &str) {
        for line in said.lines() {
            let _ = writeln!(self.0, "# {line}");
        }
    }

    pub(super) fn section(&mut self, name: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}[{name}]");
    }

    /// A key, its value, and what it comes from.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>, from: &str) {
        let value = value.into();
        // What JSON escapes, TOML reads the same.
        let _ = writeln!(self.0, "{key} = {value} # {from}");
    }

    /// A key that is not set, because somebody has to look at it first.
    pub(super) fn suggest(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let _ = writeln!(self.0, "# {key} = {value}");
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}
