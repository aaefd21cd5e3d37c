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
    pub template: Template,
    /// In one line.
    pub email_subject: Template,
    pub email_template: Template,
    /// What calls say, in the language of the texts; none for the sentence that each language has.
    #[serde(deserialize_with = "rules::text_if_any")]
    pub voice_template: Option<Template>,
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
        let minutes = self.lifetime_of(channel).div_ceil(60).to_string().len();
        template.length(|name| match name {
            "code" if channel == Channel::Voice => spelled_length(self.code_length as usize),
            "code" => self.code_length as usize,
            "app" => app.chars().count(),
            "minutes" => minutes,
            name => variable(name),
        })
    }

    /// Everything that is filled in for a code that goes this way.
    #[must_use]
    pub fn templates_of(&self, channel: Channel) -> Vec<&Template> {
        match channel {
            Channel::Sms | Channel::Whatsapp => vec![&self.template],
            Channel::Email => vec![&self.email_subject, &self.email_template],
            Channel::Voice => self.voice_template.iter().collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResendMode {
    Same,
    Rotate,
}
