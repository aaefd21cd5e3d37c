//! Two API and two worker processes against one of each, over the same servers and in turn.

use std::{collections::HashSet, time::Duration};

use super::{
    Effort, Report,
    accept::{accept_at, warm_up},
    deliver::drain,
    first_of, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    http::Client,
    load::Tally,
    product::{self, Chain},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    station.answer_after(20).await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    home.start_api().await?;
    let pool = home.pool().await?;
    warm_up(&home, effort).await?;
    let (mut accepts, mut accepting) = (Vec::new(), Watch::default());
    let (mut drains, mut draining) = (Vec::new(), Watch::default());
    let mut wrong = Vec::new();
    for round in 0..effort.rounds {
        let (mut rates, mut sends, mut astray) = ([0.0; 2], [0.0; 2], 0);
        for processes in [1, 2] {
            let clients = [home.client(0), home.client(processes - 1)];
            let first = first_of(round * 4 + processes);
            sqlx::query("CHECKPOINT").execute(&pool).await?;
            let timed = both(clients.clone(), effort, first, None);
            rates[processes - 1] = accepting.during(timed).await?.rate(&[202]);
            product::cancel_waiting(&pool).await?;
            let count = effort.count.next_multiple_of(2);
            both(clients, effort, first + 2_000_000, Some(count)).await?;
            let timed = drain(&mut home, &station, count, processes);
            sends[processes - 1] = draining.during(timed).await?;
            astray += lost_or_doubled(&mut home, &station, count).await?;
        }
        note!(
            "pairs round {}: accept {rates:.0?}/s, deliver {sends:.0?}/s, {astray} astray",
            round + 1
        );
        accepts.push((rates[1], rates[0]));
        drains.push((sends[1], sends[0]));
        wrong.push(astray as f64);
    }
    report.add(Row::against(&targets::PAIRS_ACCEPT, &accepts, &accepting));
    report.add(Row::against(&targets::PAIRS_DELIVER, &drains, &draining));
    report.add(Row::worst(&targets::PAIRS_LOST, &wrong));
    report.used("pairs", home.usages());
    pool.close().await;
    Ok(())
}

/// Two load generators at the same time, whether they have one API or two.
async fn both(
    [one, other]: [Client; 2],
    effort: Effort,
    first: u64,
    count: Option<u64>,
) -> Result<Tally> {
    let half = Effort { connections: effort.connections.div_ceil(2), ..effort };
    let count = count.map(|count| count / 2);
    let ((one, _), (other, _)) = tokio::try_join!(
        accept_at(one, half, first, count),
        accept_at(other, half, first + 1_000_000, count)
    )?;
    let tally = one.and(&other)?;
    tally.only(&[202])?;
    Ok(tally)
}

/// Of so many codes, those that did not arrive, and those that arrived again; the workers are
/// ended, so nothing comes after this.
async fn lost_or_doubled(home: &mut Home, station: &Station, count: u64) -> Result<u64> {
    home.end_workers()?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let received = station.received().await?;
    let recipients: HashSet<&str> = received.iter().map(|seen| seen.to.as_str()).collect();
    let (texts, reached) = (received.len() as u64, recipients.len() as u64);
    Ok(count.saturating_sub(reached) + (texts - reached))
}
