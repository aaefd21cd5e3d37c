//! Codes beside bulk: 500 codes a second while a backlog drains, and what bulk loses by it.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;

use super::{
    Effort, Report, bulk, first_of,
    latency::{Sent, quantile, start, travelled},
    production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    gateway::now_us,
    harness::{Home, Otpost},
    product::{self, Chain},
};

const RATE: u32 = 500;
/// A code that takes longer has not arrived.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    let count = bulk::enqueue(&home, effort, effort.recipients).await?;
    product::keep_bulk(&pool).await?;
    let cases = [
        (&targets::LANES_P99, &targets::LANES_RATE, 20),
        (&targets::LANES_P99_FAST, &targets::LANES_RATE_FAST, 0),
    ];
    for (case, (p99, rate, delay_ms)) in cases.into_iter().enumerate() {
        station.answer_after(delay_ms).await?;
        let mut backlog = Backlog { count, pool: pool.clone(), fastest: f64::MAX };
        let (mut latencies, mut rates, mut watch) = (Vec::new(), Vec::new(), Watch::default());
        for round in 0..effort.rounds {
            backlog.replenish(&mut home, effort).await?;
            let first = first_of(case * effort.rounds + round);
            let alone = watch.during(alone(&station, effort)).await?;
            let both = watch.during(beside(&home, &station, effort, first)).await?;
            backlog.fastest = alone.max(both.bulk);
            note!(
                "{}, round {}: {:.1} ms; bulk {:.0}/s, alone {alone:.0}/s",
                p99.name,
                round + 1,
                both.p99,
                both.bulk
            );
            latencies.push(both.p99);
            rates.push((both.bulk, alone));
        }
        report.add(Row::alone(p99, &latencies, &watch));
        report.add(Row::against(rate, &rates, &watch));
        report.used("lanes", home.usages());
        report.used("lanes", vec![station.usage()]);
    }
    pool.close().await;
    Ok(())
}

struct Backlog {
    count: u64,
    pool: PgPool,
    /// Sends per second seen last; unknown: as fast as can be.
    fastest: f64,
}

impl Backlog {
    /// Makes all of it wait again unless enough does for one more round, and a worker drain it.
    async fn replenish(&self, home: &mut Home, effort: Effort) -> Result<()> {
        let waiting = product::count_bulk(&self.pool).await?;
        let seconds = effort.seconds as f64 * 3.0 + 5.0;
        if home.workers.is_empty() || (waiting as f64) < self.fastest * seconds {
            home.end_workers()?;
            if waiting < self.count {
                product::restore_bulk(&self.pool).await?;
            }
            home.start_worker().await?;
            sleep(Duration::from_secs(2)).await;
        }
        Ok(())
    }
}

/// Bulk sends per second with nothing beside them.
async fn alone(station: &Station, effort: Effort) -> Result<f64> {
    station.clear().await?;
    let began = now_us();
    sleep(effort.time()).await;
    let counts = station.counts().await?;
    Ok(counts.accepted as f64 * 1e6 / (now_us() - began) as f64)
}

struct Both {
    /// Milliseconds from accept to gateway.
    p99: f64,
    /// Sends per second.
    bulk: f64,
}

async fn beside(home: &Home, station: &Station, effort: Effort, first: u64) -> Result<Both> {
    station.clear().await?;
    let (sent, began) = (Sent::default(), now_us());
    let (_, tokens) = start(home, effort, first, RATE, &sent).await?;
    let ended = now_us();
    let mut received = station.received().await?;
    let took = loop {
        let took = travelled(&received, effort, &sent);
        let waited = Duration::from_micros(now_us() - ended);
        if took.len() == tokens.len() || waited > PATIENCE {
            break took;
        }
        sleep(Duration::from_millis(500)).await;
        let last = received.last().map_or(0, |seen| seen.number);
        received.extend(station.received_after(last, 1_000_000).await?);
    };
    let in_time = |at: u64| (began..ended).contains(&at);
    let is_bulk = |text: &str| product::code_in(text).is_none();
    let bulk = received.iter().filter(|seen| in_time(seen.at_us) && is_bulk(&seen.text)).count();
    Ok(Both {
        p99: p99_of_all(took, tokens.len()),
        bulk: bulk as f64 * 1e6 / (ended - began) as f64,
    })
}

/// What never arrived took as long as was waited for it.
pub(crate) fn p99_of_all(mut took: Vec<f64>, asked: usize) -> f64 {
    took.resize(asked.max(took.len()), PATIENCE.as_secs_f64() * 1_000.0);
    quantile(&took, 99)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_late() {
        let quick = vec![1.0; 98];
        assert!(p99_of_all(quick.clone(), 98) < 2.0);
        assert!(p99_of_all(quick, 100) > 29_000.0);
    }
}
