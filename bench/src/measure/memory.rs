//! The highest resident memory of each process after a backlog, a steady load and a saturating
//! one, all with recipients of 64 countries.

use std::time::Duration;

use super::{
    Effort, Report, embedded_home, production,
    row::{Aim, Row},
    station::Station,
};
use crate::{
    error::Result,
    harness::{Home, Otpost, Usage},
    load::closed,
    numbers::Numbers,
    product::{self, Chain},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let (mut api, mut worker, mut serve) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let station = Station::start().await?;
        station.answer_after(20).await?;
        let mut home = production(otpost, Chain::Twilio(station.address())).await?;
        worldwide(&home, effort, 0, Some(effort.count)).await?;
        home.start_worker().await?;
        worldwide(&home, effort, effort.count, None).await?;
        station.wait_for(effort.count, Duration::from_mins(5)).await?;
        let usages = home.usages();
        api.push(peak(&usages, "api"));
        worker.push(peak(&usages, "worker"));
        report.used("memory", usages);
        drop(home);
        let home = embedded_home(otpost).await?;
        worldwide(&home, effort, 0, None).await?;
        let usages = home.usages();
        serve.push(peak(&usages, "serve"));
        report.used("memory", usages);
        eprintln!("memory round {}: {api:.0?} {worker:.0?} {serve:.0?} MB", round + 1);
    }
    let rows = [
        ("memory of api", &api, 40.0, 60.0),
        ("memory of worker", &worker, 60.0, 80.0),
        ("memory of serve", &serve, 60.0, 80.0),
    ];
    for (name, values, goal, floor) in rows {
        report.add(Row::at_most(name, "MB", values, Aim { goal, floor }));
    }
    Ok(())
}

fn peak(usages: &[Usage], role: &str) -> f64 {
    let of_role = usages.iter().filter(|usage| usage.name.starts_with(role));
    of_role.map(|usage| usage.peak_mb).fold(0.0, f64::max)
}

/// For twice the effort's time or, with `count`, exactly so many. What is refused because too
/// much is waiting is no error here.
async fn worldwide(home: &Home, effort: Effort, first: u64, count: Option<u64>) -> Result<()> {
    let (client, numbers) = (home.client(0), Numbers::new(effort.seed));
    let time = effort.time() * if count.is_some() { 100 } else { 2 };
    let make = move |number: u64| {
        if count.is_some_and(|count| number >= count) {
            return None;
        }
        let place = first + number;
        let body = product::create_body(&numbers.worldwide(place));
        Some(client.post(product::START, Some(&format!("world-{place}")), &body))
    };
    let address = home.client(0).address;
    let loaded = closed(address, effort.connections, time, make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    tally.only(&[202, 503])
}
