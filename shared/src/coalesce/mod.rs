//! Coalescing: concurrent calls of one kind become one statement and one commit, each caller
//! getting its own row's result. A lone call leaves at once, and what comes while it runs leaves
//! together after it.

use std::{
    cmp::Ordering,
    collections::{HashSet, VecDeque},
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Acquire},
        },
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::db::{Db, DbError, GIVE_UP, Pulse, detached};

/// Most rows of one batch: past some hundred, longer ones only add latency.
const MOST: usize = 128;
/// The same where each statement costs a change of threads, and not the network.
const MOST_EMBEDDED: usize = 256;
/// Beside a batch of fewer another leaves at once: there is time for both.
const FEW: usize = 16;
/// A batch that takes longer has a row to wait for, or a far database: others don't wait for it.
const SLOW: Duration = Duration::from_millis(10);
/// A call whose turn has not come by then never will: soon enough for its caller, who waits no longer
/// than [`GIVE_UP`], to undo what it did before.
const TURN: Duration = Duration::from_secs(2);
/// Calls that wait for their turn; beyond it they are refused, so that memory stays bounded.
const WAITING: usize = 8_192;

/// What tells two calls apart that must not share a statement: they would meet the same row.
pub(crate) type Key = [u8; 16];

/// The key of something of a tenant that is known by a hash: enough of both to tell two apart.
pub(crate) fn key_of(tenant_id: Uuid, hash: &[u8]) -> Key {
    let mut key = *tenant_id.as_bytes();
    for (to, from) in key.iter_mut().zip(hash) {
        *to ^= from;
    }
    key
}

/// How calls of one kind run.
pub(crate) struct Kind<T, R> {
    pub(crate) name: &'static str,
    /// How many batches may be on their way to Postgres. Two small ones beside each other are quicker than
    /// one after the other, and two large ones are more work than one.
    pub(crate) turns: usize,
    /// None when a call may share a statement with any other.
    pub(crate) key: fn(&T) -> Option<Key>,
    /// Whoever else writes to some of the same rows takes them in the same order.
    pub(crate) order: fn(&T, &T) -> Ordering,
    /// Whether its calls wait even while the database is silent: there is no client that holds a
    /// connection for them.
    pub(crate) patient: bool,
    /// One result per item, in order.
    pub(crate) run: Run<T, R>,
}

type Run<T, R> = for<'a> fn(&'a Db, &'a [T]) -> BoxFuture<'a, Result<Vec<R>, DbError>>;

/// The way in; clones share it. Its task ends with the last clone.
pub(crate) struct Coalescer<T, R> {
    waiting: mpsc::Sender<Call<T, R>>,
    /// Told when a batch is.
    full: Arc<Notify>,
    /// None for patient calls.
    pulse: Option<Arc<Pulse>>,
}

struct Call<T, R> {
    item: T,
    answer: oneshot::Sender<Result<R, DbError>>,
    /// Set by whoever comes first: the batch that takes it, or the caller that gives up.
    taken: Arc<AtomicBool>,
}

impl<T, R> Clone for Coalescer<T, R> {
    fn clone(&self) -> Self {
        Self {
            waiting: self.waiting.clone(),
            full: Arc::clone(&self.full),
            pulse: self.pulse.clone(),
        }
    }
}

impl<T, R> fmt::Debug for Coalescer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coalescer")
    }
}

impl<T: Clone + Send + Sync + 'static, R: Send + 'static> Coalescer<T, R> {
    /// Starts the task that gathers. Must be called inside a runtime.
    pub(crate) fn start(db: Db, kind: Kind<T, R>) -> Self {
        let (waiting, calls) = mpsc::channel(WAITING);
        let pulse = (!kind.patient).then(Arc::default);
        let full = Arc::new(Notify::new());
        tokio::spawn(gather(db, kind, calls, Arc::clone(&full)));
        Self { waiting, full, pulse }
    }

    /// Runs one item together with whatever else waits.
    ///
    /// # Errors
    /// As the statement. Unavailable while the database is silent, or when its turn did not come
    /// within 2 s, and then it never will; undecided when it had begun and there is no answer within
    /// 2.4 s.
    pub(crate) async fn call(&self, item: T) -> Result<R, DbError> {
        match &self.pulse {
            Some(pulse) => pulse.of(self.wait_for(item)).await,
            None => self.wait_for(item).await,
        }
    }

    async fn wait_for(&self, item: T) -> Result<R, DbError> {
        let (answer, answered) = oneshot::channel();
        let ticket = Ticket(Arc::default());
        let call = Call { item, answer, taken: Arc::clone(&ticket.0) };
        self.waiting
            .try_send(call)
            .map_err(|_| DbError::Unavailable("too much waits for the database".into()))?;
        if WAITING - self.waiting.capacity() >= MOST {
            self.full.notify_one();
        }
        let mut answered = answered;
        let in_turn = match timeout(TURN, &mut answered).await {
            Err(_) if ticket.withdraw() => timeout(GIVE_UP.saturating_sub(TURN), answered).await,
            Err(_) => return Err(DbError::Unavailable("its turn did not come within 2 s".into())),
            answer => answer,
        };
        match in_turn {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(DbError::Undecided("its batch was lost".into())),
            Err(_) => Err(DbError::Undecided("no answer within 2.4 s".into())),
        }
    }
}

