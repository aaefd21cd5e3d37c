//! Sends per second with 256 in flight, every one claimed and recorded, against a bare loop of
//! the same HTTP client over the same gateway.

use std::{collections::HashSet, time::Duration};

use sqlx::PgPool;

use super::{
    Effort, Report, accept::accept, bare, first_of, production, row::Row, station::Station,
    targets, watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    product::{self, Chain},
};

const IN_FLIGHT: usize = 256;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    let cases = [(&targets::DELIVER_SLOW, 20), (&targets::DELIVER_FAST, 0)];
    for (case, (target, delay_ms)) in cases.into_iter().enumerate() {
        station.answer_after(delay_ms).await?;
        let (mut runs, mut watch) = (Vec::new(), Watch::default());
        let mut usages = Vec::new();
        for round in 0..effort.rounds {
            let limit = bare::posts(station.address(), IN_FLIGHT, effort.time());
            let limit = watch.during(limit).await?;
            let first = first_of(case * effort.rounds + round);
            let (tally, _) = accept(&home, effort, first, Some(effort.count)).await?;
            tally.only(&[202])?;
            let before = product::count_ok(&pool).await?;
            let ours = watch.during(drain(&mut home, &station, effort.count, 1)).await?;
            usages = home.usages();
            // None polls while the limit is measured.
            home.end_workers()?;
            each_once(&station, effort.count).await?;
            written_down(&pool, before, effort.count).await?;
            let name = target.name;
            note!("{name}, round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
            runs.push((ours, limit));
        }
        report.add(Row::against(target, &runs, &watch));
        // Of the last round, whose worker used as much as the others.
        report.used("deliver", usages);
        report.used("deliver", vec![station.usage()]);
    }
    pool.close().await;
    Ok(())
}

/// The gateway has accepted exactly so many, each for a recipient of its own.
async fn each_once(station: &Station, count: u64) -> Result<()> {
    let received = station.received().await?;
    let accepted = received.iter().filter(|seen| seen.accepted);
    let recipients: HashSet<&str> = accepted.clone().map(|seen| seen.to.as_str()).collect();
    let (texts, reached) = (accepted.count() as u64, recipients.len() as u64);
    if (texts, reached) == (count, count) {
        return Ok(());
    }
    Err(format!("{texts} texts for {reached} recipients arrived of {count}").into())
}

/// Nothing is on its way any more, and every send has its attempt.
async fn written_down(pool: &PgPool, before: u64, count: u64) -> Result<()> {
    let pending = product::count_pending(pool).await?;
    let ok = product::count_ok(pool).await? - before;
    if (pending, ok) == (0, count) {
        return Ok(());
    }
    Err(format!("of {count} sent, {ok} are written down and {pending} are pending").into())
}

/// Starts so many workers before a queue of `count`; sends per second from the first to the last.
pub(crate) async fn drain(
    home: &mut Home,
    station: &Station,
    count: u64,
    workers: usize,
) -> Result<f64> {
    station.clear().await?;
    for _ in 0..workers {
        home.start_worker().await?;
    }
    let counts = station.wait_for(count, Duration::from_mins(5)).await?;
    let micros = counts.last_us.saturating_sub(counts.first_us).max(1);
    Ok((counts.accepted.saturating_sub(1)) as f64 * 1e6 / micros as f64)
}
