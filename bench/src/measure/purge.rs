//! The answer to an accept at 500/s while `otpost purge` removes a million expired rows, against
//! the same while nothing is purged.

use std::time::Instant;

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
    load::Tally,
    product::{self, Chain, Filling},
};

const ROWS: u64 = 1_000_000;
const RATE: u32 = 500;
/// So many windows are waited for the last purge to come to its end.
const WINDOWS: u64 = 200;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    warm_up(&home, effort).await?;
    grown::patterns(&mut home, &station, effort).await?;
    let rows = effort.rows.unwrap_or(ROWS).min(ROWS);
    grown::grow(&mut home, None, Filling::expired(rows)).await?;
    warm_up(&home, Effort { seed: effort.seed + 1, ..effort }).await?;
    let pool = home.pool().await?;
    let (mut runs, mut rates, mut watch) = (Vec::new(), Vec::new(), Watch::default());
    for round in 0..effort.rounds {
        let first = first_of(round);
        // A window in which the purge has nothing left to do would be a quiet one.
        if product::count_expired(&pool).await? < rows / 4 {
            grown::grow(&mut home, None, Filling::expired(rows)).await?;
            warm_up(&home, Effort { seed: effort.seed + 2, ..effort }).await?;
        }
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let unseen = Sent::default();
        let quiet = start(&home, effort, first, RATE, &unseen);
        let (quiet, _) = watch.during(quiet).await?;
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let is_last = round + 1 == effort.rounds;
        let purging = beside_purge(&home, &pool, effort, first + 1_000_000, is_last);
        let (beside, rate) = watch.during(purging).await?;
        let (beside, quiet) = (beside.milliseconds(0.99), quiet.milliseconds(0.99));
        eprintln!(
            "purge round {}: p99 {beside:.1} ms, quiet {quiet:.1} ms, {rate:.0}/s removed",
            round + 1
        );
        runs.push((beside, quiet));
        rates.push(rate);
    }
    let left = product::count_expired(&pool).await?;
    if left > 0 {
        return Err(format!("{left} of {rows} expired verifications were not purged").into());
    }
    report.add(Row::against(&targets::PURGE_P99, &runs, &watch));
    report.add(Row::alone(&targets::PURGE_RATE, &rates, &watch));
    report.used("purge", home.usages());
    pool.close().await;
    Ok(())
}

/// Accepts on schedule while a purge runs: for one window, or until the purge is done.
async fn beside_purge(
    home: &Home,
    pool: &PgPool,
    effort: Effort,
    first: u64,
    to_the_end: bool,
) -> Result<(Tally, f64)> {
    let before = product::count_expired(pool).await?;
    let mut command = home.command("purge");
    command.arg("--json");
    let began = Instant::now();
    let mut purge = Child::start(command, "purge", home.folder())?;
    let mut all: Option<Tally> = None;
    let mut took = began.elapsed();
    for window in 0..if to_the_end { WINDOWS } else { 1 } {
        let from = first + window * u64::from(RATE) * effort.seconds;
        let (tally, _) = start(home, effort, from, RATE, &Sent::default()).await?;
        took = began.elapsed();
        all = Some(match all {
            None => tally,
            Some(all) => all.and(&tally)?,
        });
        if !purge.is_alive() {
            break;
        }
    }
    if purge.is_alive() {
        purge.end()?;
    }
    let removed = before.saturating_sub(product::count_expired(pool).await?);
    if removed == 0 {
        let words = purge.last_words();
        return Err(format!("`otpost purge` removed none of {before} rows: {words}").into());
    }
    let tally = all.ok_or("no window was measured")?;
    Ok((tally, removed as f64 / took.as_secs_f64()))
}
