//! The command line.

use std::{
    io::{self, BufWriter, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    error::Result,
    gateway::{self, Gateway},
    harness::{Home, Otpost, Plan, Store},
    measure::{self, Effort, Keep, Subject},
    numbers::Numbers,
    product::Chain,
    show::{failover, faults, guesses},
};

/// Measures and breaks Otpost from outside.
///
/// Starts private Postgres and Redis servers, fake SMS gateways and the real `otpost` processes
/// in a temporary folder on free ports, and stops exactly those. Exit code 0: everything as
/// promised; 1: a check failed or a floor was missed; 2: misused or not able to run.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Cli {
    /// The product's binary; without it, it is built of the sources as they are
    #[arg(long, global = true, value_name = "PATH")]
    otpost: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const GATEWAY_HELP: &str = r#"Every request is accepted at once unless a rule says otherwise.
Rules are a JSON list; the first one that fits a request decides:

  [{"path": "/2010-04-01/", "to": "+12025550100", "fraction": 0.5, "delay_ms": 20,
    "answer": {"kind": "http", "status": 429, "retry_after": "3"}}]

Answers by kind:
  ok
  http   status, retry_after?    a bare HTTP answer
  error  code, status?           the dialect's own error (Twilio 21211, Vonage status 4)
  raw    status, body, length?   any body, filled up with spaces to a length
  hang, reset, drop   sent?      no answer; counted as sent unless "sent": false

  PUT | GET | DELETE /control/rules
  GET /control/sent?to=&after=&limit=    what was received    DELETE to forget it
  GET /control/counts"#;

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a fake SMS gateway that speaks Twilio, Vonage and a plain HTTP dialect
    ///
    #[command(after_long_help = GATEWAY_HELP)]
    Gateway {
        /// Where to listen; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:9080")]
        listen: SocketAddr,
    },
    /// Start a whole installation with gateway, print its addresses and API key, and keep it up
    Harness {
        /// sqlite: one `otpost serve`; postgres: api and worker processes
        #[arg(long, value_enum, default_value = "postgres")]
        home: Store,
        /// How many `otpost api`
        #[arg(long, default_value_t = 1)]
        apis: usize,
        /// How many `otpost worker`
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
    /// Print recipients as the loads use them, one a line, to check them against a second opinion
    Numbers {
        #[arg(long, default_value_t = 10)]
        count: u64,
        /// Of 64 countries instead of the United States
        #[arg(long)]
        worldwide: bool,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Show that a broken provider is gone round, and a refused recipient is not
    Failover,
    /// Show that nothing is lost, doubled or late while something is broken
    #[command(after_long_help = FAULTS_HELP)]
    Faults(Faults),
    /// Show that parallel guesses take effect five times at most, with one success at most
    Guesses {
        /// sqlite: one `otpost serve`; postgres: two `otpost api`
        #[arg(long, value_enum, default_value = "sqlite")]
        home: Store,
        #[arg(long, default_value_t = 100)]
        rounds: u64,
        /// Guesses released at one moment
        #[arg(long, default_value_t = 200, value_parser = at_least_one)]
        guesses: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// List everything that can be measured, with its target, and every row of `faults`
    List,
    /// Write the tables and plots of docs/benchmarks.md from the runs that were kept
    Page,
    /// Accepts per second against the bare insert rate (Postgres, Redis, workers stopped)
    Accept(Measured),
    /// Checks per second, right and wrong mixed, against the bare update rate
    Check(Measured),
    /// Sends per second against a bare HTTP client loop, gateway at 20 ms and at once
    Deliver(Measured),
    /// Accept and check at 500/s, accept to gateway at 200/s: p50 and p99
    Latency(Measured),
    /// 500 codes a second while a bulk send drains: their p99, and what bulk loses
    Lanes(Measured),
    /// A worker before a million waiting messages: standstill, memory, codes getting past
    Backlog(Measured),
    /// A million recipients over HTTP and from a file against a bare COPY of the same rows
    Import(Measured),
    /// Accept and check on top of 10,000,000 verifications against 10,000
    Growth(Measured),
    /// Accept at 500/s while 1,000,000 expired rows are purged, against the same in turn without
    Purge(Measured),
    /// Two API and two worker processes against one of each
    Pairs(Measured),
    /// Peak resident memory under load and backlog, recipients of 64 countries
    Memory(Measured),
    /// Accepts per second of one `otpost serve` against a bare insert loop of its database
    ServeAccept(Measured),
    /// From process start to the first accepted request
    Startup(Measured),
    /// Bytes a verification leaves in Postgres' log, and its hint in Redis
    Footprint(Measured),
    /// The bare limits alone
    Limits(Measured),
    /// Every measurement from accept to footprint; a failed one does not stop the others
    All(Measured),
}

const FAULTS_HELP: &str = "Examples:
  bench faults redis-kill postgres-stop
  bench faults all --json
  bench faults random --rounds 200     prints each round's seed; repeat one with --seed";

#[derive(Clone, Debug, Args)]
struct Faults {
    /// What to break; see `bench list`
    #[arg(default_value = "all", value_name = "ROW")]
    rows: Vec<String>,
    /// Print every row with what it breaks
    #[arg(long)]
    list: bool,
    /// How long people keep coming; a row that needs longer takes longer
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Verifications per second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Decides numbers, people's minds, the moments of the kills and the faults of `random`
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rounds of `random`; each takes the next seed
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// How often `worker-kill-loop` kills, instead of 200 times
    #[arg(long)]
    kills: Option<u64>,
    /// Shorter faults and smaller backlogs, for every push
    #[arg(long)]
    short: bool,
    /// Show latencies without judging them: for debug builds and busy machines
    #[arg(long)]
    untimed: bool,
    /// Rows played at the same time; more than one only together with --untimed
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    jobs: usize,
    #[command(flatten)]
    print: Print,
    /// Bring the table of this page up to date
    #[arg(long, value_name = "PAGE")]
    write: Option<PathBuf>,
    /// Leave the results here as well
    #[arg(long, value_name = "FILE", hide = true)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
struct Print {
    /// Print JSON instead of words
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the table of docs/reliability.md as well
    #[arg(long)]
    markdown: bool,
}

impl Faults {
    fn request(self) -> faults::Request {
        let options = faults::Options {
            seconds: self.seconds,
            rate: self.rate,
            seed: self.seed,
            untimed: self.untimed,
            short: self.short,
            kills: self.kills,
        };
        faults::Request {
            rows: self.rows,
            rounds: self.rounds,
            jobs: if self.untimed { self.jobs } else { 1 },
            json: self.print.json,
            markdown: self.print.markdown,
            write: self.write,
            report: self.report,
            options,
        }
    }
}

/// Of a bulk send.
const RECIPIENTS: u64 = 1_000_000;
/// Fewer rounds or seconds are not for the documentation.
const ROUNDS: usize = 5;
const SECONDS: u64 = 5;

#[derive(Clone, Copy, Debug, Args)]
struct Measured {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = ROUNDS, value_parser = at_least_one)]
    rounds: usize,
    /// How long each timed part of a round takes
    #[arg(long, default_value_t = SECONDS, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Verifications in each counted part of a round [default: 30000]; for lanes, backlog and
    /// import the same as --recipients
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    count: Option<u64>,
    /// Recipients of a bulk send [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    recipients: Option<u64>,
    /// Verifications in the tables beforehand, with all that belongs to them [default: growth
    /// 10000000, purge 1000000, footprint none]
    #[arg(long, value_parser = clap::value_parser!(u64).range(10_000..=1_000_000_000))]
    rows: Option<u64>,
    /// Requests in flight where the rate is sought
    #[arg(long, default_value_t = 256, value_parser = at_least_one)]
    connections: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write the tables and plots of docs/benchmarks.md with the result
    #[arg(long)]
    write: bool,
    /// The same, and add the result to docs/benchmarks/history.jsonl
    #[arg(long)]
    keep: bool,
}

impl Measured {
    fn effort(self, subject: Subject) -> Effort {
        let is_bulk = matches!(subject, Subject::Lanes | Subject::Backlog | Subject::Import);
        let recipients = self.recipients.or(self.count.filter(|_| is_bulk));
        Effort {
            rounds: self.rounds,
            seconds: self.seconds,
            connections: self.connections,
            count: self.count.unwrap_or(30_000),
            recipients: recipients.unwrap_or(RECIPIENTS),
            rows: self.rows,
            seed: self.seed,
        }
    }

    /// `given`: the binary to measure is somebody's choice, and nobody can say of which sources.
    fn keep(self, effort: Effort, given: bool) -> Result<Keep> {
        let keep = match (self.keep, self.write) {
            (false, false) => return Ok(Keep::No),
            (true, _) => Keep::Remember,
            (_, true) => Keep::Write,
        };
        let fewer = effort.recipients < RECIPIENTS || self.rows.is_some();
        if fewer || effort.rounds < ROUNDS || effort.seconds < SECONDS {
            return Err("a shortened run is not for the documentation: leave out --rows, \
                 --recipients, --rounds and --seconds, or --write and --keep"
                .into());
        }
        if given {
            return Err("the documentation says which version was measured, which nobody knows \
                 of a given binary: leave out --otpost, or --write and --keep"
                .into());
        }
        Ok(keep)
    }
}

impl Cli {
    /// True if everything was as promised.
    pub(crate) async fn run(self) -> Result<bool> {
        let otpost = || Otpost::locate(self.otpost.as_deref());
        let (subject, measured) = match self.command {
            Command::Gateway { listen } => return gateway::run(listen).await.map(|()| true),
            Command::Harness { home, apis, workers } => {
                return keep_up(&otpost()?, home, apis, workers).await;
            }
            Command::Numbers { count, worldwide, seed } => {
                print_numbers(count, worldwide, seed);
                return Ok(true);
            }
            Command::List => {
                measure::list();
                say!("");
                faults::list();
                return Ok(true);
            }
            Command::Page => return measure::write_page().map(|()| true),
            Command::Failover => return failover::run(&otpost()?).await,
            Command::Faults(faults) if faults.list => {
                faults::list();
                return Ok(true);
            }
            Command::Faults(faults) => {
                return Box::pin(faults::run(&otpost()?, &faults.request())).await;
            }
            Command::Guesses { home, rounds, guesses, seed } => {
                let options = guesses::Options { store: home, rounds, guesses, seed };
                return guesses::run(&otpost()?, options).await;
            }
            Command::Accept(measured) => (Subject::Accept, measured),
            Command::Check(measured) => (Subject::Check, measured),
            Command::Deliver(measured) => (Subject::Deliver, measured),
            Command::Latency(measured) => (Subject::Latency, measured),
            Command::Lanes(measured) => (Subject::Lanes, measured),
            Command::Backlog(measured) => (Subject::Backlog, measured),
            Command::Import(measured) => (Subject::Import, measured),
            Command::Growth(measured) => (Subject::Growth, measured),
            Command::Purge(measured) => (Subject::Purge, measured),
            Command::Pairs(measured) => (Subject::Pairs, measured),
            Command::Memory(measured) => (Subject::Memory, measured),
            Command::ServeAccept(measured) => (Subject::ServeAccept, measured),
            Command::Startup(measured) => (Subject::Startup, measured),
            Command::Footprint(measured) => (Subject::Footprint, measured),
            Command::Limits(measured) => (Subject::Limits, measured),
            Command::All(measured) => (Subject::All, measured),
        };
        let effort = measured.effort(subject);
        let keep = measured.keep(effort, self.otpost.is_some())?;
        Box::pin(measure::run(&otpost()?, subject, effort, keep, measured.json)).await
    }
}

/// As many as are read.
fn print_numbers(count: u64, worldwide: bool, seed: u64) {
    let numbers = Numbers::new(seed);
    let mut out = BufWriter::new(io::stdout().lock());
    for index in 0..count {
        let american = || numbers.american(index);
        let number = if worldwide { numbers.worldwide(index) } else { american() };
        if writeln!(out, "{number}").is_err() {
            return;
        }
    }
}

async fn keep_up(otpost: &Otpost, store: Store, apis: usize, workers: usize) -> Result<bool> {
    let gateway = Gateway::on_free_port().await?;
    let plan = Plan {
        store,
        apis,
        workers: if store == Store::Postgres { workers } else { 0 },
        chain: Chain::TwilioVonage(gateway.address),
        otp_concurrency: None,
    };
    let home = Home::build(otpost, plan).await?;
    say!("gateway  http://{}/control/sent", gateway.address);
    for process in home.apis.iter().chain(&home.workers) {
        say!("{:8} http://{}", process.child.name, process.address);
    }
    say!("key      {}\nctrl-c stops everything", home.key);
    loop {
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1 on is needed".to_owned()),
        Ok(number) => Ok(number),
    }
}
