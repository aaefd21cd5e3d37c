//! The bare limits alone: what this machine can do with nothing of the product around it.

use super::{
    Effort, Report,
    accept::warm_up,
    bare::{self, BarePostgres, BareSqlite},
    embedded_home, production,
    row::Row,
    station::Station,
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
    let mut sqlite = BareSqlite::prepare(&embedded.data_dir()).await?;
    let mut series: [Vec<f64>; 6] = Default::default();
    for round in 0..effort.rounds {
        let time = effort.time();
        station.answer_after(0).await?;
        station.clear().await?;
        let http = small_posts(&station, effort).await?;
        let at_once = bare::posts(station.address(), 256, time).await?;
        station.answer_after(20).await?;
        let values = [
            http,
            at_once,
            bare::posts(station.address(), 256, time).await?,
            postgres.inserts(time).await?,
            postgres.updates(time).await?,
            sqlite.inserts(time).await?,
        ];
        eprintln!("limits round {}: {values:.0?}", round + 1);
        for (all, value) in series.iter_mut().zip(values) {
            all.push(value);
        }
    }
    let names = [
        "small POST, own client, 64 open",
        "reqwest loop, gateway at once, 256",
        "reqwest loop, gateway at 20 ms, 256",
        "Postgres insert, 16 clients",
        "Postgres update, 16 clients",
        "SQLite insert, one after another",
    ];
    for (name, values) in names.into_iter().zip(&series) {
        report.add(Row::plain(name, "1/s", values));
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
