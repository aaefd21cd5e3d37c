//! The chain's rule, class by class.

use futures_util::future::BoxFuture;
use otpost_shared::attempt::Attempt;

use super::*;
use crate::{
    breaker::Availability::{Busy, Free, Open, Paused, Probe, UsedUp},
    provider::{Outcome, Outgoing},
};

#[path = "chain_route_tests.rs"]
mod routes;

struct Silent;

impl Provider for Silent {
    fn send<'a>(&'a self, _: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::accepted(None) })
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async { Ok(String::new()) })
    }
}

fn chain(names: &[&str]) -> Chain {
    let link = |name: &&str| Link {
        name: (*name).to_owned(),
        provider: Arc::new(Silent),
        senders: Senders::default(),
        tokens: None,
    };
    Chain::new(names.iter().map(link).collect(), Routes::default())
}

/// Attempts that ended at second 0, 1, 2, …
fn attempts(history: &[(&str, ErrorClass)]) -> Vec<Attempt> {
    (1_i32..)
        .zip(history)
        .map(|(number, (provider, class))| {
            let at = i64::from(number - 1) * 1_000;
            Attempt::of(number, provider, Some(*class), at)
        })
        .collect()
}

/// `try b`, `wait 1000`, `failed recipient`: what comes next at `now`, before second 600.
fn next(chain: &Chain, lane: Lane, history: &[(&str, ErrorClass)], now: Millis) -> String {
    next_with(chain, &vec![Free; chain.links().len()], lane, history, now)
}

/// The same when not all providers may be called.
fn next_with(
    chain: &Chain,
    providers: &[Availability],
    lane: Lane,
    history: &[(&str, ErrorClass)],
    now: Millis,
) -> String {
    let all: Vec<usize> = (0..chain.links().len()).collect();
    next_on(chain, &all, providers, lane, history, now)
}

/// The same for a code to a country that these links refuse.
fn next_to(chain: &Chain, refusing: &[usize], history: &[(&str, ErrorClass)]) -> String {
    let (attempts, providers) = (attempts(history), vec![Free; chain.links().len()]);
    said_of(chain, &Situation { refusing, ..code_at(&attempts, &providers, 0) })
}

/// A code that may go to all of three links, or to less.
fn code_at<'a>(
    attempts: &'a [Attempt],
    providers: &'a [Availability],
    now: Millis,
) -> Situation<'a> {
    let (route, deadline, jitter) = (&[0, 1, 2][..providers.len()], 600_000, 0.0);
    let (lane, channel, refusing) = (Lane::Otp, Channel::Sms, &[][..]);
    let chain = None;
    Situation { lane, channel, chain, route, refusing, attempts, providers, now, deadline, jitter }
}

fn said_of(chain: &Chain, situation: &Situation<'_>) -> String {
    match chain.decide(situation) {
        Step::Try(place) => format!("try {}", chain.links()[place].name),
        Step::Wait { until } => format!("wait {until}"),
        Step::End(end) => format!("{} {}", end.state.as_str(), end.class),
    }
}

/// The same for a message that may go to these links only.
fn next_on(
    chain: &Chain,
    route: &[usize],
    providers: &[Availability],
    lane: Lane,
    history: &[(&str, ErrorClass)],
    now: Millis,
) -> String {
    let attempts = attempts(history);
    let (attempts, deadline, jitter) = (attempts.as_slice(), 600_000, 0.0);
    let (refusing, channel) = (&[], Channel::Sms);
    said_of(
        chain,
        &Situation {
            lane,
            channel,
            chain: None,
            route,
            refusing,
            attempts,
            providers,
            now,
            deadline,
            jitter,
        },
    )
}

