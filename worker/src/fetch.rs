//! Bringing work in: hints from the queue, and due rows straight from the database. Nothing is
//! taken without a free slot to run it in.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home, message,
    queue::{Lane, Popper},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::jobs::send_message::{Job, Work};

/// Most hints taken in one round trip.
const MOST_HINTS: usize = 64;
/// Most rows claimed in one statement.
const MOST_ROWS: usize = 128;
/// Lost hints, retries and a dead Redis cost a code at most this.
const OTP_SWEEP: Duration = Duration::from_secs(1);
/// The bulk lane lives from its sweep alone.
const BULK_SWEEP: Duration = Duration::from_millis(200);

/// Starts the fetching of one lane.
pub fn spawn(home: &Home, lane: Lane, jobs: &mpsc::Sender<Job>, stop: &CancellationToken) {
    let (slots, every) = match lane {
        Lane::Otp => (home.config.worker.otp_concurrency, OTP_SWEEP),
        Lane::Bulk => (home.config.worker.bulk_concurrency, BULK_SWEEP),
    };
    let slots = Arc::new(Semaphore::new(slots));
    if lane == Lane::Otp {
        let popper = home.queue.popper();
        let hints = follow_hints(popper, Arc::clone(&slots), jobs.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(hints));
    }
    let sweep = sweep(home.clone(), lane, every, slots, jobs.clone());
    tokio::spawn(stop.clone().run_until_cancelled_owned(sweep));
}

async fn follow_hints(mut popper: Popper, slots: Arc<Semaphore>, jobs: mpsc::Sender<Job>) {
    let mut pause = Duration::from_millis(100);
    loop {
        let Ok(first) = Arc::clone(&slots).acquire_owned().await else { return };
        let mut first = Some(first);
        let most = (1 + slots.available_permits()).min(MOST_HINTS);
        let ids = match popper.pop(most).await {
            Ok(ids) => ids,
            Err(down) => {
                tracing::warn!(%down, "hints are not read; due messages are still found");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
                continue;
            }
        };
        pause = Duration::from_millis(100);
        for id in ids {
            let slot = match first.take() {
                Some(slot) => slot,
                None => match Arc::clone(&slots).acquire_owned().await {
                    Ok(slot) => slot,
                    Err(_) => return,
                },
            };
            if jobs.send(Job { work: Work::Hint(id), slot }).await.is_err() {
                return;
            }
        }
    }
}

async fn sweep(
    home: Home,
    lane: Lane,
    every: Duration,
    slots: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // While whole batches come back there is more to claim; then at the next tick.
        loop {
            let free = slots.available_permits().min(MOST_ROWS);
            let wanted = u32::try_from(free).unwrap_or(0);
            let Ok(mut held) = Arc::clone(&slots).try_acquire_many_owned(wanted) else { break };
            if free == 0 {
                break;
            }
            let claimed = message::claim_due(&home.db, lane, i64::from(wanted), home.clock.now());
            let rows = match claimed.await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(lane = lane.as_str(), %error, "due messages were not read");
                    break;
                }
            };
            let full = rows.len() == free;
            for row in rows {
                let Some(slot) = held.split(1) else { break };
                if jobs.send(Job { work: Work::Claimed(Box::new(row)), slot }).await.is_err() {
                    return;
                }
            }
            if !full {
                break;
            }
        }
    }
}
