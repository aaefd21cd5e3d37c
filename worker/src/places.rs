//! Places with providers: as many messages of a lane are with them at the same time as it has places.
//! What is being claimed, composed or recorded needs none; what has been claimed and not begun is
//! counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otpost_shared::{config::Worker, queue::Lane};
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(crate) struct Places {
    otp: Semaphore,
    bulk: Semaphore,
    unbegun: [Arc<AtomicUsize>; 2],
}

/// A claimed message that is yet to begin, or to be put back.
#[derive(Debug)]
pub struct Unbegun(Arc<AtomicUsize>);

impl Drop for Unbegun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(worker: &Worker) -> Self {
        Self {
            otp: Semaphore::new(worker.otp_concurrency),
            bulk: Semaphore::new(worker.bulk_concurrency),
            unbegun: [Arc::default(), Arc::default()],
        }
    }

    fn counter(&self, lane: Lane) -> &Arc<AtomicUsize> {
        match lane {
            Lane::Otp => &self.unbegun[0],
            Lane::Bulk => &self.unbegun[1],
        }
    }

    /// One more was claimed.
    pub(crate) fn count(&self, lane: Lane) -> Unbegun {
        let counter = self.counter(lane);
        counter.fetch_add(1, Ordering::Relaxed);
        Unbegun(Arc::clone(counter))
    }

    /// How many of a lane have been claimed and not begun.
    pub(crate) fn unbegun(&self, lane: Lane) -> usize {
        self.counter(lane).load(Ordering::Relaxed)
    }

    /// None when none has become free for so long.
    pub(crate) async fn take(&self, lane: Lane, patience: Duration) -> Option<SemaphorePermit<'_>> {
        let places = match lane {
            Lane::Otp => &self.otp,
            Lane::Bulk => &self.bulk,
        };
        // Nobody ever closes it.
        tokio::time::timeout(patience, places.acquire()).await.ok()?.ok()
    }
}
