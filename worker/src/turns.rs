//! Turns: where routes part a lane, messages are claimed that cannot go on, since only its recipient
//! tells which route a message takes. Each is given a moment of its own to be looked at again, so that
//! those who wait for one provider do not all come back at once, again and again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use otpost_shared::clock::Millis;

use crate::line::Line;

/// A turn is at most this much later than it could be.
fn latest_ms(line: Line) -> Millis {
    match line {
        Line::Codes | Line::Replies => 5_000,
        Line::Texts => 60_000,
    }
}

/// Of those who wait for one provider.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// When the next one of each line is, in microseconds.
    next: Mutex<[i64; 3]>,
}

impl Turns {
    /// The next turn that is not before `first`; the one after it is so long after it.
    pub(crate) fn take(&self, line: Line, first: Millis, apart: Duration) -> Millis {
        let (place, latest_ms) = (line as usize, latest_ms(line));
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

    use super::{Line, Turns};

    #[test]
    fn each_has_a_turn_of_its_own_and_none_waits_too_long() {
        let turns = Turns::default();
        let take = |line, first| turns.take(line, first, Duration::from_millis(20));
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
    fn what_comes_many_times_in_a_millisecond_shares_it() {
        let turns = Turns::default();
        let all = [(); 5].map(|()| turns.take(Line::Codes, 7, Duration::from_micros(400)));
        assert_eq!(all, [7, 7, 7, 8, 8]);
    }
}
