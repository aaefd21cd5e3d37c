//! The breaker's life, by a clock that stands still unless it is moved.

use super::*;

/// Half of calls fail, and the like: the same numbers each time (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, share: f64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bits = u32::try_from(self.0 >> 32).unwrap();
        f64::from(bits) < share * f64::from(u32::MAX)
    }
}

impl Breaker {
    /// One call from beginning to end.
    fn call(&mut self, class: ErrorClass, now: Millis) -> Option<Turn> {
        let call = self.enter(now);
        let turn = self.note(call, class, None, "said", now);
        self.leave(call);
        self.unwritten.clear();
        turn
    }

    /// How many calls until it opens, at most `most`.
    fn calls_until_open(&mut self, most: usize, mut fails: impl FnMut(usize) -> bool) -> usize {
        for n in 0..most {
            let class = if fails(n) { ErrorClass::Transient } else { ErrorClass::Ok };
            if self.call(class, i64::try_from(n).unwrap()) == Some(Turn::Opened) {
                return n + 1;
            }
        }
        most
    }

    fn opened(at: Millis) -> Self {
        let mut breaker = Self::default();
        for _ in 0..IN_A_ROW {
            breaker.call(ErrorClass::Transient, at);
        }
        assert_eq!(breaker.level(), 2);
        breaker
    }
}

fn row(opened_at: Option<Millis>, probe_at: Millis, successes: i32) -> ProviderState {
    let (name, reason) = ("a".to_owned(), None);
    ProviderState {
        name,
        opened_at,
        probe_at,
        successes,
        paused_until: 0,
        drilled_until: 0,
        reason,
    }
}

#[test]
fn only_what_speaks_about_the_provider_is_a_failure() {
    use ErrorClass as C;
    let opens = |class: &C| {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.call(*class, 0);
        }
        breaker.level() == 2
    };
    let opening: Vec<C> = C::ALL.into_iter().filter(opens).collect();
    assert_eq!(opening, [C::Account, C::Transient, C::Unknown]);
}

#[test]
fn a_provider_that_fails_is_left_alone_within_twenty_calls() {
    assert_eq!(Breaker::default().calls_until_open(1_000, |_| true), 8);
    assert_eq!(Breaker::default().calls_until_open(1_000, |n| n % 2 == 0), 19);
    // After long and good service it is no slower.
    assert_eq!(Breaker::default().calls_until_open(1_000, |n| n >= 500), 508);
    // At random, half of the time; and the median of a thousand tries.
    let mut dice = Dice(7);
    let mut tries: Vec<usize> = (0..1_000)
        .map(|_| Breaker::default().calls_until_open(1_000, |_| dice.below(0.5)))
        .collect();
    tries.sort_unstable();
    assert!(tries[500] <= 20 && tries[990] <= 80, "{} {}", tries[500], tries[990]);
}

#[test]
fn a_few_percent_never_open_it() {
    for (share, seed) in [(0.02, 1), (0.05, 2), (0.05, 3)] {
        let mut dice = Dice(seed);
        let calls = Breaker::default().calls_until_open(300_000, |_| dice.below(share));
        assert_eq!(calls, 300_000, "{share}");
    }
}

#[test]
fn old_failures_do_not_count_but_an_unbroken_row_does() {
    let mut breaker = Breaker::default();
    for n in 0..18 {
        let class = if n % 2 == 0 { ErrorClass::Unknown } else { ErrorClass::Ok };
        assert_eq!(breaker.call(class, 0), None);
    }
    assert_eq!(breaker.call(ErrorClass::Unknown, WINDOW_MS), None, "the others are too old");
    let mut rare = Breaker::default();
    for n in 0..7 {
        assert_eq!(rare.call(ErrorClass::Unknown, n * 600_000), None);
    }
    assert_eq!(rare.call(ErrorClass::Unknown, 4_200_000), Some(Turn::Opened));
}

