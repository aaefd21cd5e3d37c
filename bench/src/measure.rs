//! How fast, how small: each row measured beside its bare limit in the same run, round after
//! round, so that what is quoted is a ratio and not a machine.
//!
//! * [`targets`]: every row there is, and how far it must get
//! * [`row`]: one line of the result; [`report`]: all of them, as a table or as JSON
//! * [`watch`]: who else used the machine meanwhile
//! * [`history`], [`page`], [`plot`]: what is kept of a run, in the documentation
//! * [`bare`], [`bare_sqlite`]: the limits, what the components do with nothing around them
//! * [`station`]: the gateway in a process of its own
//! * [`grown`]: tables of many rows; [`bulk`]: a bulk send of many recipients
//! * one file for each command

mod accept;
mod backlog;
mod bare;
mod bare_sqlite;
mod bulk;
mod check;
mod deliver;
mod embedded;
mod footprint;
mod grown;
mod growth;
mod history;
mod import;
mod lanes;
mod latency;
mod limits;
mod memory;
mod page;
mod pairs;
mod plot;
mod progress;
mod purge;
mod report;
mod row;
mod startup;
mod station;
mod targets;
mod watch;

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;

pub(crate) use self::targets::list;
use self::{history::Kept, report::Report};
use crate::{
    error::Result,
    harness::{Home, Otpost, Plan, Store},
    product::Chain,
};

/// What can be measured, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    Accept,
    Check,
    Deliver,
    Latency,
    Lanes,
    Backlog,
    Import,
    Growth,
    Purge,
    Pairs,
    Memory,
    ServeAccept,
    Startup,
    Footprint,
    Limits,
    All,
}

impl Subject {
    /// As it is written on the command line.
    fn command(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// Of each part of a round that runs for a time.
    pub(crate) seconds: u64,
    /// Connections of a closed load.
    pub(crate) connections: usize,
    /// Verifications of each part of a round that runs for a number.
    pub(crate) count: u64,
    /// Recipients of a bulk send.
    pub(crate) recipients: u64,
    /// Verifications that are there beforehand, where the part is about many.
    pub(crate) rows: Option<u64>,
    pub(crate) seed: u64,
}

impl Effort {
    fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What is done with the result besides showing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    No,
    /// Tables and plots of the documentation are written with it.
    Write,
    /// It gets a line in the history as well.
    Remember,
}

/// Where the numbers of one round begin: no two rounds share a recipient.
fn first_of(round: usize) -> u64 {
    (round as u64 + 1) * 4_000_000
}

/// Measures, prints, and says whether every floor was reached on a machine left alone.
pub(crate) async fn run(
    otpost: &Otpost,
    subject: Subject,
    effort: Effort,
    keep: Keep,
    as_json: bool,
) -> Result<bool> {
    let all = Subject::value_variants().iter().copied();
    let chosen: Vec<Subject> = match subject {
        Subject::All => all.filter(|it| !matches!(it, Subject::All | Subject::Limits)).collect(),
        one => vec![one],
    };
    if report::IS_DEBUG && keep != Keep::No {
        return Err(
            "what a debug build measures is not for the documentation: use --release".into()
        );
    }
    let notes = Notes::open(keep)?;
    let mut report = Report::default();
    for part in chosen {
        note!("{}: {effort:?}", part.command());
        // Growth has shown what a verification leaves behind in big tables.
        let rows = effort.rows.filter(|_| subject != Subject::All || part != Subject::Footprint);
        let effort = Effort { rows, ..effort };
        if let Err(error) = measure(otpost, part, effort, &mut report).await {
            if subject != Subject::All {
                return Err(error);
            }
            // The others are still of interest.
            report.miss_rest(part, &error.to_string());
        }
        // A run that is cut short has taken an hour for what it measured so far.
        notes.write(effort, &report)?;
    }
    report.print(as_json)?;
    Ok(report.is_clean())
}

/// The documentation while a run goes on.
struct Notes {
    keep: Keep,
    file: PathBuf,
    /// The runs before this one.
    runs: Vec<Kept>,
}

impl Notes {
    fn open(keep: Keep) -> Result<Self> {
        let file = history::docs().join("benchmarks/history.jsonl");
        Ok(Self { keep, runs: history::load(&file)?, file })
    }

    /// Brings history, tables and plots up to what was measured so far.
    fn write(&self, effort: Effort, report: &Report) -> Result<()> {
        if self.keep == Keep::No {
            return Ok(());
        }
        let mut runs = self.runs.clone();
        runs.push(Kept::now(effort, &report.rows)?);
        if self.keep == Keep::Remember {
            history::save(&self.file, &runs)?;
        }
        page::write(&history::docs(), &runs, &report.samples)
    }
}

/// Writes the tables and plots of the documentation from the runs that were kept.
pub(crate) fn write_page() -> Result<()> {
    page::write(&history::docs(), &Notes::open(Keep::No)?.runs, &[])
}

async fn measure(
    otpost: &Otpost,
    part: Subject,
    effort: Effort,
    report: &mut Report,
) -> Result<()> {
    match part {
        Subject::Accept => Box::pin(accept::run(otpost, effort, report)).await,
        Subject::Check => Box::pin(check::run(otpost, effort, report)).await,
        Subject::Deliver => Box::pin(deliver::run(otpost, effort, report)).await,
        Subject::Latency => Box::pin(latency::run(otpost, effort, report)).await,
        Subject::Lanes => Box::pin(lanes::run(otpost, effort, report)).await,
        Subject::Backlog => Box::pin(backlog::run(otpost, effort, report)).await,
        Subject::Import => Box::pin(import::run(otpost, effort, report)).await,
        Subject::Growth => Box::pin(growth::run(otpost, effort, report)).await,
        Subject::Purge => Box::pin(purge::run(otpost, effort, report)).await,
        Subject::Pairs => Box::pin(pairs::run(otpost, effort, report)).await,
        Subject::Memory => Box::pin(memory::run(otpost, effort, report)).await,
        Subject::ServeAccept => Box::pin(embedded::run(otpost, effort, report)).await,
        Subject::Startup => Box::pin(startup::run(otpost, effort, report)).await,
        Subject::Footprint => Box::pin(footprint::run(otpost, effort, report)).await,
        Subject::Limits => Box::pin(limits::run(otpost, effort, report)).await,
        Subject::All => Ok(()),
    }
}

/// Postgres, Redis and one API; workers are started by whoever wants them.
async fn production(otpost: &Otpost, chain: Chain) -> Result<Home> {
    let plan =
        Plan { store: Store::Postgres, apis: 1, workers: 0, chain, otp_concurrency: Some(256) };
    Home::build(otpost, plan).await
}

/// One `otpost serve` over `SQLite`, printing to its inbox.
async fn embedded_home(otpost: &Otpost) -> Result<Home> {
    let plan = Plan {
        store: Store::Sqlite,
        apis: 1,
        workers: 0,
        chain: Chain::Console,
        otp_concurrency: None,
    };
    Home::build(otpost, plan).await
}
