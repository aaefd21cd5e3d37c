//! The configuration: one embedded file of defaults, yours over it, the environment over both.

mod by_country;
mod channels;
mod compat;
mod error;
mod events;
mod layers;
mod page;
mod purpose;
mod replies;
mod routes;
mod rules;
mod secret_text;
mod senders;
mod takers;
mod texts;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use by_country::ByCountry;
pub use channels::serves;
pub use compat::{Compat, Django, Twilio};
pub use error::{ConfigError, Source};
pub use events::{Events, Webhooks};
pub use layers::{load, load_with, section};
pub(crate) use layers::{nearest, without_value};
pub use page::{Page, ReturnUrl};
pub use purpose::{Follow, Purpose, ResendMode};
pub use replies::Replies;
pub use routes::{Route, Traits};
pub use rules::{Network, TestNumber};
pub use secret_text::SecretText;
pub use senders::Senders;
pub use takers::NoTaker;
pub(crate) use texts::check_purpose as check_texts;

use crate::{
    channel::Channel,
    limits::{Reach, Rule},
    price::PriceList,
    rate::{BULK_PERCENT, Rate},
    report::kind::{Kind, Sends},
};

/// The defaults file, which is also the manual.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// A configuration whose every value was checked.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub server: Server,
    pub worker: Worker,
    pub data: Data,
    pub database: Database,
    pub queue: Queue,
    pub secrets: Secrets,
    pub log: Log,
    pub recipients: Recipients,
    pub limits: Limits,
    pub texts: Texts,
    pub policies: Policies,
    pub purposes: BTreeMap<String, Purpose>,
    pub messages: Messages,
    pub replies: Replies,
    pub chains: Chains,
    /// The first that fits a message decides, before the chain of its channel.
    pub routes: Vec<Route>,
    pub providers: BTreeMap<String, ProviderSection>,
    pub events: Events,
    pub webhooks: Webhooks,
    pub retention: Retention,
    pub compat: Compat,
    pub page: Page,
    /// Where errors about it point to.
    #[serde(skip)]
    pub source: Source,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub listen: SocketAddr,
    pub public_url: String,
    #[serde(deserialize_with = "rules::networks")]
    pub trusted_proxies: Vec<Network>,
    pub cors_origins: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Worker {
    /// Empty means no listener.
    pub listen: String,
    pub otp_concurrency: usize,
    pub bulk_concurrency: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    pub url: SecretText,
    pub connections: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Queue {
    pub url: SecretText,
    pub patience_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Secrets {
    #[serde(deserialize_with = "rules::list_or_text")]
    pub keys: Vec<SecretText>,
    #[serde(deserialize_with = "rules::list_or_text")]
    pub hash_keys: Vec<SecretText>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Recipients {
    /// ISO 3166-1 alpha-2, or empty.
    pub default_region: String,
    pub countries: Vec<String>,
    #[serde(deserialize_with = "rules::test_numbers")]
    pub test_numbers: Vec<TestNumber>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Limits {
    #[serde(deserialize_with = "rules::limit_rules")]
    pub recipient: Vec<Rule>,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub client_ip: Vec<Rule>,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub tenant: Vec<Rule>,
    pub guesses_per_recipient_and_day: i32,
    /// 0 means no cap.
    pub sends_per_tenant_and_day: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Texts {
    pub app: String,
    pub contact: String,
    /// BCP 47, such as `en` or `pt-BR`.
    pub language: String,
    /// In which calls are said to numbers of these countries.
    pub voice_languages: ByCountry,
}

/// What policies may be, whoever changes them.
#[derive(Clone, Debug, Deserialize)]
pub struct Policies {
    /// Of 4 and 5 digits.
    pub allow_short_codes: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Messages {
    pub lifetime_secs: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Chains {
    pub sms: Vec<String>,
    /// Empty: nothing is sent by e-mail.
    pub email: Vec<String>,
    /// Empty: nobody is called.
    pub voice: Vec<String>,
    /// Empty: nothing is sent by WhatsApp.
    pub whatsapp: Vec<String>,
}

impl Chains {
    #[must_use]
    pub fn of(&self, channel: Channel) -> &[String] {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
            Channel::Voice => &self.voice,
            Channel::Whatsapp => &self.whatsapp,
        }
    }

    /// The channels by which something can be sent.
    pub fn available(&self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |channel| self.serves(*channel))
    }

    /// True when something can be sent by this channel.
    #[must_use]
    pub fn serves(&self, channel: Channel) -> bool {
        !self.of(channel).is_empty()
    }
}

/// A provider's section: what every kind has; the other keys are read by the provider itself.
#[derive(Clone, Deserialize)]
pub struct ProviderSection {
    pub kind: String,
    #[serde(default, deserialize_with = "rules::rate")]
    rate: Option<Rule>,
    /// 0 means one second's worth.
    #[serde(default, deserialize_with = "rules::whole_number")]
    burst: u32,
    #[serde(default = "bulk_percent", deserialize_with = "rules::whole_number")]
    bulk_percent: u32,
    /// 0 means never.
    #[serde(default, deserialize_with = "rules::whole_number")]
    pub fallback_after_secs: u32,
    /// Whether people who write STOP, START or HELP are answered.
    #[serde(default)]
    pub replies: bool,
    #[serde(default)]
    pub senders: Senders,
    #[serde(default)]
    prices: PriceList,
    #[serde(flatten)]
    pub keys: toml::Table,
}

impl std::fmt::Debug for ProviderSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProviderSection({})", self.kind)
    }
}

fn bulk_percent() -> u32 {
    BULK_PERCENT
}

impl ProviderSection {
    /// The names of the keys that are not the provider's own.
    pub(crate) const KEYS: [&str; 8] = [
        "kind",
        "rate",
        "burst",
        "bulk_percent",
        "fallback_after_secs",
        "replies",
        "senders",
        "prices",
    ];

    /// How often it may be called, if that is bounded.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.rate.map(|rule| Rate::new(rule, self.burst, self.bulk_percent))
    }

    /// What its attempts are taken to cost as long as it does not say so itself.
    #[must_use]
    pub fn prices(&self) -> &PriceList {
        &self.prices
    }

    /// False for the kinds that send nothing.
    #[must_use]
    pub fn costs_money(&self) -> bool {
        Kind::of(&self.kind).sends == Sends::ToPeople
    }

    /// True when what it is given to send can be looked at in the inbox.
    fn has_inbox(&self) -> bool {
        Kind::of(&self.kind).sends == Sends::ToInbox
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Retention {
    pub verifications_days: u32,
    pub messages_days: u32,
    pub idempotency_hours: u32,
    pub events_days: u32,
}

impl Config {
    /// The database's URL, the embedded file's when none is configured.
    #[must_use]
    pub fn database_url(&self) -> String {
        let url = self.database.url.expose();
        if url.is_empty() {
            format!("sqlite://{}", self.data.dir.join("otpost.db").display())
        } else {
            url.to_owned()
        }
    }

    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.database_url().starts_with("sqlite:")
    }

    /// All chains with their channels: those of `chains`, then those of the routes.
    pub fn all_chains(&self) -> impl Iterator<Item = (Channel, &[String])> {
        let general = Channel::ALL.into_iter().map(|channel| (channel, self.chains.of(channel)));
        let own = self.routes.iter().map(|route| (route.channel, route.chain.as_slice()));
        general.chain(own)
    }

    /// The sections of all providers that a chain or a route names, each once, in the order of
    /// first mention; then those that do nothing but reply.
    pub fn providers_in_use(&self) -> impl Iterator<Item = (&str, &ProviderSection)> {
        let mut names: Vec<&str> = Vec::new();
        let in_chains = self.all_chains().flat_map(|(_, chain)| chain).map(String::as_str);
        for name in in_chains.chain(self.replying()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().filter_map(|name| Some((name, self.providers.get(name)?)))
    }

    /// True when messages of this channel may go to the provider of this name.
    #[must_use]
    pub fn sends_by(&self, channel: Channel, name: &str) -> bool {
        let mut of_it = self.all_chains().filter(|(of, _)| *of == channel);
        of_it.any(|(_, chain)| chain.iter().any(|named| named == name))
    }

    /// The providers by which people are answered who write a keyword.
    pub fn replying(&self) -> impl Iterator<Item = &str> {
        let all = self.providers.iter();
        all.filter(|(_, section)| section.replies).map(|(name, _)| name.as_str())
    }

    /// A provider that reaches phone numbers and costs money.
    pub(crate) fn costly_provider(&self) -> Option<&str> {
        let of_it = self.all_chains().filter(|(channel, _)| channel.is_by_phone());
        let names = of_it.flat_map(|(_, chain)| chain).map(String::as_str);
        let mut names = names.chain(self.replying());
        names.find(|name| self.providers.get(*name).is_some_and(ProviderSection::costs_money))
    }

    /// True when nothing goes to another provider than the console and the address is this
    /// machine's own: then the inbox and try-it pages may exist.
    #[must_use]
    pub fn has_inbox(&self) -> bool {
        let is_console = |(_, section): (&str, &ProviderSection)| section.has_inbox();
        self.server.listen.ip().is_loopback() && self.providers_in_use().all(is_console)
    }

    /// How far back a recipient is counted. Each surface judges by rules of its own and all share one count,
    /// so it reaches as far as the longest of any, also of one that is turned off: turning it on forgets
    /// nothing.
    pub(crate) fn recipient_reach(&self) -> Reach {
        let compat = &self.compat;
        let all = [&self.limits.recipient, &compat.django.recipient, &compat.twilio.recipient];
        Reach::of(all.into_iter().flatten())
    }

    /// True when numbers of this region may be sent to.
    #[must_use]
    pub fn allows_region(&self, region: Option<&str>) -> bool {
        let countries = &self.recipients.countries;
        if countries.iter().any(|c| c == "*") || self.costly_provider().is_none() {
            return true;
        }
        let home = &self.recipients.default_region;
        region.is_some_and(|r| {
            if countries.is_empty() { r == home } else { countries.iter().any(|c| c == r) }
        })
    }

    /// True when it is known under which address others reach us.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        !self.server.public_url.is_empty()
    }

    #[must_use]
    pub fn public_url(&self) -> String {
        if self.is_reachable() {
            self.server.public_url.trim_end_matches('/').to_owned()
        } else {
            format!("http://{}", self.server.listen)
        }
    }
}
