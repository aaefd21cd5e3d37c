//! `otpost events`: the log, and what is added to it.

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::{
    Home,
    event::{self, Event, Filter, Said},
};
use serde_json::{Value, json};

use crate::{
    args::EventsOptions,
    output::{Done, Failure, moment, print_json, say},
};

/// Events read at once.
const PAGE: usize = 500;
/// From one look at the log to the next.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub async fn run(config: Option<&Path>, options: EventsOptions) -> Done {
    let home = super::open_ready(config).await?;
    let tenant = super::tenant(&home, &options.tenant).await?;
    let words = options.types.iter().map(String::as_str);
    let filter = Filter::parse(words).map_err(|e| Failure::misused(e.to_string()))?;
    let stop = super::stop_signal()?;
    let (mut after, mut all, mut is_empty) = (options.after, Vec::new(), true);
    loop {
        let page = event::list(&home.db, tenant.id, after, &filter, PAGE).await?;
        let said = event::say(&home, &page.events).await?;
        after = page.next;
        for (event, said) in page.events.iter().zip(&said) {
            is_empty = false;
            match (options.print.json, options.follow) {
                (true, true) => say!("{}", view(event, said)),
                (true, false) => all.push(view(event, said)),
                (false, _) => say!("{}", line(event, said)),
            }
        }
        if page.has_more {
            continue;
        }
        if !options.follow {
            break;
        }
        let pause = tokio::time::sleep(LOOK_EVERY);
        if stop.run_until_cancelled(pause).await.is_none() {
            break;
        }
    }
    if options.print.json && !options.follow {
        print_json(&all.into());
    } else if is_empty && !options.follow {
        hint(&home);
    }
    Ok(ExitCode::SUCCESS)
}

fn hint(home: &Home) {
    if home.config.events.log {
        say!("Nothing has happened yet.");
    } else {
        say!(
            "There are none. They are kept for tenants that have an endpoint (`otpost webhook create`), or for \
             all with events.log = true."
        );
    }
}

fn view(event: &Event, said: &Said) -> Value {
    json!({
        "place": event.seq,
        "id": event.id,
        "type": event.kind,
        "timestamp": moment(event.at),
        "data": said,
    })
}

fn line(event: &Event, said: &Said) -> String {
    let id = said.message_id.or(said.verification_id).or(said.webhook_id);
    let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    format!(
        "{:>8}  {}  {:24}  {:20}  {id}  {}",
        event.seq.unwrap_or_default(),
        moment(event.at),
        event.kind,
        said.to.as_deref().unwrap_or("-"),
        said.reason.as_deref().unwrap_or("")
    )
    .trim_end()
    .to_owned()
}
