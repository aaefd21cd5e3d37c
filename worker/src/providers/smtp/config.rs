//! The section of a mail server, checked as far as it can be without it.

use std::{
    net::IpAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use lettre::{
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use otpost_shared::config::{ConfigError, SecretText};
use serde::Deserialize;

use super::{compose::Composer, server::Server};
use crate::providers::mistake;

const CONNECTIONS: RangeInclusive<usize> = 1..=64;
/// Octets of a host's name (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::providers) struct SmtpConfig {
    /// The name or address of the server.
    host: String,
    /// 587 with `starttls`, 465 with `implicit`, 25 with `none`, if there is none.
    port: Option<u16>,
    /// Without it `implicit` on port 465, `none` on this machine, else `starttls`.
    tls: Option<Security>,
    /// A file with the certificates of who may sign the server's, instead of the system's.
    ca_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<SecretText>,
    /// The sender, `codes@example.org` or `Example <codes@example.org>`.
    from: String,
    /// Where answers go, if not to the sender.
    reply_to: Option<String>,
    /// Where servers send what they cannot deliver, if not to the sender.
    bounces_to: Option<String>,
    /// Of each worker process.
    #[serde(default = "default_connections")]
    connections: usize,
    /// What we call ourselves; this machine's name without it.
    helo: Option<String>,
}

fn default_connections() -> usize {
    4
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Security {
    /// From the command of this name on, which must work.
    Starttls,
    /// From the first byte on.
    Implicit,
    None,
}

impl Security {
    fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl SmtpConfig {
    pub(super) fn connections(&self, name: &str) -> Result<usize, ConfigError> {
        if CONNECTIONS.contains(&self.connections) {
            return Ok(self.connections);
        }
        let (least, most) = (CONNECTIONS.start(), CONNECTIONS.end());
        Err(mistake(name, "connections", format!("must be from {least} to {most}")))
    }

    pub(super) fn composer(&self, name: &str) -> Result<Composer, ConfigError> {
        let other = |key, text: &Option<String>| {
            text.as_deref().map(|text| mailbox(name, key, text)).transpose()
        };
        Ok(Composer {
            from: mailbox(name, "from", &self.from)?,
            reply_to: other("reply_to", &self.reply_to)?,
            bounces_to: other("bounces_to", &self.bounces_to)?.map(|mailbox| mailbox.email),
        })
    }

    pub(super) fn server(&self, name: &str) -> Result<Server, ConfigError> {
        let host = self.host.as_str();
        let is_address = host.parse::<IpAddr>().is_ok();
        if !is_address && !is_name(host) {
            let rule = "must be a name or an address alone, such as \"smtp.example.org\"";
            return Err(mistake(name, "host", rule));
        }
        let security = self.security();
        let credentials = self.credentials(name)?;
        if security == Security::None && credentials.is_some() && !is_this_machine(host) {
            let said = "without TLS the password could be read on the way; use \"starttls\" or \
                \"implicit\"";
            return Err(mistake(name, "tls", said));
        }
        if self.port == Some(0) {
            return Err(mistake(name, "port", "must be from 1 to 65535"));
        }
        Ok(Server {
            host: host.to_owned(),
            port: self.port.unwrap_or_else(|| security.port()),
            security,
            tls: self.tls_parameters(name, security)?,
            hello: self.hello(name)?,
            credentials,
        })
    }

    fn security(&self) -> Security {
        self.tls.unwrap_or(match self.port {
            Some(465) => Security::Implicit,
            _ if is_this_machine(&self.host) => Security::None,
            _ => Security::Starttls,
        })
    }

    fn credentials(&self, name: &str) -> Result<Option<Credentials>, ConfigError> {
        match (&self.username, &self.password) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) if !user.is_empty() => {
                Ok(Some(Credentials::new(user.clone(), password.expose().to_owned())))
            }
            (_, Some(_)) => Err(mistake(name, "username", "goes together with password")),
            (_, None) => Err(mistake(name, "password", "goes together with username")),
        }
    }

    fn hello(&self, name: &str) -> Result<ClientId, ConfigError> {
        match &self.helo {
            None => Ok(ClientId::default()),
            Some(text) if is_name(text) => Ok(ClientId::Domain(text.clone())),
            Some(_) => Err(mistake(name, "helo", "must be a name such as \"otpost.example.org\"")),
        }
    }

    fn tls_parameters(
        &self,
        name: &str,
        security: Security,
    ) -> Result<Option<TlsParameters>, ConfigError> {
        let builder = TlsParameters::builder(self.host.clone());
        let builder = match (security, &self.ca_file) {
            (Security::None, None) => return Ok(None),
            (Security::None, Some(_)) => {
                return Err(mistake(name, "ca_file", "is for TLS, and tls is \"none\" here"));
            }
            (_, None) => builder,
            (_, Some(file)) => {
                let own = certificate(file).map_err(|error| {
                    mistake(name, "ca_file", format!("cannot use {}: {error}", file.display()))
                })?;
                builder.certificate_store(CertificateStore::None).add_root_certificate(own)
            }
        };
        builder.build().map(Some).map_err(|error| mistake(name, "tls", format!("no TLS: {error}")))
    }
}

fn certificate(file: &Path) -> Result<Certificate, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let marker = b"-----BEGIN CERTIFICATE-----".as_slice();
    if !bytes.windows(marker.len()).any(|window| window == marker) {
        return Err("it holds no certificate".to_owned());
    }
    Certificate::from_pem(&bytes).map_err(|error| error.to_string())
}

