//! What a text must be before it is saved: strict then, so that sending it never fails.

use std::sync::Arc;

use super::Locale;
use crate::{
    channel::Channel,
    config::{Purpose, Texts},
    message::{LONGEST_TITLE, longest_text},
    mistake::Mistake,
    settings::{Owner, Settings},
    template::{Mark, RESERVED, Template, is_name},
};

/// Variables that one text may name.
pub const MOST_VARIABLES: usize = 20;
/// Characters of a text that an error repeats.
const SHOWN: usize = 40;

/// A text as somebody writes it down.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Of an e-mail.
    pub title: Option<String>,
    pub text: String,
    /// Names that requests give values for.
    pub variables: Vec<String>,
}

/// Where a text belongs: to which purpose, channel and language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub purpose: String,
    pub channel: Channel,
    pub locale: Locale,
}

fn mistake<T>(field: &'static str, said: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake::of(field, said))
}

impl Place {
    /// Reads the names that people use; without a locale it is that of the configuration, as far as it can
    /// be read. Of a purpose that is gone there may still be texts.
    ///
    /// # Errors
    /// Names the one that is wrong.
    pub fn read(
        purpose: &str,
        channel: &str,
        locale: Option<&str>,
        config: &Texts,
    ) -> Result<Self, Mistake> {
        let channel = match Channel::parse(channel) {
            Some(Channel::Whatsapp) => {
                return mistake(
                    "channel",
                    "WhatsApp says the texts of sms, where its words are ours",
                );
            }
            Some(channel) => channel,
            None => return mistake("channel", "is sms, email or voice"),
        };
        let locale = match locale {
            Some(locale) => Locale::parse(locale),
            None => Locale::parse_lossy(&config.language),
        };
        let Some(locale) = locale else {
            return mistake("locale", "is no language; write one such as \"en\" or \"pt-BR\"");
        };
        Ok(Self { purpose: purpose.to_owned(), channel, locale })
    }

    /// What holds for its purpose.
    ///
    /// # Errors
    /// There is no such purpose for them.
    pub(super) fn policy(
        &self,
        settings: &Settings,
        owner: Owner,
    ) -> Result<Arc<Purpose>, Mistake> {
        settings.policy_of(owner, &self.purpose).ok_or_else(|| {
            let known = settings.purposes(owner).join(", ");
            Mistake::of("purpose", format!("there is no such one; there are: {known}"))
        })
    }
}

impl Draft {
    /// # Errors
    /// Names the first thing that is wrong, and its place.
    pub fn check(&self, channel: Channel) -> Result<(), Mistake> {
        self.check_variables()?;
        match (channel, &self.title) {
            (Channel::Email, Some(title)) => self.check_title(title)?,
            (Channel::Email, None) => {
                return mistake("title", "an e-mail needs one, which becomes its subject line");
            }
            (_, Some(_)) => return mistake("title", "only an e-mail has one; leave it out"),
            (_, None) => {}
        }
        self.check_text(channel)
    }

    fn check_variables(&self) -> Result<(), Mistake> {
        if self.variables.len() > MOST_VARIABLES {
            return mistake("variables", format!("may be at most {MOST_VARIABLES}"));
        }
        for name in &self.variables {
            if RESERVED.contains(&name.as_str()) {
                let said = format!("{name} is filled in by the service; leave it out");
                return mistake("variables", said);
            }
            if !is_name(name) {
                let said = format!(
                    "{:?} is no name: a name begins with a small letter and has small letters, digits \
                     and underscores, at most 32",
                    shown(name)
                );
                return mistake("variables", said);
            }
        }
        Ok(())
    }

