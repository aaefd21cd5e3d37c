//! The answer to an accept at 500/s while `otpost purge` removes a million expired rows, against
//! the same while the purge is held still.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::PgPool;

use super::{
    Effort, Report,
    accept::warm_up,
    first_of, grown,
    latency::{Sent, start},
    production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Child, Home, Otpost},
    product::{self, Chain, Filling},
};

const ROWS: u64 = 1_000_000;
const RATE: u32 = 500;
/// Of a window with the purge and one without in each round: a p99 of a few seconds says little.
const PAIRS: usize = 4;
/// A purge that is held still for longer within a transaction is cut off by the database.
const LONGEST: u64 = 8;
/// How long the rest of the rows may take, with nobody else there.
const PATIENCE: Duration = Duration::from_mins(30);

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    warm_up(&home, effort).await?;
    grown::patterns(&mut home, &station, effort).await?;
    let rows = effort.rows.unwrap_or(ROWS).min(ROWS);
    grown::grow(&mut home, None, Filling::expired(rows)).await?;
    warm_up(&home, Effort { seed: effort.seed + 1, ..effort }).await?;
    let pool = home.pool().await?;
    sqlx::query("CHECKPOINT").execute(&pool).await?;
    let mut command = home.command("purge");
    command.arg("--json");
    let mut purge = Child::start(command, "purge", home.folder())?;
    let mut purging = Duration::ZERO;
    let (mut runs, mut watch) = (Vec::new(), Watch::default());
    for round in 0..effort.rounds * PAIRS {
        let first = first_of(round);
        let began = Instant::now();
        let beside = watch.during(window(&home, effort, first)).await?;
        if !purge.is_alive() {
            break;
        }
        purging += began.elapsed();
        purge.signal(Signal::SIGSTOP)?;
        let quiet = watch.during(window(&home, effort, first + 1_000_000)).await?;
        purge.signal(Signal::SIGCONT)?;
        note!("purge pair {}: p99 {beside:.1} ms, quiet {quiet:.1} ms", round + 1);
        runs.push((beside, quiet));
    }
    if runs.is_empty() {
        let words = purge.last_words();
        return Err(format!("the purge of {rows} rows ended within one window: {words}").into());
    }
    purging += until_its_end(&mut purge, &pool, rows).await?;
    report.add(Row::against(&targets::PURGE_P99, &runs, &watch));
    let rate = rows as f64 / purging.as_secs_f64();
    report.add(Row::alone(&targets::PURGE_RATE, &[rate], &watch));
    report.used("purge", home.usages());
    pool.close().await;
    Ok(())
}

/// The p99 of accepts on schedule, in milliseconds.
async fn window(home: &Home, effort: Effort, first: u64) -> Result<f64> {
    let effort = Effort { seconds: effort.seconds.min(LONGEST), ..effort };
    let (tally, _) = start(home, effort, first, RATE, &Sent::default()).await?;
    Ok(tally.milliseconds(0.99))
}

/// How long it took to remove what was left.
async fn until_its_end(purge: &mut Child, pool: &PgPool, rows: u64) -> Result<Duration> {
    let began = Instant::now();
    while purge.is_alive() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed();
    let left = product::count_expired(pool).await?;
    if left > 0 || !purge.is_well() {
        let words = purge.last_words();
        return Err(
            format!("{left} of {rows} expired rows are left after {took:?}: {words}").into()
        );
    }
    Ok(took)
}
