//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    error::Result,
    gateway::{self, Gateway},
    harness::{Home, Otpost, Plan, Store},
    measure::{self, Effort, Subject},
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
    /// The product's binary; without it the one beside this program, else it is built
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
    Faults {
        /// What to break
        #[arg(value_enum, default_value = "all")]
        fault: faults::Fault,
        /// How long people keep coming; a row that needs longer takes longer
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Verifications per second
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        rate: u32,
        /// Decides numbers, people's minds and the moments of the kills
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Show latencies without judging them: for debug builds and busy machines
        #[arg(long)]
        untimed: bool,
    },
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
    /// Accepts per second against the bare insert rate (Postgres, Redis, workers stopped)
    Accept(Measured),
    /// Checks per second, right and wrong mixed, against the bare update rate
    Check(Measured),
    /// Sends per second against a bare HTTP client loop, gateway at 20 ms and at once
    Deliver(Measured),
    /// Accept and check at 500/s, accept to gateway at 200/s: p50 and p99
    Latency(Measured),
    /// Accepts per second of one `otpost serve` against a bare insert loop of its database
    ServeAccept(Measured),
    /// From process start to the first accepted request
    Startup(Measured),
    /// Peak resident memory under load and backlog, recipients of 64 countries
    Memory(Measured),
    /// Bytes a verification leaves in Postgres' log, and its hint in Redis
    Footprint(Measured),
    /// The bare limits alone
    Limits(Measured),
    /// Every measurement from accept to footprint
    All(Measured),
}

#[derive(Clone, Copy, Debug, Args)]
struct Measured {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    rounds: usize,
    /// How long each timed part of a round takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Verifications in each counted part of a round
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Requests in flight where the rate is sought
    #[arg(long, default_value_t = 256, value_parser = at_least_one)]
    connections: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
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
                let numbers = Numbers::new(seed);
                for index in 0..count {
                    let american = || numbers.american(index);
                    let number = if worldwide { numbers.worldwide(index) } else { american() };
                    println!("{number}");
                }
                return Ok(true);
            }
            Command::Failover => return failover::run(&otpost()?).await,
            Command::Faults { fault, seconds, rate, seed, untimed } => {
                let options = faults::Options { fault, seconds, rate, seed, untimed };
                return Box::pin(faults::run(&otpost()?, options)).await;
            }
            Command::Guesses { home, rounds, guesses, seed } => {
                let options = guesses::Options { store: home, rounds, guesses, seed };
                return guesses::run(&otpost()?, options).await;
            }
            Command::Accept(measured) => (Subject::Accept, measured),
            Command::Check(measured) => (Subject::Check, measured),
            Command::Deliver(measured) => (Subject::Deliver, measured),
            Command::Latency(measured) => (Subject::Latency, measured),
            Command::ServeAccept(measured) => (Subject::ServeAccept, measured),
            Command::Startup(measured) => (Subject::Startup, measured),
            Command::Memory(measured) => (Subject::Memory, measured),
            Command::Footprint(measured) => (Subject::Footprint, measured),
            Command::Limits(measured) => (Subject::Limits, measured),
            Command::All(measured) => (Subject::All, measured),
        };
        let effort = Effort {
            rounds: measured.rounds,
            seconds: measured.seconds,
            connections: measured.connections,
            count: measured.count,
            seed: measured.seed,
        };
        Box::pin(measure::run(&otpost()?, subject, effort, measured.json)).await
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
    println!("gateway  http://{}/control/sent", gateway.address);
    for process in home.apis.iter().chain(&home.workers) {
        println!("{:8} http://{}", process.child.name, process.address);
    }
    println!("key      {}\nctrl-c stops everything", home.key);
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