    /// The text of the configuration's file, where whatever it names is meant.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn check_of_file(template: &Template, channel: Channel) -> Result<(), Mistake> {
        Self::of_file(template).check_text(channel)
    }

    /// The same of an e-mail's title.
    pub(crate) fn check_title_of_file(template: &Template) -> Result<(), Mistake> {
        Self::of_file(template).check_title(&template.to_string())
    }

    fn of_file(template: &Template) -> Self {
        let own = template.names().filter(|name| !RESERVED.contains(name));
        let variables = own.map(str::to_owned).collect();
        Self { text: template.to_string(), variables, title: None }
    }

    fn check_title(&self, title: &str) -> Result<(), Mistake> {
        if title.chars().any(char::is_control) {
            return mistake("title", "must be one line, without control characters");
        }
        if title.trim().is_empty() || title.chars().count() > LONGEST_TITLE {
            return mistake("title", format!("must have 1 to {LONGEST_TITLE} characters"));
        }
        self.check_placeholders("title", title)
    }

    fn check_text(&self, channel: Channel) -> Result<(), Mistake> {
        let (text, most) = (&self.text, longest_text(channel));
        if text.trim().is_empty() || text.chars().count() > most {
            return mistake("text", format!("must have 1 to {most} characters"));
        }
        let is_strange = |c: char| c.is_control() && (c != '\n' || channel == Channel::Voice);
        if let Some(at) = text.chars().position(is_strange) {
            let said = format!("has a control character at character {}", at + 1);
            return mistake("text", said);
        }
        self.check_placeholders("text", text)?;
        if !Template::parse(text).names().any(|name| name == "code") {
            return mistake("text", "must contain {code}");
        }
        Ok(())
    }

    fn check_placeholders(&self, field: &'static str, text: &str) -> Result<(), Mistake> {
        for (at, found) in Template::parse(text).marks() {
            let known = || {
                let own = self.variables.iter().map(String::as_str);
                let names = RESERVED.into_iter().chain(own).map(|name| format!("{{{name}}}"));
                names.collect::<Vec<_>>().join(", ")
            };
            let said = match found {
                Mark::Stray(piece) => format!(
                    "{:?} at character {at} is no placeholder; there are {}",
                    shown(piece),
                    known()
                ),
                Mark::Name(name) if self.knows(name) => continue,
                Mark::Name(name) => format!(
                    "{{{name}}} at character {at} is not known; there are {}, and what you name in \
                     variables",
                    known()
                ),
            };
            return mistake(field, said);
        }
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        RESERVED.contains(&name) || self.variables.iter().any(|own| own == name)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_with;

    fn draft(text: &str) -> Draft {
        Draft { text: text.into(), variables: vec!["name".into()], ..Draft::default() }
    }

    fn said(draft: &Draft, channel: Channel) -> String {
        draft.check(channel).map_or_else(|mistake| mistake.to_string(), |()| "good".into())
    }

    #[test]
    fn good_texts_are_taken() {
        for text in [
            "{code}",
            "{name}: {code} for {app}, {minutes} minutes",
            "100 %s %d $1 \\n {code}",
            "a\nb {code}{code}",
        ] {
            assert_eq!(said(&draft(text), Channel::Sms), "good", "{text}");
        }
        let email = Draft { title: Some("Your {app} code".into()), ..draft("{code}") };
        assert_eq!(said(&email, Channel::Email), "good");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let long = format!("{{code}}{}", "a".repeat(1_595));
        for (text, part) in [
            ("", "text: must have 1 to 1600 characters"),
            (" \n", "text: must have 1 to 1600 characters"),
            (long.as_str(), "text: must have 1 to 1600 characters"),
            ("your code", "text: must contain {code}"),
            ("{code} für {nam}", "{nam} at character 12 is not known; there are {code}, {app}"),
            ("{code} {app.__class__}", "\"{app.__class__}\" at character 8 is no placeholder"),
            ("{code} {0}", "\"{0}\" at character 8 is no placeholder"),
            ("{code} {Name}", "\"{Name}\" at character 8"),
            ("{{code}}", "\"{\" at character 1 is no placeholder"),
            ("{code", "\"{code\" at character 1"),
            ("code}", "\"}\" at character 5"),
            ("{code} {", "\"{\" at character 8"),
            ("{code}\u{0}", "text: has a control character at character 7"),
            ("{code}\r\n", "text: has a control character at character 7"),
        ] {
            let said = said(&draft(text), Channel::Sms);
            assert!(said.contains(part), "{text:?}: {said}");
        }
    }

    #[test]
    fn titles_and_variables() {
        let email = |title: Option<&str>| Draft { title: title.map(Into::into), ..draft("{code}") };
        let long = "a".repeat(201);
        for (title, channel, part) in [
            (None, Channel::Email, "title: an e-mail needs one"),
            (Some(""), Channel::Email, "title: must have 1 to 200 characters"),
            (Some(long.as_str()), Channel::Email, "title: must have 1 to 200 characters"),
            (Some("a\nb"), Channel::Email, "title: must be one line"),
            (Some("{who}"), Channel::Email, "title: {who} at character 1 is not known"),
            (Some("a"), Channel::Sms, "title: only an e-mail has one"),
            (Some("a"), Channel::Voice, "title: only an e-mail has one"),
        ] {
            let said = said(&email(title), channel);
            assert!(said.contains(part), "{title:?}: {said}");
        }
        let with = |names: &[&str]| Draft {
            variables: names.iter().map(|name| (*name).to_owned()).collect(),
            ..draft("{code}")
        };
        for (names, part) in [
            (&["code"][..], "variables: code is filled in by the service"),
            (&["a.b"], "\"a.b\" is no name"),
            (&["A"], "\"A\" is no name"),
            (&["a"; 21], "may be at most 20"),
        ] {
            let said = said(&with(names), Channel::Sms);
            assert!(said.contains(part), "{names:?}: {said}");
        }
        assert!(said(&draft("{code}\n"), Channel::Voice).contains("control character"));
    }

    #[test]
    fn a_place_is_read() {
        let mut config = load_with(None, std::iter::empty()).expect("the defaults").texts;
        let read = |channel: &str, locale| Place::read("login", channel, locale, &config);
        let place = read("email", Some("pt_br")).expect("a place");
        assert_eq!((place.locale.to_string().as_str(), place.channel), ("pt-BR", Channel::Email));
        for (channel, locale, field) in [
            ("fax", "en", "channel"),
            ("whatsapp", "en", "channel"),
            ("sms", "../../etc", "locale"),
        ] {
            let mistake = read(channel, Some(locale)).expect_err("a mistake");
            assert_eq!(mistake.field(), field);
        }
        // Whatever the configuration may say.
        config.language = "zh-cmn-Hans-CN".into();
        let place = Place::read("login", "sms", None, &config).expect("a place");
        assert_eq!(place.locale.to_string(), "zh");
    }
}
