//! What is said to people, as far as the configuration says it: purposes, their texts and the language.

use super::{Config, ConfigError, Purpose};
use crate::{
    channel::Channel,
    message::{LONGEST_LETTER, LONGEST_TITLE},
    mistake::Mistake,
    policy,
    template::Template,
    texts::{built_in, is_app_hash, is_host, is_spoken, longest_title},
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
    for (key, own) in [
        ("template", &purpose.template),
        ("email_template", &purpose.email_template),
        ("voice_template", &purpose.voice_template),
    ] {
        if own.as_ref().is_some_and(|own| !names_code(own)) {
            return Err(Mistake::of(key, "must contain {code}"));
        }
    }
    check_email_subject(purpose).map_err(|said| Mistake::of("email_subject", said))?;
    check_endings(purpose)?;
    if config.chains.serves(Channel::Email) {
        check_filled(purpose, &config.texts.app)?;
    }
    Ok(())
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

/// With what is the same in every e-mail; variables come on top.
fn check_filled(purpose: &Purpose, app: &str) -> Result<(), Mistake> {
    let length = |template: &Template| purpose.length(template, Channel::Email, app, |_| 0);
    let too_long = |length: usize, most: usize| {
        format!("has {length} characters with texts.app and a code, and may have {most}")
    };
    let text = purpose.email_template.as_ref().map_or(0, length);
    if text > LONGEST_LETTER {
        return Err(Mistake::of("email_template", too_long(text, LONGEST_LETTER)));
    }
    let (title, of) = match (&purpose.email_subject, longest_title()) {
        (Some(own), _) => (length(own), String::new()),
        (None, Some((language, title))) => (length(title), format!("in {language} it ")),
        (None, None) => return Ok(()),
    };
    if title > LONGEST_TITLE {
        return Err(Mistake::of("email_subject", of + &too_long(title, LONGEST_TITLE)));
    }
    Ok(())
}

fn names_code(template: &Template) -> bool {
    template.names().any(|name| name == "code")
}

/// It becomes a header of the e-mail.
fn check_email_subject(purpose: &Purpose) -> Result<(), String> {
    let Some(subject) = &purpose.email_subject else { return Ok(()) };
    let words: String = subject.literals().collect();
    if words.contains(char::is_control) {
        return Err("must be one line, without control characters".to_owned());
    }
    if words.chars().count() > LONGEST_TITLE {
        return Err(format!("must have at most {LONGEST_TITLE} characters"));
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
