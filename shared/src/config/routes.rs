//! Routes: chains for some of the messages, told apart by where they go and whose they are.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use super::{Config, ConfigError, channels::check_chain};
use crate::{
    channel::Channel,
    queue::Lane,
    recipient::{self, Recipient},
};

/// Digits of a number with its country code (ITU-T E.164, 6.1).
const LONGEST_PREFIX: usize = 15;

/// A chain of its own for the messages that meet every condition; a condition with several entries
/// is met by any of them, and one without entries by all.
#[derive(Clone, Debug, Deserialize)]
pub struct Route {
    #[serde(deserialize_with = "channel")]
    pub channel: Channel,
    /// ISO 3166-1 alpha-2.
    pub countries: Vec<String>,
    /// `+` and the first digits of a number.
    pub prefixes: Vec<String>,
    /// By name.
    pub tenants: Vec<String>,
    #[serde(deserialize_with = "lanes")]
    pub lanes: Vec<Lane>,
    pub purposes: Vec<String>,
    pub chain: Vec<String>,
}

/// What routes tell messages apart by.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    pub channel: Channel,
    pub lane: Lane,
    /// ISO 3166-1 alpha-2; none for numbers that belong to no country.
    pub country: Option<&'a str>,
    /// In E.164.
    pub number: Option<&'a str>,
    /// By name.
    pub tenant: Option<&'a str>,
    /// Of a code; other messages have none.
    pub purpose: Option<&'a str>,
}

impl<'a> Traits<'a> {
    /// Of a message that is no code, which goes by the usual way to its recipient.
    #[must_use]
    pub fn of_text(to: &'a Recipient, tenant: Option<&'a str>) -> Self {
        let channel = to.channel();
        let number = channel.is_by_phone().then(|| to.address());
        Self { channel, lane: Lane::Bulk, country: to.region(), number, tenant, purpose: None }
    }
}

impl Route {
    /// True when a message meets all of its conditions.
    #[must_use]
    pub fn fits(&self, message: &Traits<'_>) -> bool {
        let is_among = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|entry| entry == value))
        };
        let begins = |number: &str| self.prefixes.iter().any(|p| number.starts_with(p.as_str()));
        self.channel == message.channel
            && (self.lanes.is_empty() || self.lanes.contains(&message.lane))
            && is_among(&self.countries, message.country)
            && (self.prefixes.is_empty() || message.number.is_some_and(begins))
            && is_among(&self.tenants, message.tenant)
            && is_among(&self.purposes, message.purpose)
    }

    /// True when some message of this lane can fit.
    #[must_use]
    pub fn may_take(&self, lane: Lane) -> bool {
        let is_of_lane = self.lanes.is_empty() || self.lanes.contains(&lane);
        is_of_lane && self.channel.carries(lane) && (lane == Lane::Otp || self.purposes.is_empty())
    }

    /// True when every message of this lane fits that is of its channel.
    #[must_use]
    pub fn takes_all_of(&self, lane: Lane) -> bool {
        let others = [&self.countries, &self.prefixes, &self.tenants, &self.purposes];
        self.may_take(lane) && others.iter().all(|list| list.is_empty())
    }
}

/// `codes by SMS, to GB or FR, of the tenant acme`
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.may_take(Lane::Otp), self.may_take(Lane::Bulk)) {
            (true, false) => "codes",
            (false, true) => "messages that are no codes",
            _ => "messages",
        };
        write!(f, "{what} by {}", self.channel.noun())?;
        for (of, list) in [
            ("to", &self.countries),
            ("to numbers that begin with", &self.prefixes),
            ("of the tenant", &self.tenants),
            ("for the purpose", &self.purposes),
        ] {
            if !list.is_empty() {
                write!(f, ", {of} {}", list.join(" or "))?;
            }
        }
        Ok(())
    }
}

