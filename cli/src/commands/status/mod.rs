//! `otpost status`: what waits, who lives, what is degraded; or what became of one thing.

mod batch;
mod rates;
mod timeline;

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home, clock::Millis, message, process, provider_region, provider_state, queue::Lane,
};
use serde_json::json;

use crate::{
    args::StatusOptions,
    output::{Done, Failure, print_json, say},
};

/// Counting stops here.
const COUNTED: i64 = 1_000_000;

pub async fn run(config: Option<&Path>, options: StatusOptions) -> Done {
    let home = super::open_ready(config).await?;
    if let Some(id) = options.id {
        return timeline::run(&home, id, &options).await;
    }
    if let Some(id) = options.batch {
        return batch::run(&home, id, &options).await;
    }
    let now = home.clock.now();
    let processes = process::count_live(&home.db, now).await?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let waiting = message::count_waiting(&home.db, lane, COUNTED).await?;
        let ended = message::count_finished_since(&home.db, lane, now - 60_000).await?;
        lanes.push((lane.as_str(), waiting, ended));
    }
    let redis = match &home.redis {
        None => "not used".to_owned(),
        Some(link) => link.ping().await.map_or_else(|down| down.to_string(), |()| "ok".into()),
    };
    let providers = providers(&home, now).await?;
    let regions = provider_region::list(&home.db, now).await?;
    let readings = rates::read(&home).await;
    if options.print.json {
        print_json(&json!({
            "database": "ok",
            "redis": redis,
            "providers": providers.iter().map(|(name, trouble)| json!({
                "provider": name, "trouble": trouble,
            })).collect::<Vec<_>>(),
            "refused_countries": regions.iter().map(|region| json!({
                "provider": region.provider, "country": region.country, "lane": region.lane,
                "reason": region.reason,
            })).collect::<Vec<_>>(),
            "processes": processes.iter().map(|(role, n)| json!({"role": role, "live": n})).collect::<Vec<_>>(),
            "lanes": lanes.iter().map(|(lane, waiting, ended)| json!({
                "lane": lane, "waiting": waiting, "ended_in_the_last_minute": ended,
            })).collect::<Vec<_>>(),
            "rates": readings.iter().map(rates::Reading::to_json).collect::<Vec<_>>(),
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
    for (name, trouble) in providers {
        say!("provider  {name}: {}", trouble.as_deref().unwrap_or("in use"));
    }
    for region in regions {
        say!("provider  {} {}: {}", region.provider, region.in_words(), region.reason);
    }
    for reading in readings {
        say!("rate      {}: {}", reading.provider, reading.in_words());
    }
    Ok(ExitCode::SUCCESS)
}

/// Those in use, and why one is left alone.
async fn providers(home: &Home, now: Millis) -> Result<Vec<(String, Option<String>)>, Failure> {
    let states = provider_state::list(&home.db).await?;
    let trouble = |name: &str| {
        let state = states.iter().find(|state| state.name == name)?;
        let trouble = state.trouble(now)?;
        Some(match &state.reason {
            Some(reason) => format!("{trouble}: {reason}"),
            None => trouble,
        })
    };
    let in_use = home.config.providers_in_use();
    Ok(in_use.map(|(name, _)| (name.to_owned(), trouble(name))).collect())
}
