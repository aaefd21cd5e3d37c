//! What came of a row: for people, for machines, and as lines of a table.

use std::{collections::BTreeMap, fmt::Write, fs, ops::Range, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    chain::course::{self, Course},
    memory::Track,
    row::{Act, Options, Row},
};
use crate::{
    error::{Result, while_doing},
    show::{Check, print_all},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// This machine lacks something, and the report says what.
    Skipped,
    NotYet,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) row: String,
    pub(crate) breaks: String,
    pub(crate) expects: String,
    pub(crate) promises: Vec<u8>,
    pub(crate) seed: u64,
    pub(crate) verdict: Verdict,
    /// Why it was skipped, is not there yet, or could not be played to its end.
    pub(crate) why: Option<String>,
    pub(crate) checks: Vec<Check>,
    pub(crate) people: usize,
    pub(crate) texts: usize,
    pub(crate) repeats: usize,
    /// The longest that anything stood still after healing, in seconds.
    pub(crate) recovery_secs: Option<f64>,
    pub(crate) memory_mb: BTreeMap<String, Track>,
    /// What became of single codes, where a row tells of it.
    #[serde(default)]
    pub(crate) courses: Vec<Course>,
    /// The last lines the processes of a failed row wrote.
    pub(crate) logs: BTreeMap<String, String>,
}

impl Report {
    /// Of a row that has not been played.
    pub(crate) fn of(row: &Row, options: Options) -> Self {
        Self {
            row: row.name.to_owned(),
            breaks: row.breaks.to_owned(),
            expects: row.expects.to_owned(),
            promises: row.promises.to_vec(),
            seed: options.seed,
            verdict: Verdict::NotYet,
            why: match row.act {
                Act::NotYet(lacks) if !lacks.is_empty() => Some(lacks.to_owned()),
                _ => None,
            },
            checks: Vec::new(),
            people: 0,
            texts: 0,
            repeats: 0,
            recovery_secs: None,
            memory_mb: BTreeMap::new(),
            courses: Vec::new(),
            logs: BTreeMap::new(),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.verdict != Verdict::Failed
    }

    pub(crate) fn print(&self) {
        let word = match self.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "SKIPPED",
            Verdict::NotYet => "not yet",
        };
        say!("\n{} (seed {}): {word}", self.row, self.seed);
        if let Some(why) = &self.why {
            say!("  {}", why.replace('\n', "\n  "));
        }
        print_all(&self.checks);
        if !self.courses.is_empty() {
            say!("{}", course::to_markdown(&self.courses));
        }
        for (name, words) in &self.logs {
            say!("  the end of {name}'s log:\n    {}", words.replace('\n', "\n    "));
        }
        if self.verdict == Verdict::Failed {
            say!("  again: bench faults {} --seed {}", self.row, self.seed);
        }
    }

    fn table_line(&self) -> String {
        let promises: Vec<String> = self.promises.iter().map(u8::to_string).collect();
        let counts = match self.verdict {
            Verdict::NotYet => format!("not yet: {}", self.why.as_deref().unwrap_or_default()),
            Verdict::Skipped => format!("skipped: {}", self.why.as_deref().unwrap_or_default()),
            Verdict::Passed => self.counts(),
            Verdict::Failed => format!("**failed**: {}", self.failed_checks()),
        };
        let recovery = self.recovery_secs.map_or("–".to_owned(), |secs| format!("{secs:.1} s"));
        let expects = if self.expects.is_empty() { "the invariants" } else { &self.expects };
        format!(
            "| `{}` | {} | {}; {} | {counts} | {recovery} |",
            self.row,
            promises.join(", "),
            self.breaks,
            expects
        )
    }

    fn counts(&self) -> String {
        format!("{} people, {} texts, {} repeats", self.people, self.texts, self.repeats)
    }

    fn failed_checks(&self) -> String {
        let failed = self.checks.iter().filter(|check| !check.passed);
        let failed: Vec<&str> = failed.map(|check| check.what.as_str()).collect();
        if failed.is_empty() { "not played to its end".to_owned() } else { failed.join("; ") }
    }

