//! A list of checks, printed as a table.

use serde::{Deserialize, Serialize};

/// One check, and what was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) passed: bool,
    pub(crate) seen: String,
}

/// Gathers what was checked; the order is that of the asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    rows: Vec<Check>,
}

impl Checks {
    pub(crate) fn add(&mut self, what: impl Into<String>, passed: bool, seen: impl Into<String>) {
        self.rows.push(Check { what: what.into(), passed, seen: seen.into() });
    }

    pub(crate) fn into_rows(self) -> Vec<Check> {
        self.rows
    }

    /// The names of those that did not pass.
    #[cfg(test)]
    pub(crate) fn failed(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.passed).map(|row| row.what.as_str()).collect()
    }

    /// Prints them all; true if every one passed.
    pub(crate) fn print(&self, title: &str) -> bool {
        say!("\n{title}");
        print_all(&self.rows);
        self.rows.iter().all(|row| row.passed)
    }
}

/// One line per check.
pub(crate) fn print_all(rows: &[Check]) {
    let width = rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
    for row in rows {
        let word = if row.passed { "pass" } else { "FAIL" };
        say!("  {word}  {:width$}  {}", row.what, row.seen);
    }
}
