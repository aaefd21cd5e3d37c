//! Turns: where routes part a lane, messages are claimed that cannot go on, since only its recipient
//! tells which route a message takes. Each is given a moment of its own to be looked at again, so that
//! those who wait for one provider do not all come back at once, again and again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use otpost_shared::clock::Millis;

use crate::line::Line;

/// A turn is at most this much later than it could be, as long as so few wait.
fn near_ms(line: Line) -> Millis {
    match line {
        Line::Codes | Line::Replies => 5_000,
        Line::Texts => 60_000,
    }
}

/// No turn is later, however many wait.
const FARTHEST_MS: Millis = 3_600_000;

/// How far apart turns are: at first, and beyond what is near. Each costs two writes, a claim and a wait. If
/// all came back within a minute, a million that wait for one provider would have 16,700 turns a second: more
/// than a worker can do, and those of other routes would stand behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    near: Duration,
    far: Duration,
}

impl Apart {
    /// Of those who wait for a provider that is left alone. Nobody knows how many it takes when it is back:
    /// from the first second on 2,000 are there for it. As long as it is away they cost 240,000 writes a
    /// minute, a fifth of what a worker can do, and a million come round in nine minutes.
    pub(crate) const LEFT_ALONE: Self =
        Self { near: Duration::from_millis(5), far: Duration::from_micros(500) };

    /// Of those who wait for the tokens of a rate that come so far apart: more than there are tokens. At up to
    /// 250 a second that is 60,000 writes a minute, and a million come round in 34 minutes; when the rate or
    /// the routes become better, 500 are there for it from the first second on.
    pub(crate) fn of_rate(pace: Duration) -> Self {
        Self { near: pace, far: (pace / 2).min(Duration::from_millis(2)) }
    }
}

/// Of those who wait for one provider.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Of each line.
    next: Mutex<[Next; 3]>,
}

/// When the next ones are, in microseconds.
#[derive(Debug, Default)]
struct Next {
    near: i64,
    far: i64,
}

impl Turns {
    /// The next turn that is not before `first`; the one after it is so long after it. Of a far one no more
    /// than half of what is left to its `deadline` is waited for.
    pub(crate) fn take(&self, line: Line, first: Millis, apart: Apart, deadline: Millis) -> Millis {
        let near = first.saturating_add(near_ms(line));
        let mut all = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = &mut all[line as usize];
        // How many codes wait is bounded where they are accepted, and of replies there are few.
        if line != Line::Texts || next.near <= micros(near) {
            return take_one(&mut next.near, first, near, apart.near);
        }
        let far = take_one(&mut next.far, near, first.saturating_add(FARTHEST_MS), apart.far);
        let half_way = first.saturating_add(deadline.saturating_sub(first) / 2);
        far.min(half_way.max(near))
    }
}

/// The next one, which is at least and at most then.
fn take_one(next: &mut i64, first: Millis, last: Millis, apart: Duration) -> Millis {
    let turn = (*next).clamp(micros(first), micros(last));
    *next = turn.saturating_add(i64::try_from(apart.as_micros()).unwrap_or(i64::MAX));
    turn / 1_000
}

fn micros(at: Millis) -> i64 {
    at.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Apart, FARTHEST_MS, Line, Turns};

    const LATER: i64 = 1_000_000_000;

    fn of_rate(pace_ms: u64) -> Apart {
        Apart::of_rate(Duration::from_millis(pace_ms))
    }

    #[test]
    fn each_has_a_turn_of_its_own_and_none_waits_too_long() {
        let turns = Turns::default();
        let take = |line, first| turns.take(line, first, of_rate(20), LATER);
        assert_eq!([(); 3].map(|()| take(Line::Texts, 1_000)), [1_000, 1_020, 1_040]);
        assert_eq!(take(Line::Codes, 1_000), 1_000, "of another lane");
        assert_eq!(take(Line::Replies, 1_000), 1_000, "before the texts");
        assert_eq!(take(Line::Replies, 1_000), 1_020, "and after one another");
        assert_eq!(take(Line::Texts, 5_000), 5_000, "nobody is before it by then");
        assert_eq!(take(Line::Texts, 1_000), 5_020);
        for _ in 0..1_000 {
            take(Line::Codes, 1_000);
        }
        assert_eq!(take(Line::Codes, 1_000), 6_000);
        assert_eq!(take(Line::Codes, 9_000), 9_000);
    }

    #[test]
    fn however_many_wait_few_are_looked_at_in_a_second() {
        let turns = Turns::default();
        let take = |first, deadline| turns.take(Line::Texts, first, of_rate(100), deadline);
        let all: Vec<i64> = (0..100_000).map(|_| take(0, LATER)).collect();
        // At the provider's pace for a minute, and then 500 a second.
        assert_eq!(all[..3], [0, 100, 200]);
        assert_eq!(all[599..603], [59_900, 60_000, 60_000, 60_002]);
        assert_eq!(all.last(), Some(&258_796));
        // Whose time is over before is looked at again half-way, and the next one in turn.
        assert_eq!([100_000, 200_000].map(|deadline| take(0, deadline)), [60_000, 100_000]);
        assert_eq!(take(0, LATER), 258_802);
        // A while later there is a near one again.
        assert_eq!([(); 2].map(|()| take(10_000, LATER)), [60_100, 60_200]);
    }

    #[test]
    fn more_are_looked_at_than_a_provider_may_take() {
        for (apart, near, far) in [
            (Apart::LEFT_ALONE, 12_001, 2_000),
            (of_rate(100), 601, 500),
            (of_rate(2), 30_001, 1_000),
        ] {
            let turns = Turns::default();
            let take = || turns.take(Line::Texts, 0, apart, LATER);
            assert!((0..near).all(|_| take() <= 60_000));
            assert!((0..far).all(|_| take() < 61_000));
            assert_eq!(take(), 61_000, "{apart:?}");
        }
    }

    #[test]
    fn no_turn_is_later_than_the_farthest() {
        let turns = Turns::default();
        let take = |first| turns.take(Line::Texts, first, of_rate(60_000), LATER);
        let asked_to_be_left_alone = [(); 3].map(|()| take(2 * FARTHEST_MS));
        assert_eq!(asked_to_be_left_alone, [0, 60_000, 60_000].map(|by| 2 * FARTHEST_MS + by));
        assert_eq!(take(0), FARTHEST_MS);
    }

    #[test]
    fn what_comes_many_times_in_a_millisecond_shares_it() {
        let turns = Turns::default();
        let apart = Apart::of_rate(Duration::from_micros(400));
        let all = [(); 5].map(|()| turns.take(Line::Codes, 7, apart, LATER));
        assert_eq!(all, [7, 7, 7, 8, 8]);
    }
}
