//! The section of an SMSC, checked as far as it can be without it.

use std::{
    collections::BTreeMap, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration,
};

use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass,
};
use reqwest::Url;
use rusmpp::{
    pdus::BindTransceiver,
    types::COctetString,
    values::{InterfaceVersion, ServiceType},
};
use serde::Deserialize;

use super::{
    address::Address,
    alphabet::Alphabet,
    compose::{Composer, LongMessages},
    connect::Endpoint,
    status,
};
use crate::providers::{mistake, parse_class};

/// Registered for SMPP.
const DEFAULT_PORT: u16 = 2775;
const MOST_SESSIONS: RangeInclusive<usize> = 1..=16;
const WINDOWS: RangeInclusive<usize> = 1..=1_000;
const ENQUIRE_LINK_SECS: RangeInclusive<u64> = 5..=600;
/// Values of the specification, 5.2.5 and 5.2.6.
const TONS: RangeInclusive<u8> = 0..=6;
const NPIS: RangeInclusive<u8> = 0..=18;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::providers) struct SmppConfig {
    /// `smpp://HOST:PORT`, or `smpps://HOST:PORT` for TLS.
    url: String,
    /// A file with the certificates of who may sign the SMSC's, instead of the system's.
    ca_file: Option<PathBuf>,
    system_id: String,
    password: SecretText,
    #[serde(default)]
    system_type: String,
    /// The sender: a number, a short code or a name; the SMSC's own choice without it.
    #[serde(default)]
    from: String,
    from_ton: Option<u8>,
    from_npi: Option<u8>,
    #[serde(default)]
    service_type: String,
    /// What `data_coding` 0 means to the SMSC.
    #[serde(default)]
    alphabet: Alphabet,
    #[serde(default)]
    long_messages: LongMessages,
    /// Whether the remaining lifetime is sent as `validity_period`.
    #[serde(default = "yes")]
    validity_period: bool,
    /// Of each worker process.
    #[serde(default = "one")]
    sessions: usize,
    /// Submits of a session that wait for their answers at the same time.
    #[serde(default = "default_window")]
    window: usize,
    #[serde(default = "default_enquire_link_secs")]
    enquire_link_secs: u64,
    /// `command_status` to error class, or to `ok`.
    #[serde(default)]
    errors: BTreeMap<String, String>,
    /// `err` of a delivery receipt to error class.
    #[serde(default)]
    report_errors: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn default_window() -> usize {
    10
}

fn default_enquire_link_secs() -> u64 {
    30
}

/// What holds for every session.
pub(super) struct Settings {
    /// Of the section.
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    pub(super) bind: BindTransceiver,
    pub(super) sessions: usize,
    pub(super) window: usize,
    pub(super) enquire_link: Duration,
    pub(super) errors: BTreeMap<u32, ErrorClass>,
}

impl SmppConfig {
    pub(super) fn settings(&self, name: &str) -> Result<Settings, ConfigError> {
        Ok(Settings {
            name: name.to_owned(),
            endpoint: self.endpoint(name)?,
            bind: self.bind(name)?,
            sessions: within(name, "sessions", self.sessions, MOST_SESSIONS)?,
            window: within(name, "window", self.window, WINDOWS)?,
            enquire_link: Duration::from_secs(within(
                name,
                "enquire_link_secs",
                self.enquire_link_secs,
                ENQUIRE_LINK_SECS,
            )?),
            errors: self.errors(name)?,
        })
    }

    pub(super) fn composer(&self, name: &str) -> Result<Composer, ConfigError> {
        let mut source =
            Address::of_sender(&self.from).map_err(|rule| mistake(name, "from", rule))?;
        if let Some(ton) = self.from_ton {
            source.ton = within(name, "from_ton", ton, TONS)?;
        }
        if let Some(npi) = self.from_npi {
            source.npi = within(name, "from_npi", npi, NPIS)?;
        }
        let service_type = field(name, "service_type", &self.service_type)?;
        Ok(Composer {
            source_ton: source.ton.into(),
            source_npi: source.npi.into(),
            source: field(name, "from", &source.text)?,
            service_type: ServiceType::new(service_type),
            alphabet: self.alphabet,
            long_messages: self.long_messages,
            validity_period: self.validity_period,
            references: rand::random::<u8>().into(),
        })
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    pub(super) fn report_errors(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, ErrorClass>, ConfigError> {
        let classes = self.report_errors.iter().map(|(code, word)| {
            match parse_class(name, "report_errors", word)? {
                ErrorClass::Ok => {
                    Err(mistake(name, "report_errors", "what is not delivered is not ok"))
                }
                class => Ok((code.clone(), class)),
            }
        });
        classes.collect()
    }

    fn errors(&self, name: &str) -> Result<BTreeMap<u32, ErrorClass>, ConfigError> {
        let classes = self.errors.iter().map(|(code, word)| {
            let status = status::parse(code).filter(|status| *status != 0).ok_or_else(|| {
                let rule = format!("{code:?} is no command_status such as \"0x0400\"");
                mistake(name, "errors", rule)
            })?;
            Ok((status, parse_class(name, "errors", word)?))
        });
        classes.collect()
    }

    fn endpoint(&self, name: &str) -> Result<Endpoint, ConfigError> {
        let wrong =
            || mistake(name, "url", "must be smpp://HOST:PORT, or smpps://HOST:PORT for TLS");
        let url = Url::parse(&self.url).map_err(|_| wrong())?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|host| is_bare && !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(DEFAULT_PORT);
        match (url.scheme(), &self.ca_file) {
            ("smpp", None) => Ok(Endpoint::plain(host, port)),
            ("smpp", Some(_)) => Err(mistake(name, "ca_file", "is for smpps:// only")),
            ("smpps", file) => Endpoint::with_tls(name, host, port, file.as_deref()),
            _ => Err(wrong()),
        }
    }

    fn bind(&self, name: &str) -> Result<BindTransceiver, ConfigError> {
        if self.system_id.is_empty() {
            return Err(mistake(name, "system_id", "must not be empty"));
        }
        Ok(BindTransceiver::builder()
            .system_id(field(name, "system_id", &self.system_id)?)
            .password(field(name, "password", self.password.expose())?)
            .system_type(field(name, "system_type", &self.system_type)?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build())
    }
}

/// A text of at most `MAX` octets with the zero at its end.
fn field<const MIN: usize, const MAX: usize>(
    name: &str,
    key: &str,
    text: &str,
) -> Result<COctetString<MIN, MAX>, ConfigError> {
    COctetString::from_str(text)
        .map_err(|_| mistake(name, key, format!("must be ASCII, at most {} characters", MAX - 1)))
}

fn within<T: PartialOrd + std::fmt::Display>(
    name: &str,
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(mistake(name, key, format!("must be from {} to {}", range.start(), range.end())))
}

#[cfg(test)]
mod tests {
    use otpost_shared::config::section;

    use super::SmppConfig;

    const GOOD: &str = "url = 'smpp://smsc.example'\nsystem_id = 'otpost'\npassword = 'secret'\n";

    /// Everything that is read of a section.
    fn read(more: &str) -> Result<(String, u16), String> {
        let keys = format!("{GOOD}{more}").parse().map_err(|e: toml::de::Error| e.to_string())?;
        let told = |error: otpost_shared::config::ConfigError| error.to_string();
        let config: SmppConfig = section("a", &keys).map_err(told)?;
        config.composer("a").map_err(told)?;
        config.report_errors("a").map_err(told)?;
        let settings = config.settings("a").map_err(told)?;
        Ok((settings.endpoint.host, settings.endpoint.port))
    }

    #[test]
    fn addresses() {
        assert_eq!(read(""), Ok(("smsc.example".into(), 2775)));
        for (url, host, port) in
            [("smpp://127.0.0.1:99/", "127.0.0.1", 99), ("smpp://[::1]:7", "::1", 7)]
        {
            let keys = format!("url = '{url}'\nsystem_id = 'o'\npassword = 'p'").parse().unwrap();
            let config: SmppConfig = section("a", &keys).unwrap();
            let endpoint = config.settings("a").unwrap().endpoint;
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
        }
        for url in [
            "smsc.example:2775",
            "http://smsc.example",
            "smpp://",
            "smpp://u:p@smsc.example",
            "smpp://smsc.example/x",
            "smpp://smsc.example?x",
        ] {
            let keys = format!("url = '{url}'\nsystem_id = 'o'\npassword = 'p'").parse().unwrap();
            let config: SmppConfig = section("a", &keys).unwrap();
            let said = config.settings("a").err().unwrap().to_string();
            assert!(said.contains("providers.a.url"), "{said}");
        }
    }

    #[test]
    fn a_mistake_names_its_key() {
        for (more, key) in [
            ("from = 'a name too long'", "from"),
            ("from_ton = 7", "from_ton"),
            ("from_npi = 99", "from_npi"),
            ("service_type = 'toolong'", "service_type"),
            ("system_type = 'longer than twelve'", "system_type"),
            ("alphabet = 'utf8'", "alphabet"),
            ("long_messages = 'split'", "long_messages"),
            ("sessions = 0", "sessions"),
            ("sessions = 17", "sessions"),
            ("window = 0", "window"),
            ("enquire_link_secs = 1", "enquire_link_secs"),
            ("ca_file = 'x.pem'", "ca_file"),
            ("errors = { '0x0' = 'sender' }", "errors"),
            ("errors = { 'many' = 'sender' }", "errors"),
            ("errors = { '0x0400' = 'sendr' }", "errors"),
            ("report_errors = { '001' = 'ok' }", "report_errors"),
            ("report_errors = { '001' = 'recipent' }", "report_errors"),
            ("colour = 1", "colour"),
        ] {
            let said = read(more).unwrap_err();
            assert!(said.contains(&format!("providers.a.{key}")) || said.contains(key), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
        for good in
            ["from_ton = 0\nfrom_npi = 18", "errors = { '0x0400' = 'opted_out', 69 = 'ok' }"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for (key, value) in [("system_id", "sixteen letters."), ("password", "nine char")] {
            let keys = GOOD.replace("'otpost'", "'o'");
            let keys: toml::Table = keys.parse().unwrap();
            let mut keys = keys.clone();
            keys.insert(key.into(), value.into());
            let config: SmppConfig = section("a", &keys).unwrap();
            let said = config.settings("a").err().unwrap().to_string();
            assert!(said.contains(key) && !said.contains(value), "{said}");
        }
    }

    #[test]
    fn certificates_are_read_when_the_process_starts() {
        let keys = "url = 'smpps://smsc.example'\nca_file = '/nowhere/ca.pem'\nsystem_id = 'o'\npassword = 'p'";
        let config: SmppConfig = section("a", &keys.parse().unwrap()).unwrap();
        let said = config.settings("a").err().unwrap().to_string();
        assert!(said.contains("providers.a.ca_file"), "{said}");
    }
}
