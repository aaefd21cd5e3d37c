//! Latencies on a schedule: the answer to an accept and to a check at 500/s, and from accept to
//! gateway at 200/s on an otherwise idle system.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Effort, Report,
    check::{Known, codes_of, half_and_half, mixed},
    first_of, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    gateway::{Seen, now_us},
    harness::{Home, Otpost},
    http::Answer,
    load::{Pace, Tally, open},
    numbers::Numbers,
    product::{self, Accepted, Chain},
};

type Tokens = Vec<(u64, String)>;
/// The place of each number and the microsecond at which its request was due.
pub(crate) type Sent = Arc<Mutex<Vec<(u64, u64)>>>;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    home.start_worker().await?;
    start(&home, effort, 0, 200, &Arc::default()).await?;
    let (mut series, mut watch): ([Vec<f64>; 6], _) = (Default::default(), Watch::default());
    for round in 0..effort.rounds {
        station.clear().await?;
        let first = first_of(round);
        let unseen = Sent::default();
        let accepts = start(&home, effort, first, 500, &unseen);
        let (accepts, tokens) = watch.during(accepts).await?;
        let known = codes_of(&station, effort, tokens, Duration::from_mins(1)).await?;
        let checks = watch.during(check(&home, effort, &known)).await?;
        station.clear().await?;
        let sent = Arc::default();
        let started = start(&home, effort, first + 1_000_000, 200, &sent);
        let (_, tokens) = watch.during(started).await?;
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
        note!("latency round {}: {values:.2?} ms", round + 1);
        for (all, value) in series.iter_mut().zip(values) {
            all.push(value);
        }
    }
    let rows = [
        &targets::ACCEPT_P50,
        &targets::ACCEPT_P99,
        &targets::CHECK_P50,
        &targets::CHECK_P99,
        &targets::GATEWAY_P50,
        &targets::GATEWAY_P99,
    ];
    for (target, values) in rows.into_iter().zip(&series) {
        report.add(Row::alone(target, values, &watch));
    }
    report.used("latency", home.usages());
    report.used("latency", vec![station.usage()]);
    Ok(())
}

/// Asks for codes on schedule; `sent` is told when each request was due.
pub(crate) async fn start(
    home: &Home,
    effort: Effort,
    first: u64,
    rate: u32,
    sent: &Sent,
) -> Result<(Tally, Tokens)> {
    let (client, numbers) = (home.client(0), Numbers::new(effort.seed));
    let time = effort.time();
    let sent = Arc::clone(sent);
    let make = move |number: u64, due: Instant| {
        let place = first + number;
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        let since = u64::try_from(due.elapsed().as_micros()).unwrap_or(0);
        sent.push((place, now_us().saturating_sub(since)));
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

/// As many wrong guesses as right ones, however long it takes.
async fn check(home: &Home, effort: Effort, known: &[Known]) -> Result<Tally> {
    const RATE: u32 = 500;
    let fit = usize::try_from(u64::from(RATE) * effort.seconds / 2)?;
    let known = &known[..fit.min(known.len())];
    let (client, guesses) = (home.client(0), mixed(known));
    let millis = guesses.len() as u64 * 1_000 / u64::from(RATE);
    let pace = Pace { rate: RATE, time: Duration::from_millis(millis) };
    let make = move |number: u64, _| {
        let (token, code) = &guesses[usize::try_from(number).unwrap_or(0)];
        client.post(product::CHECK, None, &product::check_body(token, code))
    };
    let loaded = open(home.client(0).address, pace, make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    half_and_half(&tally, known.len())?;
    Ok(tally)
}

/// Milliseconds from when the request was due to the code's arrival at the gateway, sorted.
pub(crate) async fn arrivals(station: &Station, effort: Effort, sent: &Sent) -> Result<Vec<f64>> {
    Ok(travelled(&station.received().await?, effort, sent))
}

/// The same of what is known to have arrived.
pub(crate) fn travelled(received: &[Seen], effort: Effort, sent: &Sent) -> Vec<f64> {
    let numbers = Numbers::new(effort.seed);
    let mut arrived: HashMap<&str, u64> = HashMap::new();
    for seen in received {
        arrived.entry(&seen.to).or_insert(seen.at_us);
    }
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let mut took: Vec<f64> = sent
        .iter()
        .filter_map(|(place, due)| {
            let at = arrived.get(numbers.american(*place).as_str())?;
            Some(at.saturating_sub(*due) as f64 / 1000.0)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took
}

pub(crate) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = sorted.len() * percent / 100;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
