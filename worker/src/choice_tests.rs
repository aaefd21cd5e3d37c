//! How a wait is settled: where routes part a lane each message has a turn of its own.

use otpost_shared::{outcome::ErrorClass, queue::Lane};
use otpost_testbed::{Bed, Kind};

use super::*;
use crate::breaker::Availability::{Free, Open, Paused};

const NOW: Millis = 1_000_000;
const LATER: Millis = NOW + 600_000;
/// The provider of Great Britain's route.
const C: &[usize] = &[1];

/// A chain of `a`, and of `c` for Great Britain if routes part the lanes, with its rate.
async fn chain(parted: bool) -> (Bed, Chain) {
    let routes = if parted { "{ countries = ['GB'], chain = ['c'] }" } else { "" };
    let general = if parted { "['a']" } else { "['a', 'c']" };
    let extra = format!(
        "routes = [{routes}]\n[chains]\nsms = {general}\n[providers.a]\nkind = \"sandbox\"\n\
         [providers.c]\nkind = \"sandbox\"\nrate = \"1/m\"\nburst = 1\n"
    );
    let bed = Bed::make(Kind::Embedded, &extra).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    (bed, chain)
}

/// A message that was never tried, may go to `c` and has half a second's patience.
fn search(lane: Lane, deadline: Millis) -> Search<'static> {
    let until = Instant::now() + TOKEN_AMONG_ROUTES;
    Search {
        line: if lane == Lane::Otp { Line::Codes } else { Line::Texts },
        channel: Channel::Sms,
        way: Way { chain: None, route: C, to: None },
        attempts: &[],
        deadline,
        jitter: 0.0,
        place_until: until,
        token_until: until,
        used_up: Vec::new(),
        token: None,
    }
}

/// `wait 2000: why`, from [`NOW`] on.
fn said(chain: &Chain, search: &Search<'_>, c: Availability) -> String {
    match chain.settle(search, &[Free, c], NOW) {
        Ok(place) => format!("try {}", chain.links()[place].name),
        Err(Obstacle::Place) => "for a place".into(),
        Err(Obstacle::Token { place, .. }) => {
            format!("for a token of {}", chain.links()[place].name)
        }
        Err(Obstacle::Settled(Chosen::Wait { until, why })) => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!("wait {}{why}", until - NOW)
        }
        Err(Obstacle::Settled(chosen)) => format!("{chosen:?}"),
    }
}

#[tokio::test]
async fn those_whose_providers_are_left_alone_have_turns_of_their_own() {
    let (_bed, chain) = chain(true).await;
    for c in [Open { probe_at: NOW + 2_000 }, Paused { until: NOW + 2_000 }] {
        for lane in Lane::ALL {
            let search = search(lane, LATER);
            let turns = [(); 3].map(|()| said(&chain, &search, c));
            let first = if c == (Open { probe_at: NOW + 2_000 }) { 2_000 } else { 2_015 };
            let why = "held up, no provider that may take it being in use: c";
            assert_eq!(turns, [0, 5, 10].map(|apart| format!("wait {}: {why}", first + apart)));
        }
    }
}

#[tokio::test]
async fn who_has_refused_a_message_keeps_it_from_no_turn() {
    let (_bed, chain) = chain(true).await;
    let refused = [Attempt::of(1, "a", Some(ErrorClass::Region), NOW)];
    let put_off = [Attempt::of(1, "a", Some(ErrorClass::Transient), NOW)];
    let open = Open { probe_at: NOW + 2_000 };
    for lane in Lane::ALL {
        let way = Way { chain: None, route: &[0, 1], to: None };
        let after = |attempts: &[Attempt]| {
            said(&chain, &Search { way, attempts, ..search(lane, LATER) }, open)
        };
        let why = "held up, no provider that may take it being in use: c";
        for wait in [2_000, 2_005] {
            assert_eq!(after(&refused), format!("wait {wait}: {why}"));
        }
        // The other one is in use, and will be asked again in the next round.
        assert_eq!(after(&put_off), "wait 1000");
    }
}

