//! What is said to people, as far as the configuration says it: purposes, their texts and the language.

use super::{Config, ConfigError, Purpose};
use crate::{
    channel::Channel,
    message::{LONGEST_TITLE, longest_text},
    mistake::Mistake,
    policy,
    template::Template,
    texts::{Draft, built_in, is_app_hash, is_host, is_spoken, longest_title},
};

/// Checks what no type can express.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_language("texts.language", &config.texts.language)?;
    check_voice_languages(config)?;
    check_purposes(config)?;
    check_speech(config)
}

fn check_purposes(config: &Config) -> Result<(), ConfigError> {
    for (name, purpose) in &config.purposes {
        policy::check(config, purpose).map_err(|mistake| {
            ConfigError::new(format!("purposes.{name}.{}", mistake.field()), mistake.said)
        })?;
    }
    Ok(())
}

/// Checks the texts of one purpose, and what stands under them.
pub(crate) fn check_purpose(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    for (key, channel, own) in [
        ("template", Channel::Sms, &purpose.template),
        ("email_template", Channel::Email, &purpose.email_template),
        ("voice_template", Channel::Voice, &purpose.voice_template),
    ] {
        let Some(own) = own else { continue };
        Draft::check_of_file(own, channel).map_err(|mistake| Mistake::of(key, mistake.said))?;
        if config.chains.serves(channel) {
            let (length, most) = (filled(config, purpose, own, channel), longest_text(channel));
            check_filled(key, "", length, most)?;
        }
    }
    if let Some(subject) = &purpose.email_subject {
        Draft::check_title_of_file(subject)
            .map_err(|mistake| Mistake::of("email_subject", mistake.said))?;
    }
    if config.chains.serves(Channel::Email) {
        check_title(config, purpose)?;
    }
    check_endings(purpose)
}

/// With what is the same in every text; variables come on top.
fn filled(config: &Config, purpose: &Purpose, template: &Template, channel: Channel) -> usize {
    purpose.length(template, channel, &config.texts.app, |_| 0)
}

fn check_filled(key: &str, of: &str, length: usize, most: usize) -> Result<(), Mistake> {
    if length > most {
        let said =
            format!("{of}has {length} characters with texts.app and a code, and may have {most}");
        return Err(Mistake::of(key, said));
    }
    Ok(())
}

/// Whichever title is sent.
fn check_title(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    let (title, of) = match (&purpose.email_subject, longest_title()) {
        (Some(own), _) => (own, String::new()),
        (None, Some((language, title))) => (title, format!("in {language} it ")),
        (None, None) => return Ok(()),
    };
    let length = filled(config, purpose, title, Channel::Email);
    check_filled("email_subject", &of, length, LONGEST_TITLE)
}

/// What stands under an SMS is found by programs, which take nothing else for it.
fn check_endings(purpose: &Purpose) -> Result<(), Mistake> {
    let (host, hash) = (&purpose.sms_web_host, &purpose.sms_app_hash);
    if !host.is_empty() && !is_host(host) {
        let said = "must be the host of a page in small letters, such as \"login.example.org\", \
                    without https:// and without a port";
        return Err(Mistake::of("sms_web_host", said));
    }
    if !hash.is_empty() && !is_app_hash(hash) {
        let said = "must be the 11 characters of an app's hash: letters, digits, + and /";
        return Err(Mistake::of("sms_app_hash", said));
    }
    Ok(())
}

fn check_voice_languages(config: &Config) -> Result<(), ConfigError> {
    let spoken = &config.texts.voice_languages;
    if let Some(country) = spoken.unknown() {
        let said = "is no country; write two capital letters, such as AT";
        return Err(ConfigError::new(format!("texts.voice_languages.{country}"), said));
    }
    spoken.iter().try_for_each(|(country, language)| {
        check_language(&format!("texts.voice_languages.{country}"), language)
    })
}

/// Whoever is called is told something in the language that was meant.
fn check_speech(config: &Config) -> Result<(), ConfigError> {
    let texts = &config.texts;
    if !config.chains.serves(Channel::Voice) {
        return Ok(());
    }
    let known = || {
        let known: Vec<String> = built_in().iter().map(ToString::to_string).collect();
        known.join(", ")
    };
    for (name, purpose) in &config.purposes {
        let is_said = |language: &str| {
            let is_own =
                purpose.voice_template.is_some() && primary(language) == primary(&texts.language);
            is_own || is_spoken(language)
        };
        if !is_said(&texts.language) {
            let said = format!(
                "nobody could be called: there is no sentence in {:?}; write one, or set \
                 texts.language to one of {}",
                texts.language,
                known()
            );
            return Err(ConfigError::new(format!("purposes.{name}.voice_template"), said));
        }
        let mut spoken = texts.voice_languages.iter();
        if let Some((country, language)) = spoken.find(|(_, language)| !is_said(language)) {
            let said =
                format!("there is no sentence in {language:?}; there are those in {}", known());
            return Err(ConfigError::new(format!("texts.voice_languages.{country}"), said));
        }
    }
    Ok(())
}

/// `pt` of `pt-BR`.
fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

fn check_language(key: &str, language: &str) -> Result<(), ConfigError> {
    let is_subtag = |tag: &str| {
        (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let begins_well = language.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins_well && language.split('-').all(is_subtag) {
        return Ok(());
    }
    let said = format!("{language:?} is no language; write one such as \"en\" or \"pt-BR\"");
    Err(ConfigError::new(key, said))
}
