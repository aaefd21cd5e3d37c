//! What the texts of a verification need: variables that are there, and a length that can be sent.

use uuid::Uuid;

use super::Variables;
use crate::{
    admission::Refused,
    channel::Channel,
    config::{Purpose, Texts as Config},
    message::{LONGEST_TITLE, longest_text},
    recipient::Recipient,
    template::{APP, RESERVED, Template},
    texts::{Need, Texts, ending},
};

/// By what the words of a verification are chosen, and what is filled into them.
pub(super) struct Words<'a> {
    pub(super) config: &'a Config,
    pub(super) texts: &'a Texts,
    pub(super) tenant_id: Uuid,
    pub(super) purpose: &'a str,
    pub(super) policy: &'a Purpose,
    pub(super) locale: Option<String>,
    pub(super) given: &'a Variables,
    /// Names that a text must have, whatever else is in it.
    pub(super) must_name: &'a [&'a str],
}

impl Words<'_> {
    /// What a channel's texts need is there, and they do not become too long.
    ///
    /// # Errors
    /// Names the variable, or the length.
    pub(super) fn check(&self, channel: Channel, to: &Recipient) -> Result<(), Refused> {
        let need = Need {
            tenant_id: self.tenant_id,
            purpose: self.purpose,
            channel,
            locale: self.locale.as_deref(),
            country: to.region(),
            minutes: self.policy.minutes_of(channel),
        };
        let wording = self.texts.find(self.config, self.policy, &need);
        let title = wording.title.as_deref();
        let mut names = title.iter().flat_map(|title| title.names()).chain(wording.text.names());
        let is_missing = |name: &&str| !RESERVED.contains(name) && !self.given.contains_key(*name);
        if let Some(name) = names.find(is_missing) {
            return Err(Refused::VariableMissing(name.to_owned()));
        }
        let names_it = |name: &&&str| wording.text.names().any(|own| own == **name);
        if let Some(name) = self.must_name.iter().find(|name| !names_it(name)) {
            return Err(Refused::NotInText((*name).to_owned()));
        }
        self.check_length(channel, &wording.text)?;
        match title.map(|title| self.length(channel, title)) {
            Some(title) if title > LONGEST_TITLE => Err(Refused::TitleLength(title)),
            _ => Ok(()),
        }
    }

    /// A name that a stranger typed must not make a text that no provider takes, or one that is paid for
    /// many times.
    fn check_length(&self, channel: Channel, text: &Template) -> Result<(), Refused> {
        let digits = "0".repeat(self.policy.code_length as usize);
        let under = ending(self.policy, channel, &digits).chars().count();
        let (characters, most) = (self.length(channel, text) + under, longest_text(channel));
        if characters > most {
            return Err(Refused::TextLength { characters, most });
        }
        Ok(())
    }

    fn length(&self, channel: Channel, template: &Template) -> usize {
        let app = self.given.get(APP).unwrap_or(&self.config.app);
        self.policy.length(template, channel, app, |name| {
            self.given.get(name).map_or(0, |value| value.chars().count())
        })
    }
}
