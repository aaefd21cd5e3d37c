//! From the start of a process to the first request it accepts, on data that is already there.

use std::{net::SocketAddr, time::Duration};

use super::{
    Effort, Report, embedded_home, first_of, production,
    row::Row,
    station::Station,
    targets::{self, Target},
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    http::Client,
    numbers::Numbers,
    product::{self, Chain},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let serve = embedded_home(otpost).await?;
    measure(&targets::START_SERVE, serve, effort, report).await?;
    let api = production(otpost, Chain::Twilio(station.address())).await?;
    measure(&targets::START_API, api, effort, report).await
}

async fn measure(
    target: &Target,
    mut home: Home,
    effort: Effort,
    report: &mut Report,
) -> Result<()> {
    let (mut seconds, mut watch) = (Vec::new(), Watch::default());
    for round in 0..effort.rounds {
        let to = Numbers::new(effort.seed).american(first_of(round));
        let key = home.key.clone();
        let took = home.restart_api(async move |address| first_accepted(address, key, &to).await);
        seconds.push(watch.during(took).await?.as_secs_f64());
    }
    report.add(Row::alone(target, &seconds, &watch));
    report.used("startup", home.usages());
    Ok(())
}

/// Asks again every millisecond until one is accepted.
async fn first_accepted(address: SocketAddr, key: String, to: &str) -> Result<()> {
    let client = Client { address, key };
    let request = client.post(product::START, Some(to), &product::create_body(to));
    let mut last = String::new();
    for _ in 0..20_000 {
        match client.call(&request, Duration::from_secs(5)).await {
            Ok(answer) if answer.status == 202 => return Ok(()),
            Ok(answer) => last = format!("{} {}", answer.status, answer.text()),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(format!("nothing was accepted after the start: {last}").into())
}
