//! Accepts per second, committed, each with an idempotency key, workers stopped; against the
//! bare insert rate of the same Postgres.

use sqlx::PgPool;

use super::{
    Effort, Report, bare::BarePostgres, first_of, production, row::Row, station::Station, targets,
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    http::{Answer, Client},
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
    let (mut runs, mut watch) = (Vec::new(), Watch::default());
    for round in 0..effort.rounds {
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let limit = watch.during(bare.inserts(effort.time())).await?;
        let ours = watch.during(accepts(&home, &pool, effort, round)).await?;
        note!("accept round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        runs.push((ours, limit));
    }
    report.add(Row::against(&targets::ACCEPT, &runs, &watch));
    report.used("accept", home.usages());
    pool.close().await;
    Ok(())
}

/// Accepts per second as fast as it goes, from a checkpoint on.
pub(crate) async fn accepts(
    home: &Home,
    pool: &PgPool,
    effort: Effort,
    round: usize,
) -> Result<f64> {
    sqlx::query("CHECKPOINT").execute(pool).await?;
    let (tally, _) = accept(home, effort, first_of(round), None).await?;
    tally.only(&[202])?;
    Ok(tally.rate(&[202]))
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
    accept_at(home.client(0), effort, first, count).await
}

/// The same at one API of several.
pub(crate) async fn accept_at(
    client: Client,
    effort: Effort,
    first: u64,
    count: Option<u64>,
) -> Result<(Tally, Vec<(u64, String)>)> {
    let (address, numbers) = (client.address, Numbers::new(effort.seed));
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
        if wants_tokens && let Ok(accepted) = Accepted::read(answer) {
            tokens.push((first + number, accepted.session_token));
        }
    };
    closed(address, effort.connections, time, make, keep).await
}
