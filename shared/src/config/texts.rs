//! What is said to people, as far as the configuration says it: purposes, their texts and the language.

use super::{Config, ConfigError, Purpose};
use crate::{
    channel::Channel,
    message::{LONGEST_LETTER, LONGEST_TITLE},
    template::Template,
};

/// Checks what no type can express.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_language(&config.texts.language)?;
    check_purposes(config)
}

fn check_purposes(config: &Config) -> Result<(), ConfigError> {
    for (name, purpose) in &config.purposes {
        let fail = |key: &str, message: &str| {
            Err(ConfigError::new(format!("purposes.{name}.{key}"), message))
        };
        if !(4..=10).contains(&purpose.code_length) {
            return fail("code_length", "must be 4 to 10");
        }
        if !(30..=600).contains(&purpose.lifetime_secs) {
            return fail(
                "lifetime_secs",
                "must be 30 to 600: codes by phone live at most 10 minutes",
            );
        }
        if !(1..=10).contains(&purpose.guesses) {
            return fail("guesses", "must be 1 to 10");
        }
        if !names_code(&purpose.template) {
            return fail("template", "must contain {code}");
        }
        if !(60..=86_400).contains(&purpose.email_lifetime_secs) {
            return fail("email_lifetime_secs", "must be 60 to 86400, a day");
        }
        if !names_code(&purpose.email_template) {
            return fail("email_template", "must contain {code}");
        }
        check_email_subject(purpose).or_else(|said| fail("email_subject", &said))?;
        if config.chains.serves(Channel::Email) {
            let app = &config.texts.app;
            for (key, template, most) in [
                ("email_subject", &purpose.email_subject, LONGEST_TITLE),
                ("email_template", &purpose.email_template, LONGEST_LETTER),
            ] {
                check_filled(purpose, template, app, most).or_else(|said| fail(key, &said))?;
            }
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

fn check_language(language: &str) -> Result<(), ConfigError> {
    let is_subtag = |tag: &str| {
        (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let begins_well = language.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins_well && language.split('-').all(is_subtag) {
        return Ok(());
    }
    let said = format!("{language:?} is no language; write one such as \"en\" or \"pt-BR\"");
    Err(ConfigError::new("texts.language", said))
}
