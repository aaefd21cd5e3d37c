//! All rows of a run, as a table or as JSON, with what the processes used and whether somebody
//! else was using the machine.

use serde::Serialize;
use serde_json::json;

use super::{Subject, row::Row, targets};
use crate::{error::Result, harness::Usage};

/// Such a build's bare HTTP loop is a tenth as fast, which would flatter what is compared with it.
pub(crate) const IS_DEBUG: bool = cfg!(debug_assertions);

/// One look at a worker while a backlog drains.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Since it was started.
    pub(crate) seconds: f64,
    /// Resident.
    pub(crate) megabytes: f64,
    pub(crate) waiting: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) samples: Vec<Sample>,
    processes: Vec<(String, Usage)>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        note!("{}", line(&row));
        self.rows.push(row);
    }

    /// Says of every row of `part` that is not there yet why it is not.
    pub(crate) fn miss_rest(&mut self, part: Subject, why: &str) {
        let of_part = targets::ALL.iter().filter(|target| target.part == part);
        for target in of_part {
            if self.rows.iter().all(|row| row.name != target.name) {
                self.add(Row::missing(target, why));
            }
        }
    }

    /// What the processes of one part used since they were started.
    pub(crate) fn used(&mut self, part: &str, usages: Vec<Usage>) {
        let named = usages.into_iter().map(|usage| (part.to_owned(), usage));
        self.processes.extend(named);
    }

    /// True if every row was measured, reaches its floor, and was not disturbed, and the limits
    /// that this program itself is are not those of a debug build.
    pub(crate) fn is_clean(&self) -> bool {
        !IS_DEBUG && self.rows.iter().all(|row| row.met && !row.disturbed)
    }

    pub(crate) fn print(&self, as_json: bool) -> Result<()> {
        if !as_json {
            self.print_table();
            return Ok(());
        }
        let processes: Vec<_> = self
            .processes
            .iter()
            .map(|(part, usage)| json!({"part": part, "usage": usage}))
            .collect();
        let disturbed = self.rows.iter().any(|row| row.disturbed);
        let told = json!({"rows": self.rows, "processes": processes, "samples": self.samples,
            "disturbed": disturbed,
            "debug_build": IS_DEBUG, "clean": self.is_clean()});
        say!("{}", serde_json::to_string_pretty(&told)?);
        Ok(())
    }

    fn print_table(&self) {
        say!("{}", heading());
        for row in &self.rows {
            say!("{}", line(row));
        }
        say!("\n{:<12} {:<12} {:>9} {:>9}", "part", "process", "cpu s", "peak MB");
        for (part, usage) in &self.processes {
            say!("{part:<12} {:<12} {:>9.1} {:>9.1}", usage.name, usage.cpu_seconds, usage.peak_mb);
        }
        if IS_DEBUG {
            say!("\nthis is a DEBUG BUILD, whose bare HTTP client is slow: use --release");
        }
        let disturbed = self.rows.iter().filter(|row| row.disturbed).count();
        if disturbed > 0 {
            say!("\n{disturbed} rows are DISTURBED by other processes and do not count");
        }
    }
}

fn heading() -> String {
    format!(
        "{:<40} {:>10} {:<4} {:>10} {:>10} {:>10} {:>6} {:>6} {:>6} {:>4} {:>7}",
        "what", "median", "", "min", "max", "limit", "ratio", "goal", "floor", "runs", "others"
    )
}

fn line(row: &Row) -> String {
    if let Some(why) = &row.missing {
        return format!("{:<40} {:>10}  {why}", row.name, row.verdict());
    }
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    format!(
        "{:<40} {:>10} {:<4} {:>10} {:>10} {:>10} {:>6} {:>6} {:>6} {:>4} {:>7}  {}{}",
        row.name,
        short(row.value),
        row.unit,
        short(row.min),
        short(row.max),
        optional(row.limit),
        optional(row.ratio),
        optional(row.goal),
        optional(row.floor),
        row.runs,
        row.others.map_or_else(|| "-".to_owned(), percent),
        row.verdict(),
        if row.disturbed { " DISTURBED" } else { "" }
    )
}

/// Cores as per cent of one.
pub(crate) fn percent(cores: f64) -> String {
    format!("{:.0} %", cores * 100.0)
}

pub(crate) fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
