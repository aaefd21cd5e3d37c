//! How many batches a process reads at once: its memory is bounded by this, not by its callers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    error::{ApiError, ErrorCode},
    put_off::PUT_OFF_MS,
};

/// Each takes about 30 MB, be it a million usual lines or the largest JSON body; more where lines are
/// long, by the few slices of at most 4 MiB that are on their way.
const ROOM: usize = 2;
/// A batch waits this long for room.
const PATIENCE: Duration = Duration::from_secs(3);

/// Room for batches; of the streams, which take as long as their clients do, one for each tenant.
#[derive(Clone, Debug)]
pub(super) struct Room {
    batches: Arc<Semaphore>,
    streams: Arc<Mutex<HashMap<Uuid, Weak<Semaphore>>>>,
}

/// The room that one batch has, until dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _batch: OwnedSemaphorePermit,
    _stream: Option<OwnedSemaphorePermit>,
}

impl Default for Room {
    fn default() -> Self {
        Self { batches: Arc::new(Semaphore::new(ROOM)), streams: Arc::default() }
    }
}

impl Room {
    /// For a batch that is read in the time of a request.
    pub(super) async fn for_whole(self) -> Result<Permit, ApiError> {
        in_time(async { Some(Permit { _batch: take(self.batches).await?, _stream: None }) }).await
    }

    /// For a batch that is read as slowly as its tenant likes.
    pub(super) async fn for_stream(self, tenant: Uuid) -> Result<Permit, ApiError> {
        in_time(async {
            // In this order, so that whoever waits for the tenant's turn keeps nobody else out.
            let stream = Some(take(self.of_tenant(tenant)).await?);
            Some(Permit { _batch: take(self.batches).await?, _stream: stream })
        })
        .await
    }

    fn of_tenant(&self, tenant: Uuid) -> Arc<Semaphore> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, stream| stream.strong_count() > 0);
        streams.get(&tenant).and_then(Weak::upgrade).unwrap_or_else(|| {
            let stream = Arc::new(Semaphore::new(1));
            streams.insert(tenant, Arc::downgrade(&stream));
            stream
        })
    }
}

async fn take(from: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    from.acquire_owned().await.ok()
}

async fn in_time(permit: impl Future<Output = Option<Permit>>) -> Result<Permit, ApiError> {
    let busy = || ErrorCode::BatchesBusy.error().retry_after_ms(PUT_OFF_MS);
    tokio::time::timeout(PATIENCE, permit).await.ok().flatten().ok_or_else(busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The permit, if it is there without waiting.
    async fn now(permit: impl Future<Output = Result<Permit, ApiError>>) -> Option<Permit> {
        tokio::time::timeout(Duration::ZERO, permit).await.ok().map(|permit| permit.expect("room"))
    }

    #[tokio::test]
    async fn a_tenant_streams_one_at_a_time() {
        let (room, a, b) = (Room::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = now(room.clone().for_stream(a)).await.expect("room");
        assert!(now(room.clone().for_stream(a)).await.is_none());
        let other = now(room.clone().for_stream(b)).await.expect("room beside another's");
        assert!(now(room.clone().for_whole()).await.is_none());
        drop(first);
        let again = now(room.clone().for_stream(a)).await.expect("its turn");
        drop((other, again));
        let whole = now(room.clone().for_whole()).await.expect("room");
        assert!(now(room.clone().for_whole()).await.is_some());
        drop(whole);
    }
}