/// What the caller holds; a call whose caller is gone, and that has not begun, never will.
struct Ticket(Arc<AtomicBool>);

impl Ticket {
    /// True when it is too late.
    fn withdraw(&self) -> bool {
        self.0.swap(true, AcqRel)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The task: waits for a free turn, then takes all that has gathered meanwhile.
async fn gather<T: Clone + Send + Sync + 'static, R: Send + 'static>(
    db: Db,
    kind: Kind<T, R>,
    mut calls: mpsc::Receiver<Call<T, R>>,
    full: Arc<Notify>,
) {
    let Kind { name, turns, key, order, patient: _, run } = kind;
    // SQLite has one writer.
    let (turns, most) = match db {
        Db::Sqlite { .. } => (1, MOST_EMBEDDED),
        Db::Postgres(..) => (turns, MOST),
    };
    let others = u32::try_from(turns.saturating_sub(1)).unwrap_or(u32::MAX);
    let turns = Arc::new(Semaphore::new(turns));
    let (mut put_back, mut latest) = (VecDeque::new(), 0);
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        if put_back.is_empty() {
            match calls.recv().await {
                Some(call) => put_back.push_back(call),
                None => return,
            }
        }
        if latest >= FEW {
            gather_more(&turns, others, &full, &calls, most, SLOW).await;
        }
        let mut batch = take_batch(&mut put_back, &mut calls, key, most);
        batch.sort_by(|a, b| order(&a.item, &b.item));
        latest = batch.len();
        if !batch.is_empty() {
            let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            metrics::histogram!("otpost_batch_rows", "kind" => name).record(f64::from(rows));
            tokio::spawn(run_batch(db.clone(), run, batch, turn));
        }
    }
}

/// Returns when the others are back, one of them is slow, or there are enough calls to leave beside them.
/// The calls stay where they are: to be woken by each would cost more than it is worth.
async fn gather_more<T>(
    turns: &Semaphore,
    others: u32,
    full: &Notify,
    calls: &mpsc::Receiver<T>,
    most: usize,
    slow: Duration,
) {
    let (mut back, mut slow) = (pin!(turns.acquire_many(others)), pin!(sleep(slow)));
    while calls.len() < most {
        tokio::select! {
            biased;
            _ = &mut back => return,
            () = &mut slow => return,
            // It may be from before what has left since.
            () = full.notified() => {}
        }
    }
}

/// As many calls as fit one statement; what meets a row of it waits for the next one.
fn take_batch<T, R>(
    put_back: &mut VecDeque<Call<T, R>>,
    calls: &mut mpsc::Receiver<Call<T, R>>,
    key: fn(&T) -> Option<Key>,
    most: usize,
) -> Vec<Call<T, R>> {
    let mut batch = Vec::new();
    let mut met = HashSet::new();
    let mut again = VecDeque::new();
    while batch.len() < most && again.len() < WAITING {
        let Some(call) = put_back.pop_front().or_else(|| calls.try_recv().ok()) else { break };
        if call.taken.load(Acquire) {
            // Its caller has gone.
        } else if key(&call.item).is_some_and(|key| !met.insert(key)) {
            again.push_back(call);
        } else if !call.taken.swap(true, AcqRel) {
            batch.push(call);
        }
    }
    again.append(put_back);
    *put_back = again;
    batch
}

async fn run_batch<T: Clone + Send + Sync + 'static, R: Send + 'static>(
    db: Db,
    run: Run<T, R>,
    batch: Vec<Call<T, R>>,
    turn: OwnedSemaphorePermit,
) {
    let (items, answers): (Vec<T>, Vec<_>) =
        batch.into_iter().map(|call| (call.item, call.answer)).unzip();
    let items = Arc::new(items);
    let results = match run_detached(&db, run, &items).await {
        Ok(results) => results.into_iter().map(Ok).collect(),
        // One row of many may be to blame: each runs again by itself.
        Err(DbError::Raced | DbError::Locked | DbError::Broken(_)) if items.len() > 1 => {
            run_one_by_one(&db, run, &items).await
        }
        Err(error) => items.iter().map(|_| Err(error.clone())).collect::<Vec<_>>(),
    };
    drop(turn);
    for (answer, result) in answers.into_iter().zip(results) {
        // Nobody listens any more when the caller went away.
        let _ = answer.send(result);
    }
}

async fn run_one_by_one<T: Clone + Send + Sync + 'static, R: Send + 'static>(
    db: &Db,
    run: Run<T, R>,
    items: &[T],
) -> Vec<Result<R, DbError>> {
    join_all(items.iter().map(|item| async move {
        let result = run_detached(db, run, &Arc::new(vec![item.clone()])).await?;
        result.into_iter().next().ok_or_else(|| DbError::Broken("a call had no result".into()))
    }))
    .await
}

async fn run_detached<T: Send + Sync + 'static, R: Send + 'static>(
    db: &Db,
    run: Run<T, R>,
    items: &Arc<Vec<T>>,
) -> Result<Vec<R>, DbError> {
    let (db, items) = (db.clone(), Arc::clone(items));
    detached(async move { run(&db, &items).await }).await
}

#[cfg(test)]
mod tests;
