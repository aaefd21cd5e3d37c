//! How busy each lane is: measured by one process, known to all, so that accept can refuse what
//! cannot be delivered in time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    message,
    queue::Lane,
};

/// Counting stops here; more waiting than this is refused in any case.
const COUNTED: i64 = 200_000;
/// A measurement older than this says nothing; there is one every two seconds.
const STALE_MS: i64 = 6_000;
/// What ended in this time tells how fast a lane drains.
const WINDOW_MS: i64 = 10_000;
/// Fewer than these, in less than the window, tell nothing.
const FEWEST: i64 = 10;

/// What this process knows of the otp lane; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    otp_wait_ms: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct LaneState {
    waiting: i64,
    drained_per_10s: i64,
    measured_at: Millis,
}

impl Lanes {
    /// How long a message accepted now is expected to wait; 0 while nothing is known.
    #[must_use]
    pub fn expected_wait_ms(&self, lane: Lane) -> i64 {
        match lane {
            Lane::Otp => self.otp_wait_ms.load(Ordering::Relaxed),
            // Bulk has a day; it may wait.
            Lane::Bulk => 0,
        }
    }

    /// Learns what was last measured.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refresh(&self, db: &Db, now: Millis) -> Result<(), DbError> {
        let state = on_pool!(db.read(), c => {
            sqlx::query_as::<D, LaneState>(
                "SELECT waiting, drained_per_10s, measured_at FROM lane_states WHERE lane = 'otp'",
            )
            .fetch_optional(c)
            .await?
        });
        let wait = match state {
            // While nothing drains, nothing is known: workers may be about to start.
            Some(s) if s.drained_per_10s > 0 && now - s.measured_at < STALE_MS => {
                s.waiting.saturating_mul(10_000) / s.drained_per_10s
            }
            _ => 0,
        };
        self.otp_wait_ms.store(wait, Ordering::Relaxed);
        Ok(())
    }
}

/// Measures the otp lane and writes it down for all processes.
///
/// # Errors
/// The database does not answer.
pub async fn measure(db: &Db, now: Millis) -> Result<(), DbError> {
    let waiting = message::count_waiting(db, Lane::Otp, COUNTED).await?;
    let (drained, first) = message::count_finished_since(db, Lane::Otp, now - WINDOW_MS).await?;
    // Draining that began a moment ago must not look ten times slower than it is.
    let span = (now - first.unwrap_or(now)).clamp(1_000, WINDOW_MS);
    let tells = drained >= FEWEST || span > WINDOW_MS - 2_000;
    let drained = if tells { drained * WINDOW_MS / span } else { 0 };
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO lane_states (lane, waiting, drained_per_10s, measured_at)
             VALUES ('otp', $1, $2, $3)
             ON CONFLICT (lane) DO UPDATE
             SET waiting = $1, drained_per_10s = $2, measured_at = $3",
        )
        .bind(waiting)
        .bind(drained)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}
