//! Load against an HTTP server, on a thread of its own so that the generator's work is one core's
//! at most and nothing else is in its way.
//!
//! * [`closed`]: as much as it takes, a fixed number of requests in flight; for rates
//! * [`open`]: on a schedule, whatever the answers do; for latencies
//! * [`stream`]: one request with a long body, its answer read meanwhile

mod closed;
mod open;
mod stream;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use hdrhistogram::Histogram;

pub(crate) use self::{
    closed::closed,
    open::{Pace, on_schedule, open},
    stream::{Streamed, stream},
};
use crate::{error::Result, http::Answer};

/// What a load was answered.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How often each HTTP status came.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(crate) broken: u64,
    /// What went wrong first.
    pub(crate) first_wrong: Option<String>,
    /// Microseconds from when a request was due (open) or sent (closed) to its answer.
    pub(crate) latency: Histogram<u64>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

impl Tally {
    fn new() -> Result<Self> {
        Ok(Self {
            statuses: BTreeMap::new(),
            broken: 0,
            first_wrong: None,
            latency: Histogram::new_with_bounds(1, 120_000_000, 3)?,
            elapsed: Duration::ZERO,
        })
    }

    fn count(&mut self, took: Duration, answer: &Result<Answer>) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros);
        match answer {
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                if answer.status >= 500 && self.first_wrong.is_none() {
                    self.first_wrong = Some(format!("{}: {}", answer.status, answer.text()));
                }
            }
            Err(error) => {
                self.broken += 1;
                self.first_wrong.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Both together, as if one generator had sent them at the same time.
    pub(crate) fn and(mut self, other: &Self) -> Result<Self> {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.broken += other.broken;
        self.first_wrong = self.first_wrong.or_else(|| other.first_wrong.clone());
        self.latency.add(&other.latency)?;
        self.elapsed = self.elapsed.max(other.elapsed);
        Ok(self)
    }

    pub(crate) fn of(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Answers of any of these statuses per second.
    pub(crate) fn rate(&self, statuses: &[u16]) -> f64 {
        let good: u64 = statuses.iter().map(|status| self.of(*status)).sum();
        good as f64 / self.elapsed.as_secs_f64()
    }

    /// An error when anything else than these statuses came.
    pub(crate) fn only(&self, statuses: &[u16]) -> Result<()> {
        let other = self.statuses.keys().any(|status| !statuses.contains(status));
        if other || self.broken > 0 {
            let (seen, broken) = (&self.statuses, self.broken);
            let first = self.first_wrong.as_deref().unwrap_or("-");
            return Err(format!(
                "expected only {statuses:?}, got {seen:?} and {broken} without an answer; \
                 the first wrong one: {first}"
            )
            .into());
        }
        Ok(())
    }

    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// Takes a value out of a cell that nobody else holds any more.
fn unwrap_cell<T>(cell: Rc<RefCell<T>>) -> Result<T> {
    Rc::try_unwrap(cell)
        .map(RefCell::into_inner)
        .map_err(|_| "a task of the load generator is still running".into())
}

/// Runs `work` on a thread with a single-threaded runtime.
pub(crate) async fn apart<T, F, Fut>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>>,
{
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, work())
    })
    .await?
}
