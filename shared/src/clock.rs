//! One clock for all processes: the machine's monotonic clock, set to the database's time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// A moment as Unix milliseconds by the database's clock; what every `*_at` column holds.
pub type Millis = i64;

/// Where "now" comes from; clones share it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Monotonic since `origin`, moved by the measured offset.
    Running {
        origin: Instant,
        /// Unix milliseconds at `origin`.
        at_origin: Arc<AtomicI64>,
    },
    /// Stands still until a test moves it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Starts from the machine's own time; [`Clock::set`] corrects it.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self::Running { origin: Instant::now(), at_origin: Arc::new(AtomicI64::new(now)) }
    }

    #[must_use]
    pub fn manual(now: Millis) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now)))
    }

    #[must_use]
    pub fn now(&self) -> Millis {
        match self {
            Self::Running { origin, at_origin } => {
                at_origin.load(Ordering::Relaxed) + elapsed_ms(*origin)
            }
            Self::Manual(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Says what time it is right now by the database.
    pub fn set(&self, now: Millis) {
        match self {
            Self::Running { origin, at_origin } => {
                at_origin.store(now - elapsed_ms(*origin), Ordering::Relaxed);
            }
            Self::Manual(at) => at.store(now, Ordering::Relaxed),
        }
    }

    /// Moves the time forward by `ms`.
    pub fn advance(&self, ms: i64) {
        self.set(self.now() + ms);
    }
}

fn elapsed_ms(origin: Instant) -> i64 {
    i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// The machine's own clock in Unix milliseconds, for the embedded database, which has no other.
pub(crate) fn machine_now() -> Millis {
    Clock::start().now()
}
