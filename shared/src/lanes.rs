//! How busy each lane is: measured by one process, known to all, so that accept can refuse what
//! cannot be delivered in time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    channel::Channel,
    clock::Millis,
    config::Config,
    db::{Db, DbError, on_pool},
    home::Home,
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

/// What this process knows of the otp lane, channel by channel; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    otp_waits_ms: Arc<[AtomicI64; Channel::ALL.len()]>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct LaneState {
    channel: String,
    waiting: i64,
    drained_per_10s: i64,
    measured_at: Millis,
}

impl LaneState {
    /// How long a message accepted now waits. While nothing drains, nothing is known: workers may be
    /// about to start.
    fn wait_ms(&self, now: Millis) -> i64 {
        if self.drained_per_10s > 0 && now - self.measured_at < STALE_MS {
            self.waiting.saturating_mul(10_000) / self.drained_per_10s
        } else {
            0
        }
    }
}

impl Lanes {
    /// How long a message accepted now is expected to wait; 0 while nothing is known.
    #[must_use]
    pub fn expected_wait_ms(&self, lane: Lane, channel: Channel) -> i64 {
        let places = Channel::ALL.iter().zip(self.otp_waits_ms.iter());
        let mut of_channel = places.filter(|(of, _)| **of == channel);
        match lane {
            Lane::Otp => of_channel.next().map_or(0, |(_, wait)| wait.load(Ordering::Relaxed)),
            // Bulk has a day; it may wait.
            Lane::Bulk => 0,
        }
    }

    /// Learns what was last measured.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refresh(&self, db: &Db, now: Millis) -> Result<(), DbError> {
        let states = on_pool!(db.read(), c => {
            sqlx::query_as::<D, LaneState>(
                "SELECT channel, waiting, drained_per_10s, measured_at
                 FROM lane_states WHERE lane = 'otp'",
            )
            .fetch_all(c)
            .await?
        });
        for (channel, known) in Channel::ALL.iter().zip(self.otp_waits_ms.iter()) {
            let state = states.iter().find(|state| state.channel == channel.as_str());
            known.store(state.map_or(0, |state| state.wait_ms(now)), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Measures the otp lane and writes it down for all processes. Where routes part a channel, what was put
/// off for one of them holds up nobody on another, and is left out.
///
/// # Errors
/// The database does not answer.
pub async fn measure(home: &Home, now: Millis) -> Result<(), DbError> {
    let waiting = message::count_waiting_by_channel(&home.db, Lane::Otp, COUNTED, now).await?;
    let drained =
        message::count_finished_by_channel(&home.db, Lane::Otp, now - WINDOW_MS, now).await?;
    for channel in home.config.chains.available() {
        let waiting = waiting.iter().find(|waiting| waiting.channel == channel.as_str());
        let waiting = waiting.map_or(0, |w| {
            if is_parted(&home.config, channel) { w.due } else { w.due + w.put_off }
        });
        let drained = drained.iter().find(|drained| drained.channel == channel.as_str());
        write(&home.db, channel, waiting, drained.map_or(0, per_window), now).await?;
    }
    Ok(())
}

fn is_parted(config: &Config, channel: Channel) -> bool {
    config.routes.iter().any(|route| route.channel == channel && route.may_take(Lane::Otp))
}

/// Draining that began a moment ago must not look ten times slower than it is.
fn per_window(drained: &message::Drained) -> i64 {
    let span = drained.for_ms.clamp(1_000, WINDOW_MS);
    let tells = drained.count >= FEWEST || span > WINDOW_MS - 2_000;
    if tells { drained.count * WINDOW_MS / span } else { 0 }
}

async fn write(
    db: &Db,
    channel: Channel,
    waiting: i64,
    drained: i64,
    now: Millis,
) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO lane_states (lane, channel, waiting, drained_per_10s, measured_at)
             VALUES ('otp', $1, $2, $3, $4)
             ON CONFLICT (lane, channel) DO UPDATE
             SET waiting = $2, drained_per_10s = $3, measured_at = $4",
        )
        .bind(channel.as_str())
        .bind(waiting)
        .bind(drained)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}
