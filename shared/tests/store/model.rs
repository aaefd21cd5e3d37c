//! Verifications and messages against a plain model of them: random histories, run on a real
//! database, whose every answer and every row must be what the model says.
//!
//! A failure prints the shortest history that shows it, and is kept in `model.regressions`, which
//! is run first from then on. `PROPTEST_CASES` says how many histories, `PROPTEST_RNG_SEED` which.

mod addresses;
mod answers;
mod callers;
mod compare;
mod delivery;
mod expected;
mod guesses;
mod operation;
mod parallel;
mod promises;
mod reports;
mod tables;
mod trial;
mod workers;
mod workflow;

use std::env;

use otpost_testbed::on_both_homes;
use proptest::{
    strategy::Strategy,
    test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner},
};
use tokio::runtime::Handle;

/// Histories of one run and database; each has up to [`operation::PARTS`] parts.
const HISTORIES: u32 = 48;
/// Parallel bouts of one run and database.
const BOUTS: u32 = 16;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/model.regressions");

/// Small enough numbers for short histories to reach every limit.
const CONFIG: &str = r#"
[events]
log = true
[limits]
recipient = ["100000/1s"]
client_ip = ["100000/1s"]
tenant = ["1000000/1s"]
guesses_per_recipient_and_day = 6
sends_per_tenant_and_day = 12
[chains]
voice = ["console"]
email = ["console"]
[purposes.default]
email_lifetime_secs = 600
resends = ""
[purposes.rotating]
resend = "rotate"
lifetime_secs = 120
email_lifetime_secs = 120
guesses = 3
resend_after_secs = 20
"#;

/// As above, without the limits that would end a bout early.
const OPEN: &str = r#"
[events]
log = true
[limits]
recipient = ["100000/1s"]
tenant = ["1000000/1s"]
guesses_per_recipient_and_day = 1000000
[chains]
voice = ["console"]
email = ["console"]
[purposes.default]
resends = ""
[purposes.rotating]
resend = "rotate"
"#;

on_both_homes! {
    async fn every_history_goes_as_the_model_says(bed, CONFIG) {
        let home = &bed.home;
        run(HISTORIES, &operation::history(), |history| Handle::current().block_on(trial::run(home, &history)));
    }
}

mod bouts {
    use super::{BOUTS, Handle, OPEN, on_both_homes, parallel, run};

    on_both_homes! {
        async fn what_happens_at_once_keeps_every_promise(bed, OPEN) {
            let home = &bed.home;
            run(BOUTS, &parallel::bout(), |bout| Handle::current().block_on(parallel::run(home, &bout)));
        }
    }
}

/// Runs `test` on what `strategy` makes, and panics with the shortest failure.
fn run<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        max_shrink_time: 60_000,
        ..Config::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    // A seed that can be told, instead of one that nobody sees.
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(rand::random());
    }
    let seed = config.rng_seed;
    let result = tokio::task::block_in_place(|| TestRunner::new(config).run(strategy, test));
    if let Err(failure) = result {
        panic!("PROPTEST_RNG_SEED={seed} runs this again: {failure}");
    }
}
