//! The title of an e-mail: what its subject line says.

use std::fmt;

use crate::channel::Channel;

/// Characters of a title.
pub const LONGEST_TITLE: usize = 200;

/// One line, with nothing in it that could end a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// Why there is no title, or none that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TitleError {
    Missing,
    OfSms,
    Length,
    ControlCharacter,
}

impl fmt::Display for TitleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("an e-mail needs a title, which becomes its subject line"),
            Self::OfSms => f.write_str("an SMS has no title; leave it out, or send an e-mail"),
            Self::Length => write!(f, "the title must have 1 to {LONGEST_TITLE} characters"),
            Self::ControlCharacter => {
                f.write_str("the title must be one line, without control characters")
            }
        }
    }
}

impl std::error::Error for TitleError {}

impl Title {
    /// What is given as the title of a message that goes this way.
    ///
    /// # Errors
    /// It is missing, not wanted, or cannot be a subject line.
    pub fn of(channel: Channel, given: Option<String>) -> Result<Option<Self>, TitleError> {
        match (channel, given) {
            (Channel::Email, None) => Err(TitleError::Missing),
            (Channel::Email, Some(text)) => Self::parse(text).map(Some),
            (Channel::Sms | Channel::Voice | Channel::Whatsapp, None) => Ok(None),
            (Channel::Sms | Channel::Voice | Channel::Whatsapp, Some(_)) => Err(TitleError::OfSms),
        }
    }

    fn parse(text: String) -> Result<Self, TitleError> {
        if text.chars().any(char::is_control) {
            return Err(TitleError::ControlCharacter);
        }
        if text.trim().is_empty() || text.chars().count() > LONGEST_TITLE {
            return Err(TitleError::Length);
        }
        Ok(Self(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_has_one_and_an_sms_none() {
        let of = |channel, text: &str| Title::of(channel, Some(text.to_owned()));
        let good = of(Channel::Email, "Your parcel is h\u{e9}re").expect("a title");
        assert_eq!(good.expect("some").as_str(), "Your parcel is h\u{e9}re");
        assert_eq!(Title::of(Channel::Sms, None), Ok(None));
        assert_eq!(Title::of(Channel::Email, None), Err(TitleError::Missing));
        assert_eq!(of(Channel::Sms, "x"), Err(TitleError::OfSms));
        for (text, error) in [
            ("", TitleError::Length),
            ("  ", TitleError::Length),
            (&*"x".repeat(201), TitleError::Length),
            ("a\r\nBcc: bob@example.org", TitleError::ControlCharacter),
            ("a\nb", TitleError::ControlCharacter),
            ("a\u{0}b", TitleError::ControlCharacter),
            ("a\u{85}b", TitleError::ControlCharacter),
        ] {
            assert_eq!(of(Channel::Email, text), Err(error), "{text:?}");
        }
        assert!(of(Channel::Email, &"\u{fc}".repeat(200)).is_ok());
    }
}
