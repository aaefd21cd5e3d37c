//! Freeing lost leases, which every worker does; and two duties, each of one process at a time:
//! ending what is past its time with measuring the lanes, and removing what is old.

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
const PURGE: Duration = Duration::from_secs(5);
/// Of each kind, one after the other.
const MOST_STEPS: usize = 100;
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

/// Removes what is old until `stop` is cancelled, apart from the tidying, which must not wait.
pub async fn run_purge(home: Home, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PURGE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Each step ends by itself; the rests between them keep nobody from stopping.
        if let Some(Err(error)) = stop.run_until_cancelled(purge(&home)).await {
            tracing::warn!(%error, "removing what is old is put off");
        }
    }
}

/// Removes what the retention no longer covers: every five seconds at most a hundred steps of each
/// kind, a thousand rows a second.
async fn purge(home: &Home) -> Result<(), DbError> {
    for kind in Kind::ALL {
        let now = home.clock.now();
        let until = now + PURGE_DUTY_MS;
        if !process::take_duty(&home.db, "purge", home.process_id, now, until).await? {
            return Ok(());
        }
        let mut removal = Removal::new(kind, home, now);
        for _ in 0..MOST_STEPS {
            if removal.step(&home.db).await? < STEP || home.clock.now() >= until {
                break;
            }
        }
    }
    retention::remove_traces(home, home.clock.now()).await
}
