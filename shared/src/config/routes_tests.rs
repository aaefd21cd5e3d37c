//! Which messages fit a route, and how it is told.

use super::{Route, Traits};
use crate::{channel::Channel, queue::Lane};

/// A route with these keys; the others are as in the defaults.
fn route(keys: &str) -> Route {
    let base = "channel = 'sms'\ncountries = []\nprefixes = []\ntenants = []\nlanes = []\n\
                purposes = []\nchain = []\n";
    let mut all: toml::Table = base.parse().expect("keys");
    for (key, value) in keys.parse::<toml::Table>().expect("keys") {
        all.insert(key, value);
    }
    all.try_into().expect("a route")
}

const CODE: Traits<'_> = Traits {
    channel: Channel::Sms,
    lane: Lane::Otp,
    country: Some("GB"),
    number: Some("+447700900001"),
    tenant: Some("acme"),
    purpose: Some("login"),
};

#[test]
fn every_condition_must_be_met_by_one_of_its_entries() {
    let text = Traits { lane: Lane::Bulk, purpose: None, ..CODE };
    let satellite = Traits { country: None, number: Some("+870773111632"), ..CODE };
    let mail = Traits { channel: Channel::Email, country: None, number: None, ..CODE };
    for (keys, fits) in [
        ("", [true, true, true, false]),
        ("channel = 'email'", [false, false, false, true]),
        ("countries = ['US', 'GB']", [true, true, false, false]),
        ("countries = ['US']", [false, false, false, false]),
        ("prefixes = ['+1', '+4477']", [true, true, false, false]),
        ("prefixes = ['+870']", [false, false, true, false]),
        ("tenants = ['acme']", [true, true, true, false]),
        ("tenants = ['others']", [false, false, false, false]),
        ("lanes = ['bulk']", [false, true, false, false]),
        ("lanes = ['bulk', 'otp']", [true, true, true, false]),
        ("purposes = ['reset', 'login']", [true, false, true, false]),
        ("channel = 'email'\npurposes = ['login']", [false, false, false, true]),
        ("countries = ['GB']\nprefixes = ['+4479']", [false, false, false, false]),
        (
            "countries = ['GB']\nprefixes = ['+4477']\ntenants = ['acme']\nlanes = ['otp']\n\
          purposes = ['login']",
            [true, false, false, false],
        ),
    ] {
        let route = route(keys);
        let found = [CODE, text, satellite, mail].map(|message| route.fits(&message));
        assert_eq!(found, fits, "{keys}");
    }
}

#[test]
fn what_of_a_lane_it_takes() {
    for (keys, otp, bulk) in [
        ("", (true, true), (true, true)),
        ("lanes = ['otp']", (true, true), (false, false)),
        ("lanes = ['bulk']", (false, false), (true, true)),
        ("purposes = ['login']", (true, false), (false, false)),
        ("countries = ['GB']", (true, false), (true, false)),
    ] {
        let route = route(keys);
        let of = |lane| (route.may_take(lane), route.takes_all_of(lane));
        assert_eq!((of(Lane::Otp), of(Lane::Bulk)), (otp, bulk), "{keys}");
    }
}

#[test]
fn its_conditions_are_told_in_words() {
    for (keys, words) in [
        ("", "messages by SMS"),
        ("channel = 'email'\nlanes = ['bulk']", "messages that are no codes by e-mail"),
        ("countries = ['GB', 'FR']", "messages by SMS, to GB or FR"),
        (
            "prefixes = ['+4479']\ntenants = ['acme']\npurposes = ['login']",
            "codes by SMS, to numbers that begin with +4479, of the tenant acme, \
             for the purpose login",
        ),
    ] {
        assert_eq!(route(keys).to_string(), words);
    }
}
