//! Places with providers: as many messages of a lane are with them at the same time as it has places.
//! What is being claimed, composed or recorded needs none.

use std::time::Duration;

use otpost_shared::{config::Worker, queue::Lane};
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(crate) struct Places {
    otp: Semaphore,
    bulk: Semaphore,
}

impl Places {
    pub(crate) fn new(worker: &Worker) -> Self {
        Self {
            otp: Semaphore::new(worker.otp_concurrency),
            bulk: Semaphore::new(worker.bulk_concurrency),
        }
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
