//! Accepts per second, committed, each with an idempotency key, workers stopped; against the
//! bare insert rate of the same Postgres.

use super::{
    Effort, Report,
    bare::BarePostgres,
    first_of, production,
    row::{Aim, Row},
    station::Station,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    http::Answer,
    load::{Tally, closed},
    numbers::Numbers,
    product::{self, Accepted, Chain},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    warm_up(&home, effort).await?;
    let bare = BarePostgres::prepare(&home, &pool).await?;
    let mut runs = Vec::new();
    for round in 0..effort.rounds {
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let limit = bare.inserts(effort.time()).await?;
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let (tally, _) = accept(&home, effort, first_of(round), None).await?;
        tally.only(&[202])?;
        let ours = tally.rate(&[202]);
        eprintln!("accept round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        runs.push((ours, limit));
    }
    let aim = Aim { goal: 1.0, floor: 0.8 };
    report.add(Row::against("accept", "1/s", &runs, aim));
    report.used("accept", home.usages());
    pool.close().await;
    Ok(())
}

/// Enough requests for connections to be open and statements to be prepared.
pub(crate) async fn warm_up(home: &Home, effort: Effort) -> Result<()> {
    let (tally, _) = accept(home, effort, 0, Some(2_000)).await?;
    tally.only(&[202])
}

/// Accepts as fast as it goes, for the effort's time or, with `count`, exactly so many; numbers
/// begin at `first`. Returns the session tokens too, with the place of their number.
pub(crate) async fn accept(
    home: &Home,
    effort: Effort,
    first: u64,
    count: Option<u64>,
) -> Result<(Tally, Vec<(u64, String)>)> {
    let (client, numbers) = (home.client(0), Numbers::new(effort.seed));
    let time = if count.is_some() { effort.time() * 100 } else { effort.time() };
    let make = move |number| {
        if count.is_some_and(|count| number >= count) {
            return None;
        }
        let body = product::create_body(&numbers.american(first + number));
        let key = format!("accept-{}", first + number);
        Some(client.post(product::START, Some(&key), &body))
    };
    let wants_tokens = count.is_some();
    let keep = move |tokens: &mut Vec<(u64, String)>, number: u64, answer: &Answer| {
        if let (true, Ok(accepted)) = (wants_tokens, Accepted::read(answer)) {
            tokens.push((first + number, accepted.session_token));
        }
    };
    closed(home.client(0).address, effort.connections, time, make, keep).await
}
