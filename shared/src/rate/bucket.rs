//! The bucket itself: tokens that come at a steady pace and are taken by two lanes. It knows no
//! clock; the script in [`super::in_redis`] does the same, step by step.

use std::time::Duration;

use super::{Given, Rate, Share, Wanted};

/// A token that comes so soon may be taken now, and is used when it has come: whoever takes the next
/// one in time loses nothing by waking up late.
pub(super) const AHEAD_US: i64 = 20_000;
/// Codes are being sent while one asked within this time.
pub(super) const ACTIVE_US: i64 = 10_000_000;
/// A token is kept for a code that was refused until it comes and as long again, at most this long:
/// what waits in the database is looked at once a second.
pub(super) const KEPT_US: i64 = 1_500_000;

/// A rate as the bucket counts: in tokens and microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    per_us: f64,
    burst: f64,
    bulk_per_us: f64,
    bulk_burst: f64,
}

impl Pace {
    /// The part of a rate that one of so many processes may use by itself.
    pub(super) fn of(rate: &Rate, processes: u32) -> Self {
        let share = f64::from(rate.bulk_percent) / 100.0;
        let per_us = f64::from(rate.rule.count) / float(rate.rule.window_ms * 1_000);
        let (per_us, burst) = match processes {
            0 | 1 => (per_us, f64::from(rate.burst)),
            n => (per_us / f64::from(n), (f64::from(rate.burst) / f64::from(n)).max(1.0)),
        };
        let bulk_burst = (burst * share).max(1.0);
        Self { per_us, burst, bulk_per_us: per_us * share, bulk_burst }
    }
}

/// What is there, at a moment in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    at: i64,
    /// Below zero by what was taken ahead of its time.
    tokens: f64,
    /// What other messages may still take of them while codes are sent.
    bulk: f64,
    /// When a code last asked.
    otp_at: i64,
    /// Nothing is for other messages before.
    kept_until: i64,
}

impl Bucket {
    pub(super) fn with(tokens: f64, now: i64) -> Self {
        Self { at: now, tokens, bulk: tokens, otp_at: now - ACTIVE_US, kept_until: 0 }
    }

    pub(super) fn take(&mut self, pace: &Pace, wanted: Wanted, now: i64) -> Given {
        self.fill(pace, now);
        let mut otp = Share::default();
        for n in 1..=wanted.otp {
            let due = self.due(pace, n);
            if due > AHEAD_US {
                break;
            }
            otp.due.push(micros(due));
        }
        self.tokens -= count(&otp);
        if wanted.otp > 0 {
            self.otp_at = now;
        }
        if otp.due.len() < wanted.otp as usize {
            let due = self.due(pace, 1);
            self.kept_until = self.kept_until.max(now + due + due.min(KEPT_US));
        }
        let mut bulk = Share::default();
        for n in 1..=wanted.bulk {
            let due = self.bulk_due(pace, n, now);
            if due > AHEAD_US {
                break;
            }
            bulk.due.push(micros(due));
        }
        self.tokens -= count(&bulk);
        self.bulk -= count(&bulk);
        if !self.sends_codes(now) {
            self.bulk = self.bulk.max(0.0);
        }
        otp.wait = micros(self.due(pace, 1) - AHEAD_US);
        bulk.wait = micros(self.bulk_due(pace, 1, now) - AHEAD_US);
        Given { otp, bulk, left: (self.tokens * 1_000.0).floor() / 1_000.0 }
    }

    /// Adds what came since the last time. A clock that went back adds nothing.
    fn fill(&mut self, pace: &Pace, now: i64) {
        if now < self.at {
            (self.at, self.otp_at, self.kept_until) = (now, self.otp_at.min(now), 0);
        }
        let passed = float(now - self.at);
        self.tokens = pace.burst.min(self.tokens + passed * pace.per_us);
        self.bulk = pace.bulk_burst.min(self.bulk + passed * pace.bulk_per_us);
        self.at = now;
    }

    fn sends_codes(&self, now: i64) -> bool {
        now - self.otp_at < ACTIVE_US
    }

    /// How long until there are so many.
    fn due(&self, pace: &Pace, n: u32) -> i64 {
        whole((f64::from(n) - self.tokens) / pace.per_us).max(0)
    }

    /// The same for other messages, which leave the rest of a burst to codes.
    fn bulk_due(&self, pace: &Pace, n: u32, now: i64) -> i64 {
        let left_to_codes = pace.burst - pace.bulk_burst;
        let there = whole((left_to_codes + f64::from(n) - self.tokens) / pace.per_us);
        let allowed = if self.sends_codes(now) {
            whole((f64::from(n) - self.bulk) / pace.bulk_per_us)
        } else {
            0
        };
        there.max(allowed).max(self.kept_until - now).max(0)
    }
}

