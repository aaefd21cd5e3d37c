//! `otpost purge`: removes what the retention no longer covers, now.

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::{
    Home,
    clock::Millis,
    db::{DbError, patiently},
    retention::{self, Kind, Removal, STEP},
};
use serde_json::json;

use super::{PATIENCE, progress::Progress};
use crate::{
    args::PurgeOptions,
    output::{Done, print_json, say},
};

/// Before another look at rows that somebody else is removing.
const AGAIN: Duration = Duration::from_secs(1);

pub async fn run(config: Option<&Path>, options: PurgeOptions) -> Done {
    let home = super::open_ready(config).await?;
    let now = home.clock.now();
    let mut counts = Vec::new();
    for kind in Kind::ALL {
        let expected = patiently(PATIENCE, || kind.count(&home, now)).await?;
        let count = if options.dry_run {
            expected
        } else {
            let progress = Progress::new(kind.name(), expected, options.print.json);
            remove(&home, kind, now, progress).await?
        };
        counts.push((kind.name(), count));
    }
    if !options.dry_run {
        patiently(PATIENCE, || retention::remove_traces(&home, now)).await?;
    }
    if options.print.json {
        let removed: serde_json::Map<_, _> =
            counts.iter().map(|(name, n)| (name.replace(' ', "_"), json!(n))).collect();
        print_json(&json!({ "dry_run": options.dry_run, "removed": removed }));
    } else {
        let verb = if options.dry_run { "would be removed" } else { "removed" };
        for (name, count) in counts {
            say!("{count:>10} {name} {verb}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(
    home: &Home,
    kind: Kind,
    now: Millis,
    mut progress: Progress,
) -> Result<u64, DbError> {
    let mut removal = Removal::new(kind, home, now).patient(PATIENCE);
    let (mut removed, mut waited) = (0, false);
    loop {
        let now_removed = removal.step(&home.db).await?;
        removed += now_removed;
        progress.set(removed);
        if now_removed == STEP {
            continue;
        }
        // A worker, or an attempt that was given up, may be removing the same rows.
        let left = patiently(PATIENCE, || kind.count(home, now)).await?;
        if left == 0 || (now_removed == 0 && waited) {
            return Ok(removed);
        }
        waited = now_removed == 0;
        tokio::time::sleep(AGAIN).await;
    }
}
