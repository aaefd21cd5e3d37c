//! Ids of messages, written down so that receipts find their attempts: by one task, many at once, and
//! again while the database is away.

use std::{collections::BTreeSet, time::Duration};

use otpost_shared::{
    Home,
    clock::Millis,
    db::patiently,
    recipient::Recipient,
    report::by_id::{self, Given},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Beyond it the database has been away for long, and receipts are lost rather than outcomes.
const MOST_WAITING: usize = 4_096;
const MOST_AT_ONCE: usize = 64;
/// How long ids are held on to while the database is away, as outcomes are.
const PATIENCE: Duration = Duration::from_secs(30);
/// An SMSC says its last word when the message's own time is over, or some days later.
const KEPT_MS: i64 = 3 * 86_400_000;

/// The attempt that ids belong to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) message_id: Uuid,
    pub(super) number: i32,
    pub(super) to: Recipient,
    pub(super) validity: Duration,
}

/// The way in; clones share it.
#[derive(Clone)]
pub(super) struct Register {
    home: Option<Home>,
    given: mpsc::Sender<Given>,
}

impl Register {
    pub(super) fn new(home: Option<Home>) -> (Self, mpsc::Receiver<Given>) {
        let (given, written) = mpsc::channel(MOST_WAITING);
        (Self { home, given }, written)
    }

    /// Hands the ids of an attempt's parts over, in order; none for a part that has no id (so far).
    pub(super) fn note(&self, of: &Entry, ids: &[Option<String>]) {
        let Some(home) = &self.home else { return };
        let validity = i64::try_from(of.validity.as_millis()).unwrap_or_default();
        let expires_at: Millis = home.clock.now() + validity + KEPT_MS;
        // Some give all parts of a text one id, and report once.
        let mut seen = BTreeSet::new();
        let doubled = ids.iter().flatten().filter(|id| !seen.insert(*id)).count();
        let parts = i32::try_from(ids.len() - doubled).unwrap_or(i32::MAX);
        for (part, id) in (1..).zip(ids) {
            let Some(id) = id.clone().filter(|id| seen.remove(id)) else { continue };
            let Entry { message_id, number, to, .. } = of.clone();
            let given = Given { id, message_id, number, part, parts, to, expires_at };
            if self.given.try_send(given).is_err() {
                tracing::warn!(message.id = %message_id, "its receipts will not be known");
            }
        }
    }

    /// Writes down what is handed over until `stop` is cancelled, and what is there by then.
    pub(super) async fn keep(
        &self,
        provider: &str,
        mut written: mpsc::Receiver<Given>,
        stop: &CancellationToken,
    ) {
        let Some(home) = &self.home else { return };
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                count = written.recv_many(&mut batch, MOST_AT_ONCE) => if count == 0 { return },
                () = stop.cancelled(), if !written.is_closed() => {
                    written.close();
                    continue;
                }
            }
            let patient = patiently(PATIENCE, || by_id::note(home, provider, &batch));
            let done = match stop.run_until_cancelled(patient).await {
                Some(done) => done,
                None => by_id::note(home, provider, &batch).await,
            };
            if let Err(error) = done {
                tracing::warn!(provider, %error, lost = batch.len(), "ids were not written down");
            }
            batch.clear();
        }
    }
}
