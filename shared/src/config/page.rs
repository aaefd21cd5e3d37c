//! The hosted page: whether there is one, where it sends people back to, and what guards it.

use serde::{Deserialize, Deserializer, de::Error};
use url::Url;

use super::{
    Config, ConfigError,
    rules::{self, is_origin},
};
use crate::limits::Rule;

/// More zero bits than that nobody waits for.
const MOST_WORK_BITS: u32 = 24;

#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    pub enabled: bool,
    #[serde(deserialize_with = "return_urls")]
    pub return_urls: Vec<ReturnUrl>,
    pub embed_origins: Vec<String>,
    pub link_lifetime_secs: u32,
    /// Zero bits that a hash begins with.
    pub work_bits: u32,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub sends_per_link: Vec<Rule>,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub wrong_per_client: Vec<Rule>,
}

impl Page {
    /// True when people may be sent back to this address.
    #[must_use]
    pub fn may_return_to(&self, url: &Url) -> bool {
        self.return_urls.iter().any(|allowed| allowed.covers(url))
    }

    /// True when a page of this origin may show ours in a frame.
    #[must_use]
    pub fn may_embed(&self, origin: &str) -> bool {
        self.embed_origins.iter().any(|allowed| allowed == origin)
    }
}

/// Where people may be sent back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnUrl(Url);

impl ReturnUrl {
    /// Reads an origin, an address of it, or the scheme of an app (RFC 8252, section 7.1: with a dot in it),
    /// each without a query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_plain = url.query().is_none() && url.fragment().is_none();
        (is_plain && is_returnable(&url)).then_some(Self(url))
    }

    fn covers(&self, url: &Url) -> bool {
        let Self(allowed) = self;
        if !is_returnable(url) || url.scheme() != allowed.scheme() {
            return false;
        }
        let same_host = url.host_str().unwrap_or_default()
            == allowed.host_str().unwrap_or_default()
            && url.port_or_known_default() == allowed.port_or_known_default();
        if is_web(allowed) {
            return same_host && (allowed.path() == "/" || allowed.path() == url.path());
        }
        let is_whole = allowed.host_str().is_none_or(str::is_empty)
            && allowed.path().trim_matches('/').is_empty();
        is_whole || (same_host && allowed.path() == url.path())
    }
}

fn is_web(url: &Url) -> bool {
    ["https", "http"].contains(&url.scheme())
}

/// Nothing that a browser would run, and no password in it.
fn is_returnable(url: &Url) -> bool {
    let is_of_app = url.scheme().contains('.') && url.as_str().contains("://");
    (is_web(url) || is_of_app) && url.username().is_empty() && url.password().is_none()
}

fn return_urls<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<ReturnUrl>, D::Error> {
    let texts = Vec::<String>::deserialize(d)?;
    let read = |text: &String| {
        ReturnUrl::parse(text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no address to return to; write \"https://app.example.org\", with or without a \
                 path, or \"org.example.app://\""
            ))
        })
    };
    texts.iter().map(read).collect()
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let page = &config.page;
    let fail = |key: &str, said: String| Err(ConfigError::new(format!("page.{key}"), said));
    if let Some(origin) = page.embed_origins.iter().find(|origin| !is_origin(origin)) {
        let said = format!(
            "{origin:?} is no origin; write scheme and host, such as \"https://app.example.org\""
        );
        return fail("embed_origins", said);
    }
    if !(60..=3_600).contains(&page.link_lifetime_secs) {
        return fail("link_lifetime_secs", "must be 60 to 3600".to_owned());
    }
    if page.work_bits > MOST_WORK_BITS {
        return fail("work_bits", format!("must be 0 to {MOST_WORK_BITS}"));
    }
    if !page.enabled {
        return Ok(());
    }
    for (key, rules) in
        [("sends_per_link", &page.sends_per_link), ("wrong_per_client", &page.wrong_per_client)]
    {
        if rules.is_empty() {
            let said = "must hold a limit: whoever opens the page has no API key";
            return fail(key, said.to_owned());
        }
    }
    if config.limits.client_ip.is_empty() {
        let said = "needs limits.client_ip: whoever opens the page has no API key";
        return fail("enabled", said.to_owned());
    }
    if !config.is_reachable() && !config.server.listen.ip().is_loopback() {
        return fail("enabled", "needs server.public_url, which its links begin with".to_owned());
    }
    if page.return_urls.is_empty() && page.embed_origins.is_empty() {
        let said =
            "must name where people are sent back to, unless embed_origins names who embeds it";
        return fail("return_urls", said.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(allowed: &str, url: &str) -> bool {
        let allowed = ReturnUrl::parse(allowed).expect("an address to return to");
        Url::parse(url).is_ok_and(|url| allowed.covers(&url))
    }

    #[test]
    fn people_are_sent_to_nobody_else() {
        for (allowed, url, expected) in [
            ("https://app.example.org", "https://app.example.org/", true),
            ("https://app.example.org", "https://app.example.org/a/b?c=d#e", true),
            ("https://app.example.org", "HTTPS://APP.example.org:443/a", true),
            ("https://app.example.org/", "https://app.example.org/a", true),
            ("https://app.example.org", "http://app.example.org/", false),
            ("https://app.example.org", "https://app.example.org:8443/", false),
            ("https://app.example.org", "https://app.example.org.evil.example/", false),
            ("https://app.example.org", "https://app.example.org@evil.example/", false),
            ("https://app.example.org", "https://ann:x@app.example.org/", false),
            ("https://app.example.org", "//app.example.org/", false),
            ("https://app.example.org", "https:evil.example", false),
            ("https://app.example.org", "javascript://app.example.org/%0aalert(1)", false),
            ("https://app.example.org/done", "https://app.example.org/done?x=1", true),
            ("https://app.example.org/done", "https://app.example.org/done/", false),
            ("https://app.example.org/done", "https://app.example.org/done/../x", false),
            ("https://app.example.org/done", "https://app.example.org/", false),
            ("org.example.app://", "org.example.app://verified?x=1", true),
            ("org.example.app://", "org.example.app2://verified", false),
            ("org.example.app://verified", "org.example.app://verified", true),
            ("org.example.app://verified", "org.example.app://other", false),
            ("http://localhost:3000", "http://localhost:3000/a", true),
            ("http://localhost:3000", "http://localhost:3001/a", false),
        ] {
            assert_eq!(covers(allowed, url), expected, "{allowed} {url}");
        }
    }

    #[test]
    fn what_is_no_address_to_return_to() {
        for text in [
            "",
            "app.example.org",
            "https://",
            "https://app.example.org/?x=1",
            "https://app.example.org/#x",
            "https://ann@app.example.org",
            "javascript:alert(1)",
            "javascript://x",
            "data:text/html,x",
            "myapp://x",
            "*",
        ] {
            assert_eq!(ReturnUrl::parse(text), None, "{text}");
        }
    }
}
