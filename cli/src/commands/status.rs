//! `otpost status`: what waits, who lives, what is degraded.

use std::{path::Path, process::ExitCode};

use otpost_shared::{message, process, queue::Lane};
use serde_json::json;

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
    if options.print.json {
        print_json(&json!({
            "database": "ok",
            "redis": redis,
            "processes": processes.iter().map(|(role, n)| json!({"role": role, "live": n})).collect::<Vec<_>>(),
            "lanes": lanes.iter().map(|(lane, waiting, ended)| json!({
                "lane": lane, "waiting": waiting, "ended_in_the_last_minute": ended,
            })).collect::<Vec<_>>(),
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
    Ok(ExitCode::SUCCESS)
}
