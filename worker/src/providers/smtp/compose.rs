//! A message as an e-mail.

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use otpost_shared::outcome::ErrorClass;

use super::reply::Refusal;
use crate::provider::Outgoing;

/// Keeps answering machines from answering (RFC 3834, 5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// What all e-mails have in common.
pub(super) struct Composer {
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    /// Where servers send what they cannot deliver, if not to the sender.
    pub(super) bounces_to: Option<Address>,
}

/// An e-mail, ready to be given to a server.
pub(super) struct Letter {
    /// Of the envelope.
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

impl Composer {
    /// # Errors
    /// It is none that can be sent.
    pub(super) fn compose(&self, out: &Outgoing) -> Result<Letter, Refusal> {
        let Some(mail) = &out.mail else {
            return Err(Refusal::before(ErrorClass::Account, "an SMS cannot be sent by SMTP"));
        };
        let to: Address = out.to.address().parse().map_err(|_| {
            Refusal::before(ErrorClass::Recipient, "this e-mail address cannot be written to")
        })?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to.clone().into())
            .subject(mail.title.as_str())
            .message_id(Some(self.message_id(out)))
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        let parts = MultiPart::alternative()
            .singlepart(part(ContentType::TEXT_PLAIN, &out.text))
            .singlepart(part(ContentType::TEXT_HTML, &mail.html));
        let message = message.multipart(parts).map_err(|_| {
            Refusal::before(ErrorClass::Account, "the e-mail could not be put together")
        })?;
        let from = self.bounces_to.as_ref().unwrap_or(&self.from.email).clone();
        Ok(Letter { from, to, bytes: message.formatted() })
    }

    /// Ours, and the same whenever this attempt is looked at.
    fn message_id(&self, out: &Outgoing) -> String {
        format!("<{}.{}@{}>", out.message_id, out.attempt, self.from.email.domain())
    }
}

/// In an encoding that every server passes on as it is, however long the lines and whatever the letters.
fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder()
        .header(kind)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(text.to_owned())
}

#[cfg(test)]
mod tests {
    use otpost_shared::outcome::ErrorClass;

    use super::Composer;
    use crate::providers::samples::{letter, outgoing};

    fn composed(title: &str, text: &str) -> String {
        let composer = Composer {
            from: "Ex\u{e4}mple <codes@example.org>".parse().unwrap(),
            reply_to: Some("help@example.org".parse().unwrap()),
            bounces_to: None,
        };
        let letter = composer.compose(&letter(title, text)).ok().unwrap();
        assert_eq!(letter.from.to_string(), "codes@example.org");
        assert_eq!(letter.to.to_string(), "Ann@example.org");
        String::from_utf8(letter.bytes).unwrap()
    }

    /// The lines before the first empty one.
    fn headers(mail: &str) -> Vec<&str> {
        mail.split("\r\n\r\n").next().unwrap().split("\r\n").collect()
    }

    #[test]
    fn headers_and_parts() {
        let mail = composed("12 is your code", "Your code is:\n\n12 \u{fc}");
        let headers = headers(&mail);
        let id = "Message-ID: <00000000-0000-0000-0000-000000000007.1@example.org>";
        for line in [
            "To: Ann@example.org",
            "Subject: 12 is your code",
            id,
            "Auto-Submitted: auto-generated",
            "Reply-To: help@example.org",
            "MIME-Version: 1.0",
        ] {
            assert_eq!(headers.iter().filter(|h| **h == line).count(), 1, "{line}: {mail}");
        }
        for name in ["Date: ", "From: ", "Content-Type: multipart/alternative;"] {
            assert_eq!(headers.iter().filter(|h| h.starts_with(name)).count(), 1, "{name}: {mail}");
        }
        assert!(mail.is_ascii(), "{mail}");
        let (plain, html) = (mail.find("text/plain; charset=utf-8"), mail.find("text/html"));
        assert!(plain.is_some() && plain < html, "{mail}");
        assert!(mail.contains("12 =C3=BC"), "{mail}");
    }

    #[test]
    fn a_title_never_begins_a_header() {
        for end in ["\r\n", "\n", "\r", "\r\n\r\n"] {
            let mail = composed(&format!("a{end}Bcc: bob@example.org"), "x");
            let headers = headers(&mail);
            assert!(headers.iter().any(|h| h.starts_with("Auto-Submitted")), "{end:?}: {mail}");
            for header in headers {
                assert!(!header.starts_with("Bcc"), "{end:?}: {mail}");
                assert!(!header.contains(['\r', '\n']), "{end:?}: {mail}");
            }
        }
    }

    fn plain() -> Composer {
        let from = "codes@example.org".parse().unwrap();
        Composer { from, reply_to: None, bounces_to: None }
    }

    #[test]
    fn what_cannot_be_delivered_goes_elsewhere_and_the_sender_stays() {
        let bounces_to = Some("bounces@example.org".parse().unwrap());
        let composer = Composer { bounces_to, ..plain() };
        let letter = composer.compose(&letter("x", "y")).ok().unwrap();
        assert_eq!(letter.from.to_string(), "bounces@example.org");
        let mail = String::from_utf8(letter.bytes).unwrap();
        assert!(headers(&mail).contains(&"From: codes@example.org"), "{mail}");
        assert!(!mail.contains("bounces"), "{mail}");
    }

    #[test]
    fn an_sms_is_no_email() {
        let composer = plain();
        let refusal = composer.compose(&outgoing("x")).err().unwrap();
        assert_eq!(refusal.class, ErrorClass::Account);
    }
}
