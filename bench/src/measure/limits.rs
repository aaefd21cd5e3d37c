//! The bare limits alone: what this machine can do with nothing of the product around it.

use super::{
    Effort, Report,
    accept::warm_up,
    bare::{self, BarePostgres},
    bare_sqlite::BareSqlite,
    embedded_home, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{error::Result, harness::Otpost, http::Client, load::closed, product::Chain};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    warm_up(&home, effort).await?;
    let postgres = BarePostgres::prepare(&home, &pool).await?;
    let embedded = embedded_home(otpost).await?;
    warm_up(&embedded, effort).await?;
    let mut sqlite = BareSqlite::prepare(&embedded.data_dir())?;
    let (mut series, mut watch): ([Vec<f64>; 6], _) = (Default::default(), Watch::default());
    for round in 0..effort.rounds {
        let time = effort.time();
        station.answer_after(0).await?;
        station.clear().await?;
        let http = watch.during(small_posts(&station, effort)).await?;
        let at_once = watch.during(bare::posts(station.address(), 256, time)).await?;
        station.answer_after(20).await?;
        let values = [
            watch.during(postgres.inserts(time)).await?,
            watch.during(postgres.updates(time)).await?,
            http,
            watch.during(bare::posts(station.address(), 256, time)).await?,
            at_once,
            watch.during(async { sqlite.inserts(time) }).await?,
        ];
        note!("limits round {}: {values:.0?}", round + 1);
        for (all, value) in series.iter_mut().zip(values) {
            all.push(value);
        }
    }
    let rows = [
        &targets::LIMIT_INSERT,
        &targets::LIMIT_UPDATE,
        &targets::LIMIT_HTTP,
        &targets::LIMIT_SLOW,
        &targets::LIMIT_FAST,
        &targets::LIMIT_SQLITE,
    ];
    for (target, values) in rows.into_iter().zip(&series) {
        report.add(Row::alone(target, values, &watch));
    }
    report.used("limits", home.usages());
    pool.close().await;
    Ok(())
}

/// What the load generator itself can do: no measured rate can be above it.
async fn small_posts(station: &Station, effort: Effort) -> Result<f64> {
    let address = station.address();
    // Without credentials the gateway refuses at once: as little work as an answer can be.
    let key = String::new();
    let request = Client { address, key }.post("/http/send", None, "{}");
    let make = move |_| Some(request.clone());
    let loaded = closed(address, 64, effort.time(), make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    Ok(tally.rate(&[401]))
}
