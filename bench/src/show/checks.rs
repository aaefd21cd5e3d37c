//! A list of checks, printed as a table.

/// Gathers what was checked; the order is that of the asking.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    rows: Vec<(String, bool, String)>,
}

impl Checks {
    /// One check, and what was seen.
    pub(crate) fn add(&mut self, what: impl Into<String>, passed: bool, seen: impl Into<String>) {
        self.rows.push((what.into(), passed, seen.into()));
    }

    /// The names of those that did not pass.
    #[cfg(test)]
    pub(crate) fn failed(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.1).map(|row| row.0.as_str()).collect()
    }

    /// Prints them all; true if every one passed.
    pub(crate) fn print(&self, title: &str) -> bool {
        let width = self.rows.iter().map(|(what, ..)| what.chars().count());
        let width = width.max().unwrap_or(0);
        println!("\n{title}");
        for (what, passed, seen) in &self.rows {
            let word = if *passed { "pass" } else { "FAIL" };
            println!("  {word}  {what:width$}  {seen}");
        }
        self.rows.iter().all(|(_, passed, _)| *passed)
    }
}
