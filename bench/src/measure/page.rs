//! The tables and plots of `docs/benchmarks.md`, written from the kept runs. What stands outside
//! the markers is prose and stays.

use std::{fmt::Write as _, fs, path::Path};

use super::{
    Subject,
    history::Kept,
    plot,
    report::{Sample, percent},
    row::Row,
    targets,
};
use crate::error::{Result, while_doing};

const BEGIN: &str = "<!-- written by `bench`: rows -->";
const END: &str = "<!-- end -->";

/// Rewrites the table and draws the plots; `samples` of a backlog, if one was drained.
pub(crate) fn write(docs: &Path, history: &[Kept], samples: &[Sample]) -> Result<()> {
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder)?;
    plot::history(&folder.join("history.svg"), history)?;
    if samples.len() > 1 {
        plot::backlog(&folder.join("backlog-memory.svg"), samples)?;
    }
    let mut made = table(history);
    made.push_str("\n![Ratios to the limits, run after run](benchmarks/history.svg)\n");
    // Of the last run in which a backlog was drained.
    if folder.join("backlog-memory.svg").exists() {
        made.push_str(
            "\n![A worker's memory while a backlog drains](benchmarks/backlog-memory.svg)\n",
        );
    }
    let page = docs.join("benchmarks.md");
    let text = fs::read_to_string(&page).map_err(while_doing(&page.display().to_string()))?;
    fs::write(&page, between_markers(&text, &made)?)?;
    Ok(())
}

fn between_markers(text: &str, table: &str) -> Result<String> {
    let cut = || {
        let (before, rest) = text.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
    };
    cut().ok_or_else(|| format!("benchmarks.md lacks {BEGIN} or {END}").into())
}

/// Each row as it was last measured.
fn table(history: &[Kept]) -> String {
    let mut text = String::from(
        "| what | median | least | most | rounds | limit | ratio | goal | floor | reached | others | run |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|\n",
    );
    for target in targets::ALL {
        let newest = history.iter().rev().find_map(|kept| {
            let row = kept.rows.iter().find(|row| row.name == target.name)?;
            Some((kept, row))
        });
        match newest {
            Some((kept, row)) => text.push_str(&line(kept, row)),
            // The limits stand beside what is measured against them.
            None if target.part == Subject::Limits => {}
            None => text.push_str(&unmeasured(target)),
        }
    }
    text
}

fn line(kept: &Kept, row: &Row) -> String {
    let mut text = format!("| {}", row.name);
    let unit = match row.unit.as_str() {
        "" | "1/s" => String::new(),
        unit => format!(" {unit}"),
    };
    let unit = if row.unit == "1/s" { "/s" } else { &unit };
    let optional = |value: Option<f64>| value.map(thousands).unwrap_or_default();
    let reached = match (row.disturbed, row.verdict()) {
        (true, _) => "disturbed",
        (_, "BELOW") => "**no**",
        (_, word) => word,
    };
    let run = match &kept.commit {
        Some(commit) => format!("{} {commit}", kept.date),
        None => kept.date.clone(),
    };
    let cells = [
        format!("{}{unit}", thousands(row.value)),
        thousands(row.min),
        thousands(row.max),
        row.runs.to_string(),
        optional(row.limit),
        row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        optional(row.goal),
        optional(row.floor),
        reached.to_owned(),
        row.others.map(percent).unwrap_or_default(),
        run,
    ];
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(text, " | {cell}");
    }
    text + " |\n"
}

fn unmeasured(target: &targets::Target) -> String {
    let aim = target.aim();
    let [goal, floor] = [aim.map(|it| it.goal), aim.map(|it| it.floor)]
        .map(|value| value.map(thousands).unwrap_or_default());
    format!("| {} | | | | | | | {goal} | {floor} | not measured yet | | |\n", target.name)
}

/// With as many digits as are of interest: 12,345 and 12.3 and 0.012.
fn thousands(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        whole if whole.fract() == 0.0 => 0,
        small if small >= 0.1 => 2,
        _ => 3,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = match plain.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (plain.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

#[cfg(test)]
mod tests {
    use super::{super::watch::Watch, *};

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter");
        let written = between_markers(&page, "new\n").expect("markers");
        assert_eq!(written, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter"));
        assert_eq!(between_markers(&written, "new\n").expect("markers"), written);
        assert!(between_markers("no markers", "new").is_err());
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(thousands(1_234_567.8), "1,234,568");
        assert_eq!(thousands(12.34), "12.3");
        assert_eq!(thousands(2.0), "2");
        assert_eq!(thousands(0.0123), "0.012");
        assert_eq!(thousands(100.0), "100");
    }

    #[test]
    fn a_disturbed_row_does_not_count() {
        let runs = [(2.0, 1.0)];
        let row = Row::against(&targets::ACCEPT, &runs, &Watch::of(1.0, 1.0));
        let kept = Kept {
            date: "2026-11-20".into(),
            commit: None,
            cores: 2,
            processor: None,
            note: None,
            rounds: 1,
            seconds: 1,
            rows: vec![row],
        };
        let table = table(&[kept]);
        assert!(
            table
                .contains("| accept | 2/s | 2 | 2 | 1 | 1 | 2.00 | 1 | 0.80 | disturbed | 100 % |")
        );
        assert!(table.contains("| check | | | | | | | 1 | 0.80 | not measured yet | | |"));
    }
}