#[test]
fn who_refuses_the_country_is_asked_last() {
    use ErrorClass as C;
    let chain = chain(&["a", "b", "c"]);
    assert_eq!(next_to(&chain, &[0], &[]), "try b");
    assert_eq!(next_to(&chain, &[1], &[("a", C::Transient)]), "try c");
    assert_eq!(next_to(&chain, &[0, 1], &[]), "try c");
    assert_eq!(next_to(&chain, &[0, 1, 2], &[]), "try a", "nobody is better");
    // The round is over when it has been asked too.
    assert_eq!(next_to(&chain, &[0], &[("b", C::Transient), ("c", C::Region)]), "try a");
    let all = [("b", C::Sender), ("c", C::Region), ("a", C::Region)];
    assert_eq!(next_to(&chain, &[0], &all), "failed region");
    let all = [("b", C::Transient), ("c", C::Sender), ("a", C::Sender)];
    assert_eq!(next_to(&chain, &[0], &all), "wait 3000", "for the next round of b");
    // It has refused this message too, and the rest of the round goes on at once.
    assert_eq!(next_to(&chain, &[0], &[("a", C::Region)]), "try b");
    let second =
        [("b", C::Transient), ("a", C::Transient), ("c", C::Transient), ("b", C::Transient)];
    assert_eq!(next_to(&chain, &[0], &second), "try c");
    let second = [second.as_slice(), &[("c", C::Transient)]].concat();
    assert_eq!(next_to(&chain, &[0], &second), "try a", "in each round");
    // Its answer was not about the country: it is nobody who was passed over.
    let history = [("a", C::Transient), ("b", C::Transient), ("c", C::Transient)];
    assert_eq!(next_to(&chain, &[0], &history), "wait 3000");
}

#[test]
fn when_nobody_else_can_be_called_it_is_asked_all_the_same() {
    let chain = chain(&["a", "b"]);
    let open = Open { probe_at: 5_000 };
    for (b, code, text) in [
        (Free, "try b", "try b"),
        (Probe, "try b", "try b"),
        (open, "try a", "try a"),
        (Paused { until: 5_000 }, "try a", "try a"),
        (Busy, "try a", "try a"),
        // Texts would wait for it anyway.
        (UsedUp { until: 5_000 }, "try a", "wait 5000"),
    ] {
        let providers = [Free, b];
        let of_code = Situation { refusing: &[0], ..code_at(&[], &providers, 0) };
        assert_eq!(said_of(&chain, &of_code), code, "{b:?}");
        let of_text = Situation { lane: Lane::Bulk, ..of_code };
        assert_eq!(said_of(&chain, &of_text), text, "{b:?}");
    }
    let providers = [open, Open { probe_at: 6_000 }];
    let of_code = Situation { refusing: &[0], ..code_at(&[], &providers, 0) };
    assert_eq!(said_of(&chain, &of_code), "wait 5000", "whoever is there first");
}

#[test]
fn each_class_decides_for_a_code() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    for (class, expected) in [
        (C::Recipient, "failed recipient"),
        (C::OptedOut, "failed opted_out"),
        (C::Content, "try b"),
        (C::Region, "try b"),
        (C::Sender, "try b"),
        (C::Account, "try b"),
        (C::Throttled, "try b"),
        (C::Transient, "try b"),
        (C::Unknown, "try b"),
    ] {
        assert_eq!(next(&chain, Lane::Otp, &[("a", class)], 0), expected, "{class}");
    }
    assert_eq!(next(&chain, Lane::Otp, &[], 0), "try a");
}

#[test]
fn a_mail_server_may_have_taken_a_code_twice_and_not_more_often() {
    use ErrorClass as C;
    let (alone, both) = (chain(&["a"]), chain(&["a", "b"]));
    let next = |chain: &Chain, channel, history: &[(&str, ErrorClass)]| {
        let attempts = attempts(history);
        let providers = vec![Free; chain.links().len()];
        said_of(chain, &Situation { channel, ..code_at(&attempts, &providers, 60_000) })
    };
    let (once, twice) = ([("a", C::Unknown)], [("a", C::Unknown), ("a", C::Unknown)]);
    for (channel, after_two) in [(Channel::Email, "unknown unknown"), (Channel::Sms, "try a")] {
        assert_eq!(next(&alone, channel, &once), "try a", "{channel:?}");
        assert_eq!(next(&alone, channel, &twice), after_two, "{channel:?}");
    }
    let mixed = [("a", C::Unknown), ("b", C::Transient), ("a", C::Unknown), ("b", C::Transient)];
    assert_eq!(next(&both, Channel::Email, &mixed), "try b");
    assert_eq!(next(&both, Channel::Sms, &mixed), "try a");
}