fn count(share: &Share) -> f64 {
    float(i64::try_from(share.due.len()).unwrap_or(0))
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit")]
fn float(whole: i64) -> f64 {
    whole as f64
}

#[expect(clippy::cast_possible_truncation, reason = "it ends at the largest number")]
fn whole(us: f64) -> i64 {
    // Less than a thousandth over is what counting in fractions costs.
    (us - 0.001).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Rule;

    fn rate(text: &str, burst: u32) -> Rate {
        Rate::new(Rule::parse(text).unwrap(), burst, 80)
    }

    fn full(rate: &Rate, processes: u32) -> (Pace, Bucket) {
        (Pace::of(rate, processes), Bucket::with(f64::from(rate.burst), 0))
    }

    fn otp(otp: u32) -> Wanted {
        Wanted { otp, bulk: 0 }
    }

    fn bulk(bulk: u32) -> Wanted {
        Wanted { otp: 0, bulk }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_and_then_one_by_one() {
        let (pace, mut bucket) = full(&rate("50/s", 4), 1);
        let given = bucket.take(&pace, otp(9), 0);
        // The fifth comes within the time that may be taken ahead, the sixth does not.
        assert_eq!(given.otp.due, [ms(0), ms(0), ms(0), ms(0), ms(20)]);
        assert_eq!((given.otp.wait, given.left), (ms(20), -1.0));
        assert!(bucket.take(&pace, otp(1), 19_999).otp.due.is_empty());
        assert_eq!(bucket.take(&pace, otp(1), 20_000).otp.due, [ms(20)]);
        let rested = bucket.take(&pace, otp(9), 60_000_000);
        assert_eq!(rested.otp.due.len(), 5, "no more than a burst and what is taken ahead");
    }

    #[test]
    fn other_messages_leave_a_fifth_of_a_burst_and_of_the_rate_to_codes() {
        let (pace, mut bucket) = full(&rate("50/s", 0), 1);
        assert_eq!(bucket.take(&pace, bulk(99), 0).bulk.due.len(), 41);
        assert_eq!(bucket.take(&pace, otp(9), 0).otp.due, [ms(0); 9]);
        // While codes are sent, at most four fifths.
        let mut taken = 0;
        for now in (0..=10_000_000).step_by(10_000) {
            taken += bucket.take(&pace, bulk(9), now).bulk.due.len();
            if now > 0 && now % 1_000_000 == 0 {
                assert_eq!(bucket.take(&pace, otp(1), now).otp.due, [ms(0)]);
            }
        }
        assert!((390..=401).contains(&taken), "{taken}");
        // Without codes for a while, all of it.
        let later = 25_000_000;
        let ticks = (later..later + 10_000_000).step_by(10_000);
        bucket.take(&pace, bulk(99), later - 1);
        let taken: usize = ticks.map(|at| bucket.take(&pace, bulk(9), at).bulk.due.len()).sum();
        assert!((499..=501).contains(&taken), "{taken}");
    }

    #[test]
    fn a_token_that_a_code_waits_for_is_no_other_message_s() {
        let (pace, mut bucket) = full(&rate("1/s", 1), 1);
        assert_eq!(bucket.take(&pace, bulk(1), 0).bulk.due.len(), 1);
        let refused = bucket.take(&pace, otp(1), 300_000);
        assert_eq!((refused.otp.due.len(), refused.otp.wait), (0, ms(680)));
        // Whoever asks first when it comes.
        let given = bucket.take(&pace, bulk(5), 990_000);
        assert_eq!((given.bulk.due.len(), given.bulk.wait), (0, ms(690)));
        assert_eq!(bucket.take(&pace, otp(1), 990_000).otp.due, [ms(10)]);
        // A code that went elsewhere is not waited for without end.
        bucket.take(&pace, otp(1), 1_000_000);
        assert_eq!(bucket.take(&pace, bulk(5), 2_990_000).bulk.due, [ms(10)]);
    }

    #[test]
    fn processes_share_a_rate() {
        let (pace, mut bucket) = full(&rate("30/s", 2), 3);
        let given = bucket.take(&pace, otp(9), 0);
        assert_eq!(given.otp.due.len(), 1, "each has a burst of at least one");
        let taken: usize = (0..60_000_000)
            .step_by(50_000)
            .map(|now| bucket.take(&pace, otp(9), now).otp.due.len())
            .sum();
        assert!((599..=601).contains(&taken), "{taken} of 600");
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let (pace, mut bucket) = full(&rate("10/s", 1), 1);
        bucket.take(&pace, Wanted { otp: 9, bulk: 9 }, 7_000_000);
        assert!(bucket.take(&pace, otp(9), 0).otp.due.is_empty());
        assert_eq!(bucket.take(&pace, otp(9), 100_000).otp.due.len(), 1);
        assert_eq!(bucket.take(&pace, bulk(9), 900_000).bulk.due.len(), 1, "and blocks nothing");
    }
}
