//! Sample messages for the tests of the providers.

use std::time::Duration;

use otpost_shared::{channel::Channel, queue::Lane, recipient::Recipient, secrets::Code};
use uuid::Uuid;

use crate::provider::{Mail, Outgoing};

/// A code with a known id, to +15551234567, with two minutes to live.
pub(super) fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        message_id: Uuid::from_u128(7),
        lane: Lane::Otp,
        attempt: 1,
        channel: Channel::Sms,
        to: Recipient::parse_unchecked("+15551234567", None).unwrap(),
        text: text.to_owned(),
        code: Some(Code::new("012345".into())),
        language: "en".to_owned(),
        mail: None,
        validity: Duration::from_mins(2),
        sender: None,
        report_to: None,
    }
}

/// The same in the name that its country has.
pub(super) fn outgoing_from(sender: &str, text: &str) -> Outgoing {
    Outgoing { sender: Some(sender.into()), ..outgoing(text) }
}

/// The same as a call in this language.
pub(super) fn call(language: &str, text: &str) -> Outgoing {
    let language = language.to_owned();
    Outgoing { channel: Channel::Voice, language, ..outgoing(text) }
}

/// The same by WhatsApp.
pub(super) fn whatsapp(text: &str) -> Outgoing {
    Outgoing { channel: Channel::Whatsapp, ..outgoing(text) }
}

/// The same as an e-mail to Ann@example.org.
pub(super) fn letter(title: &str, text: &str) -> Outgoing {
    Outgoing {
        channel: Channel::Email,
        to: Recipient::parse_email("Ann@example.org").unwrap(),
        mail: Some(Mail { title: title.to_owned(), html: format!("<p>{text}</p>") }),
        ..outgoing(text)
    }
}