#[test]
fn each_class_decides_for_bulk() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    for (class, expected) in [
        (C::Recipient, "failed recipient"),
        (C::OptedOut, "failed opted_out"),
        (C::Content, "failed content"),
        (C::Region, "try b"),
        (C::Sender, "try b"),
        (C::Account, "try b"),
        (C::Throttled, "wait 1000"),
        (C::Transient, "try b"),
        (C::Unknown, "unknown unknown"),
    ] {
        assert_eq!(next(&chain, Lane::Bulk, &[("a", class)], 0), expected, "{class}");
    }
}

#[test]
fn a_late_refusal_of_the_number_ends_it_even_after_others() {
    use ErrorClass as C;
    let chain = chain(&["a", "b", "c"]);
    let history = [("a", C::Transient), ("b", C::Recipient)];
    assert_eq!(next(&chain, Lane::Otp, &history, 1_000), "failed recipient");
    // What may have arrived has not failed: the person may hold the code.
    let history = [("a", C::Unknown), ("b", C::Recipient)];
    assert_eq!(next(&chain, Lane::Otp, &history, 1_000), "unknown recipient");
}

#[test]
fn rounds_begin_later_and_later() {
    use ErrorClass::Transient as T;
    let chain = chain(&["a", "b"]);
    let first = [("a", T), ("b", T)];
    assert_eq!(next(&chain, Lane::Otp, &first, 1_000), "wait 2000");
    assert_eq!(next(&chain, Lane::Otp, &first, 2_000), "try a");
    let second = [("a", T), ("b", T), ("a", T), ("b", T)];
    assert_eq!(next(&chain, Lane::Otp, &second, 3_000), "wait 5000");
    let many = [("a", T); 40];
    assert_eq!(next(&chain, Lane::Otp, &many, 39_000), "try b");
    let alone = super::tests::chain(&["a"]);
    assert_eq!(next(&alone, Lane::Otp, &many, 39_000), "wait 99000");
}

#[test]
fn what_lasts_is_not_tried_again() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    let history = [("a", C::Account), ("b", C::Transient)];
    assert_eq!(next(&chain, Lane::Otp, &history, 2_000), "try b");
    let history = [("a", C::Account), ("b", C::Sender)];
    assert_eq!(next(&chain, Lane::Otp, &history, 2_000), "failed sender");
    let history = [("a", C::Content), ("b", C::Content)];
    assert_eq!(next(&chain, Lane::Otp, &history, 2_000), "failed content");
}

#[test]
fn a_provider_that_asked_for_quiet_gets_it() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    let quiet = |a: Millis, b: Millis| [Paused { until: a }, Paused { until: b }];
    let a_only = [Paused { until: 90_000 }, Free];
    assert_eq!(next_with(&chain, &a_only, Lane::Otp, &[], 0), "try b");
    let failed = [("b", C::Transient)];
    assert_eq!(next_with(&chain, &a_only, Lane::Otp, &failed, 0), "wait 1000");
    assert_eq!(next_with(&chain, &a_only, Lane::Otp, &failed, 1_000), "try b");
    let b_only = [Free, Paused { until: 60_000 }];
    let failed = [("a", C::Transient)];
    let said = next_with(&chain, &b_only, Lane::Otp, &failed, 0);
    assert_eq!(said, "wait 1000", "the next round, not the pause");
    assert_eq!(next_with(&chain, &b_only, Lane::Otp, &failed, 1_000), "try a");
    assert_eq!(next_with(&chain, &quiet(90_000, 50_000), Lane::Otp, &[], 0), "wait 50000");
    // What stands in the rows of the attempts counts too, whatever else is known.
    let mut asked = attempts(&[("a", C::Throttled)]);
    asked[0].retry_at = Some(30_000);
    let (attempts, providers) = (&asked[..], &[Free, Open { probe_at: 40_000 }][..]);
    let (lane, route, now, deadline, jitter) = (Lane::Otp, &[0, 1][..], 2_000, 600_000, 0.0);
    let situation =
        Situation { lane, route, deadline, jitter, ..code_at(attempts, providers, now) };
    let step = chain.decide(&situation);
    assert!(matches!(step, Step::Wait { until: 30_000 }), "{step:?}");
}

