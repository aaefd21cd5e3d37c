//! All rows of a run, as a table or as JSON, with what the processes used and whether somebody
//! else was using the machine.

use serde_json::json;

use super::row::Row;
use crate::{
    error::Result,
    harness::{Busy, Usage},
};

/// Above this share of the machine others disturb a measurement.
const NOTICEABLE: f64 = 0.05;

#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    processes: Vec<(String, Usage)>,
    part: Busy,
    /// The highest share of any part.
    others: f64,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self { rows: Vec::new(), processes: Vec::new(), part: Busy::begin(), others: 0.0 }
    }

    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}", line(&row));
        self.rows.push(row);
    }

    /// What the processes of one part used.
    pub(crate) fn used(&mut self, part: &str, usages: Vec<Usage>) {
        let named = usages.into_iter().map(|usage| (part.to_owned(), usage));
        self.processes.extend(named);
    }

    /// Looks at what others did since the last part ended.
    pub(crate) fn end_part(&mut self) {
        self.others = self.others.max(self.part.by_others());
        self.part = Busy::begin();
    }

    /// True if every row reaches its floor.
    pub(crate) fn print(&self, as_json: bool) -> Result<bool> {
        if as_json {
            let processes: Vec<_> = self
                .processes
                .iter()
                .map(|(part, usage)| json!({"part": part, "usage": usage}))
                .collect();
            let told = json!({"rows": self.rows, "processes": processes,
                "cpu_by_others": self.others, "disturbed": self.is_disturbed()});
            println!("{}", serde_json::to_string_pretty(&told)?);
        } else {
            self.print_table();
        }
        Ok(self.rows.iter().all(|row| row.met))
    }

    fn print_table(&self) {
        println!("{}", heading());
        for row in &self.rows {
            println!("{}", line(row));
        }
        println!("\n{:<12} {:<12} {:>9} {:>9}", "part", "process", "cpu s", "peak MB");
        for (part, usage) in &self.processes {
            println!(
                "{part:<12} {:<12} {:>9.1} {:>9.1}",
                usage.name, usage.cpu_seconds, usage.peak_mb
            );
        }
        let word = if self.is_disturbed() { "DISTURBED: " } else { "" };
        println!("\n{word}other processes used {:.1} % of the machine", self.others * 100.0);
    }

    fn is_disturbed(&self) -> bool {
        self.others > NOTICEABLE
    }
}

fn heading() -> String {
    format!(
        "{:<36} {:>10} {:<4} {:>10} {:>10} {:>10} {:>6} {:>6} {:>6} {:>4}",
        "what", "median", "", "min", "max", "limit", "ratio", "goal", "floor", "runs"
    )
}

fn line(row: &Row) -> String {
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    format!(
        "{:<36} {:>10} {:<4} {:>10} {:>10} {:>10} {:>6} {:>6} {:>6} {:>4}  {}",
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
        row.verdict()
    )
}

fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
