//! What a message says that is not a code, as its row keeps it.

use serde::{Deserialize, Serialize};

use super::Title;
use crate::{channel::Channel, texts::Locale};

/// A text, and over it a title if it is an e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub title: Option<String>,
    pub text: String,
    /// In which it is written, if that was said, in BCP 47; only an e-mail carries it.
    pub language: Option<String>,
}

/// An e-mail in its row. An SMS is there as its bare text, as it was before there were e-mails.
#[derive(Serialize, Deserialize)]
struct Stored {
    title: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl Body {
    /// The text to be sealed.
    pub(super) fn to_stored(
        channel: Channel,
        title: Option<&Title>,
        text: &str,
        language: Option<&Locale>,
    ) -> String {
        match channel {
            Channel::Sms | Channel::Voice | Channel::Whatsapp => text.to_owned(),
            Channel::Email => {
                let title = title.map_or("", Title::as_str).to_owned();
                let language = language.map(Locale::to_string);
                let stored = Stored { title, text: text.to_owned(), language };
                serde_json::to_string(&stored).unwrap_or_default()
            }
        }
    }

    /// None when it was not made by [`Body::to_stored`] for this channel.
    pub(super) fn from_stored(channel: Channel, stored: String) -> Option<Self> {
        match channel {
            Channel::Sms | Channel::Voice | Channel::Whatsapp => {
                Some(Self { title: None, text: stored, language: None })
            }
            Channel::Email => {
                let Stored { title, text, language } = serde_json::from_str(&stored).ok()?;
                Some(Self { title: Some(title), text, language })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_the_same() {
        let text = "{\"title\":\"no\",\"text\":\"\u{fc}\\n\"}";
        let german = Locale::parse("de-AT");
        let sms = Body::to_stored(Channel::Sms, None, text, german.as_ref());
        assert_eq!(sms, text, "rows of before hold this");
        let read = Body::from_stored(Channel::Sms, sms).expect("a body");
        assert_eq!(read, Body { title: None, text: text.to_owned(), language: None });
        let title = Title::of(Channel::Email, Some("A \"title\"".to_owned())).expect("a title");
        for language in [german, None] {
            let email = Body::to_stored(Channel::Email, title.as_ref(), text, language.as_ref());
            let read = Body::from_stored(Channel::Email, email).expect("a body");
            let title = Some("A \"title\"".to_owned());
            let language = language.map(|language| language.to_string());
            assert_eq!(read, Body { title, text: text.to_owned(), language });
        }
        let of_before = Body::from_stored(Channel::Email, r#"{"title":"a","text":"b"}"#.to_owned());
        assert_eq!(of_before.expect("a body").language, None);
        assert_eq!(Body::from_stored(Channel::Email, "a bare text".to_owned()), None);
    }
}
