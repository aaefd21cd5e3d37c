//! A text as somebody would get it, before anybody does: its words, its segments and what they cost.

use std::{borrow::Cow, collections::BTreeMap};

use uuid::Uuid;

use super::{
    Asked, Draft, Locale, Need, Place, Source, Wording,
    ending::{LONGEST_FOR_APP, with_ending},
};
use crate::{
    channel::Channel,
    config::{Config, Purpose},
    mistake::Mistake,
    price::Price,
    recipient,
    segments::{Encoding, Segments},
    settings::{Owner, Settings},
    speech::spelled,
    template::{Template, Values},
};

/// Digits of a code that is none.
const SAMPLE: &str = "1234567890";
/// Bytes of all variables together.
const MOST_BYTES: usize = 4_096;

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Question {
    pub tenant_id: Uuid,
    pub place: Place,
    /// Words that are not saved yet; without them, those that would be sent.
    pub draft: Option<Draft>,
    /// What a request would send.
    pub variables: BTreeMap<String, String>,
    /// ISO 3166-1 alpha-2, for the prices and for the language of a call.
    pub country: Option<String>,
}

/// What it becomes.
#[derive(Clone, Debug)]
pub struct Preview {
    pub language: String,
    /// None for words that are not saved yet.
    pub source: Option<Source>,
    pub title: Option<String>,
    pub text: String,
    pub characters: usize,
    /// Of an SMS.
    pub segments: Option<Segments>,
    /// What it costs at each provider of the chain that has a price for the country.
    pub prices: Vec<(String, Price)>,
    /// What may not work, in sentences.
    pub notes: Vec<String>,
}

/// Shows what would be sent.
///
/// # Errors
/// What is wrong with the words, or what they lack.
pub fn preview(config: &Config, settings: &Settings, asked: &Question) -> Result<Preview, Mistake> {
    let Place { purpose, channel, locale } = &asked.place;
    let policy = asked.place.policy(settings, Owner::Tenant(asked.tenant_id))?;
    let policy = policy.as_ref();
    check_size(&asked.variables)?;
    check_country(asked.country.as_deref())?;
    let wanted = locale.to_string();
    let minutes = policy.minutes_of(*channel);
    let need = Need {
        tenant_id: asked.tenant_id,
        purpose,
        channel: *channel,
        locale: Some(&wanted),
        country: asked.country.as_deref(),
        minutes,
    };
    let asked_for = Asked::new(Some(locale.clone()), None);
    let has_words =
        asked.draft.is_some() || settings.texts().wanted(policy, [need], &asked_for).is_some();
    let (wording, source) = match &asked.draft {
        None => {
            let wording = settings.texts().find(&config.texts, policy, &need);
            let source = wording.source;
            (wording, Some(source))
        }
        Some(draft) => {
            draft.check(*channel)?;
            (of_draft(draft, locale), None)
        }
    };
    let values = values(config, policy, *channel, minutes, asked)?;
    check_given(&wording, &values)?;
    let code = values.get("code").map_or("", String::as_str);
    let text = with_ending(&wording.text.render(&values), policy, *channel, code);
    let other = (!has_words)
        .then(|| format!("there are no words in {locale}: these are in {}", wording.language));
    let segments = (*channel == Channel::Sms).then(|| Segments::of(&text));
    Ok(Preview {
        source,
        title: wording.title.as_ref().map(|title| title.render(&values)),
        characters: text.chars().count(),
        prices: prices(config, *channel, segments, asked.country.as_deref()),
        notes: other.into_iter().chain(notes(policy, *channel, &text, segments)).collect(),
        language: wording.language,
        segments,
        text,
    })
}

fn of_draft(draft: &Draft, locale: &Locale) -> Wording<'static> {
    let read = |text: &String| Cow::Owned(Template::parse(text));
    Wording {
        language: locale.to_string(),
        title: draft.title.as_ref().map(read),
        text: read(&draft.text),
        source: Source::Tenant,
    }
}

fn check_size(variables: &BTreeMap<String, String>) -> Result<(), Mistake> {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MOST_BYTES {
        let said = format!("may have at most {MOST_BYTES} bytes together, and have {bytes}");
        return Err(Mistake::of("variables", said));
    }
    Ok(())
}

fn check_country(country: Option<&str>) -> Result<(), Mistake> {
    match country.filter(|country| !recipient::is_region(country)) {
        Some(_) => {
            let said = "is no country; write two capital letters, such as DE".to_owned();
            Err(Mistake::of("country", said))
        }
        None => Ok(()),
    }
}

/// What is filled in: a request's values, and for those that it lacks nothing.
fn values(
    config: &Config,
    policy: &Purpose,
    channel: Channel,
    minutes: u32,
    asked: &Question,
) -> Result<Values, Mistake> {
    let mut values = asked.variables.clone();
    let digits = SAMPLE.get(..policy.code_length as usize).unwrap_or(SAMPLE);
    let code = if channel == Channel::Voice { spelled(digits) } else { digits.to_owned() };
    let own = [("code", code), ("app", config.texts.app.clone()), ("minutes", minutes.to_string())];
    for (name, value) in own {
        if values.insert(name.to_owned(), value).is_some() {
            let said = format!("{name} is filled in by the service; leave it out");
            return Err(Mistake::of("variables", said));
        }
    }
    Ok(values)
}

/// Everything that the words name has a value, as a request for it must have.
fn check_given(wording: &Wording<'_>, values: &Values) -> Result<(), Mistake> {
    let title = wording.title.iter().flat_map(|title| title.names());
    let mut names = title.chain(wording.text.names());
    match names.find(|name| !values.contains_key(*name)) {
        Some(name) => Err(Mistake::of("variables", format!("{name} is missing"))),
        None => Ok(()),
    }
}

/// A text of several segments costs as many times what one does; a call and an e-mail cost what they cost.
fn prices(
    config: &Config,
    channel: Channel,
    segments: Option<Segments>,
    country: Option<&str>,
) -> Vec<(String, Price)> {
    if !channel.is_by_phone() {
        return Vec::new();
    }
    let count = segments.map_or(1, |segments| u16::try_from(segments.count).unwrap_or(u16::MAX));
    let chain = config.chains.of(channel).iter();
    let priced = chain.filter_map(|name| {
        let each = config.providers.get(name)?.prices().segment(country)?;
        Some((name.clone(), each.times(count)))
    });
    priced.collect()
}

fn notes(
    policy: &Purpose,
    channel: Channel,
    text: &str,
    segments: Option<Segments>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(Segments { encoding: Encoding::Ucs2, count: 2.. }) = segments {
        let said = "one character outside GSM-7 makes the whole text UCS-2, of which a segment holds \
                    70 characters instead of 160";
        notes.push(said.to_owned());
    }
    let is_for_app = channel == Channel::Sms && !policy.sms_app_hash.is_empty();
    if is_for_app && text.len() > LONGEST_FOR_APP {
        notes.push(format!(
            "Android finds the code in texts of at most {LONGEST_FOR_APP} bytes; this one has {}",
            text.len()
        ));
    }
    notes
}
