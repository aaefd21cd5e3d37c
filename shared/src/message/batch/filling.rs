//! The pipeline: one slice of rows is prepared while the one before commits.

use std::{sync::Arc, time::Duration};

use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    Batch, Checked, Checker, Outcome, RowRefused, Stored,
    commit::{self, Committed},
    prepare::{Entry, Given, Preparer, Ready, Slice},
};
use crate::{
    clock::Millis,
    db::{DbError, detached, patiently},
    home::Home,
    message::{Message, State},
};

/// Rows that are best pushed at once: enough to make the commit cheap, and few enough for a code
/// that waits for the database not to feel it.
pub const SLICE: usize = 1_000;

/// A batch that rows are put into. What [`Filling::push`] returned is committed; when it is
/// dropped, what it has begun to commit is committed too.
pub struct Filling {
    home: Home,
    batch: Batch,
    preparer: Option<Box<Preparer>>,
    committing: Option<JoinHandle<Result<Vec<Outcome>, DbError>>>,
    patience: Duration,
    /// Rows before this one were tried by an earlier call, and their messages may be removed.
    past: u32,
}

impl Filling {
    pub(super) fn new(home: &Home, batch: Batch, checker: Checker) -> Self {
        let preparer = Some(Box::new(Preparer::new(checker, batch.id)));
        let past = past(home, &batch);
        let (home, patience) = (home.clone(), Duration::ZERO);
        Self { home, batch, preparer, committing: None, patience, past }
    }

    /// Tries for so long to commit what the database does not take at once.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The batch as it was before this call.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Takes the next rows, read by `read` off the async threads, and begins to commit them. The
    /// outcomes are those of the rows before.
    ///
    /// # Errors
    /// The database does not answer: the rows before may be committed or not, these are not.
    pub async fn push<I: IntoIterator<Item = Given>>(
        &mut self,
        read: impl FnOnce() -> I + Send + 'static,
    ) -> Result<Vec<Outcome>, DbError> {
        let gone = || DbError::Broken("the batch has failed before".into());
        let mut preparer = self.preparer.take().ok_or_else(gone)?;
        let now = self.home.clock.now();
        let work = spawn_blocking(move || {
            let slice = preparer.prepare(read(), now);
            (preparer, slice)
        });
        let (preparer, slice) = work.await.map_err(|e| DbError::Broken(e.to_string()))?;
        let done = self.settle().await?;
        self.preparer = Some(preparer);
        self.committing = Some(self.begin(slice?));
        Ok(done)
    }

    /// Waits for the rows that are being committed; their outcomes.
    ///
    /// # Errors
    /// The database does not answer: they may be committed or not.
    pub async fn settle(&mut self) -> Result<Vec<Outcome>, DbError> {
        match self.committing.take() {
            Some(task) => task.await.map_err(|e| DbError::Broken(e.to_string()))?,
            None => Ok(Vec::new()),
        }
    }

    fn begin(&self, slice: Slice) -> JoinHandle<Result<Vec<Outcome>, DbError>> {
        let (home, batch, past) = (self.home.clone(), self.batch.clone(), self.past);
        let (slice, patience) = (Arc::new(slice), self.patience);
        tokio::spawn(async move {
            let mut tries = 0;
            let attempt = || {
                tries += 1;
                detached(commit(home.clone(), batch.clone(), past, Arc::clone(&slice)))
            };
            let committed = patiently(patience, attempt).await?;
            // What an attempt without an answer has committed is found by the next one.
            let own = (tries > 1).then_some(slice.now);
            let outcome = |entry| outcome(&home, entry, &committed, own);
            Ok(slice.entries.iter().map(outcome).collect())
        })
    }
}

async fn commit(
    home: Home,
    batch: Batch,
    past: u32,
    slice: Arc<Slice>,
) -> Result<Committed, DbError> {
    let cap = home.send_cap(batch.tenant_id, false);
    let lifetime_ms = i64::from(home.config.messages.lifetime_secs) * 1_000;
    let kid = home.keys.active_kid();
    let is_sandbox = home.is_sandbox(batch.tenant_id).await?;
    let place = commit::Place { batch: &batch, is_sandbox, past, cap, lifetime_ms, kid };
    commit::commit(&home.db, &place, &slice).await
}

/// How many rows of an earlier call may have had messages that are removed by now: none, as long
/// as messages are kept for as long as when the batch was begun.
pub(super) fn past(home: &Home, batch: &Batch) -> u32 {
    let kept_ms = i64::from(home.config.retention.messages_days) * 86_400_000;
    let removable = home.clock.now() >= batch.created_at + kept_ms;
    if removable { u32::try_from(batch.size).unwrap_or(u32::MAX) } else { 0 }
}

impl std::fmt::Debug for Filling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filling({})", self.batch.id)
    }
}

/// Rows that were found are repeats, but for those of the moment `own`.
fn outcome(home: &Home, entry: &Entry, committed: &Committed, own: Option<Millis>) -> Outcome {
    let result = match &entry.row {
        Err(refused) => Err(refused.clone()),
        Ok(ready) => match committed.found(ready.id) {
            Some(found) => repeated(home, ready, found)
                .map(|stored| Stored { repeated: own != Some(found.created_at), ..stored }),
            None => match committed.refused(ready.id) {
                Some(refused) => Err(refused.clone()),
                None => Ok(stored(ready, State::of_new(ready.checked.is_test).as_str(), false)),
            },
        },
    };
    Outcome { index: entry.index, reference: entry.reference.clone(), result }
}

fn stored(ready: &Ready, state: &str, repeated: bool) -> Stored {
    Stored { id: ready.id, state: state.to_owned(), to: ready.checked.to.masked(), repeated }
}

fn repeated(home: &Home, ready: &Ready, found: &Message) -> Result<Stored, RowRefused> {
    if is_repeat(home, &ready.checked, found) {
        Ok(stored(ready, &found.state, true))
    } else {
        Err(RowRefused::Changed)
    }
}

/// A repeat is one only with the same recipient and the same text.
pub(super) fn is_repeat(home: &Home, row: &Checked, found: &Message) -> bool {
    let same_text = found.body(&home.keys).ok().flatten().is_some_and(|body| body.text == row.text);
    found.recipient_hash == row.recipient_hash && same_text
}
