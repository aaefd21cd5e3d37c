//! Bringing work in: hints from the queue, and due rows straight from the database. Nothing is
//! taken without a free slot to run it in.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    message::{self, Claimed},
    queue::{Lane, Popper},
    redis_link::RedisDown,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{backend::release, courier::Courier, jobs::send_message::Job};

/// Most hints taken in one round trip.
const MOST_HINTS: usize = 128;
/// Messages a process holds for each that may be with a provider: while those are there, others
/// are claimed and recorded.
const SLOTS_PER_PLACE: usize = 2;
/// Most rows claimed in one statement.
const MOST_ROWS: usize = 128;
/// Lost hints, retries and a dead Redis cost a code at most this.
const OTP_SWEEP: Duration = Duration::from_secs(1);
/// The bulk lane lives from its sweep alone.
const BULK_SWEEP: Duration = Duration::from_millis(200);
/// Between two tries to reach Redis.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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

    /// A slot for a hint, as soon as one is free.
    async fn wait_for_one(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.shared).acquire_owned().await {
            Ok(slot) => slot,
            // Nobody ever closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes what is free now, at most `most`; waits until one is.
    async fn take(&self, most: usize) -> Vec<OwnedSemaphorePermit> {
        let mut slots = tokio::select! {
            biased;
            Ok(slot) = Arc::clone(&self.sweep).acquire_owned() => vec![slot],
            slot = self.wait_for_one() => vec![slot],
        };
        let free = |slots: &Arc<Semaphore>| Arc::clone(slots).try_acquire_owned().ok();
        let more = std::iter::from_fn(|| free(&self.sweep).or_else(|| free(&self.shared)));
        slots.extend(more.take(most - 1));
        slots
    }
}

/// What the fetching of one lane works with.
#[derive(Clone)]
struct Fetch {
    home: Home,
    courier: Arc<Courier>,
    lane: Lane,
    slots: Slots,
    jobs: mpsc::Sender<Job>,
    stop: CancellationToken,
}

/// Starts the fetching of one lane. The tasks end by themselves once `stop` is cancelled, and
/// then hold no claimed message any more.
#[must_use]
pub fn spawn(
    home: &Home,
    courier: &Arc<Courier>,
    lane: Lane,
    jobs: &mpsc::Sender<Job>,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let (places, every) = match lane {
        Lane::Otp => (home.config.worker.otp_concurrency, OTP_SWEEP),
        Lane::Bulk => (home.config.worker.bulk_concurrency, BULK_SWEEP),
    };
    let fetch = Fetch {
        home: home.clone(),
        courier: Arc::clone(courier),
        lane,
        slots: Slots::new(lane, places * SLOTS_PER_PLACE),
        jobs: jobs.clone(),
        stop: stop.clone(),
    };
    let mut tasks = vec![tokio::spawn(fetch.clone().sweep(every))];
    if lane == Lane::Otp {
        tasks.push(tokio::spawn(fetch.follow_hints()));
    }
    tasks
}

impl Fetch {
    /// Claims what is hinted at, one batch after the other: while one is on its way slots become
    /// free, and the next takes more; side by side each would be for the one slot that has just
    /// become free. Hints may be dropped anywhere: their messages are found by the sweep. What is
    /// claimed is handed on or put back, never dropped.
    async fn follow_hints(self) {
        let mut popper = self.home.queue.popper();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let hints = self.pop_hints(&mut popper);
            match self.stop.run_until_cancelled(hints).await {
                None => break,
                Some(Ok((ids, slots))) => {
                    pause = SHORTEST_PAUSE;
                    self.claim_hinted(&ids, slots).await;
                }
                Some(Err(down)) => {
                    tracing::warn!(%down, "hints are not read; due messages are still found");
                    self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Waits for hints, with a slot for each; while it waits it keeps a single one.
    async fn pop_hints(
        &self,
        popper: &mut Popper,
    ) -> Result<(Vec<Uuid>, Vec<OwnedSemaphorePermit>), RedisDown> {
        let mut slots = vec![self.slots.wait_for_one().await];
        // What there are no tokens for stays where other workers find it.
        let room = self.courier.room_for_codes().await;
        let most = (1 + self.slots.shared.available_permits()).min(MOST_HINTS).min(room);
        let ids = popper.pop(most).await?;
        while slots.len() < ids.len() {
            slots.push(self.slots.wait_for_one().await);
        }
        Ok((ids, slots))
    }

    async fn claim_hinted(&self, ids: &[Uuid], slots: Vec<OwnedSemaphorePermit>) {
        let (first, now) = (self.courier.first_provider(), self.home.clock.now());
        match message::claim(&self.home.db, ids, first.as_deref(), now).await {
            Ok(claimed) => self.hand_on(claimed, slots).await,
            Err(error) => tracing::warn!(%error, "not claimed; the sweep will find the messages"),
        }
    }

    /// Claims due rows for free slots: at each tick, and without waiting for the next one while
    /// at least half as many come back as were asked for.
    async fn sweep(self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.stop.run_until_cancelled(ticks.tick()).await.is_some() {
            loop {
                // While no provider may be called, more than a probe is claimed in vain.
                let most = self.courier.most_to_claim(self.lane).min(MOST_ROWS);
                if most == 0 {
                    break;
                }
                let slots = self.stop.run_until_cancelled(self.slots.take(most)).await;
                let Some(slots) = slots else { return };
                if !self.claim_due(slots).await || most < MOST_ROWS {
                    break;
                }
            }
        }
    }

    /// True when there may be more: half of what was asked for is all that replies alone are given.
    async fn claim_due(&self, slots: Vec<OwnedSemaphorePermit>) -> bool {
        let (wanted, now) = (slots.len(), self.home.clock.now());
        let limit = i64::try_from(wanted).unwrap_or(1);
        let first = self.courier.first_provider();
        let due = message::claim_due(&self.home.db, self.lane, limit, first.as_deref(), now).await;
        match due {
            Ok(claimed) => {
                let full = claimed.len() * 2 >= wanted;
                self.hand_on(claimed, slots).await;
                full
            }
            Err(error) => {
                tracing::warn!(lane = self.lane.as_str(), %error, "due messages were not read");
                false
            }
        }
    }

    async fn hand_on(&self, claimed: Vec<Claimed>, slots: Vec<OwnedSemaphorePermit>) {
        for (claimed, slot) in claimed.into_iter().zip(slots) {
            let row = Arc::clone(&claimed.message);
            let unbegun = self.courier.count_claimed(self.lane);
            let handed_on = tokio::select! {
                biased;
                () = self.stop.cancelled() => false,
                sent = self.jobs.send(Job { claimed, slot, unbegun }) => sent.is_ok(),
            };
            if !handed_on {
                release(&self.home, &row).await;
            }
        }
    }
}
