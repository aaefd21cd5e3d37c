//! Turns: where routes part a lane, messages are claimed that cannot go on, since only its recipient
//! tells which route a message takes. Each is given a moment of its own to be looked at again, so that
//! those who wait for one provider do not all come back at once, again and again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use otpost_shared::{clock::Millis, queue::Lane};

/// A turn is at most this much later than it could be.
const LATEST_OTP_MS: Millis = 5_000;
const LATEST_BULK_MS: Millis = 60_000;

/// Of those who wait for one provider.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// When the next one is, in microseconds: of codes, and of other messages.
    next: Mutex<[i64; 2]>,
}

impl Turns {
    /// The next turn that is not before `first`; the one after it is so long after it.
    pub(crate) fn take(&self, lane: Lane, first: Millis, apart: Duration) -> Millis {
        let (place, latest_ms) = match lane {
            Lane::Otp => (0, LATEST_OTP_MS),
            Lane::Bulk => (1, LATEST_BULK_MS),
        };
        let first = first.saturating_mul(1_000);
        let apart = i64::try_from(apart.as_micros()).unwrap_or(i64::MAX);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next[place].clamp(first, first.saturating_add(latest_ms * 1_000));
        next[place] = turn.saturating_add(apart);
        turn / 1_000
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use otpost_shared::queue::Lane;

    use super::Turns;

    #[test]
    fn each_has_a_turn_of_its_own_and_none_waits_too_long() {
        let turns = Turns::default();
        let take = |lane, first| turns.take(lane, first, Duration::from_millis(20));
        assert_eq!([(); 3].map(|()| take(Lane::Bulk, 1_000)), [1_000, 1_020, 1_040]);
        assert_eq!(take(Lane::Otp, 1_000), 1_000, "of another lane");
        assert_eq!(take(Lane::Bulk, 5_000), 5_000, "nobody is before it by then");
        assert_eq!(take(Lane::Bulk, 1_000), 5_020);
        for _ in 0..1_000 {
            take(Lane::Otp, 1_000);
        }
        assert_eq!(take(Lane::Otp, 1_000), 6_000);
        assert_eq!(take(Lane::Otp, 9_000), 9_000);
    }

    #[test]
    fn what_comes_many_times_in_a_millisecond_shares_it() {
        let turns = Turns::default();
        let all = [(); 5].map(|()| turns.take(Lane::Otp, 7, Duration::from_micros(400)));
        assert_eq!(all, [7, 7, 7, 8, 8]);
    }
}
