//! The rules a configuration must keep, beyond the types of its values.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, de::Error};

use super::{
    Config, ConfigError, SecretText, channels, compat, page, replies, routes, senders, texts,
};
use crate::{
    clock::Millis,
    limits::Rule,
    rate::BULK_PERCENT,
    recipient,
    recipient::Recipient,
    report::{Hearer, kind::Kind},
    secrets::Code,
    template::Template,
};

/// Messages that one process sends at the same time; each may hold a connection.
const MOST_AT_ONCE: usize = 4_096;

/// More in one moment is no limit any more.
const LARGEST_BURST: u32 = 100_000;

/// An address range, for proxies that are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: u128,
    mask: u128,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return None;
        }
        let host_bits = width - bits;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { base: as_number(address) & mask, mask })
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        as_number(address) & self.mask == self.base
    }
}

/// IPv4 in its IPv6-mapped form, so that both compare in one space.
fn as_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// A number that is never sent to: its code is fixed, until a date.
#[derive(Clone, Debug)]
pub struct TestNumber {
    pub recipient: Recipient,
    pub code: Code,
    /// Not a test number any more from this moment on.
    pub until: Millis,
}

impl TestNumber {
    /// `2027-01-31`: the `until` of the configuration.
    #[must_use]
    pub fn end_day(&self) -> String {
        let until = time::OffsetDateTime::from_unix_timestamp(self.until / 1_000);
        until.map(|until| until.date().to_string()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestNumberText {
    number: String,
    code: String,
    until: String,
}

pub(super) fn test_numbers<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<TestNumber>, D::Error> {
    let texts = Vec::<TestNumberText>::deserialize(d)?;
    texts.into_iter().map(|t| test_number(&t).map_err(D::Error::custom)).collect()
}

fn test_number(text: &TestNumberText) -> Result<TestNumber, String> {
    let recipient = Recipient::parse_unchecked(&text.number, None)
        .map_err(|_| "number must be + and digits, with the country code".to_owned())?;
    let code = Code::normalised(&text.code).ok_or("code must be digits")?;
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = time::Date::parse(&text.until, &format)
        .map_err(|_| "until must be a date such as 2027-01-31".to_owned())?;
    let until = date.midnight().assume_utc().unix_timestamp() * 1_000;
    Ok(TestNumber { recipient, code, until })
}

pub(super) fn limit_rules<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Rule>, D::Error> {
    let texts = Vec::<String>::deserialize(d)?;
    let read = |text: &String| {
        Rule::parse(text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not a limit; write count/window, such as \"5/10m\""
            ))
        })
    };
    texts.iter().map(read).collect()
}

/// One rule; an empty text is none.
pub(super) fn rate<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Rule>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    let read = Rule::parse(&text).map(Some);
    read.ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is not a rate; write count/window, such as \"50/s\" or \"600/1m\""
        ))
    })
}

/// A template; an empty text is none.
pub(super) fn text_if_any<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Template>, D::Error> {
    let text = String::deserialize(d)?;
    Ok((!text.is_empty()).then(|| Template::parse(&text)))
}

/// A number, or the digits of one, as the environment gives it.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    let number = match Either::deserialize(d) {
        Ok(Either::Number(number)) => Some(number),
        Ok(Either::Text(text)) => text.parse().ok(),
        Err(_) => None,
    };
    number.ok_or_else(|| D::Error::custom("must be a whole number"))
}

pub(super) fn networks<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(d)?;
    let read = |text: &String| {
        Network::parse(text).ok_or_else(|| {
            D::Error::custom(format!("{text:?} is no address or network such as \"10.0.0.0/8\""))
        })
    };
    texts.iter().map(read).collect()
}

/// A list, or one text with entries between spaces, commas or lines, as a secret file holds them.
pub(super) fn list_or_text<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<SecretText>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    let entries = match Either::deserialize(d)? {
        Either::List(entries) => entries,
        Either::Text(text) => {
            text.split([' ', ',', '\n']).filter(|e| !e.is_empty()).map(str::to_owned).collect()
        }
    };
    Ok(entries.into_iter().map(SecretText::from).collect())
}