/// A sender as it stands in a header.
fn mailbox(name: &str, key: &str, text: &str) -> Result<Mailbox, ConfigError> {
    let wrong = || {
        let rule = "must be an address, or a name and an address, such as \
            \"Example <codes@example.org>\"";
        mistake(name, key, rule)
    };
    if text.contains(char::is_control) {
        return Err(wrong());
    }
    let mailbox: Mailbox = text.trim().parse().map_err(|_| wrong())?;
    let address: &str = mailbox.email.as_ref();
    if address.is_ascii() { Ok(mailbox) } else { Err(wrong()) }
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('.')
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use otpost_shared::config::section;

    use super::{Security, SmtpConfig};

    const GOOD: &str = "host = 'mail.example'\nfrom = 'Example <codes@example.org>'\n";
    const LOGIN: &str = "username = 'otpost'\npassword = 'secret'\n";

    /// Where it connects, and how.
    fn read(keys: &str) -> Result<(u16, Security), String> {
        let keys = keys.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let told = |error: otpost_shared::config::ConfigError| error.to_string();
        let config: SmtpConfig = section("a", &keys).map_err(told)?;
        config.composer("a").map_err(told)?;
        config.connections("a").map_err(told)?;
        let server = config.server("a").map_err(told)?;
        assert_eq!(server.tls.is_some(), server.security != Security::None);
        Ok((server.port, server.security))
    }

    #[test]
    fn what_is_not_said_follows_from_the_rest() {
        let local = GOOD.replace("mail.example", "127.0.0.1");
        for (keys, port, security) in [
            (GOOD.to_owned(), 587, Security::Starttls),
            (format!("{GOOD}{LOGIN}"), 587, Security::Starttls),
            (format!("{GOOD}port = 465"), 465, Security::Implicit),
            (format!("{GOOD}port = 2525"), 2525, Security::Starttls),
            (format!("{GOOD}tls = 'implicit'\nport = 2465"), 2465, Security::Implicit),
            (format!("{GOOD}tls = 'none'"), 25, Security::None),
            (local.clone(), 25, Security::None),
            (format!("{local}{LOGIN}tls = 'none'"), 25, Security::None),
            (format!("{local}tls = 'starttls'"), 587, Security::Starttls),
            (GOOD.replace("mail.example", "::1"), 25, Security::None),
            (GOOD.replace("Example ", ""), 587, Security::Starttls),
        ] {
            assert_eq!(read(&keys), Ok((port, security)), "{keys}");
        }
    }

    #[test]
    fn a_mistake_names_its_key() {
        let more = "Example\\r\\nBcc: bob@example.org <";
        for (keys, key) in [
            (GOOD.replace("mail.example", ""), "host"),
            (GOOD.replace("mail.example", "smtp://mail.example"), "host"),
            (GOOD.replace("mail.example", "mail.example:587"), "host"),
            (GOOD.replace("codes@", "codes"), "from"),
            (GOOD.replace("codes@", "c\u{f6}des@"), "from"),
            (GOOD.replace("Example <", more).replace('\'', "\""), "from"),
            (format!("{GOOD}reply_to = 'nobody'"), "reply_to"),
            (format!("{GOOD}bounces_to = 'nobody'"), "bounces_to"),
            (format!("{GOOD}port = 0"), "port"),
            (format!("{GOOD}port = 70000"), "port"),
            (format!("{GOOD}tls = 'ssl'"), "tls"),
            (format!("{GOOD}{LOGIN}tls = 'none'"), "tls"),
            (format!("{GOOD}tls = 'none'\nca_file = 'ca.pem'"), "ca_file"),
            (format!("{GOOD}ca_file = '/nowhere/ca.pem'"), "ca_file"),
            (format!("{GOOD}username = 'otpost'"), "password"),
            (format!("{GOOD}password = 'secret'"), "username"),
            (format!("{GOOD}connections = 0"), "connections"),
            (format!("{GOOD}connections = 65"), "connections"),
            (format!("{GOOD}helo = 'a b'"), "helo"),
            (format!("{GOOD}colour = 1"), "colour"),
        ] {
            let said = read(&keys).unwrap_err();
            assert!(said.contains(&format!("providers.a.{key}")), "{keys}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
        assert!(read("from = 'codes@example.org'").unwrap_err().contains("host"));
    }
}
