//! How fast, how small: each row measured beside its bare limit in the same run, round after
//! round, so that what is quoted is a ratio and not a machine.
//!
//! * [`row`]: one line of the result; [`report`]: all of them, as a table or as JSON
//! * [`bare`]: the limits, what the components do with nothing around them
//! * [`station`]: the gateway in a process of its own
//! * one file for each command

mod accept;
mod bare;
mod check;
mod deliver;
mod embedded;
mod footprint;
mod latency;
mod limits;
mod memory;
mod report;
mod row;
mod startup;
mod station;

use std::time::Duration;

use clap::ValueEnum;

use self::report::Report;
use crate::{
    error::Result,
    harness::{Home, Otpost, Plan, Store},
    product::Chain,
};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    Accept,
    Check,
    Deliver,
    Latency,
    ServeAccept,
    Startup,
    Memory,
    Footprint,
    Limits,
    All,
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
    pub(crate) seed: u64,
}

impl Effort {
    fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Where the numbers of one round begin: no two rounds share a recipient.
fn first_of(round: usize) -> u64 {
    (round as u64 + 1) * 4_000_000
}

/// Measures, prints, and says whether every floor was reached.
pub(crate) async fn run(
    otpost: &Otpost,
    subject: Subject,
    effort: Effort,
    as_json: bool,
) -> Result<bool> {
    let all = Subject::value_variants().iter().copied();
    let chosen: Vec<Subject> = match subject {
        Subject::All => all.filter(|it| !matches!(it, Subject::All | Subject::Limits)).collect(),
        one => vec![one],
    };
    let mut report = Report::begin();
    for subject in chosen {
        eprintln!("{subject:?}: {effort:?}");
        match subject {
            Subject::Accept => Box::pin(accept::run(otpost, effort, &mut report)).await?,
            Subject::Check => Box::pin(check::run(otpost, effort, &mut report)).await?,
            Subject::Deliver => Box::pin(deliver::run(otpost, effort, &mut report)).await?,
            Subject::Latency => Box::pin(latency::run(otpost, effort, &mut report)).await?,
            Subject::ServeAccept => Box::pin(embedded::run(otpost, effort, &mut report)).await?,
            Subject::Startup => Box::pin(startup::run(otpost, effort, &mut report)).await?,
            Subject::Memory => Box::pin(memory::run(otpost, effort, &mut report)).await?,
            Subject::Footprint => Box::pin(footprint::run(otpost, effort, &mut report)).await?,
            Subject::Limits => Box::pin(limits::run(otpost, effort, &mut report)).await?,
            Subject::All => {}
        }
        report.end_part();
    }
    report.print(as_json)
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
