//! What providers share with the process: how they connect, and the inbox.

use std::time::Duration;

use otpost_shared::{Home, channel::Channel, config::ConfigError, inbox::Inbox};
use reqwest::{Client, Url, redirect, retry};

use super::mistake;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A request on a connection the gateway is just closing ends as unknown, so idle connections
/// go before the 60 seconds after which most load balancers drop them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Facts for building providers.
#[derive(Clone, Debug)]
pub struct Net {
    /// Idle connections each provider keeps open.
    pub pool_max_idle_per_host: usize,
    /// Where `console` puts its messages.
    pub inbox: Option<Inbox>,
    /// Gateways know an address of ours at which they can report.
    pub is_reachable: bool,
    /// Where providers write down what comes over connections of their own, and which chains they stand in;
    /// without it they only send.
    pub home: Option<Home>,
}

impl Default for Net {
    fn default() -> Self {
        Self { pool_max_idle_per_host: 256, inbox: None, is_reachable: true, home: None }
    }
}

impl Net {
    /// True when the provider of this name stands in the chain of e-mail, or in one of its routes.
    pub(super) fn sends_email(&self, name: &str) -> bool {
        self.home.as_ref().is_some_and(|home| home.config.sends_by(Channel::Email, name))
    }

    /// What says that the provider of this name is for something else than codes.
    pub(super) fn sends_what_is_no_code(&self, name: &str) -> Option<String> {
        self.home.as_ref()?.config.is_for_other_than_codes(name)
    }

    /// A client of one provider's own. It follows no redirect, since that would carry a number
    /// to a host nobody configured; it takes no proxy from the environment; and it repeats
    /// nothing, since a repeated send is a second message.
    pub(super) fn client(&self, name: &str) -> Result<Client, ConfigError> {
        Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(self.pool_max_idle_per_host)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .user_agent(concat!("otpost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| mistake(name, "kind", format!("no HTTP client: {error}")))
    }
}

/// Joins a configured `base_url` and an absolute path.
pub(super) fn endpoint(name: &str, base_url: &str, path: &str) -> Result<Url, ConfigError> {
    let base = base_url.trim_end_matches('/');
    let url = http_url(base).ok_or_else(|| {
        mistake(name, "base_url", "must be an http or https address without query")
    })?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(mistake(name, "base_url", "must have no query"));
    }
    http_url(&format!("{base}{path}"))
        .ok_or_else(|| mistake(name, "base_url", "does not make an address with the account"))
}

/// Parses an address this service may call.
pub(super) fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn base_urls() {
        let url = |base| endpoint("sms", base, "/v1/sms").map(String::from);
        assert_eq!(url("https://a.test/").unwrap(), "https://a.test/v1/sms");
        assert_eq!(url("http://a.test:81/x").unwrap(), "http://a.test:81/x/v1/sms");
        for wrong in ["", "a.test", "ftp://a.test", "https://a.test/?k=1"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
