//! Freeing lost leases, which every worker does; and three duties, each of one process at a time:
//! ending what is past its time with measuring the lanes, removing what is old, and removing old events.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    clock::Millis,
    db::DbError,
    lanes,
    message::{self, LEASE_MS},
    process, provider_state,
    retention::{self, Kind, Removal, STEP},
    verification,
};
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;

const TICK: Duration = Duration::from_millis(500);
/// A process that has not renewed its duty for this long has lost it.
const DUTY_MS: i64 = 2_000;
const PURGE_EVERY: Duration = Duration::from_secs(5);
/// The steps of one kind end before.
const PURGE_DUTY_MS: i64 = 60_000;
/// A pause between two ticks that means the database, or this process, was away.
const OUTAGE_MS: i64 = 3_000;
/// Rows per statement, few enough not to be felt.
const BATCH: i64 = 500;

/// Runs until `stop` is cancelled.
pub async fn run(home: Home, chain: Arc<Chain>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last_good = home.clock.now();
    // Whether the database was there, we don't know yet; whoever is sending gets one lease.
    let mut recover_from = last_good + LEASE_MS;
    let mut is_new = true;
    for tick in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let now = home.clock.now();
        if now - last_good > OUTAGE_MS {
            // Workers could not renew their leases meanwhile; they get one lease to do so.
            recover_from = now + LEASE_MS;
            is_new = false;
        }
        if is_new && now < recover_from && is_witnessed(&home, now).await {
            // Who has not renewed a lease is gone.
            recover_from = now;
        }
        let answered = free(&home, now, now >= recover_from).await;
        if answered.is_ok() {
            last_good = home.clock.now();
        }
        let done = match answered {
            Ok(true) => tidy(&home, &chain, now, tick).await,
            other => other.map(drop),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "tidying up is put off");
        }
    }
    // Another process takes over at once instead of after the duty has run out.
    let _ = process::give_up_duties(&home.db, home.process_id).await;
}

/// True when another process saw that the database was there for as long as a lease holds.
async fn is_witnessed(home: &Home, now: Millis) -> bool {
    let since = now - LEASE_MS;
    process::has_witness(&home.db, home.process_id, since, now).await.unwrap_or(false)
}

/// Frees what lost workers held, and says whether the duty to tidy up is ours.
async fn free(home: &Home, now: Millis, recover: bool) -> Result<bool, DbError> {
    let db = &home.db;
    let on_duty = process::take_duty(db, "tidy", home.process_id, now, now + DUTY_MS).await?;
    // No duty: when its holders die one after the other, nobody would free anything meanwhile.
    if recover {
        let recovered = message::recover_leases(db, now, BATCH).await?;
        if recovered > 0 {
            tracing::info!(recovered, "messages of lost workers move again");
        }
    }
    Ok(on_duty)
}

async fn tidy(home: &Home, chain: &Chain, now: Millis, tick: u64) -> Result<(), DbError> {
    let db = &home.db;
    let names: Vec<_> =
        chain.links().iter().map(|link| (link.name.as_str(), link.rate_that_is_felt())).collect();
    let why = provider_state::nobody_in_use(&provider_state::list(db).await?, &names, now);
    message::mark_overdue(db, now, BATCH, why.as_deref()).await?;
    verification::mark_expired(db, now, BATCH).await?;
    verification::mark_used_up(db, now, BATCH).await?;
    if tick.is_multiple_of(4) {
        lanes::measure(home, now).await?;
    }
    Ok(())
}

/// A part of what grows old, of which each has a pace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// A thousand rows a second of each kind.
    Usual,
    /// Several come with each verification and each message.
    Events,
}

impl Purge {
    fn duty(self) -> &'static str {
        match self {
            Self::Usual => "purge",
            Self::Events => "purge events",
        }
    }

    fn has(self, kind: Kind) -> bool {
        (self == Self::Events) == matches!(kind, Kind::Events | Kind::Deliveries)
    }

    /// In a round, of each kind, one after the other.
    fn most_steps(self) -> usize {
        match self {
            Self::Usual => 100,
            Self::Events => 1_000,
        }
    }
}

/// Removes what is old until `stop` is cancelled, apart from the tidying, which must not wait.
pub async fn run_purge(home: Home, stop: CancellationToken) {
    tokio::join!(repeat(Purge::Usual, &home, &stop), repeat(Purge::Events, &home, &stop));
}

async fn repeat(of: Purge, home: &Home, stop: &CancellationToken) {
    let mut ticks = tokio::time::interval(PURGE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Each step ends by itself; the rests between them keep nobody from stopping.
        if let Some(Err(error)) = stop.run_until_cancelled(purge(of, home)).await {
            tracing::warn!(%error, "removing what is old is put off");
        }
    }
}

/// Removes what the retention no longer covers, as far as one round comes.
///
/// # Errors
/// The database does not answer; some of it may be removed.
pub async fn purge(of: Purge, home: &Home) -> Result<(), DbError> {
    for kind in Kind::ALL.into_iter().filter(|kind| of.has(*kind)) {
        let now = home.clock.now();
        let until = now + PURGE_DUTY_MS;
        if !process::take_duty(&home.db, of.duty(), home.process_id, now, until).await? {
            return Ok(());
        }
        let mut removal = Removal::new(kind, home, now);
        for _ in 0..of.most_steps() {
            if removal.step(&home.db).await? < STEP || home.clock.now() >= until {
                break;
            }
        }
    }
    match of {
        Purge::Usual => retention::remove_traces(home, home.clock.now()).await,
        Purge::Events => Ok(()),
    }
}
