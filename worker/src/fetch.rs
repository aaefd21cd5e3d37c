//! Bringing work in: hints from the queue, and due rows straight from the database. Nothing is
//! taken without a free slot to run it in.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home, message,
    queue::{Lane, Popper},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};
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

/// Where jobs of one lane run: as many at the same time as there are slots.
#[derive(Clone)]
struct Slots {
    /// For hints first.
    shared: Arc<Semaphore>,
    /// For the sweep alone, so that no flood of hints keeps it from retries and lost hints.
    sweep: Arc<Semaphore>,
}

impl Slots {
    fn new(lane: Lane, all: usize) -> Self {
        let kept = if lane == Lane::Otp { (all / 8).max(1) } else { 0 };
        Self {
            shared: Arc::new(Semaphore::new((all - kept.min(all)).max(1))),
            sweep: Arc::new(Semaphore::new(kept)),
        }
    }

    /// Takes what is free now, at most `most`.
    fn take(&self, most: usize) -> Vec<OwnedSemaphorePermit> {
        let free = |slots: &Arc<Semaphore>| Arc::clone(slots).try_acquire_owned().ok();
        std::iter::from_fn(|| free(&self.sweep).or_else(|| free(&self.shared))).take(most).collect()
    }
}

/// Starts the fetching of one lane. The tasks end by themselves once `stop` is cancelled, and
/// then hold no claimed message any more.
#[must_use]
pub fn spawn(
    home: &Home,
    lane: Lane,
    jobs: &mpsc::Sender<Job>,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let (slots, every) = match lane {
        Lane::Otp => (home.config.worker.otp_concurrency, OTP_SWEEP),
        Lane::Bulk => (home.config.worker.bulk_concurrency, BULK_SWEEP),
    };
    let slots = Slots::new(lane, slots);
    let mut tasks = Vec::new();
    if lane == Lane::Otp {
        let hints = follow_hints(home.queue.popper(), Arc::clone(&slots.shared), jobs.clone());
        // Hints may be dropped anywhere; their messages are found by the sweep.
        let hints = stop.clone().run_until_cancelled_owned(hints);
        tasks.push(tokio::spawn(async move {
            hints.await;
        }));
    }
    let sweep = Sweep { home: home.clone(), lane, slots, jobs: jobs.clone(), stop: stop.clone() };
    tasks.push(tokio::spawn(sweep.run(every)));
    tasks
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

/// Claims due rows for free slots. It is never dropped in mid-claim: what it has claimed is
/// handed on, or put back when the process stops.
struct Sweep {
    home: Home,
    lane: Lane,
    slots: Slots,
    jobs: mpsc::Sender<Job>,
    stop: CancellationToken,
}

impl Sweep {
    async fn run(self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // While whole batches come back there is more to claim; then at the next tick.
            while !self.stop.is_cancelled() && self.claim_batch().await {}
        }
    }

    /// True when as much was claimed as was asked for.
    async fn claim_batch(&self) -> bool {
        let slots = self.slots.take(MOST_ROWS);
        if slots.is_empty() {
            return false;
        }
        let (wanted, now) = (slots.len(), self.home.clock.now());
        let limit = i64::try_from(wanted).unwrap_or(1);
        let rows = match message::claim_due(&self.home.db, self.lane, limit, now).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(lane = self.lane.as_str(), %error, "due messages were not read");
                return false;
            }
        };
        let full = rows.len() == wanted;
        for (row, slot) in rows.into_iter().zip(slots) {
            let (id, epoch) = (row.id, row.epoch);
            let handed_on = tokio::select! {
                biased;
                () = self.stop.cancelled() => false,
                sent = self.jobs.send(Job { work: Work::Claimed(Box::new(row)), slot }) => {
                    sent.is_ok()
                }
            };
            if !handed_on && let Err(error) = message::mark_released(&self.home.db, id, epoch).await
            {
                tracing::warn!(message.id = %id, %error, "not released; its lease will run out");
            }
        }
        full
    }
}
