//! The connections of a section: so many at the same time, and those that are at rest kept for a while.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use lettre::transport::smtp::{client::AsyncSmtpConnection, commands::Rset};
use otpost_shared::outcome::ErrorClass;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    reply::{Refusal, Stage},
    server::Server,
};

/// How long a connection is kept that nobody uses; servers close theirs after minutes.
const IDLE: Duration = Duration::from_secs(45);
/// Between two looks at those.
const LOOK: Duration = Duration::from_secs(15);
/// For a goodbye, and for calling an e-mail off.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    pub(super) server: Server,
    /// One for each connection that is in use or being opened.
    places: Arc<Semaphore>,
    most: usize,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// A connection that is one e-mail's alone. Dropped, it is closed, in whatever state it is.
pub(super) struct Held {
    pub(super) connection: AsyncSmtpConnection,
    /// It has carried nothing yet.
    pub(super) is_new: bool,
    place: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(server: Server, most: usize) -> Self {
        let places = Arc::new(Semaphore::new(most));
        Self { server, places, most, idle: Mutex::default() }
    }

    /// One at rest, or a new one.
    ///
    /// # Errors
    /// There is none in time, or the server does not let us in; nothing was sent.
    pub(super) async fn take(self: &Arc<Self>, until: Instant) -> Result<Held, Refusal> {
        let place = timeout_at(until, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            let words = format!("all {} connections are in use", self.most);
            return Err(Refusal::before(ErrorClass::Throttled, words));
        };
        match self.fresh() {
            Some(connection) => Ok(Held { connection, is_new: false, place }),
            None => self.open(place, until).await,
        }
    }

    /// Another one in the place of one that turned out to be closed.
    ///
    /// # Errors
    /// As [`Pool::take`].
    pub(super) async fn replace(
        self: &Arc<Self>,
        held: Held,
        until: Instant,
    ) -> Result<Held, Refusal> {
        let Held { connection, place, .. } = held;
        drop(connection);
        self.open(place, until).await
    }

    /// In a task of its own: a server that takes its time to let us in has the connection ready for the
    /// next e-mail.
    async fn open(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        until: Instant,
    ) -> Result<Held, Refusal> {
        let (give, taken) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let opened = pool.server.open().await;
            let opened = opened.map(|connection| Held { connection, is_new: true, place });
            if let Err(Ok(unwanted)) = give.send(opened) {
                pool.park(unwanted);
            }
        });
        match timeout_at(until, taken).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) => Err(Refusal::before(ErrorClass::Transient, "not connected")),
            Err(_) => Err(Refusal::late(Stage::Open, "2.8 s")),
        }
    }

    /// Keeps a connection whose last e-mail is done with.
    pub(super) fn park(&self, held: Held) {
        let Held { connection, place, .. } = held;
        self.lock().push(Idle { connection, since: Instant::now() });
        drop(place);
    }

    /// The same after a refusal; the connection is closed if nothing more can come of it.
    pub(super) fn give_back(self: &Arc<Self>, mut held: Held, refusal: &Refusal) {
        if !refusal.leaves_connection() {
            return;
        }
        if !refusal.is_half_way() {
            self.park(held);
            return;
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if let Ok(Ok(_)) = timeout(FAREWELL, held.connection.command(Rset)).await {
                pool.park(held);
            }
        });
    }

    /// The one that was used last, if it is not too old.
    fn fresh(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.lock();
        let last = idle.pop()?;
        if last.since.elapsed() < IDLE {
            return Some(last.connection);
        }
        // Then all are.
        idle.clear();
        None
    }

    /// Closes what nobody uses, and everything once `stop` is cancelled.
    pub(super) async fn tend(&self, stop: &CancellationToken) {
        while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
            self.close(IDLE).await;
        }
        self.close(Duration::ZERO).await;
    }

    /// Closes what has been at rest for so long.
    async fn close(&self, at_least: Duration) {
        let (over, kept): (Vec<Idle>, Vec<Idle>) = {
            let mut idle = self.lock();
            let all = mem::take(&mut *idle).into_iter();
            all.partition(|idle| idle.since.elapsed() >= at_least)
        };
        self.lock().extend(kept);
        let goodbyes = over.into_iter().map(|mut idle| async move {
            let _ = timeout(FAREWELL, idle.connection.abort()).await;
        });
        join_all(goodbyes).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