#[tokio::test]
async fn a_reply_does_not_stand_behind_texts() {
    let (_bed, chain) = chain(true).await;
    let open = Open { probe_at: NOW + 2_000 };
    for _ in 0..1_000 {
        said(&chain, &search(Lane::Bulk, LATER), open);
    }
    let reply = Search { line: Line::Replies, ..search(Lane::Bulk, LATER) };
    assert!(said(&chain, &search(Lane::Bulk, LATER), open).starts_with("wait 7000: "));
    assert!(said(&chain, &reply, open).starts_with("wait 2000: "));
    assert!(said(&chain, &reply, open).starts_with("wait 2005: "), "but behind another reply");
}

#[tokio::test]
async fn where_all_go_one_way_nobody_waits_for_a_turn() {
    let (_bed, chain) = chain(false).await;
    let search = search(Lane::Otp, LATER);
    for _ in 0..3 {
        assert_eq!(said(&chain, &search, Open { probe_at: NOW + 2_000 }), "wait 2000");
    }
}

#[tokio::test]
async fn a_turn_is_never_at_the_deadline_where_nothing_is_claimed() {
    let (_bed, chain) = chain(true).await;
    let open = Open { probe_at: NOW + 2_000 };
    for _ in 0..1_000 {
        said(&chain, &search(Lane::Otp, LATER), open);
    }
    let wait = |deadline| said(&chain, &search(Lane::Otp, deadline), open);
    assert!(wait(LATER).starts_with("wait 7000: "), "those before it have theirs first");
    assert!(wait(NOW + 7_001).starts_with("wait 7000: "));
    for soon in [6_000, 7_000] {
        assert!(wait(NOW + soon).starts_with("wait 2000: "), "{soon}");
    }
}

#[tokio::test]
async fn a_token_that_comes_soon_is_waited_for_and_one_that_does_not_in_the_queue() {
    let (_bed, chain) = chain(true).await;
    let missing = |lane, ms| Search { used_up: vec![None, Some(NOW + ms)], ..search(lane, LATER) };
    let why = "held up by the rate of c, 1/m";
    for lane in Lane::ALL {
        assert_eq!(said(&chain, &search(lane, LATER), Free), "for a token of c");
        assert_eq!(said(&chain, &missing(lane, 200), Free), "for a token of c");
        assert_eq!(said(&chain, &missing(lane, 20_000), Free), format!("wait 20000: {why}"));
    }
    // At the pace of the rate, a minute, as far as a turn may be late.
    assert_eq!(said(&chain, &missing(Lane::Otp, 20_000), Free), format!("wait 25000: {why}"));
    assert_eq!(said(&chain, &missing(Lane::Bulk, 20_000), Free), format!("wait 80000: {why}"));
    // Whose token it has goes.
    let has = Search { token: Some(1), ..search(Lane::Otp, LATER) };
    assert_eq!(said(&chain, &has, Free), "try c");
}

#[tokio::test]
async fn a_country_that_is_refused_is_asked_in_turn() {
    let (_bed, chain) = chain(false).await;
    let to = Destination::of(Lane::Otp, Some("GB"));
    let to_gb =
        || Search { way: Way { chain: None, route: &[0, 1], to }, ..search(Lane::Otp, LATER) };
    let has_token = || Search { token: Some(1), ..to_gb() };
    assert_eq!(said(&chain, &to_gb(), Free), "try a");
    for _ in 0..5 {
        let _ = chain.health().regions().note(0, to, ErrorClass::Region, "said", NOW);
    }
    assert_eq!(said(&chain, &has_token(), Free), "try c");
    // Its token is worth a wait, but no call in vain.
    let Err(Obstacle::Token { place: 1, give_up }) = chain.settle(&to_gb(), &[Free; 2], NOW) else {
        panic!("it waits for a token of c");
    };
    assert!(give_up > Instant::now() + GO_ROUND_AFTER);
    assert_eq!(said(&chain, &has_token(), Open { probe_at: NOW + 2_000 }), "try a");
    // When its time is over one message asks it, and the next ones do not.
    let later = NOW + 60_000;
    let places = [(); 3].map(|()| chain.settle(&has_token(), &[Free; 2], later).ok());
    assert_eq!(places, [Some(0), Some(1), Some(1)]);
}