#[test]
fn no_more_calls_are_on_their_way_than_it_takes_to_know() {
    let mut breaker = Breaker::default();
    let calls: Vec<Call> = std::iter::from_fn(|| {
        (breaker.availability(0) == Availability::Free).then(|| breaker.enter(0))
    })
    .take(1_000)
    .collect();
    assert_eq!(calls.len(), 8, "nothing is known of it yet");
    assert_eq!(breaker.availability(0), Availability::Busy);
    // The first answer makes room for more, and good ones soon for any number.
    breaker.note(calls[0], ErrorClass::Ok, None, "", 0);
    breaker.leave(calls[0]);
    assert_eq!(breaker.availability(0), Availability::Free);
    let mut known = Breaker::default();
    known.calls_until_open(20, |_| false);
    assert_eq!(known.calls.limit(0), None);
    // Failures in a row bring the doubt back.
    known.calls_until_open(3, |_| true);
    assert_eq!(known.calls.limit(0), Some(5));
    // However many are begun, as soon as they are let through, it opens after eight.
    let mut all = Breaker::default();
    let mut made = 0;
    while all.level() == 0 {
        let mut begun = Vec::new();
        while all.availability(0) == Availability::Free {
            begun.push(all.enter(0));
        }
        made += begun.len();
        for call in begun {
            all.note(call, ErrorClass::Transient, None, "", 0);
            all.leave(call);
        }
    }
    assert_eq!(made, 8);
}

#[test]
fn two_answered_probes_close_it() {
    let mut breaker = Breaker::opened(0);
    assert_eq!(breaker.availability(4_999), Availability::Open { probe_at: 5_000 });
    assert_eq!(breaker.availability(5_000), Availability::Probe);
    let probe = breaker.enter(5_000);
    assert!(probe.probe);
    assert_eq!(breaker.level(), 1);
    assert_eq!(breaker.availability(5_000), Availability::Open { probe_at: 10_000 });
    assert_eq!(breaker.note(probe, ErrorClass::Recipient, None, "", 5_100), None, "it works");
    breaker.leave(probe);
    assert_eq!(breaker.level(), 1);
    // What was answered is confirmed soon; what was not waits its time.
    assert_eq!(breaker.availability(7_099), Availability::Open { probe_at: 7_100 });
    assert_eq!(breaker.call(ErrorClass::Transient, 7_100), None);
    assert_eq!(breaker.level(), 2, "a failed probe begins anew");
    assert_eq!(breaker.availability(7_100), Availability::Open { probe_at: 12_100 });
    assert_eq!(breaker.call(ErrorClass::Ok, 12_100), None);
    assert_eq!(breaker.call(ErrorClass::Ok, 14_100), Some(Turn::Closed));
    assert_eq!(breaker.availability(14_100), Availability::Free);
}

#[test]
fn what_is_closed_again_is_on_trial() {
    let close = || {
        let mut breaker = Breaker::opened(0);
        breaker.call(ErrorClass::Ok, 5_000);
        breaker.call(ErrorClass::Ok, 10_000);
        breaker
    };
    assert_eq!(close().calls.limit(10_000), Some(3));
    assert_eq!(close().calls_until_open(100, |n| n % 2 == 0), 5);
    assert_eq!(close().calls_until_open(100, |_| true), 3);
    // Not for ever.
    let mut passed = close();
    passed.calls_until_open(20, |_| false);
    assert_eq!(passed.calls_until_open(100, |_| true), 8);
}

#[test]
fn calls_from_before_say_nothing_about_after() {
    let mut breaker = Breaker::default();
    let (early, late) = (breaker.enter(0), breaker.enter(0));
    breaker.calls_until_open(100, |_| true);
    assert_eq!(breaker.note(early, ErrorClass::Ok, None, "", 10), None);
    assert_eq!((breaker.level(), breaker.unwritten.len()), (2, 0));
    breaker.call(ErrorClass::Ok, 5_010);
    breaker.call(ErrorClass::Ok, 10_010);
    breaker.note(late, ErrorClass::Unknown, None, "", 10_020);
    assert_eq!(breaker.calls.ended, 0);
    breaker.leave(early);
    breaker.leave(late);
    assert_eq!(breaker.in_flight, 0);
}