    fn failures(&self) -> String {
        let failed = self.checks.iter().filter(|check| !check.passed);
        let failed = failed.map(|check| format!("{}: {}", check.what, check.seen));
        let all: Vec<String> = self.why.iter().cloned().chain(failed).collect();
        all.join("; ").replace(['|', '\n'], " ")
    }
}

/// A closing line for people; true if nothing failed.
pub(crate) fn print_summary(reports: &[Report]) -> bool {
    let count = |verdict| reports.iter().filter(|it| it.verdict == verdict).count();
    say!(
        "\n{} rows passed, {} failed, {} skipped, {} not yet",
        count(Verdict::Passed),
        count(Verdict::Failed),
        count(Verdict::Skipped),
        count(Verdict::NotYet)
    );
    for report in reports.iter().filter(|it| it.verdict == Verdict::Failed) {
        say!("  FAILED  {} --seed {}: {}", report.row, report.seed, report.failures());
    }
    for report in reports.iter().filter(|it| it.verdict == Verdict::Skipped) {
        say!("  SKIPPED {}: {}", report.row, report.why.as_deref().unwrap_or("-"));
    }
    reports.iter().all(Report::is_good)
}

pub(crate) fn to_json(reports: &[Report]) -> Result<String> {
    Ok(serde_json::to_string_pretty(&serde_json::json!({ "rows": reports }))?)
}

/// The rows of a run that was written as JSON.
pub(crate) fn from_json(text: &str) -> Result<Vec<Report>> {
    #[derive(Deserialize)]
    struct Run {
        rows: Vec<Report>,
    }
    let run: Run = serde_json::from_str(text).map_err(while_doing("reading a row's results"))?;
    Ok(run.rows)
}

/// The table of a run, one line per row; rounds of one row are one line.
pub(crate) fn to_markdown(reports: &[Report]) -> String {
    let mut text = String::from(
        "| row | promise | what is broken; what must hold | seen | longest standstill |\n\
         |---|---|---|---|---|\n",
    );
    for report in joined(reports) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", report.table_line());
    }
    text
}

fn joined(reports: &[Report]) -> Vec<Report> {
    let mut lines: Vec<Report> = Vec::new();
    for report in reports {
        let Some(line) = lines.iter_mut().find(|line| line.row == report.row) else {
            lines.push(report.clone());
            continue;
        };
        line.people += report.people;
        line.texts += report.texts;
        line.repeats += report.repeats;
        let later = [line.recovery_secs, report.recovery_secs].into_iter().flatten();
        line.recovery_secs = later.reduce(f64::max);
        if report.verdict == Verdict::Failed {
            line.verdict = Verdict::Failed;
            line.checks.extend(report.checks.iter().filter(|check| !check.passed).cloned());
            line.why = line.why.take().or_else(|| report.why.clone());
        }
    }
    lines
}

const FROM: &str = "<!-- generated: bench faults --write -->\n";
const COURSES: &str = "<!-- generated: bench faults chain-of-two --write -->\n";
const TO: &str = "<!-- end of generated -->";

/// Puts the table between the markers of a page, its rows in this order; those that were not played keep
/// their lines. So does the table of courses, where none was told.
pub(crate) fn write_into(page: &Path, reports: &[Report], order: &[&str]) -> Result<()> {
    let doing = page.display().to_string();
    let mut text = fs::read_to_string(page).map_err(while_doing(&doing))?;
    let wrong = |error| format!("{doing} {error}");
    let rows = between(&text, FROM).map_err(wrong)?;
    let table = merged(&to_markdown(reports), &text[rows.clone()], order);
    text.replace_range(rows, &table);
    let courses = reports.iter().flat_map(|it| &it.courses).cloned().collect::<Vec<_>>();
    if !courses.is_empty() {
        let told = between(&text, COURSES).map_err(wrong)?;
        text.replace_range(told, &course::to_markdown(&courses));
    }
    fs::write(page, text).map_err(while_doing(&doing))
}

