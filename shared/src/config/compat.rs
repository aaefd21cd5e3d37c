//! Endpoints that answer as those of other software do, each behind a switch of its own.

use serde::Deserialize;

use super::{Config, ConfigError, rules};
use crate::{channel::Channel, limits::Rule, recipient, template::RESERVED};

#[derive(Clone, Debug, Deserialize)]
pub struct Compat {
    pub django: Django,
    pub twilio: Twilio,
}

/// What answers as django-phone-verify does.
#[derive(Clone, Debug, Deserialize)]
pub struct Django {
    pub enabled: bool,
    /// Begins with a slash and does not end with one.
    pub path: String,
    /// By name.
    pub tenant: String,
    pub purpose: String,
    /// ISO 3166-1 alpha-2, or empty.
    pub default_region: String,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub recipient: Vec<Rule>,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub wrong_per_client: Vec<Rule>,
}

/// What answers as Twilio Verify does.
#[derive(Clone, Debug, Deserialize)]
pub struct Twilio {
    pub enabled: bool,
    /// Begins with a slash and does not end with one.
    pub path: String,
    /// Of Services that are created there.
    pub purpose: String,
    #[serde(deserialize_with = "rules::limit_rules")]
    pub recipient: Vec<Rule>,
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_django(config)?;
    check_twilio(config)
}

fn check_twilio(config: &Config) -> Result<(), ConfigError> {
    let twilio = &config.compat.twilio;
    if !twilio.enabled {
        return Ok(());
    }
    let fail =
        |key: &str, said: String| Err(ConfigError::new(format!("compat.twilio.{key}"), said));
    if !is_path(&twilio.path) {
        let said = "must be a path such as \"/twilio\", without a slash at its end";
        return fail("path", said.to_owned());
    }
    if !config.purposes.contains_key(&twilio.purpose) {
        return fail("purpose", format!("there is no [purposes.{}]", twilio.purpose));
    }
    if twilio.recipient.is_empty() {
        let said = "must hold a limit: whoever starts again there need not wait";
        return fail("recipient", said.to_owned());
    }
    Ok(())
}

/// Nobody has a key there, so that what is missing would only show once strangers ask.
fn check_django(config: &Config) -> Result<(), ConfigError> {
    let django = &config.compat.django;
    if !django.enabled {
        return Ok(());
    }
    let fail =
        |key: &str, said: String| Err(ConfigError::new(format!("compat.django.{key}"), said));
    if !is_path(&django.path) {
        let said = "must be a path such as \"/api/phone\", without a slash at its end";
        return fail("path", said.to_owned());
    }
    if !django.default_region.is_empty() && !recipient::is_region(&django.default_region) {
        let said = "is no country; write two capital letters, such as \"US\", or nothing";
        return fail("default_region", said.to_owned());
    }
    for (key, rules) in
        [("recipient", &django.recipient), ("wrong_per_client", &django.wrong_per_client)]
    {
        if rules.is_empty() {
            let said = "must hold a limit: whoever asks here has no API key";
            return fail(key, said.to_owned());
        }
    }
    if config.limits.client_ip.is_empty() {
        let said = "needs limits.client_ip: whoever asks there has no API key";
        return fail("enabled", said.to_owned());
    }
    if !config.chains.serves(Channel::Sms) {
        return fail("enabled", "needs a provider in chains.sms".to_owned());
    }
    check_purpose(config).or_else(|said| fail("purpose", said))
}

/// Its text needs nothing that those requests do not have. Purposes of which the file does not know may
/// be in the database.
fn check_purpose(config: &Config) -> Result<(), String> {
    let name = &config.compat.django.purpose;
    let template = config.purposes.get(name).and_then(|purpose| purpose.template.as_ref());
    let missing = template.and_then(|text| text.names().find(|name| !RESERVED.contains(name)));
    match missing {
        Some(missing) => Err(format!(
            "the template of {name:?} names {{{missing}}}, which those requests do not have"
        )),
        None => Ok(()),
    }
}

/// Plain segments: neither what the router takes for a placeholder nor what needs escaping.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.strip_prefix('/').is_some_and(|rest| {
        let mut segments = rest.split('/');
        segments.all(|segment| !segment.is_empty() && segment.bytes().all(is_plain))
    })
}
