//! Sends per second with 256 in flight, every one claimed and recorded, against a bare loop of
//! the same HTTP client over the same gateway.

use std::time::Duration;

use super::{
    Effort, Report,
    accept::accept,
    bare, first_of, production,
    row::{Aim, Row},
    station::Station,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    product::Chain,
};

const IN_FLIGHT: usize = 256;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let cases =
        [("deliver, gateway at 20 ms", 20, 0.7, 0.5), ("deliver, gateway at once", 0, 0.3, 0.2)];
    for (case, (name, delay_ms, goal, floor)) in cases.into_iter().enumerate() {
        station.answer_after(delay_ms).await?;
        let mut runs = Vec::new();
        for round in 0..effort.rounds {
            let limit = bare::posts(station.address(), IN_FLIGHT, effort.time()).await?;
            let first = first_of(case * effort.rounds + round);
            let ours = one(&mut home, &station, effort, first).await?;
            eprintln!("{name}, round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
            runs.push((ours, limit));
        }
        report.add(Row::against(name, "1/s", &runs, Aim { goal, floor }));
        // The worker of the last round is still there; the others used as much.
        report.used("deliver", home.usages());
        report.used("deliver", vec![station.usage()]);
    }
    Ok(())
}

/// Fills the queue with no worker there, then starts one; the rate is from its first send to its
/// last.
async fn one(home: &mut Home, station: &Station, effort: Effort, first: u64) -> Result<f64> {
    home.end_workers()?;
    let (tally, _) = accept(home, effort, first, Some(effort.count)).await?;
    tally.only(&[202])?;
    station.clear().await?;
    home.start_worker().await?;
    let counts = station.wait_for(effort.count, Duration::from_mins(5)).await?;
    let micros = counts.last_us.saturating_sub(counts.first_us).max(1);
    Ok((counts.accepted.saturating_sub(1)) as f64 * 1e6 / micros as f64)
}
