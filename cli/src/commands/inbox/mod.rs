//! `otpost inbox`: what people would have received.

mod entry;
mod service;
mod source;

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::tenant::DEFAULT_TENANT;
use serde_json::Value;
use tokio::time::Instant;

use self::{entry::Entry, source::Source};
use crate::{
    args::InboxOptions,
    output::{Done, Failure, print_json, say},
};

/// Between two looks while it waits.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub async fn run(config: Option<&Path>, options: InboxOptions) -> Done {
    let home = super::open_ready(config).await?;
    let source = Source::choose(home, options.tenant.as_deref()).await?;
    let to = match options.to.as_deref() {
        None => None,
        Some(text) => {
            let read = source.home().read_recipient(DEFAULT_TENANT, text).await?;
            Some(read.map_err(|error| Failure::misused(format!("--to: {error}")))?)
        }
    };
    let look = async || {
        let mut found = source.list(to.as_ref()).await?;
        found.retain(|entry| !options.code || entry.code.is_some());
        Ok::<_, Failure>(found)
    };
    if options.follow {
        return follow(look, options.print.json).await;
    }
    let until = Instant::now() + Duration::from_secs(options.wait.unwrap_or(0));
    let mut found = look().await?;
    while found.is_empty() && Instant::now() < until {
        tokio::time::sleep(LOOK_AGAIN).await;
        found = look().await?;
    }
    let whom = to.as_ref().map_or_else(String::new, |to| format!(" to {}", to.address()));
    let what = if options.code { "code" } else { "message" };
    match (found.first(), options.wait) {
        (None, Some(secs)) => {
            Err(Failure::new(format!("no {what}{whom} came within {secs} s; {}", source.hint())))
        }
        (None, None) if options.code => {
            Err(Failure::new(format!("there is no code{whom}; --wait 10 waits for one")))
        }
        (Some(newest), _) if options.code => {
            say!("{}", newest.code.as_deref().unwrap_or_default());
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            show(&found, options.print.json, &format!("No message{whom} yet: {}.", source.hint()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(found: &[Entry], as_json: bool, empty: &str) {
    if as_json {
        print_json(&found.iter().map(Entry::view).collect::<Value>());
    } else if found.is_empty() {
        say!("{empty}");
    }
    // The newest stands where the eye is.
    for entry in found.iter().rev().filter(|_| !as_json) {
        entry.print();
    }
}

/// Prints what is there and what comes, the oldest first; of JSON one object a line.
async fn follow(look: impl AsyncFn() -> Result<Vec<Entry>, Failure>, as_json: bool) -> Done {
    let stop = super::stop_signal()?;
    let mut last: Option<Entry> = None;
    loop {
        let found = look().await?;
        let is_new = |entry: &&Entry| last.as_ref() != Some(*entry);
        let new: Vec<&Entry> = found.iter().take_while(is_new).collect();
        for entry in new.into_iter().rev() {
            if as_json {
                say!("{}", entry.view());
            } else {
                entry.print();
            }
        }
        last = found.into_iter().next().or(last);
        let pause = tokio::time::sleep(LOOK_AGAIN);
        if stop.run_until_cancelled(pause).await.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
