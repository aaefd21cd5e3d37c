//! Show: people come and go at a steady rate while something is broken and mended; then it
//! goes quiet, and the checker looks at what is left. Each row of the matrix is one such show.
//!
//! * [`row`]: what a row is; the families [`redis`], [`postgres`], [`worker`], [`file`], [`points`],
//!   [`provider`], [`chain`], [`garbage`], [`reports`], [`opt_outs`], [`rate`], [`sqlite`], [`backlog`], [`poison`], [`clocks`],
//!   [`random`] hold them
//! * [`trouble`]: what begins and ends by itself, alone or three at a time
//! * [`scene`], [`play`]: the stage, and playing a row on it
//! * [`told`]: what clients were told; [`standing`], [`memory`]: what is watched meanwhile
//! * [`jobs`]: many rows, each in a process of its own
//! * [`http_date`], [`breaker`]: for the rows about providers: dates of `Retry-After`, what a
//!   breaker let through
//! * [`report`]: what came of it

mod backlog;
mod breaker;
mod chain;
mod clocks;
mod file;
mod garbage;
mod http_date;
mod jobs;
mod kills;
mod memory;
mod opt_outs;
mod play;
mod points;
mod poison;
mod postgres;
mod provider;
mod random;
mod rate;
mod redis;
mod report;
mod reports;
mod row;
mod scene;
mod sqlite;
mod standing;
mod told;
mod trouble;
mod worker;

use std::path::PathBuf;

pub(crate) use self::row::Options;
use self::{
    jobs::Job,
    report::{print_summary, to_json, to_markdown, write_into},
    row::{Act, Row},
};
use crate::{error::Result, harness::Otpost};

/// What the command was told.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Names of rows; empty or `all` for all of them.
    pub(crate) rows: Vec<String>,
    /// How many rounds of `random`, each with the next seed.
    pub(crate) rounds: u64,
    /// How many rows are played at the same time.
    pub(crate) jobs: usize,
    pub(crate) json: bool,
    pub(crate) markdown: bool,
    /// A page whose table is brought up to date.
    pub(crate) write: Option<PathBuf>,
    /// Where one row leaves its results for the process that started it.
    pub(crate) report: Option<PathBuf>,
    pub(crate) options: Options,
}

/// Every row there is.
fn rows() -> Vec<Row> {
    [
        redis::ROWS,
        postgres::ROWS,
        worker::ROWS,
        file::ROWS,
        points::ROWS,
        provider::ROWS,
        chain::ROWS,
        garbage::ROWS,
        reports::ROWS,
        rate::ROWS,
        backlog::ROWS,
        sqlite::ROWS,
        clocks::ROWS,
        poison::ROWS,
        opt_outs::ROWS,
        random::ROWS,
    ]
    .concat()
}

/// Prints every row with what it breaks.
pub(crate) fn list() {
    let rows = rows();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows {
        let note = if let Act::NotYet(lacks) = row.act {
            format!(" (not yet: {lacks})")
        } else {
            String::new()
        };
        say!("{:width$}  {}{note}", row.name, row.breaks);
    }
}

/// True if nothing was violated.
pub(crate) async fn run(otpost: &Otpost, request: &Request) -> Result<bool> {
    let mut chosen = Vec::new();
    for row in choose(&request.rows)? {
        // A process that leaves a report was itself started for one round.
        let is_many = row.name == "random" && request.report.is_none();
        let rounds = if is_many { request.rounds.max(1) } else { 1 };
        for round in 0..rounds {
            let options = Options { seed: request.options.seed + round, ..request.options };
            chosen.push(Job { row, options });
        }
    }
    let reports = match chosen.as_slice() {
        [Job { row, options }] => vec![play::play(otpost, row, *options).await],
        _ if request.report.is_some() => return Err("--report is for one row".into()),
        many => jobs::play_all(otpost, many, request.jobs, !request.json).await?,
    };
    if let Some(file) = &request.report {
        std::fs::write(file, to_json(&reports)?)?;
    }
    if let Some(page) = &request.write {
        let order: Vec<&str> = rows().iter().map(|row| row.name).collect();
        write_into(page, &reports, &order)?;
    }
    if request.json {
        say!("{}", to_json(&reports)?);
        return Ok(reports.iter().all(report::Report::is_good));
    }
    if request.markdown {
        say!("{}", to_markdown(&reports));
    }
    if let [report] = reports.as_slice() {
        report.print();
        return Ok(report.is_good());
    }
    Ok(print_summary(&reports))
}

fn choose(names: &[String]) -> Result<Vec<Row>> {
    let rows = rows();
    if names.is_empty() || names.iter().any(|name| name == "all") {
        return Ok(rows);
    }
    let find = |name: &String| {
        let found = rows.iter().find(|row| row.name == name);
        found.copied().ok_or_else(|| no_such(name, &rows).into())
    };
    names.iter().map(find).collect()
}

fn no_such(name: &str, rows: &[Row]) -> String {
    let family = name.split('-').next().unwrap_or(name);
    let alike = rows.iter().map(|row| row.name).filter(|other| other.starts_with(family));
    let alike: Vec<&str> = alike.collect();
    let hint = if alike.is_empty() {
        "`bench list` shows them all".to_owned()
    } else {
        format!("did you mean {}?", alike.join(", "))
    };
    format!("there is no row `{name}`; {hint}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_says_what_it_breaks() {
        let rows = rows();
        let names: HashSet<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().all(|row| !row.name.is_empty() && !row.breaks.is_empty()));
        assert!(rows.iter().all(|row| row.promises.iter().all(|it| (1..=8).contains(it))));
    }

    #[test]
    fn an_unknown_row_is_told_what_there_is() {
        let error = choose(&["redis-gone".to_owned()]).err().expect("no such row");
        assert!(error.to_string().contains("redis-kill"));
    }
}