#[test]
fn an_open_breaker_is_gone_round_and_waited_for() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    let open = |probe_at| Open { probe_at };
    for lane in Lane::ALL {
        assert_eq!(next_with(&chain, &[open(4_000), Free], lane, &[], 0), "try b");
        assert_eq!(next_with(&chain, &[Probe, Free], lane, &[], 0), "try a");
        assert_eq!(next_with(&chain, &[Busy, Free], lane, &[], 0), "try b");
        assert_eq!(next_with(&chain, &[open(4_000), open(3_000)], lane, &[], 0), "wait 3000");
        assert_eq!(next_with(&chain, &[open(4_000), Busy], lane, &[], 0), "wait 1000");
    }
    let history = [("b", C::Transient)];
    let shut = [open(4_000), open(3_000)];
    assert_eq!(next_with(&chain, &shut, Lane::Otp, &history, 0), "wait 3000");
    // A refusal that lasts is final, whoever is open.
    let history = [("a", C::Account), ("b", C::Recipient)];
    assert_eq!(next_with(&chain, &shut, Lane::Otp, &history, 0), "failed recipient");
}

#[test]
fn when_waiting_would_pass_the_deadline_it_ends() {
    use ErrorClass as C;
    let chain = chain(&["a"]);
    let late = [Paused { until: 700_000 }];
    assert_eq!(next_with(&chain, &late, Lane::Otp, &[], 0), "failed transient");
    let history = [("a", C::Throttled)];
    assert_eq!(next_with(&chain, &late, Lane::Otp, &history, 1_000), "failed throttled");
}

#[test]
fn no_message_fails_because_of_an_open_breaker_alone() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    let open = Open { probe_at: 601_000 };
    for other in [open, Busy, Paused { until: 700_000 }] {
        for lane in Lane::ALL {
            // A probe that is on its way may close it before the next one.
            assert_eq!(next_with(&chain, &[open, other], lane, &[], 598_000), "wait 599000");
            assert_eq!(next_with(&chain, &[open, other], lane, &[], 599_500), "wait 600000");
        }
    }
    // The next round would be too late anyway.
    let alone = super::tests::chain(&["a"]);
    let many = [("a", C::Transient); 600];
    let said = next_with(&alone, &[Open { probe_at: 601_000 }], Lane::Otp, &many, 599_000);
    assert_eq!(said, "failed transient");
}

#[test]
fn a_rate_that_is_used_up_sends_codes_on_and_lets_others_wait() {
    use ErrorClass as C;
    let chain = chain(&["a", "b"]);
    let used_up = |until| UsedUp { until };
    let first = [used_up(4_000), Free];
    assert_eq!(next_with(&chain, &first, Lane::Otp, &[], 0), "try b");
    assert_eq!(next_with(&chain, &first, Lane::Bulk, &[], 0), "wait 4000");
    assert_eq!(next_with(&chain, &first, Lane::Bulk, &[], 4_000), "wait 4000", "as it is known");
    let both = [used_up(4_000), used_up(3_000)];
    assert_eq!(next_with(&chain, &both, Lane::Otp, &[], 0), "wait 3000");
    assert_eq!(next_with(&chain, &both, Lane::Bulk, &[], 0), "wait 4000");
    // What fails is gone round by all, and then the next one's rate counts.
    let second = [Open { probe_at: 9_000 }, used_up(3_000)];
    for lane in Lane::ALL {
        assert_eq!(next_with(&chain, &second, lane, &[], 0), "wait 3000");
        let history = [("a", C::Transient)];
        assert_eq!(next_with(&chain, &[Free, used_up(700)], lane, &history, 0), "wait 700");
    }
    // No message fails because of a rate.
    let late = [used_up(700_000), used_up(800_000)];
    assert_eq!(next_with(&chain, &late, Lane::Otp, &[], 0), "wait 1000");
    assert_eq!(next_with(&chain, &late, Lane::Bulk, &[], 0), "wait 600000");
}
