//! The same where messages have routes of their own.

use super::*;

#[test]
fn each_message_goes_round_its_own_route() {
    use ErrorClass as C;
    let chain = chain(&["a", "b", "c"]);
    let free = [Free; 3];
    let on = |route: &[usize], lane, history: &[(&str, ErrorClass)], now| {
        next_on(&chain, route, &free, lane, history, now)
    };
    // Two messages at the same time: one may go to c and then a, the other to b alone.
    for lane in Lane::ALL {
        assert_eq!(on(&[2, 0], lane, &[], 0), "try c");
        assert_eq!(on(&[1], lane, &[], 0), "try b");
        assert_eq!(on(&[2, 0], lane, &[("c", C::Transient)], 0), "try a");
        assert_eq!(on(&[1], lane, &[("b", C::Transient)], 0), "wait 1000");
        // What lasts leaves nobody on the one, and somebody on the other.
        assert_eq!(on(&[2, 0], lane, &[("c", C::Account)], 0), "try a");
        assert_eq!(on(&[1], lane, &[("b", C::Account)], 0), "failed account");
        assert_eq!(on(&[1], lane, &[("b", C::Region)], 0), "failed region");
        assert_eq!(on(&[], lane, &[], 0), "failed account", "there is nobody to try again with");
    }
    let busy = [("c", C::Throttled)];
    assert_eq!(on(&[2, 0], Lane::Bulk, &busy, 0), "wait 1000");
    assert_eq!(on(&[2, 0], Lane::Otp, &busy, 0), "try a");
}

#[test]
fn a_route_whose_only_provider_is_down_waits_while_others_are_free() {
    use ErrorClass as C;
    let chain = chain(&["a", "b", "c"]);
    let b_is = |b| [Free, b, Free];
    for lane in Lane::ALL {
        let on = |route: &[usize], b, history: &[(&str, ErrorClass)], now| {
            next_on(&chain, route, &b_is(b), lane, history, now)
        };
        assert_eq!(on(&[1], Open { probe_at: 4_000 }, &[], 0), "wait 4000");
        assert_eq!(on(&[1], Paused { until: 9_000 }, &[], 0), "wait 9000");
        assert_eq!(on(&[1], UsedUp { until: 700 }, &[], 0), "wait 700");
        assert_eq!(on(&[1], Probe, &[], 4_000), "try b");
        assert_eq!(on(&[1, 2], Open { probe_at: 4_000 }, &[], 0), "try c");
        assert_eq!(on(&[0, 2], Open { probe_at: 4_000 }, &[], 0), "try a");
        let failed = [("b", C::Transient)];
        assert_eq!(on(&[1], Open { probe_at: 4_000 }, &failed, 2_000), "wait 4000");
        assert_eq!(on(&[1], Open { probe_at: 601_000 }, &[], 598_000), "wait 599000");
    }
}

#[test]
fn rounds_are_counted_within_the_route() {
    use ErrorClass::Transient as T;
    let chain = chain(&["a", "b", "c"]);
    let on = |route: &[usize], history: &[(&str, ErrorClass)], now| {
        next_on(&chain, route, &[Free; 3], Lane::Otp, history, now)
    };
    let first = [("c", T), ("a", T)];
    assert_eq!(on(&[2, 0], &first, 1_000), "wait 2000");
    assert_eq!(on(&[2, 0], &first, 2_000), "try c");
    let second = [("c", T), ("a", T), ("c", T), ("a", T)];
    assert_eq!(on(&[2, 0], &second, 3_000), "wait 5000");
    // As it was before somebody wrote the route anew: b is asked, who comes next on this one.
    let before = [("a", T), ("a", T), ("a", T)];
    assert_eq!(on(&[0, 1], &before, 2_000), "try b");
    assert_eq!(on(&[1], &before, 2_000), "try b");
    assert_eq!(on(&[1], &[("a", T), ("a", T), ("b", T)], 2_000), "wait 3000");
}
