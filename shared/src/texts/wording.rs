//! Whose words a message says, and in which language: all there are, as one process knows them.

use std::{borrow::Cow, collections::HashMap};

use uuid::Uuid;

use super::{
    Asked, Locale,
    built_in::{self, Piece, built_in},
    locale::{ordered, served},
    rows::Rows,
};
use crate::{
    channel::Channel,
    config::{Purpose, Texts as Config},
    policy::DEFAULT_PURPOSE,
    template::Template,
};

/// Said when even the file of English were missing.
const LAST_RESORT: &str = "{app}: {code}";

/// Everything that somebody has written down, ready to be looked up. It never changes: a change is
/// another one.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    everyone: Owned,
    tenants: HashMap<Uuid, Owned>,
}

/// What belongs to one tenant, or to all.
#[derive(Clone, Debug, Default)]
struct Owned {
    by_purpose: HashMap<String, Vec<Saved>>,
    /// In which there is anything to say, for [`served`].
    available: Vec<Locale>,
    /// That of people who ask for none.
    language: Option<Locale>,
}

#[derive(Clone, Debug)]
struct Saved {
    channel: Channel,
    locale: Locale,
    title: Option<Template>,
    text: Template,
}

impl Owned {
    fn find(&self, purpose: &str, channel: Channel, locale: &Locale) -> Option<&Saved> {
        let all = self.by_purpose.get(purpose)?;
        all.iter().find(|saved| saved.channel == channel && saved.locale == *locale)
    }

    fn locales(&self) -> impl Iterator<Item = Locale> {
        self.by_purpose.values().flatten().map(|saved| saved.locale.clone())
    }
}

/// What a message is about, as far as its words depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    pub tenant_id: Uuid,
    pub purpose: &'a str,
    pub channel: Channel,
    /// What the person was found to want.
    pub locale: Option<&'a str>,
    /// ISO 3166-1 alpha-2, of a number.
    pub country: Option<&'a str>,
    /// How long the code counts.
    pub minutes: u32,
}

/// Who wrote the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The tenant's own.
    Tenant,
    /// Those of all tenants.
    Everyone,
    /// The configuration's file.
    File,
    BuiltIn,
}

impl Source {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Everyone => "everyone",
            Self::File => "file",
            Self::BuiltIn => "built_in",
        }
    }
}

/// What one message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording<'a> {
    /// BCP 47; of a call the name of its voice.
    pub language: String,
    /// Of an e-mail.
    pub title: Option<Cow<'a, Template>>,
    pub text: Cow<'a, Template>,
    pub source: Source,
}

