//! Turns: where routes part a lane, messages are claimed that cannot go on, since only its recipient
//! tells which route a message takes. Each is given a moment of its own to be looked at again, so that
//! those who wait for one provider do not all come back at once, again and again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use otpost_shared::clock::Millis;

use crate::line::Line;

/// As long as no more wait than have turns until then, none waits longer than it could.
fn near_ms(line: Line) -> Millis {
    match line {
        Line::Codes | Line::Replies => 5_000,
        Line::Texts => 60_000,
    }
}

/// No turn is later, however many wait.
const FARTHEST_MS: Millis = 900_000;
/// The later ones are shared out over that time again and again.
const ROUND: i64 = FARTHEST_MS * 1_000;

/// How far apart turns are: at first, and when more wait than have one of those within the minute. Each costs
/// two writes, a claim and a wait: a million that all came back within a minute would have 16,700 turns a
/// second, more than a worker can do, and those of other routes would stand behind them. Over a quarter of an
/// hour they have 1,100.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    at_first: Duration,
    later: Duration,
}

impl Apart {
    /// Of those who wait for a provider that is left alone. Nobody knows how many it takes when it is back.
    pub(crate) const LEFT_ALONE: Self =
        Self { at_first: Duration::from_millis(5), later: Duration::from_micros(500) };

    /// Of those who wait for the tokens of a rate that come so far apart: more than there are tokens.
    pub(crate) fn of_rate(pace: Duration) -> Self {
        Self { at_first: pace, later: (pace / 2).min(Duration::from_millis(2)) }
    }
}

/// Of those who wait for one provider.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Of each line.
    lines: Mutex<[Taken; 3]>,
}

/// What is given away, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// When the next one of the first turns is.
    next: i64,
    /// How much of a round of later ones.
    of_round: i64,
}

impl Turns {
    /// The next turn that is not before `first`. Later ones are also spread over what is left to a `deadline`
    /// that is near: the first half of that is waited, and whoever comes back then waits half of what is left.
    pub(crate) fn take(&self, line: Line, first: Millis, apart: Apart, deadline: Millis) -> Millis {
        let near = first.saturating_add(near_ms(line));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = &mut lines[line as usize];
        if taken.next <= micros(first) {
            // Nobody waits any more: what was given away is used, or given up.
            *taken = Taken { next: micros(first), of_round: 0 };
        }
        // How many codes wait is bounded where they are accepted, and of replies there are few.
        if line != Line::Texts || taken.next <= micros(near) {
            let turn = taken.next.min(micros(near));
            taken.next = turn.saturating_add(as_micros(apart.at_first));
            return turn / 1_000;
        }
        let last = first.saturating_add(FARTHEST_MS).min(deadline.max(first));
        let from = near.min(first + (last - first) / 2);
        let turn = from + (last - from) * (taken.of_round / 1_000) / FARTHEST_MS;
        taken.of_round = (taken.of_round + as_micros(apart.later)) % ROUND;
        turn
    }
}

fn micros(at: Millis) -> i64 {
    at.saturating_mul(1_000)
}

fn as_micros(apart: Duration) -> i64 {
    i64::try_from(apart.as_micros()).unwrap_or(ROUND)
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
    fn however_many_wait_about_as_many_have_a_turn_in_each_second() {
        for (apart, near) in
            [(of_rate(100), 601), (of_rate(2), 30_001), (Apart::LEFT_ALONE, 12_001)]
        {
            let turns = Turns::default();
            let mut in_second = vec![0; 901];
            for n in 0..1_000_000 {
                let turn = turns.take(Line::Texts, 0, apart, LATER);
                if n >= near {
                    assert!((60_000..FARTHEST_MS).contains(&turn), "{n}: {turn}");
                    in_second[usize::try_from(turn / 1_000).expect("a second")] += 1;
                }
            }
            let most = in_second.iter().max().copied();
            assert!(most <= Some(2_200), "{apart:?}: {most:?}");
        }
    }

    #[test]
    fn where_the_time_is_nearly_over_it_is_looked_at_half_way() {
        let turns = Turns::default();
        let take = |first, deadline| turns.take(Line::Texts, first, of_rate(100), deadline);
        for _ in 0..=600 {
            take(0, LATER);
        }
        let all: Vec<i64> = (0..450_000).map(|_| take(0, 40_000)).collect();
        assert_eq!((all.first(), all.iter().max()), (Some(&20_000), Some(&39_999)));
        assert_eq!(take(0, 0), 0, "whose time is over");
    }

    #[test]
    fn when_nobody_waits_any_more_turns_begin_anew() {
        let turns = Turns::default();
        let take = |first| turns.take(Line::Texts, first, of_rate(100), LATER);
        for _ in 0..100_000 {
            take(0);
        }
        assert!(take(0) > 200_000);
        assert_eq!([(); 2].map(|()| take(60_100)), [60_100, 60_200]);
        let all: Vec<i64> = (2..602).map(|_| take(60_100)).collect();
        assert_eq!(
            all.last(),
            Some(&120_100),
            "at the end of the first ones, and not far behind it"
        );
    }

    #[test]
    fn what_comes_many_times_in_a_millisecond_shares_it() {
        let turns = Turns::default();
        let apart = Apart::of_rate(Duration::from_micros(400));
        let all = [(); 5].map(|()| turns.take(Line::Codes, 7, apart, LATER));
        assert_eq!(all, [7, 7, 7, 8, 8]);
    }
}
