//! `otpost webhook`: create, list, show, enable, disable, delete, test, replay, rotate.

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::{
    Home,
    db::patiently,
    event::Filter,
    webhook::{
        self, Change, Delivery, Description, NewWebhook, NotMade, ReplayFrom, Secret, Target,
        Webhook,
    },
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    args::{WebhookCommand, WebhookCreate, WebhookList, WebhookOne, WebhookReplay},
    output::{Done, Failure, moment, print_json, say},
};

/// Endpoints read at once; a tenant has few.
const MOST: usize = 1_000;
/// Deliveries that are shown.
const SHOWN: usize = 20;
/// So long a test waits for its answer: an endpoint has 15 s to give one.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run(config: Option<&Path>, command: WebhookCommand) -> Done {
    let home = super::open_ready(config).await?;
    match command {
        WebhookCommand::Create(options) => create(&home, options).await,
        WebhookCommand::List(options) => list(&home, &options).await,
        WebhookCommand::Show(options) => show(&home, &options).await,
        WebhookCommand::Enable(options) => set_enabled(&home, &options, true).await,
        WebhookCommand::Disable(options) => set_enabled(&home, &options, false).await,
        WebhookCommand::Delete(options) => delete(&home, &options).await,
        WebhookCommand::Test(options) => test(&home, &options).await,
        WebhookCommand::Replay(options) => replay(&home, &options).await,
        WebhookCommand::Rotate(options) => rotate(&home, &options).await,
    }
}

async fn create(home: &Home, options: WebhookCreate) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let WebhookCreate { url, types, description, .. } = options;
    let words = types.iter().map(String::as_str);
    let new = NewWebhook {
        target: Target::parse(&url, home.config.webhooks)
            .map_err(|said| Failure::new(format!("url {said}")))?,
        description: Description::parse(description)
            .map_err(|said| Failure::new(format!("description {said}")))?,
        filter: Filter::parse(words).map_err(|error| Failure::misused(error.to_string()))?,
    };
    let (row, secret) = webhook::create(home, tenant.id, &new).await.map_err(failure)?;
    print_secret(&row, &secret, options.print.json);
    Ok(ExitCode::SUCCESS)
}

fn print_secret(row: &Webhook, secret: &Secret, json: bool) {
    let text = secret.to_text();
    if json {
        let mut shown = view(row);
        shown["secret"] = text.as_str().into();
        print_json(&shown);
    } else {
        say!("{}", text.as_str());
        eprintln!("This is the secret of {}, and is not shown again.", row.id);
    }
}

