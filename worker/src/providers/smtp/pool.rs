//! The connections of a section: so many at the same time, and those that are at rest kept for a while.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
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
    /// One for each e-mail that waits for a place: as many as there are places, since each of them waits
    /// in a place that other messages could use.
    turns: Semaphore,
    /// Places whose connections are being opened.
    opening: AtomicUsize,
    /// Places that wait for the server although nobody waits for them any more.
    overdue: AtomicUsize,
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

/// One that is counted until it is dropped.
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Pool {
    pub(super) fn new(server: Server, most: usize) -> Self {
        Self {
            server,
            places: Arc::new(Semaphore::new(most)),
            turns: Semaphore::new(most),
            opening: AtomicUsize::default(),
            overdue: AtomicUsize::default(),
            most,
            idle: Mutex::default(),
        }
    }

    /// One at rest, or a new one.
    ///
    /// # Errors
    /// There is none in time, or the server does not let us in; nothing was sent.
    pub(super) async fn take(self: &Arc<Self>, until: Instant) -> Result<Held, Refusal> {
        let place = self.place(until).await?;
        match self.fresh() {
            Some(connection) => Ok(Held { connection, is_new: false, place }),
            None => self.open(place, until).await,
        }
    }

    async fn place(&self, until: Instant) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(self.shortage(0));
        };
        match timeout_at(until, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.shortage(self.opening.load(Ordering::SeqCst))),
        }
    }

    /// Why there is no place: our own e-mails are in the way, unless it is the server that keeps us
    /// waiting in all of them. Those that are being opened count for whoever has waited.
    fn shortage(&self, opening: usize) -> Refusal {
        if opening + self.overdue.load(Ordering::SeqCst) < self.most {
            return Refusal::of_ours(format!("all {} connections are in use", self.most));
        }
        let words = format!("on all {} connections the server keeps us waiting", self.most);
        Refusal::before(ErrorClass::Transient, words)
    }

    /// A place goes on waiting for the server although nobody waits for it any more.
    pub(super) fn note_overdue(&self) -> Counted<'_> {
        Counted::new(&self.overdue)
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
        let (mut give, taken) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let opened = pool.opened_for(&mut give).await;
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

    async fn opened_for<T>(
        &self,
        wanted: &mut oneshot::Sender<T>,
    ) -> Result<AsyncSmtpConnection, Refusal> {
        let in_time = Counted::new(&self.opening);
        let mut opening = pin!(self.server.open());
        tokio::select! {
            opened = &mut opening => return opened,
            () = wanted.closed() => {}
        }
        // Whoever looks meanwhile sees it in one of both.
        let _overdue = self.note_overdue();
        drop(in_time);
        opening.await
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
        let over: Vec<Idle> =
            self.lock().extract_if(.., |idle| idle.since.elapsed() >= at_least).collect();
        let goodbyes = over.into_iter().map(|mut idle| async move {
            let _ = timeout(FAREWELL, idle.connection.abort()).await;
        });
        join_all(goodbyes).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
