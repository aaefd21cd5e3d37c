//! Purposes: the policy of all verifications that serve the same end.

use std::fmt::Display;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::rules;
use crate::{channel::Channel, limits::Rule, speech::spelled_length, template::Template};

/// What holds for all verifications of one purpose: the policy, and its texts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Purpose {
    pub code_length: u32,
    pub lifetime_secs: u32,
    /// 0 means `lifetime_secs`, as of the next one.
    pub voice_lifetime_secs: u32,
    pub whatsapp_lifetime_secs: u32,
    pub email_lifetime_secs: u32,
    pub guesses: u32,
    pub resend_after_secs: u32,
    pub resend: ResendMode,
    /// How often one verification is sent again at most; none for as often as the limits allow.
    #[serde(deserialize_with = "rule_if_any", serialize_with = "as_text")]
    pub resends: Option<Rule>,
    /// Whether the right code counts again until it expires.
    pub reusable: bool,
    /// Whether a request may bring a code of its own.
    pub own_codes: bool,
    /// What follows where a request does not say it.
    pub then: Vec<Follow>,
    /// Those that numbers may be of (ISO 3166-1 alpha-2); empty for all that the configuration allows.
    pub countries: Vec<String>,
    /// In the language of the texts, like the others; none for the sentence that each language has.
    #[serde(deserialize_with = "rules::text_if_any", serialize_with = "as_text")]
    pub template: Option<Template>,
    /// In one line.
    #[serde(deserialize_with = "rules::text_if_any", serialize_with = "as_text")]
    pub email_subject: Option<Template>,
    #[serde(deserialize_with = "rules::text_if_any", serialize_with = "as_text")]
    pub email_template: Option<Template>,
    /// What calls say.
    #[serde(deserialize_with = "rules::text_if_any", serialize_with = "as_text")]
    pub voice_template: Option<Template>,
    /// The host of the page that codes by SMS are for; empty for none.
    pub sms_web_host: String,
    /// What names the Android app that codes by SMS are for; empty for none.
    pub sms_app_hash: String,
}

/// A step that follows to the same address, some time after the one before.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    pub channel: Channel,
    pub after_secs: u32,
}

impl Purpose {
    /// How long a code counts that goes this way.
    #[must_use]
    pub fn lifetime_of(&self, channel: Channel) -> u32 {
        let own = match channel {
            Channel::Sms => 0,
            Channel::Voice => self.voice_lifetime_secs,
            Channel::Whatsapp => self.whatsapp_lifetime_secs,
            Channel::Email => self.email_lifetime_secs,
        };
        if own == 0 { self.lifetime_secs } else { own }
    }

    /// True when numbers of this country may be sent to, as far as the purpose has a say.
    #[must_use]
    pub fn allows_region(&self, region: Option<&str>) -> bool {
        self.countries.is_empty()
            || region.is_some_and(|region| self.countries.iter().any(|country| country == region))
    }

    /// The same as people are told it: whole minutes.
    #[must_use]
    pub fn minutes_of(&self, channel: Channel) -> u32 {
        self.lifetime_of(channel).div_ceil(60)
    }

    /// How many characters a template of a code that goes this way has, when each variable is filled in
    /// with so many.
    #[must_use]
    pub fn length(
        &self,
        template: &Template,
        channel: Channel,
        app: &str,
        variable: impl Fn(&str) -> usize,
    ) -> usize {
        let minutes = self.minutes_of(channel).to_string().len();
        template.length(|name| match name {
            "code" if channel == Channel::Voice => spelled_length(self.code_length as usize),
            "code" => self.code_length as usize,
            "app" => app.chars().count(),
            "minutes" => minutes,
            name => variable(name),
        })
    }
}

/// How digits change when a code is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResendMode {
    Same,
    Rotate,
}

/// A limit; an empty text is none.
fn rule_if_any<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Rule>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    let read = Rule::parse(&text).map(Some);
    read.ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is not a limit; write count/window, such as \"5/10m\", or \"\" for none"
        ))
    })
}

/// As it is read, out of an `Option`; none as an empty text.
fn as_text<'v, V, S: Serializer>(value: &'v V, serializer: S) -> Result<S::Ok, S::Error>
where
    &'v V: IntoIterator<Item: Display>,
{
    match value.into_iter().next() {
        Some(value) => serializer.collect_str(&value),
        None => serializer.serialize_str(""),
    }
}
