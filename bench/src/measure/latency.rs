//! Latencies on a schedule: the answer to an accept and to a check at 500/s, and from accept to
//! gateway at 200/s on an otherwise idle system.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Effort, Report,
    check::{codes_of, mixed},
    first_of, production,
    row::{Aim, Row},
    station::Station,
};
use crate::{
    error::Result,
    gateway::now_us,
    harness::{Home, Otpost},
    http::Answer,
    load::{Pace, Tally, open},
    numbers::Numbers,
    product::{self, Accepted, Chain},
};

type Tokens = Vec<(u64, String)>;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    home.start_worker().await?;
    start(&home, effort, 0, 200, &Arc::default()).await?;
    let mut series: [Vec<f64>; 6] = Default::default();
    for round in 0..effort.rounds {
        station.clear().await?;
        let first = first_of(round);
        let (accepts, tokens) = start(&home, effort, first, 500, &Arc::default()).await?;
        let known = codes_of(&station, effort, tokens, Duration::from_mins(1)).await?;
        let checks = check(&home, effort, mixed(&known)).await?;
        station.clear().await?;
        let sent = Arc::default();
        let (_, tokens) = start(&home, effort, first + 1_000_000, 200, &sent).await?;
        codes_of(&station, effort, tokens, Duration::from_mins(1)).await?;
        let arrivals = arrivals(&station, effort, &sent).await?;
        let values = [
            accepts.milliseconds(0.5),
            accepts.milliseconds(0.99),
            checks.milliseconds(0.5),
            checks.milliseconds(0.99),
            quantile(&arrivals, 50),
            quantile(&arrivals, 99),
        ];
        eprintln!("latency round {}: {values:.2?} ms", round + 1);
        for (all, value) in series.iter_mut().zip(values) {
            all.push(value);
        }
    }
    let rows = [
        ("accept at 500/s, p50", 2.0, 3.0),
        ("accept at 500/s, p99", 8.0, 15.0),
        ("check at 500/s, p50", 2.0, 3.0),
        ("check at 500/s, p99", 6.0, 12.0),
        ("accept to gateway at 200/s, p50", 5.0, 8.0),
        ("accept to gateway at 200/s, p99", 15.0, 25.0),
    ];
    for ((name, goal, floor), values) in rows.into_iter().zip(&series) {
        report.add(Row::at_most(name, "ms", values, Aim { goal, floor }));
    }
    report.used("latency", home.usages());
    report.used("latency", vec![station.usage()]);
    Ok(())
}

/// Asks for codes on schedule; `sent` is told when each request left.
async fn start(
    home: &Home,
    effort: Effort,
    first: u64,
    rate: u32,
    sent: &Arc<Mutex<Vec<(u64, u64)>>>,
) -> Result<(Tally, Tokens)> {
    let (client, numbers) = (home.client(0), Numbers::new(effort.seed));
    let time = effort.time();
    let sent = Arc::clone(sent);
    let make = move |number: u64| {
        let place = first + number;
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push((place, now_us()));
        let body = product::create_body(&numbers.american(place));
        client.post(product::START, Some(&format!("latency-{place}")), &body)
    };
    let keep = move |tokens: &mut Tokens, number: u64, answer: &Answer| {
        if let Ok(accepted) = Accepted::read(answer) {
            tokens.push((first + number, accepted.session_token));
        }
    };
    let loaded = open(home.client(0).address, Pace { rate, time }, make, keep);
    let (tally, tokens) = loaded.await?;
    tally.only(&[202])?;
    Ok((tally, tokens))
}

async fn check(home: &Home, effort: Effort, guesses: Vec<(String, String)>) -> Result<Tally> {
    let client = home.client(0);
    let count = guesses.len() as u64;
    let pace =
        Pace { rate: 500, time: Duration::from_millis((count * 2).min(effort.seconds * 1000)) };
    let make = move |number: u64| {
        let (token, code) = &guesses[usize::try_from(number).unwrap_or(0)];
        client.post(product::CHECK, None, &product::check_body(token, code))
    };
    let loaded = open(home.client(0).address, pace, make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    tally.only(&[200, 422])?;
    Ok(tally)
}

/// Milliseconds from the request's leaving to the code's arrival at the gateway, sorted.
async fn arrivals(
    station: &Station,
    effort: Effort,
    sent: &Arc<Mutex<Vec<(u64, u64)>>>,
) -> Result<Vec<f64>> {
    let numbers = Numbers::new(effort.seed);
    let received = station.received().await?;
    let mut arrived: HashMap<&str, u64> = HashMap::new();
    for seen in &received {
        arrived.entry(&seen.to).or_insert(seen.at_us);
    }
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let mut took: Vec<f64> = sent
        .iter()
        .filter_map(|(place, left)| {
            let at = arrived.get(numbers.american(*place).as_str())?;
            Some(at.saturating_sub(*left) as f64 / 1000.0)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    Ok(took)
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = sorted.len() * percent / 100;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
