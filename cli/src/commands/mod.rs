//! The commands, one file each.

pub mod api;
pub mod doctor;
pub mod drill;
pub mod events;
pub mod import;
pub mod inbox;
pub mod key;
pub mod migrate;
pub mod policy;
mod progress;
pub mod purge;
pub mod reference;
pub mod send;
pub mod serve;
pub mod spend;
pub mod status;
pub mod suppression;
pub mod template;
pub mod tenant;
pub mod webhook;
pub mod worker;

use std::{path::Path, time::Duration};

use otpost_api::server;
use otpost_shared::{
    Home,
    channel::Channel,
    config::{self, Config, TestNumber},
    db::DbError,
    process,
    recipient::{Recipient, RecipientError},
    tenant::{DEFAULT_TENANT, Tenant, find_by_name},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{logging, output::Failure};

/// Who changed what is changed from here.
const CLI: &str = "cli";
/// The database may be away for so long while a command works its way through many rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// Loads the configuration, starts logging and opens everything. The embedded database and its keys are
/// made if there are none.
async fn open(path: Option<&Path>) -> Result<Home, Failure> {
    Ok(Home::open(load(path)?).await?)
}

/// As [`open`], for a command that works on what is there: run in the wrong folder it would make a second
/// database, whose keys the service does not know.
async fn open_existing(path: Option<&Path>) -> Result<Home, Failure> {
    let config = load(path)?;
    refuse_if_missing(&config)?;
    Ok(Home::open(config).await?)
}

fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let config = config::load(path)?;
    logging::start(&config.log).map_err(|e| e.at(&config.source))?;
    Ok(config)
}

/// Of a file that cannot be looked for, opening it tells more.
fn refuse_if_missing(config: &Config) -> Result<(), Failure> {
    match config.database_file() {
        Some(file) if matches!(file.try_exists(), Ok(false)) => Err(Failure::new(format!(
            "there is no database at {}; run this where `otpost` runs, or name its configuration with \
             --config (`otpost migrate` makes a new one)",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// Opens everything for a command that needs the database now: the embedded one is brought up to
/// date, another must be.
async fn open_ready(path: Option<&Path>) -> Result<Home, Failure> {
    let home = open_existing(path).await?;
    if home.config.is_embedded() {
        home.migrate().await?;
    } else if home.db.pending_migrations().await? > 0 {
        return Err(Failure::new("the tables are not up to date; run `otpost migrate`"));
    }
    home.set_clock().await?;
    // Who listens is told of what a command changes, too.
    home.settings.now(&home.db, home.clock.now()).await?;
    Ok(home)
}

/// As [`open_ready`], for a command that asks Redis: its first question is not to wait for the connection.
async fn open_connected(path: Option<&Path>) -> Result<Home, Failure> {
    let home = open_ready(path).await?;
    if let Some(redis) = &home.redis
        && let Err(down) = redis.connect().await
    {
        tracing::debug!(%down, "going on without it");
    }
    Ok(home)
}

/// Whom `--to` means: an e-mail address, if it looks like one and e-mails are sent; else a number.
async fn recipient(home: &Home, text: &str) -> Result<Recipient, Failure> {
    let wrong = |error: RecipientError| Failure::misused(format!("--to: {error}"));
    let to = home.read_recipient(DEFAULT_TENANT, text).await?.map_err(wrong)?;
    if home.config.chains.serves(to.channel()) {
        return Ok(to);
    }
    Err(if to.channel() == Channel::Email {
        wrong(RecipientError::Email)
    } else {
        Failure::misused("--to: no SMS are sent; name a provider in chains.sms")
    })
}

/// True when something sends what is accepted.
async fn is_worker_alive(home: &Home) -> Result<bool, DbError> {
    let live = process::count_live(&home.db, home.clock.now()).await?;
    Ok(live.iter().any(|(role, _)| matches!(role.as_str(), "worker" | "serve")))
}

/// Says which test numbers are none any more: whoever tests with them wonders why they are refused.
fn ended_test_numbers(home: &Home) -> Vec<String> {
    let ended = home.ended_test_numbers(home.clock.now());
    let said = |ended: &TestNumber| {
        let (number, day) = (ended.recipient.masked(), ended.end_day());
        format!(
            "test number {number} ended {day}; give it a later until in recipients.test_numbers"
        )
    };
    ended.map(said).collect()
}

/// At the start of what reads the numbers of people.
fn warn_of_ended_test_numbers(home: &Home) {
    for said in ended_test_numbers(home) {
        tracing::warn!("{said}");
    }
}

/// Cancelled by Ctrl-C or SIGTERM; a second signal ends the process at once.
fn stop_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(1);
            }
            tracing::info!("stopping; what is in flight comes to its end");
            token.cancel();
        }
    });
    Ok(stop)
}

/// Binds the API's address.
async fn listen(home: &Home) -> Result<TcpListener, Failure> {
    let address = home.config.server.listen;
    server::bind(address).await.map_err(|error| {
        Failure::new(format!(
            "cannot listen on {address}: {error}; set server.listen to a free one"
        ))
    })
}

/// The tenant of this name.
async fn tenant(home: &Home, name: &str) -> Result<Tenant, Failure> {
    find_by_name(&home.db, name)
        .await?
        .ok_or_else(|| Failure::new(format!("there is no tenant {name:?}")))
}