/// Where the words of one language are.
enum Found<'a> {
    Saved(&'a Saved, Source),
    InFile,
    BuiltIn(&'static built_in::Language),
}

/// A language that is tried, and whether the operator named it.
struct Wish {
    locale: Locale,
    is_configured: bool,
}

impl Texts {
    /// Puts together what was read; `language` is that of the configuration.
    #[must_use]
    pub fn load(rows: Rows, language: &str) -> Self {
        let mut texts = Self::default();
        for row in rows.templates {
            let (Some(channel), Some(locale), Some(body)) =
                (Channel::parse(&row.channel), Locale::parse(&row.locale), row.body)
            else {
                continue;
            };
            let title = row.title.as_deref().map(Template::parse);
            let saved = Saved { channel, locale, title, text: Template::parse(&body) };
            let owned = if row.for_everyone == 0 {
                texts.tenants.entry(row.tenant_id).or_default()
            } else {
                &mut texts.everyone
            };
            owned.by_purpose.entry(row.purpose).or_default().push(saved);
        }
        for (tenant_id, language) in rows.languages {
            texts.tenants.entry(tenant_id).or_default().language = Locale::parse(&language);
        }
        texts.everyone.language = Locale::parse_lossy(language);
        let general = built_in().iter().cloned().chain(texts.everyone.language.clone());
        let general: Vec<Locale> = general.chain(texts.everyone.locales()).collect();
        for owned in texts.tenants.values_mut() {
            owned.available = ordered(general.iter().cloned().chain(owned.locales()));
        }
        texts.everyone.available = ordered(general);
        texts
    }

    /// What of it is kept with a verification: the first wanted language in which there are words for its
    /// first message, else for one that follows.
    pub fn wanted<'a>(
        &self,
        policy: &Purpose,
        messages: impl IntoIterator<Item = Need<'a>>,
        asked: &'a Asked,
    ) -> Option<&'a Locale> {
        messages.into_iter().find_map(|need| {
            let has_words = |locale: &Locale| self.found(policy, &need, locale).is_some();
            asked.first_served(self.available(need.tenant_id), has_words)
        })
    }

    /// False of a language in which nobody can be told anything.
    #[must_use]
    pub fn serves(&self, tenant_id: Uuid, locale: &Locale) -> bool {
        !served(locale, self.available(tenant_id)).is_empty()
    }

    /// The language of `available` for who asks: else that of the tenant, else of the configuration.
    #[must_use]
    pub fn spoken<'a>(
        &self,
        tenant_id: Uuid,
        asked: &Asked,
        available: &'a [Locale],
    ) -> Option<&'a Locale> {
        let of_tenant = self.tenants.get(&tenant_id).and_then(|own| own.language.as_ref());
        let wished =
            [asked.first_served(available, |_| true), of_tenant, self.everyone.language.as_ref()];
        let mut served = wished.into_iter().flatten().map(|wish| served(wish, available));
        served.find_map(|found| found.first().copied())
    }

    /// The words for this; there always are some.
    #[must_use]
    pub fn find<'a>(
        &'a self,
        config: &'a Config,
        policy: &'a Purpose,
        need: &Need<'_>,
    ) -> Wording<'a> {
        let available = self.available(need.tenant_id);
        for wish in self.wishes(config, need) {
            for locale in served(&wish.locale, available) {
                if let Some(mut wording) = self.words_in(config, policy, need, locale) {
                    if need.channel == Channel::Voice {
                        wording.language = voice(&wish, locale);
                    }
                    return wording;
                }
            }
        }
        last_resort(config, policy, need)
    }

    /// In the order in which they are tried.
    fn wishes(&self, config: &Config, need: &Need<'_>) -> Vec<Wish> {
        let configured = |locale| Wish { locale, is_configured: true };
        let asked = need.locale.and_then(Locale::parse);
        let mut wishes = Vec::with_capacity(4);
        wishes.extend(asked.map(|locale| Wish { locale, is_configured: false }));
        if need.channel == Channel::Voice {
            let spoken = config.voice_languages.of(need.country);
            wishes.extend(spoken.and_then(Locale::parse_lossy).map(configured));
        }
        let of_tenant = self.tenants.get(&need.tenant_id).and_then(|own| own.language.clone());
        wishes.extend(of_tenant.map(configured));
        wishes.extend(self.everyone.language.clone().map(configured));
        wishes
    }

    fn words_in<'a>(
        &'a self,
        config: &'a Config,
        policy: &'a Purpose,
        need: &Need<'_>,
        locale: &Locale,
    ) -> Option<Wording<'a>> {
        match self.found(policy, need, locale)? {
            Found::Saved(saved, source) => Some(Wording {
                language: locale.to_string(),
                title: saved.title.as_ref().map(Cow::Borrowed),
                text: Cow::Borrowed(&saved.text),
                source,
            }),
            Found::InFile => of_file(config, policy, need),
            Found::BuiltIn(words) => of_language(words, locale.to_string(), need),
        }
    }

    /// Where there are words in exactly this language.
    fn found(&self, policy: &Purpose, need: &Need<'_>, locale: &Locale) -> Option<Found<'_>> {
        let channel = channel_of_texts(need.channel);
        let own = self.tenants.get(&need.tenant_id).map(|own| (own, Source::Tenant));
        for (owned, source) in own.into_iter().chain([(&self.everyone, Source::Everyone)]) {
            let found = owned
                .find(need.purpose, channel, locale)
                .or_else(|| owned.find(DEFAULT_PURPOSE, channel, locale));
            if let Some(saved) = found {
                return Some(Found::Saved(saved, source));
            }
        }
        let is_of_file = |language: &Locale| locale.covers(language);
        if self.everyone.language.as_ref().is_some_and(is_of_file)
            && in_file(policy, need.channel) != (None, None)
        {
            return Some(Found::InFile);
        }
        built_in::find(locale).map(Found::BuiltIn)
    }

    fn available(&self, tenant_id: Uuid) -> &[Locale] {
        &self.tenants.get(&tenant_id).unwrap_or(&self.everyone).available
    }
}

