//! `otpost status`: what waits, who lives, what is degraded; or what became of one thing.

mod batch;
mod providers;
mod rates;
mod timeline;

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    message::{self, Finished},
    process, provider_region,
    queue::Lane,
};
use serde_json::json;

use self::providers::Seen;
use crate::{
    args::StatusOptions,
    output::{Done, print_json, say},
};

/// Counting stops here.
const COUNTED: i64 = 1_000_000;

pub async fn run(config: Option<&Path>, options: StatusOptions) -> Done {
    let home = super::open_connected(config).await?;
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
    let providers = providers::read(&home, now).await?;
    let regions = provider_region::list(&home.db, now).await?;
    let readings = rates::read(&home).await;
    if options.print.json {
        print_json(&json!({
            "database": "ok",
            "database_file": home.config.database_file(),
            "redis": redis,
            "providers": providers.iter().map(Seen::to_json).collect::<Vec<_>>(),
            "refused_countries": regions.iter().map(|region| json!({
                "provider": region.provider, "country": region.country, "lane": region.lane,
                "reason": region.reason,
            })).collect::<Vec<_>>(),
            "processes": processes.iter().map(|(role, n)| json!({"role": role, "live": n})).collect::<Vec<_>>(),
            "lanes": lanes.iter().map(|(lane, waiting, ended)| json!({
                "lane": lane, "waiting": waiting, "ended_in_the_last_minute": ended.ended,
                "sent_in_the_last_minute": ended.sent, "failed_in_the_last_minute": ended.failed,
            })).collect::<Vec<_>>(),
            "rates": readings.iter().map(rates::Reading::to_json).collect::<Vec<_>>(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let file = home.config.database_file();
    let at = file.map(|file| format!(", at {}", file.display())).unwrap_or_default();
    say!("database  ok{at}");
    say!("redis     {redis}");
    if processes.is_empty() {
        say!("processes none lives; start one with `otpost serve`");
    }
    for (role, live) in processes {
        say!("{role:9} {live} live");
    }
    for (lane, waiting, ended) in lanes {
        let Finished { ended, sent, failed } = ended;
        let of_these = match ended {
            0 => String::new(),
            _ => format!(": {sent} sent, {failed} failed"),
        };
        say!("{lane:9} {waiting} waiting, {ended} ended in the last minute{of_these}");
    }
    for provider in providers {
        say!("provider  {}", provider.in_words(now));
    }
    for region in regions {
        say!("provider  {} {}: {}", region.provider, region.in_words(), region.reason);
    }
    for reading in readings {
        say!("rate      {}: {}", reading.provider, reading.in_words());
    }
    Ok(ExitCode::SUCCESS)
}
