//! What is heard of a country, and what follows.

use ErrorClass as C;

use super::*;

const GB: Option<&str> = Some("GB");

fn code(country: Option<&str>) -> Option<Destination> {
    Destination::of(Lane::Otp, country)
}

/// What link 0 answers to codes for Great Britain.
fn note(regions: &Regions, class: ErrorClass, now: Millis) -> Option<Change> {
    regions.note(0, code(GB), class, "said", now)
}

fn refused(times: u32) -> Regions {
    let regions = Regions::default();
    for _ in 0..times {
        let _ = note(&regions, C::Region, 0);
    }
    regions
}

/// Whether link 0 is asked last with a new code to Great Britain.
fn is_last(regions: &Regions, now: Millis) -> bool {
    !regions.refusing(&[0], code(GB), false, now).is_empty()
}

#[test]
fn five_refusals_in_a_row_leave_it_out_for_a_minute() {
    let regions = Regions::default();
    for class in [C::Region, C::Region, C::Ok, C::Region, C::Sender, C::Region, C::Transient] {
        assert_eq!(note(&regions, class, 0), None);
    }
    assert_eq!(note(&regions, C::Region, 0), None, "four in a row");
    assert!(!is_last(&regions, 0));
    assert_eq!(note(&regions, C::Region, 0), Some(Change::LeftOut));
    assert!(is_last(&regions, LEFT_OUT_MS - 1));
    assert!(!is_last(&regions, LEFT_OUT_MS), "its time is over");
    let others = [
        ("another country", 0, code(Some("FR"))),
        ("another provider", 1, code(GB)),
        ("other messages", 0, Destination::of(Lane::Bulk, GB)),
        ("no country", 0, code(None)),
    ];
    for (what, place, to) in others {
        assert_eq!(regions.refusing(&[place], to, false, 0), [0; 0], "{what}");
        assert!(regions.lets_through(place, to, 0), "{what}");
    }
    assert_eq!(regions.refusing(&[2, 0, 1], code(GB), false, 0), [0]);
}

#[test]
fn after_its_time_one_asks_and_one_refusal_is_enough() {
    let regions = refused(5);
    let at = LEFT_OUT_MS;
    assert!(!regions.lets_through(0, code(GB), at - 1));
    assert!(regions.lets_through(0, code(GB), at));
    assert!(!regions.lets_through(0, code(GB), at), "one asks");
    assert!(is_last(&regions, at));
    assert_eq!(note(&regions, C::Sender, at + 100), None, "known already");
    assert!(is_last(&regions, at + 100 + LEFT_OUT_MS - 1));
    // Nothing is heard of the one that asks.
    let at = at + 100 + LEFT_OUT_MS;
    assert!(regions.lets_through(0, code(GB), at));
    assert!(!regions.lets_through(0, code(GB), at + ASKING_MS - 1));
    assert!(regions.lets_through(0, code(GB), at + ASKING_MS));
}

#[test]
fn one_message_that_it_takes_brings_it_back() {
    let regions = refused(7);
    assert_eq!(note(&regions, C::Ok, 1), Some(Change::Back));
    assert!(!is_last(&regions, 1));
    assert_eq!(note(&regions, C::Ok, 1), None);
    for _ in 0..4 {
        assert_eq!(note(&regions, C::Region, 2), None, "counted anew");
    }
    assert_eq!(note(&regions, C::Region, 2), Some(Change::LeftOut));
}

#[test]
fn those_that_ask_it_last_do_not_put_its_turn_off() {
    let regions = refused(5);
    assert_eq!(note(&regions, C::Region, LEFT_OUT_MS - 1), None);
    assert!(!is_last(&regions, LEFT_OUT_MS));
}

#[test]
fn the_order_does_not_change_under_a_message_that_has_begun() {
    let regions = refused(5);
    assert_eq!(regions.refusing(&[0], code(GB), true, LEFT_OUT_MS), [0]);
    assert_eq!(note(&regions, C::Ok, LEFT_OUT_MS), Some(Change::Back));
    assert_eq!(regions.refusing(&[0], code(GB), true, LEFT_OUT_MS), [0; 0]);
}