/// Where WhatsApp says our words, it says those of an SMS.
fn channel_of_texts(channel: Channel) -> Channel {
    if channel == Channel::Whatsapp { Channel::Sms } else { channel }
}

/// The words of the configuration's file, if it has any for this. An e-mail of which it has only one half
/// has the other from the sentences of the same language.
fn of_file<'a>(config: &'a Config, policy: &'a Purpose, need: &Need<'_>) -> Option<Wording<'a>> {
    let (title, text) = in_file(policy, need.channel);
    if title.is_none() && text.is_none() {
        return None;
    }
    let borrowed = |template: Option<&'a Template>| template.map(Cow::Borrowed);
    let language = config.language.clone();
    let (mut title, text) = (borrowed(title), borrowed(text));
    let missing = text.is_none() || (need.channel == Channel::Email && title.is_none());
    let rest = missing.then(|| built_in_for(&language, need));
    title = title.or_else(|| rest.as_ref()?.title.clone());
    let text = text.or_else(|| rest.map(|rest| rest.text))?;
    Some(Wording { language, title, text, source: Source::File })
}

/// Title and text that the configuration's file has for this.
fn in_file(policy: &Purpose, channel: Channel) -> (Option<&Template>, Option<&Template>) {
    match channel {
        Channel::Sms | Channel::Whatsapp => (None, policy.template.as_ref()),
        Channel::Email => (policy.email_subject.as_ref(), policy.email_template.as_ref()),
        Channel::Voice => (None, policy.voice_template.as_ref()),
    }
}

/// The sentences of the nearest language to this one, else those in English.
fn built_in_for(language: &str, need: &Need<'_>) -> Wording<'static> {
    let asked = Locale::parse_lossy(language);
    let near = asked.as_ref().map(|asked| served(asked, built_in())).unwrap_or_default();
    let found = near.into_iter().find_map(|locale| {
        let words = built_in::find(locale)?;
        of_language(words, locale.to_string(), need)
    });
    found.unwrap_or_else(|| in_english(need))
}

fn of_language(
    words: &built_in::Language,
    language: String,
    need: &Need<'_>,
) -> Option<Wording<'static>> {
    let is_email = need.channel == Channel::Email;
    let title = is_email.then(|| words.template(Piece::EmailTitle, need.minutes)).flatten();
    let text = words.template(Piece::text_of(need.channel), need.minutes)?;
    let (title, text) = (title.map(Cow::Owned), Cow::Owned(text));
    Some(Wording { language, title, text, source: Source::BuiltIn })
}

/// For languages in which nobody has written anything.
fn last_resort<'a>(config: &'a Config, policy: &'a Purpose, need: &Need<'_>) -> Wording<'a> {
    of_file(config, policy, need).unwrap_or_else(|| in_english(need))
}

fn in_english(need: &Need<'_>) -> Wording<'static> {
    let english = built_in::english();
    let found = english.and_then(|words| {
        let is_call = need.channel == Channel::Voice;
        let voice = is_call.then(|| words.voice()).flatten();
        of_language(words, voice.unwrap_or_else(|| "en".to_owned()), need)
    });
    found.unwrap_or_else(|| {
        let words = || Cow::Owned(Template::parse(LAST_RESORT));
        let title = (need.channel == Channel::Email).then(words);
        Wording { language: "en".to_owned(), title, text: words(), source: Source::BuiltIn }
    })
}

/// Who names a region gets its voice; of others each language has one.
fn voice(wish: &Wish, locale: &Locale) -> String {
    if wish.is_configured && wish.locale.has_region() {
        return wish.locale.to_string();
    }
    let own = built_in::find(locale).and_then(built_in::Language::voice);
    own.unwrap_or_else(|| locale.to_string())
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
