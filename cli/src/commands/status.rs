//! `otpost status`: what waits, who lives, what is degraded.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home, message, process,
    queue::Lane,
    rate::{Given, Rate, Share},
    redis_link::RedisDown,
};
use serde_json::{Value, json};

use crate::{
    args::StatusOptions,
    commands::batch,
    output::{Done, print_json, say},
};

/// Counting stops here.
const COUNTED: i64 = 1_000_000;

pub async fn run(config: Option<&Path>, options: StatusOptions) -> Done {
    let home = super::open_ready(config).await?;
    if let Some(id) = options.batch {
        return batch::run(&home, id, &options).await;
    }
    let now = home.clock.now();
    let processes = process::count_live(&home.db, now).await?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let waiting = message::count_waiting(&home.db, lane, COUNTED).await?;
        let (ended, _) = message::count_finished_since(&home.db, lane, now - 60_000).await?;
        lanes.push((lane.as_str(), waiting, ended));
    }
    let redis = match &home.redis {
        None => "not used".to_owned(),
        Some(link) => link.ping().await.map_or_else(|down| down.to_string(), |()| "ok".into()),
    };
    let rates = rates(&home).await;
    if options.print.json {
        print_json(&json!({
            "database": "ok",
            "redis": redis,
            "processes": processes.iter().map(|(role, n)| json!({"role": role, "live": n})).collect::<Vec<_>>(),
            "lanes": lanes.iter().map(|(lane, waiting, ended)| json!({
                "lane": lane, "waiting": waiting, "ended_in_the_last_minute": ended,
            })).collect::<Vec<_>>(),
            "rates": rates.iter().map(Reading::to_json).collect::<Vec<_>>(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    say!("database  ok");
    say!("redis     {redis}");
    if processes.is_empty() {
        say!("processes none lives; start one with `otpost serve`");
    }
    for (role, live) in processes {
        say!("{role:9} {live} live");
    }
    for (lane, waiting, ended) in lanes {
        say!("{lane:9} {waiting} waiting, {ended} ended in the last minute");
    }
    for reading in rates {
        say!("{:9} {}", reading.provider, reading.in_words());
    }
    Ok(ExitCode::SUCCESS)
}

/// How a provider's rate stands.
struct Reading {
    provider: String,
    rate: Rate,
    /// None when each process counts by itself; an error when nobody knows.
    given: Result<Option<Given>, RedisDown>,
}

async fn rates(home: &Home) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (name, section) in home.config.chain() {
        if let Some(rate) = section.rate() {
            let given = home.rates.meter(name, rate).look().await;
            readings.push(Reading { provider: name.to_owned(), rate, given });
        }
    }
    readings
}

impl Reading {
    fn in_words(&self) -> String {
        let Self { rate, given, .. } = self;
        match given {
            Ok(Some(given)) => {
                let (left, burst) = (given.left.max(0.0).floor(), rate.burst);
                let wait = |share: &Share| share.wait.as_secs_f64();
                let (code, other) = (wait(&given.otp), wait(&given.bulk));
                let waits = if code + other > 0.0 {
                    format!("; a code waits {code:.1} s, another message {other:.1} s")
                } else {
                    String::new()
                };
                format!("at most {rate}, {left} of {burst} tokens left{waits}")
            }
            Ok(None) => format!("at most {rate}, counted in each process"),
            Err(_) => format!("at most {rate}, counted in each process while Redis is away"),
        }
    }

    fn to_json(&self) -> Value {
        let given = self.given.as_ref().ok().and_then(Option::as_ref);
        json!({
            "provider": self.provider,
            "rate": self.rate.to_string(),
            "burst": self.rate.burst,
            "left": given.map(|given| given.left),
            "otp_wait_ms": given.map(|given| given.otp.wait.as_millis()),
            "bulk_wait_ms": given.map(|given| given.bulk.wait.as_millis()),
        })
    }
}