/// What stands between a marker and the end of what is generated there.
fn between(text: &str, marker: &str) -> Result<Range<usize>, String> {
    let from = text.find(marker).map(|at| at + marker.len());
    let to = from.and_then(|from| Some(from + text.get(from..)?.find(TO)?));
    from.zip(to)
        .map(|(from, to)| from..to)
        .ok_or_else(|| format!("has no markers `{}` and `{TO}`", marker.trim()))
}

/// The lines of a table, and those that stood there before of rows it lacks.
fn merged(table: &str, before: &str, order: &[&str]) -> String {
    let is_row = |line: &&str| line.starts_with("| `");
    let (played, head): (Vec<&str>, Vec<&str>) = table.lines().partition(is_row);
    let kept = before.lines().filter(is_row);
    let kept = kept.filter(|line| !table.contains(&first_cell(line)));
    let mut lines: Vec<&str> = played.into_iter().chain(kept).collect();
    let place =
        |line: &&str| order.iter().position(|row| line.starts_with(&format!("| `{row}` |")));
    lines.sort_by_key(|line| place(line).unwrap_or(usize::MAX));
    head.into_iter().chain(lines).fold(String::new(), |table, line| table + line + "\n")
}

fn first_cell(line: &str) -> String {
    line.split(" | ").next().unwrap_or_default().to_owned() + " |"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::faults::row::ROW;

    fn report(name: &'static str, verdict: Verdict) -> Report {
        let row = Row { name, breaks: "it breaks", promises: &[1, 3], ..ROW };
        let options =
            Options { seconds: 1, rate: 1, seed: 1, untimed: false, short: false, kills: None };
        Report { verdict, people: 10, ..Report::of(&row, options) }
    }

    #[test]
    fn a_page_keeps_the_lines_of_rows_that_were_not_played() {
        let folder = tempfile::tempdir().expect("a folder");
        let page = folder.path().join("page.md");
        fs::write(&page, format!("# Title\n{FROM}{TO}\nend\n")).expect("written");
        let both = [report("one", Verdict::Passed), report("two", Verdict::Passed)];
        let order = ["two", "one"];
        write_into(&page, &both, &order).expect("written");
        write_into(&page, &[report("one", Verdict::Failed)], &order).expect("written");
        let text = fs::read_to_string(&page).expect("read");
        assert!(text.find("| `two` |") < text.find("| `one` |"), "{text}");
        assert_eq!(text.matches("| `two` |").count(), 1);
        assert_eq!(text.matches("| `one` |").count(), 1);
        assert!(text.contains("**failed**") && text.ends_with("end\n"));
    }

    #[test]
    fn courses_stay_until_others_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let page = folder.path().join("page.md");
        fs::write(&page, format!("{FROM}{TO}\n{COURSES}{TO}\nend\n")).expect("written");
        let course = Course { way: "hangs".to_owned(), ..Course::default() };
        let told = Report { courses: vec![course], ..report("one", Verdict::Passed) };
        write_into(&page, &[told], &["one"]).expect("written");
        write_into(&page, &[report("two", Verdict::Passed)], &["one", "two"]).expect("written");
        let text = fs::read_to_string(&page).expect("read");
        let of = |range: Range<usize>| text[range].to_owned();
        assert!(of(between(&text, FROM).expect("a table")).contains("| `two` |"), "{text}");
        let courses = of(between(&text, COURSES).expect("a table"));
        assert!(courses.contains("| hangs |") && !courses.contains("| `one` |"), "{text}");
        assert!(text.ends_with("end\n"));
    }

    #[test]
    fn rounds_of_one_row_are_one_line() {
        let rounds = [report("random", Verdict::Passed), report("random", Verdict::Failed)];
        let lines = joined(&rounds);
        assert_eq!((lines.len(), lines[0].people, lines[0].verdict), (1, 20, Verdict::Failed));
    }

    #[test]
    fn results_survive_their_journey() {
        let sent = to_json(&[report("one", Verdict::Skipped)]).expect("written");
        let read = from_json(&sent).expect("read");
        assert_eq!((read.len(), read[0].verdict), (1, Verdict::Skipped));
    }
}