async fn list(home: &Home, options: &WebhookList) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let all = webhook::list(&home.db, tenant.id, Uuid::nil(), MOST).await?;
    if options.print.json {
        print_json(&all.iter().map(view).collect());
    } else if all.is_empty() {
        say!("There are no endpoints; make one with `otpost webhook create`.");
    } else {
        say!("{:36}  {:40}  {:32}  types", "id", "how it fares", "url");
        for row in &all {
            let types = row.filter().words().join(" ");
            let types = if types.is_empty() { "all" } else { &types };
            say!("{}  {:40}  {:32}  {types}", row.id, fares(row), row.url);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How an endpoint is, in words.
pub(super) fn fares(row: &Webhook) -> String {
    match (row.is_enabled(), row.disabled_at, row.failing_since) {
        (true, _, None) => "well".to_owned(),
        (true, _, Some(since)) => format!("failing since {}", moment(since)),
        (false, at, _) => format!("disabled since {}", at.map_or("-".into(), moment)),
    }
}

async fn show(home: &Home, options: &WebhookOne) -> Done {
    let row = find(home, options).await?;
    let page = webhook::list_deliveries(&home.db, row.id, None, Uuid::max(), SHOWN).await?;
    if options.print.json {
        let mut shown = view(&row);
        shown["deliveries"] = page.rows.iter().map(delivery).collect();
        print_json(&shown);
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}  {}", row.id, row.url);
    say!("{}", fares(&row));
    if let Some(why) = &row.disabled_why {
        say!("because {why}; `otpost webhook enable` lets it get events again");
    }
    if page.rows.is_empty() {
        say!("Nothing was to be delivered yet.");
        return Ok(ExitCode::SUCCESS);
    }
    say!(
        "{:36}  {:24}  {:9}  posts  status  {:24}  last error",
        "delivery",
        "since",
        "state",
        "next try"
    );
    for row in &page.rows {
        say!("{}", line(row));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(row: &Delivery) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{}  {}  {:9}  {:>5}  {:>6}  {:24}  {}",
        row.id,
        moment(row.created_at),
        row.state().as_str(),
        row.posts,
        or_none(row.last_status.map(|status| status.to_string())),
        or_none(row.next_at().map(moment)),
        row.last_error.as_deref().unwrap_or("")
    )
    .trim_end()
    .to_owned()
}

async fn set_enabled(home: &Home, options: &WebhookOne, is_enabled: bool) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let change = Change { is_enabled: Some(is_enabled), ..Change::default() };
    let row = webhook::update(home, tenant.id, options.id, &change).await.map_err(failure)?;
    if options.print.json {
        print_json(&view(&row));
    } else {
        say!("{}", if is_enabled { "Enabled." } else { "Disabled." });
    }
    Ok(ExitCode::SUCCESS)
}

async fn delete(home: &Home, options: &WebhookOne) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    if !webhook::remove(home, tenant.id, options.id).await? {
        return Err(failure(NotMade::NotFound));
    }
    if options.print.json {
        print_json(&json!({ "id": options.id, "deleted": true }));
    } else {
        say!("Deleted.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(home: &Home, options: &WebhookOne) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let event = webhook::test(home, tenant.id, options.id).await.map_err(failure)?;
    let began = Instant::now();
    let tried = loop {
        let page = webhook::list_deliveries(&home.db, options.id, None, Uuid::max(), SHOWN).await?;
        let of = page.rows.into_iter().find(|row| row.event_id == event);
        if let Some(of) = of.filter(|row| row.last_at.is_some()) {
            break of;
        }
        if began.elapsed() > PATIENCE {
            let said = if super::is_worker_alive(home).await? {
                "the event was not posted in 20 s; `otpost webhook show` tells what becomes of it"
            } else {
                "no worker is running; start one with `otpost worker` or `otpost serve`"
            };
            return Err(Failure::new(said));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    if options.print.json {
        print_json(&delivery(&tried));
    } else {
        match (tried.last_error.as_deref(), tried.last_status) {
            (None, status) => say!("Taken ({}).", status.unwrap_or_default()),
            (Some(error), _) => say!("Not taken: {error}. It is tried again."),
        }
    }
    Ok(if tried.last_error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn replay(home: &Home, options: &WebhookReplay) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let now = home.clock.now();
    let found = webhook::find(&home.db, tenant.id, options.id).await?;
    let row = found.ok_or_else(|| failure(NotMade::NotFound))?;
    if let Some(id) = options.delivery {
        let replayed = webhook::replay(&home.db, row.id, id, now).await?;
        let replayed = replayed.ok_or_else(|| {
            Failure::new("there is no such delivery to it; `otpost webhook show` lists them")
        })?;
        if options.print.json {
            print_json(&delivery(&replayed));
        } else {
            say!("It is on its way.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut events = 0;
    let mut next = Some(ReplayFrom::Moment(now - options.since_ms.unwrap_or_default()));
    while let Some(from) = next {
        let part = patiently(super::PATIENCE, || {
            webhook::replay_from(&home.db, tenant.id, row.id, from, now)
        })
        .await?;
        let Some(part) = part else { return Err(failure(NotMade::NotFound)) };
        events += part.events;
        next = part.next.map(ReplayFrom::Place);
    }
    if options.print.json {
        print_json(&json!({ "events": events }));
    } else {
        say!("{events} events are on their way.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(home: &Home, options: &WebhookOne) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let (row, secret) = webhook::rotate(home, tenant.id, options.id).await.map_err(failure)?;
    print_secret(&row, &secret, options.print.json);
    Ok(ExitCode::SUCCESS)
}

async fn find(home: &Home, options: &WebhookOne) -> Result<Webhook, Failure> {
    let tenant = super::tenant(home, &options.tenant).await?;
    let row = webhook::find(&home.db, tenant.id, options.id).await?;
    row.ok_or_else(|| failure(NotMade::NotFound))
}

fn failure(refused: NotMade) -> Failure {
    Failure::new(match refused {
        NotMade::TooMany { most } => format!(
            "the tenant has {most} endpoints, as many as webhooks.most_per_tenant allows; delete one first"
        ),
        NotMade::NotFound => "there is no such endpoint; see `otpost webhook list`".to_owned(),
        NotMade::Disabled => {
            "it is disabled, and gets nothing; `otpost webhook enable` changes that".to_owned()
        }
        NotMade::Unavailable(error) => error.to_string(),
    })
}

fn view(row: &Webhook) -> Value {
    json!({
        "id": row.id,
        "url": row.url,
        "description": row.description,
        "types": row.filter().words(),
        "enabled": row.is_enabled(),
        "failing_since": row.failing_since.map(moment),
        "disabled_at": row.disabled_at.map(moment),
        "disabled_why": row.disabled_why,
        "created_at": moment(row.created_at),
    })
}

fn delivery(row: &Delivery) -> Value {
    json!({
        "id": row.id,
        "event_id": row.event_id,
        "state": row.state().as_str(),
        "attempts": row.posts,
        "last_status": row.last_status,
        "last_error": row.last_error,
        "last_at": row.last_at.map(moment),
        "next_at": row.next_at().map(moment),
        "created_at": moment(row.created_at),
    })
}
