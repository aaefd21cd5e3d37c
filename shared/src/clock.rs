//! One clock for all processes: the machine's monotonic clock, set to the database's time; and how a moment is
//! written.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// A moment as Unix milliseconds by the database's clock; what every `*_at` column holds.
pub type Millis = i64;

/// Whole seconds, which are over no sooner than the span is.
#[must_use]
pub fn secs_rounded_up(ms: Millis) -> i64 {
    (ms + 999) / 1_000
}

/// Where "now" comes from: monotonic since `origin`, set to the database's time; clones share it.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    /// Unix milliseconds at `origin`.
    at_origin: Arc<AtomicI64>,
}

impl Clock {
    /// Starts from the machine's own time; [`Clock::set`] corrects it.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self { origin: Instant::now(), at_origin: Arc::new(AtomicI64::new(now)) }
    }

    #[must_use]
    pub fn now(&self) -> Millis {
        self.at_origin.load(Ordering::Relaxed) + self.elapsed_ms()
    }

    /// Says what time it is right now by the database.
    pub fn set(&self, now: Millis) {
        self.at_origin.store(now - self.elapsed_ms(), Ordering::Relaxed);
    }

    /// Moves the time forward by `ms`.
    pub fn advance(&self, ms: i64) {
        self.set(self.now() + ms);
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// The machine's own clock in Unix milliseconds, for the embedded database, which has no other.
pub(crate) fn machine_now() -> Millis {
    Clock::start().now()
}

/// `2026-11-20T08:42:00.000Z`: RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    written(
        at,
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"),
    )
}

/// `2026-11-20T08:42:00Z`, where others expect whole seconds.
#[must_use]
pub fn whole_seconds(at: Millis) -> String {
    written(at, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

fn written(at: Millis, format: &[BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, whole_seconds};

    #[test]
    fn milliseconds_and_utc() {
        assert_eq!(rfc3339(1_795_163_320_007), "2026-11-20T08:28:40.007Z");
    }

    #[test]
    fn whole_seconds_are_those_that_have_begun() {
        assert_eq!(whole_seconds(1_795_163_320_999), "2026-11-20T08:28:40Z");
    }
}
