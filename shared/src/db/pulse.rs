//! Whether the database answers, as those see it who wait for it. While it is silent all but a few
//! calls are refused at once: each would hold its client's connection for as long as anybody waits,
//! the client would come again meanwhile, and when the database answers at last, all of them would
//! stand in its way.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::DbError;

/// Without an answer for so long, while somebody waits for one, it is silent.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// Calls at the same time that find out whether it answers again.
const FEELERS: usize = 16;

/// Of one kind of calls.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Beat>);

#[derive(Debug, Default)]
struct Beat {
    /// When the calls began that have no answer yet, in order.
    waiting: BTreeMap<u64, Instant>,
    next: u64,
    last_answer: Option<Instant>,
    /// Until the next answer.
    silent: bool,
}

impl Pulse {
    /// Makes the call, if there is a prospect of an answer.
    ///
    /// # Errors
    /// As the call; unavailable, and not begun, while the database is silent.
    pub(crate) async fn of<T>(
        &self,
        call: impl Future<Output = Result<T, DbError>>,
    ) -> Result<T, DbError> {
        let _waiting = self.wait(Instant::now()).ok_or_else(|| {
            DbError::Unavailable("it is silent, and enough calls wait for it to speak".into())
        })?;
        let result = call.await;
        if !matches!(result, Err(DbError::Unavailable(_) | DbError::Undecided(_))) {
            self.beat(Instant::now());
        }
        result
    }

    fn wait(&self, now: Instant) -> Option<Waiting<'_>> {
        let mut beat = self.lock();
        if !beat.silent && beat.is_silent(now) {
            beat.silent = true;
            tracing::warn!("the database has been silent for a second; most calls are refused");
        }
        if beat.silent && beat.waiting.len() >= FEELERS {
            return None;
        }
        let id = beat.next;
        beat.next += 1;
        beat.waiting.insert(id, now);
        Some(Waiting(self, id))
    }

    fn beat(&self, now: Instant) {
        let mut beat = self.lock();
        beat.last_answer = Some(now);
        if std::mem::take(&mut beat.silent) {
            tracing::info!("the database answers again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    fn is_silent(&self, now: Instant) -> bool {
        let Some((_, oldest)) = self.waiting.first_key_value() else { return false };
        let since = self.last_answer.map_or(*oldest, |answer| answer.max(*oldest));
        now.saturating_duration_since(since) >= SILENT_AFTER
    }
}

/// A call that has no answer yet.
struct Waiting<'a>(&'a Pulse, u64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of so many calls that are let through.
    fn come(pulse: &Pulse, calls: usize, at: Instant) -> Vec<Waiting<'_>> {
        (0..calls).filter_map(|_| pulse.wait(at)).collect()
    }

    #[test]
    fn while_it_is_silent_only_feelers_pass() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        let mut waiting = come(&pulse, 100, start);
        waiting.extend(pulse.wait(after(999)));
        assert_eq!(waiting.len(), 101, "all pass while nobody has waited for long");
        assert!(pulse.wait(after(1_000)).is_none());
        waiting.truncate(FEELERS - 1);
        waiting.extend(come(&pulse, 100, after(1_500)));
        assert_eq!(waiting.len(), FEELERS);
        waiting.clear();
        waiting.extend(come(&pulse, 100, after(2_000)));
        assert_eq!(waiting.len(), FEELERS, "new feelers don't make it speak");
        pulse.beat(after(2_100));
        assert_eq!(come(&pulse, 100, after(2_200)).len(), 100, "all pass after one answer");
    }

    #[test]
    fn one_that_takes_long_by_itself_stops_nobody() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        let _long = pulse.wait(start);
        pulse.beat(after(9_500));
        assert_eq!(come(&pulse, 100, after(10_000)).len(), 100);
    }
}
