//! The highest resident memory of each process after a backlog, a steady load and a saturating
//! one, codes and bulk, all with recipients of 64 countries.

use std::time::Duration;

use super::{Effort, Report, bulk, embedded_home, production, row::Row, station::Station, targets};
use crate::{
    error::Result,
    harness::{Home, Otpost, Usage},
    load::closed,
    numbers::Numbers,
    product::{self, Chain},
};

/// Verifications a second that a load without a number accepts at least.
const LEAST: u64 = 100;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let (mut api, mut worker, mut serve) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let station = Station::start().await?;
        station.answer_after(20).await?;
        let mut home = production(otpost, Chain::Twilio(station.address())).await?;
        bulk::enqueue(&home, effort, effort.recipients.min(bulk::ONE_BY_ONE)).await?;
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
        if bulk::has_batch(&home).await? {
            let few = effort.recipients.min(bulk::ONE_BY_ONE);
            bulk::import(&home, bulk::ndjson(effort, few)).await?;
        }
        worldwide(&home, effort, 0, None).await?;
        let usages = home.usages();
        serve.push(peak(&usages, "serve"));
        report.used("memory", usages);
        note!("memory round {}: {api:.0?} {worker:.0?} {serve:.0?} MB", round + 1);
    }
    let rows = [
        (&targets::MEMORY_API, &api),
        (&targets::MEMORY_WORKER, &worker),
        (&targets::MEMORY_SERVE, &serve),
    ];
    for (target, values) in rows {
        report.add(Row::worst(target, values));
    }
    Ok(())
}

fn peak(usages: &[Usage], role: &str) -> f64 {
    let of_role = usages.iter().filter(|usage| usage.name.starts_with(role));
    of_role.map(|usage| usage.peak_mb).fold(0.0, f64::max)
}

/// For twice the effort's time or, with `count`, exactly so many. What is refused because too
/// much is waiting is no error here, as long as it is less than half.
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
    tally.only(&[202, 503])?;
    let (accepted, least) =
        (tally.of(202), count.map_or(time.as_secs() * LEAST, |count| count / 2));
    if accepted < least {
        return Err(format!("{accepted} accepted, of at least {least}: this is no load").into());
    }
    Ok(())
}
