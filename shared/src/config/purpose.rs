//! Purposes: the policy of all verifications that serve the same end.

use serde::Deserialize;

use super::rules;
use crate::{channel::Channel, speech::spelled_length, template::Template};

/// What holds for all verifications of one purpose: the policy.
#[derive(Clone, Debug, Deserialize)]
pub struct Purpose {
    pub code_length: u32,
    pub lifetime_secs: u32,
    pub email_lifetime_secs: u32,
    pub guesses: u32,
    pub resend_after_secs: u32,
    pub resend: ResendMode,
    /// In the language of the texts, like the others; none for the sentence that each language has.
    #[serde(deserialize_with = "rules::text_if_any")]
    pub template: Option<Template>,
    /// In one line.
    #[serde(deserialize_with = "rules::text_if_any")]
    pub email_subject: Option<Template>,
    #[serde(deserialize_with = "rules::text_if_any")]
    pub email_template: Option<Template>,
    /// What calls say.
    #[serde(deserialize_with = "rules::text_if_any")]
    pub voice_template: Option<Template>,
    /// The host of the page that codes by SMS are for; empty for none.
    pub sms_web_host: String,
    /// What names the Android app that codes by SMS are for; empty for none.
    pub sms_app_hash: String,
}

impl Purpose {
    /// How long a code counts that goes this way.
    #[must_use]
    pub fn lifetime_of(&self, channel: Channel) -> u32 {
        match channel {
            Channel::Sms | Channel::Voice | Channel::Whatsapp => self.lifetime_secs,
            Channel::Email => self.email_lifetime_secs,
        }
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResendMode {
    Same,
    Rotate,
}