#[test]
fn a_pause_is_kept_to_and_is_no_failure() {
    let paused_until = |retry_at: Option<Millis>, class: ErrorClass| {
        let mut breaker = Breaker::default();
        let call = breaker.enter(0);
        assert_eq!(breaker.note(call, class, retry_at, "", 100), None);
        assert_eq!(breaker.calls.failed_in_a_row, u32::from(class == ErrorClass::Transient));
        match breaker.availability(100) {
            Availability::Paused { until } => Some(until),
            _ => None,
        }
    };
    assert_eq!(paused_until(Some(7_100), ErrorClass::Throttled), Some(7_100));
    assert_eq!(paused_until(Some(350), ErrorClass::Throttled), Some(350), "its own word counts");
    assert_eq!(paused_until(Some(100), ErrorClass::Throttled), Some(1_100), "no time at all");
    assert_eq!(paused_until(None, ErrorClass::Throttled), Some(1_100));
    assert_eq!(paused_until(Some(7_100), ErrorClass::Transient), Some(7_100));
    assert_eq!(paused_until(None, ErrorClass::Transient), None);
}

#[test]
fn what_others_found_out_is_taken_over() {
    let mut breaker = Breaker::default();
    assert_eq!(breaker.learn(Some(&row(Some(10), 5_010, 0))), Some(Turn::Opened));
    assert_eq!(breaker.availability(4_000), Availability::Open { probe_at: 5_010 });
    assert_eq!(breaker.learn(Some(&row(Some(10), 12_020, 0))), None, "another has the probe");
    assert_eq!(breaker.availability(6_000), Availability::Open { probe_at: 12_020 });
    assert_eq!(breaker.learn(Some(&row(Some(10), 10_020, 1))), None);
    assert_eq!(breaker.availability(6_000), Availability::Open { probe_at: 10_020 });
    assert_eq!(breaker.level(), 1, "another process had the first success");
    // A probe taken here stands, even if the rows were read before.
    let probe = breaker.enter(10_020);
    assert_eq!(breaker.learn(Some(&row(Some(10), 10_020, 1))), None);
    assert_eq!(breaker.availability(10_030), Availability::Open { probe_at: 15_020 });
    // Another was first after all.
    breaker.lose_probe(probe, 10_030);
    breaker.leave(probe);
    assert_eq!(breaker.availability(10_030), Availability::Open { probe_at: 10_280 });
    assert_eq!(breaker.learn(Some(&row(None, 15_020, 2))), Some(Turn::Closed));
    assert_eq!(breaker.calls.limit(0), Some(3), "on trial here too");
    let paused = ProviderState { paused_until: 99, ..row(None, 0, 0) };
    assert_eq!(breaker.learn(Some(&paused)), None);
    assert_eq!(breaker.availability(0), Availability::Paused { until: 99 });
    assert_eq!(breaker.learn(None), None);
    assert_eq!(breaker.availability(0), Availability::Free, "the row was removed");
}

#[test]
fn what_is_not_written_yet_is_not_unlearned() {
    let mut breaker = Breaker::default();
    for _ in 0..IN_A_ROW {
        let call = breaker.enter(0);
        breaker.note(call, ErrorClass::Account, None, "account 401: who?", 0);
        breaker.leave(call);
    }
    let reason = "8 calls in a row failed, the last with account 401: who?".to_owned();
    assert_eq!(breaker.unwritten, [Change::Opened { at: 0, reason }]);
    assert_eq!(breaker.learn(None), None);
    assert_eq!(breaker.level(), 2, "the database was away, or was read before");
    breaker.unwritten.clear();
    assert_eq!(breaker.learn(Some(&row(Some(-3), 4_997, 0))), None, "another opened it as well");
    assert_eq!(breaker.availability(0), Availability::Open { probe_at: 4_997 });
}

#[test]
fn what_nobody_asked_for_long_is_on_trial() {
    let mut breaker = Breaker::opened(0);
    assert_eq!(breaker.availability(65_000), Availability::Probe);
    assert_eq!(breaker.availability(65_001), Availability::Free);
    let call = breaker.enter(65_001);
    assert!(!call.probe);
    assert_eq!(breaker.unwritten, [Change::Forgotten { opened_at: 0, now: 65_001 }]);
    assert_eq!((breaker.level(), breaker.calls.limit(65_001)), (0, Some(3)));
}