/// Checks what no type can express.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_recipients(config)?;
    texts::check(config)?;
    channels::check(config)?;
    routes::check(config)?;
    check_hearing(config)?;
    check_rates(config)?;
    senders::check(config)?;
    check_fallbacks(config)?;
    replies::check(config)?;
    check_prices(config)?;
    compat::check(config)?;
    page::check(config)?;
    if let Some(origin) = config.server.cors_origins.iter().find(|o| !is_origin(o)) {
        return Err(ConfigError::new(
            "server.cors_origins",
            format!(
                "{origin:?} is no origin; write scheme and host, such as \"https://app.example.org\""
            ),
        ));
    }
    if !is_public_url(&config.server.public_url) {
        return Err(ConfigError::new(
            "server.public_url",
            "must begin with https:// or http:// and have no query, such as \"https://codes.example.org\"",
        ));
    }
    let url = config.database_url();
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|kind| url.starts_with(kind)) {
        return Err(ConfigError::new("database.url", "must begin with postgres:// or sqlite://"));
    }
    let queue = config.queue.url.expose();
    if queue != "memory" && !queue.starts_with("redis://") && !queue.starts_with("rediss://") {
        return Err(ConfigError::new("queue.url", "must be \"memory\" or begin with redis://"));
    }
    if config.secrets.keys.is_empty() != config.secrets.hash_keys.is_empty() {
        return Err(ConfigError::new("secrets", "set keys and hash_keys, or neither"));
    }
    if !config.is_embedded() && config.secrets.keys.is_empty() {
        return Err(ConfigError::new(
            "secrets.keys",
            "needed with Postgres, and the same for all processes; make an entry with: \
             echo \"k1:$(openssl rand -base64 32)\"",
        ));
    }
    if config.database.connections < 2 {
        return Err(ConfigError::new("database.connections", "must be at least 2"));
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(ConfigError::new("database.url", "must name a file: memory forgets"));
    }
    check_numbers(config)
}

/// Numbers that must not be too small, or too large.
fn check_numbers(config: &Config) -> Result<(), ConfigError> {
    let (limits, keep) = (&config.limits, &config.retention);
    for (key, value) in [
        ("worker.otp_concurrency", config.worker.otp_concurrency),
        ("worker.bulk_concurrency", config.worker.bulk_concurrency),
    ] {
        if !(1..=MOST_AT_ONCE).contains(&value) {
            return Err(ConfigError::new(key, format!("must be 1 to {MOST_AT_ONCE}")));
        }
    }
    if !(10..=1_000).contains(&config.queue.patience_ms) {
        return Err(ConfigError::new("queue.patience_ms", "must be 10 to 1000"));
    }
    for (key, value, least) in [
        ("messages.lifetime_secs", config.messages.lifetime_secs.into(), 60),
        ("limits.guesses_per_recipient_and_day", limits.guesses_per_recipient_and_day.into(), 1),
        ("limits.sends_per_tenant_and_day", limits.sends_per_tenant_and_day, 0),
        ("retention.verifications_days", keep.verifications_days.into(), 1),
        ("retention.messages_days", keep.messages_days.into(), 1),
        ("retention.idempotency_hours", keep.idempotency_hours.into(), 1),
        // What is tried again for more than a day must still be there.
        ("retention.events_days", keep.events_days.into(), 2),
    ] {
        if value < least {
            return Err(ConfigError::new(key, format!("must be at least {least}")));
        }
    }
    Ok(())
}

/// Scheme, host and perhaps a port; no path, as browsers send it.
pub(super) fn is_origin(text: &str) -> bool {
    is_address(text, b"/?#*,")
}

/// Empty, or an address that a path can be put behind.
fn is_public_url(text: &str) -> bool {
    text.is_empty() || is_address(text, b"?#*,")
}

fn is_address(text: &str, without: &[u8]) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let fits = |byte: u8| byte.is_ascii_graphic() && !without.contains(&byte);
        !host.is_empty() && !host.starts_with('/') && host.bytes().all(fits)
    })
}

