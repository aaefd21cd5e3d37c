//! Replies: what people are answered who write STOP, START or HELP, and by which providers.

use serde::Deserialize;

use super::{Config, ConfigError, Texts};
use crate::{
    inbound::Wish,
    message::LONGEST_TEXT,
    report::Hearer,
    template::{Template, Values},
};

const PLACEHOLDERS: [&str; 2] = ["app", "contact"];

#[derive(Clone, Debug, Deserialize)]
pub struct Replies {
    pub lifetime_secs: u32,
    pub stop: Template,
    pub start: Template,
    pub help: Template,
}

impl Replies {
    fn each(&self) -> [(Wish, &Template); 3] {
        [(Wish::Stop, &self.stop), (Wish::Start, &self.start), (Wish::Help, &self.help)]
    }

    /// What is answered to this wish; none where there is nothing to answer.
    #[must_use]
    pub fn text(&self, to: Wish, texts: &Texts) -> Option<String> {
        let (_, template) = self.each().into_iter().find(|(wish, _)| *wish == to)?;
        Some(template.render(&values(texts)))
    }
}

fn values(texts: &Texts) -> Values {
    let filled = [&texts.app, &texts.contact].map(String::clone);
    PLACEHOLDERS.map(str::to_owned).into_iter().zip(filled).collect()
}

/// Checks what no type can express.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if !(60..=86_400).contains(&config.replies.lifetime_secs) {
        return Err(ConfigError::new("replies.lifetime_secs", "must be 60 to 86400, a day"));
    }
    for (wish, template) in config.replies.each() {
        if let Some(said) = mistake_in(template, &config.texts) {
            return Err(ConfigError::new(format!("replies.{}", wish.as_str()), said));
        }
    }
    check_providers(config)?;
    let needs_contact =
        |(_, template): &(Wish, &Template)| template.names().any(|n| n == "contact");
    if config.texts.contact.is_empty()
        && let Some(name) = config.replying().next()
        && let Some((wish, _)) = config.replies.each().into_iter().find(needs_contact)
    {
        let said = format!(
            "must say where people get help, since provider {name:?} replies and replies.{} names \
             {{contact}}; write an address, such as \"help@example.org\"",
            wish.as_str()
        );
        return Err(ConfigError::new("texts.contact", said));
    }
    Ok(())
}

fn mistake_in(template: &Template, texts: &Texts) -> Option<String> {
    if let Some((at, found)) = template.stray_brace() {
        let said = "is no placeholder; there are {app} and {contact}";
        return Some(format!("{found:?} at character {at} {said}"));
    }
    if let Some(name) = template.names().find(|name| !PLACEHOLDERS.contains(name)) {
        return Some(format!("{{{name}}} is not known here; there are {{app}} and {{contact}}"));
    }
    let is_too_long = template.render(&values(texts)).chars().count() > LONGEST_TEXT;
    is_too_long.then(|| format!("must have at most {LONGEST_TEXT} characters"))
}

/// Who replies must hear what people write.
fn check_providers(config: &Config) -> Result<(), ConfigError> {
    for name in config.replying() {
        let Some(section) = config.providers.get(name) else { continue };
        let hearer = Hearer::new(section);
        let said = if hearer.come_by_themselves() {
            continue;
        } else if !config.is_reachable() {
            "needs what people write; set server.public_url"
        } else if !hearer.can_hear_people() {
            "needs what people write, and of this provider nothing is heard or believed; see \
             \"What people write back\" in docs/providers.md for what that takes"
        } else {
            continue;
        };
        return Err(ConfigError::new(format!("providers.{name}.replies"), said));
    }
    Ok(())
}