fn channel<'de, D: Deserializer<'de>>(d: D) -> Result<Channel, D::Error> {
    let text = String::deserialize(d)?;
    Channel::parse(&text).ok_or_else(|| {
        let known = Channel::ALL.map(|channel| format!("{:?}", channel.as_str())).join(" or ");
        D::Error::custom(format!("{text:?} is no channel; write {known}"))
    })
}

fn lanes<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Lane>, D::Error> {
    let read = |text: &String| {
        Lane::ALL.into_iter().find(|lane| lane.as_str() == text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no lane; write \"otp\" for codes, \"bulk\" for other messages"
            ))
        })
    };
    Vec::<String>::deserialize(d)?.iter().map(read).collect()
}

/// How errors name a route, as its place in the file.
fn key(place: usize) -> String {
    format!("routes[{place}]")
}

/// How its chain is named.
pub(super) fn chain_key(place: usize) -> String {
    format!("{}.chain", key(place))
}

/// Checks what no type can express.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for (place, route) in config.routes.iter().enumerate() {
        let of = key(place);
        if let Some((part, said)) = mistake_in(config, route) {
            return Err(ConfigError::new(format!("{of}.{part}"), said));
        }
        check_chain(config, &chain_key(place), route.channel, &route.chain)?;
        if let Some(earlier) = covered_by(&config.routes[..place], route) {
            let said = format!(
                "is never reached, since every message that could come to it is taken by {} \
                 before; move it up, or give what stands before it a condition",
                earlier.join(" and ")
            );
            return Err(ConfigError::new(of, said));
        }
    }
    Ok(())
}

/// Those among the earlier ones that leave nothing for this route.
fn covered_by(earlier: &[Route], route: &Route) -> Option<Vec<String>> {
    let covers = |lane: Lane| {
        earlier.iter().position(|e| e.channel == route.channel && e.takes_all_of(lane))
    };
    let lanes = Lane::ALL.into_iter().filter(|lane| route.may_take(*lane));
    let mut places: Vec<usize> = lanes.map(covers).collect::<Option<_>>()?;
    places.dedup();
    Some(places.into_iter().map(key).collect())
}

/// Which of its keys is wrong, and the way out.
fn mistake_in(config: &Config, route: &Route) -> Option<(&'static str, String)> {
    if !config.chains.serves(route.channel) {
        let (noun, channel) = (route.channel.noun(), route.channel.as_str());
        let said = format!(
            "nothing is sent by {noun}; name providers in chains.{channel} as well, for the \
             messages that no route takes"
        );
        return Some(("channel", said));
    }
    if route.channel == Channel::Email {
        for (key, list) in [("countries", &route.countries), ("prefixes", &route.prefixes)] {
            if !list.is_empty() {
                let said = "an e-mail address has no country and no digits; leave it out";
                return Some((key, said.to_owned()));
            }
        }
    }
    if let Some(country) = route.countries.iter().find(|country| !recipient::is_region(country)) {
        let said = format!("{country:?} is no country; write two capital letters, such as \"GB\"");
        return Some(("countries", said));
    }
    if let Some(prefix) = route.prefixes.iter().find(|prefix| !is_prefix(prefix)) {
        let said = format!(
            "{prefix:?} begins no number; write + and digits, the country code first, such as \
             \"+4479\""
        );
        return Some(("prefixes", said));
    }
    if let Some(purpose) = route.purposes.iter().find(|name| !config.purposes.contains_key(*name)) {
        let known: Vec<&str> = config.purposes.keys().map(String::as_str).collect();
        let said = format!("there is no [purposes.{purpose}]; there are: {}", known.join(", "));
        return Some(("purposes", said));
    }
    if !Lane::ALL.into_iter().any(|lane| route.may_take(lane)) {
        let said = if route.channel.carries(Lane::Bulk) {
            "only codes have a purpose; leave lanes out, or the purposes".to_owned()
        } else {
            format!("only codes go by {}; leave lanes out", route.channel.noun())
        };
        return Some(("lanes", said));
    }
    route.chain.is_empty().then(|| ("chain", "must name at least one provider".to_owned()))
}

/// No country code begins with a zero.
fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=LONGEST_PREFIX).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