fn check_recipients(config: &Config) -> Result<(), ConfigError> {
    let home = &config.recipients.default_region;
    let known = |region: &str| recipient::is_region(region);
    if !home.is_empty() && !known(home) {
        return Err(ConfigError::new(
            "recipients.default_region",
            format!("{home:?} is no country; write two capital letters, such as \"DE\""),
        ));
    }
    for country in &config.recipients.countries {
        if country != "*" && !known(country) {
            return Err(ConfigError::new(
                "recipients.countries",
                format!("{country:?} is no country; write two capital letters, or \"*\" for all"),
            ));
        }
    }
    if config.recipients.countries.is_empty()
        && home.is_empty()
        && let Some(name) = config.costly_provider()
    {
        return Err(ConfigError::new(
            "recipients.default_region",
            format!(
                "must name your country, or recipients.countries those that you send to, because \
                 provider {name:?} costs money"
            ),
        ));
    }
    Ok(())
}

/// Not only those that send must be able to read how a provider's calls are heard.
fn check_hearing(config: &Config) -> Result<(), ConfigError> {
    let mut sections = config.providers.iter();
    sections.try_for_each(|(name, of)| (Kind::of(&of.kind).check_section)(name, &of.keys))
}

/// Keys that bound a rate say nothing without one.
fn check_rates(config: &Config) -> Result<(), ConfigError> {
    for (name, section) in &config.providers {
        let fail = |key: &str, message: String| {
            Err(ConfigError::new(format!("providers.{name}.{key}"), message))
        };
        let (burst, percent) = (section.burst, section.bulk_percent);
        if !(1..=100).contains(&percent) {
            return fail("bulk_percent", "must be 1 to 100".to_owned());
        }
        if burst > LARGEST_BURST {
            return fail("burst", format!("must be at most {LARGEST_BURST}"));
        }
        if section.rate().is_some_and(|rate| rate.burst > LARGEST_BURST) {
            return fail("rate", format!("must be at most {LARGEST_BURST} a second"));
        }
        let alone = [("burst", burst != 0), ("bulk_percent", percent != BULK_PERCENT)];
        let alone = alone.into_iter().find(|(_, is_set)| *is_set);
        if let (None, Some((key, _))) = (section.rate(), alone) {
            let what = "counts only together with rate; add one, such as rate = \"50/s\"";
            return fail(key, what.to_owned());
        }
    }
    Ok(())
}

/// Silence says something of a provider that reports, and only if somebody else can be asked.
fn check_fallbacks(config: &Config) -> Result<(), ConfigError> {
    for (name, section) in &config.providers {
        let hearer = Hearer::new(section);
        let come_by_themselves = hearer.come_by_themselves();
        let mut with_it = config.all_chains().filter(|(_, chain)| chain.contains(name)).peekable();
        let said = if section.fallback_after_secs == 0 {
            continue;
        } else if !(5..=300).contains(&section.fallback_after_secs) {
            "must be 5 to 300, or 0 for never"
        } else if !config.is_reachable() && !come_by_themselves {
            "needs delivery reports; set server.public_url"
        } else if !hearer.can_hear() && !come_by_themselves {
            "needs delivery reports; set what this kind's are checked with, see docs/providers.md"
        } else if with_it.peek().is_none() {
            "counts only for a provider that a chain or a route names"
        } else if with_it.all(|(_, chain)| chain.len() < 2) {
            "needs another provider to fall back to; name two in its chain, or in a route"
        } else {
            continue;
        };
        return Err(ConfigError::new(format!("providers.{name}.fallback_after_secs"), said));
    }
    Ok(())
}

/// A price says nothing without its currency, nor a currency without prices.
fn check_prices(config: &Config) -> Result<(), ConfigError> {
    for (name, section) in &config.providers {
        if let Some((key, said)) = section.prices.mistake() {
            let key = format!("providers.{name}.prices.{key}");
            return Err(ConfigError::new(key.trim_end_matches('.'), said));
        }
    }
    Ok(())
}
