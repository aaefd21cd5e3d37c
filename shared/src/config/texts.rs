//! What is said to people, as far as the configuration says it: purposes, their texts and the language.

use super::{Config, ConfigError, Purpose};
use crate::{
    channel::Channel,
    message::{LONGEST_LETTER, LONGEST_TITLE},
    policy::{self, Mistake},
    speech::{Speech, languages},
    template::Template,
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
        policy::check(config, purpose).map_err(|mistake| mistake.in_file(name))?;
    }
    Ok(())
}

/// Checks the texts of one purpose.
pub(crate) fn check_purpose(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    let codeless = "must contain {code}";
    if !names_code(&purpose.template) {
        return Err(Mistake::of("template", codeless));
    }
    if !names_code(&purpose.email_template) {
        return Err(Mistake::of("email_template", codeless));
    }
    if purpose.voice_template.as_ref().is_some_and(|own| !names_code(own)) {
        return Err(Mistake::of("voice_template", codeless));
    }
    check_email_subject(purpose).map_err(|said| Mistake::of("email_subject", said))?;
    if config.chains.serves(Channel::Email) {
        let app = &config.texts.app;
        for (key, template, most) in [
            ("email_subject", &purpose.email_subject, LONGEST_TITLE),
            ("email_template", &purpose.email_template, LONGEST_LETTER),
        ] {
            check_filled(purpose, template, app, most).map_err(|said| Mistake::of(key, said))?;
        }
    }
    Ok(())
}

/// With what is the same in every e-mail; variables come on top.
fn check_filled(
    purpose: &Purpose,
    template: &Template,
    app: &str,
    most: usize,
) -> Result<(), String> {
    match purpose.length(template, Channel::Email, app, |_| 0) {
        length if length > most => {
            Err(format!("has {length} characters with texts.app and a code, and may have {most}"))
        }
        _ => Ok(()),
    }
}

fn names_code(template: &Template) -> bool {
    template.names().any(|name| name == "code")
}

/// It becomes a header of the e-mail.
fn check_email_subject(purpose: &Purpose) -> Result<(), String> {
    let words: String = purpose.email_subject.literals().collect();
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

/// Whoever is called can be told something.
fn check_speech(config: &Config) -> Result<(), ConfigError> {
    let texts = &config.texts;
    if !config.chains.serves(Channel::Voice) {
        return Ok(());
    }
    let known = || languages().collect::<Vec<_>>().join(", ");
    for (name, purpose) in &config.purposes {
        if Speech::of(texts, purpose, None).is_none() {
            let said = format!(
                "nobody could be called: there is no sentence in {:?}; write one, or set \
                 texts.language to one of {}",
                texts.language,
                known()
            );
            return Err(ConfigError::new(format!("purposes.{name}.voice_template"), said));
        }
        let mut spoken = texts.voice_languages.iter();
        let silent =
            spoken.find(|(country, _)| Speech::of(texts, purpose, Some(country)).is_none());
        if let Some((country, language)) = silent {
            let said =
                format!("there is no sentence in {language:?}; there are those in {}", known());
            return Err(ConfigError::new(format!("texts.voice_languages.{country}"), said));
        }
    }
    Ok(())
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
