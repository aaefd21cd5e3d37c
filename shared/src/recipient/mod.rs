//! A recipient: a phone number that the numbering plan says can exist, or an e-mail address.
//!
//! | module | what lives there |
//! |---|---|
//! | `phone`, `email` | the two kinds of address, each with its rules |
//! | `error` | why a text is neither |

mod email;
mod error;
mod phone;

use std::{borrow::Cow, fmt};

use self::{email::Email, phone::Phone};
pub use self::{
    error::RecipientError,
    phone::{is_region, regions},
};
use crate::channel::Channel;

/// What an e-mail address is stored behind; a stored number begins with a plus.
const STORED_EMAIL: &str = "email;";

/// An address in canonical form. Its `Debug` and `Display` are masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Phone(Phone),
    Email(Email),
}

impl Recipient {
    /// Parses a phone number in any usual spelling or script.
    ///
    /// # Errors
    /// Says which rule of the numbering plan it breaks.
    pub fn parse(input: &str, default_region: Option<&str>) -> Result<Self, RecipientError> {
        Phone::parse(input, default_region).map(|phone| Self(Kind::Phone(phone)))
    }

    /// Parses a number that need not exist, as test numbers don't.
    ///
    /// # Errors
    /// The text is not of the form of a phone number.
    pub fn parse_unchecked(
        input: &str,
        default_region: Option<&str>,
    ) -> Result<Self, RecipientError> {
        Phone::parse_unchecked(input, default_region).map(|phone| Self(Kind::Phone(phone)))
    }

    /// Parses an e-mail address.
    ///
    /// # Errors
    /// Says which part of it is wrong.
    pub fn parse_email(input: &str) -> Result<Self, RecipientError> {
        Email::parse(input).map(|email| Self(Kind::Email(email)))
    }

    /// What is sealed into a row: read again without asking the numbering plan.
    #[must_use]
    pub(crate) fn to_stored(&self) -> String {
        match &self.0 {
            Kind::Phone(phone) => phone.to_stored(),
            Kind::Email(email) => format!("{STORED_EMAIL}{}", email.address()),
        }
    }

    /// None when the text was not made by [`Recipient::to_stored`].
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let kind = match text.strip_prefix(STORED_EMAIL) {
            Some(address) => Kind::Email(Email::from_stored(address)?),
            None => Kind::Phone(Phone::from_stored(text)?),
        };
        Some(Self(kind))
    }

    /// What is sent to: `+` and digits, or `name@domain`.
    #[must_use]
    pub fn address(&self) -> &str {
        match &self.0 {
            Kind::Phone(phone) => phone.e164(),
            Kind::Email(email) => email.address(),
        }
    }

    /// What tells one person's address from another's, and what hashes are made of: Ann@ and ann@ are
    /// one person to nearly every server.
    #[must_use]
    pub fn identity(&self) -> Cow<'_, str> {
        match &self.0 {
            Kind::Phone(phone) => Cow::Borrowed(phone.e164()),
            Kind::Email(email) => Cow::Owned(email.address().to_ascii_lowercase()),
        }
    }

    /// The digits without the plus; empty for an e-mail address.
    #[must_use]
    pub fn digits(&self) -> &str {
        match &self.0 {
            Kind::Phone(phone) => phone.e164().trim_start_matches('+'),
            Kind::Email(_) => "",
        }
    }

    /// What stands before the @ of an e-mail address.
    #[must_use]
    pub fn mailbox_name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Phone(_) => None,
            Kind::Email(email) => Some(email.name()),
        }
    }

    /// The one it is reached by when nobody asks for another: a number can be called as well.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match &self.0 {
            Kind::Phone(_) => Channel::Sms,
            Kind::Email(_) => Channel::Email,
        }
    }

    /// Where the number belongs; e-mail addresses belong nowhere.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        match &self.0 {
            Kind::Phone(phone) => phone.region(),
            Kind::Email(_) => None,
        }
    }

    /// The only form that leaves the service: country code and last two digits, or the first character
    /// and the domain.
    #[must_use]
    pub fn masked(&self) -> String {
        match &self.0 {
            Kind::Phone(phone) => phone.masked(),
            Kind::Email(email) => email.masked(),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Recipient {
        Recipient::parse("+4915112345678", None).expect("a number")
    }

    fn ann() -> Recipient {
        Recipient::parse_email("Ann@Example.org").expect("an address")
    }

    #[test]
    fn what_is_stored_reads_the_same() {
        assert_eq!(number().to_stored(), "+4915112345678;49;DE", "rows of before hold this");
        for recipient in [number(), ann()] {
            assert_eq!(Recipient::from_stored(&recipient.to_stored()), Some(recipient));
        }
        for broken in ["", "email;", "email;@", "email;ann@", "email;@example.org", "a@b.example"] {
            assert_eq!(Recipient::from_stored(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_address_is_kept_as_written_and_is_one_persons_in_any_case() {
        let other = Recipient::parse_email("ann@example.ORG").expect("an address");
        assert_eq!((ann().address(), other.address()), ("Ann@example.org", "ann@example.org"));
        assert_eq!(ann().identity(), other.identity());
        assert_eq!(number().identity(), number().address());
        let tagged = Recipient::parse_email("ann+x@example.org").expect("an address");
        assert_ne!(tagged.identity(), ann().identity());
    }

    #[test]
    fn each_kind_has_what_it_has() {
        assert_eq!((number().channel(), ann().channel()), (Channel::Sms, Channel::Email));
        assert_eq!((number().region(), ann().region()), (Some("DE"), None));
        assert_eq!((number().digits(), ann().digits()), ("4915112345678", ""));
        assert_eq!((number().mailbox_name(), ann().mailbox_name()), (None, Some("Ann")));
    }

    #[test]
    fn only_a_part_shows() {
        assert_eq!(number().masked(), "+49*********78");
        assert_eq!(format!("{:?}", number()), "Recipient(+49*********78)");
        assert_eq!(format!("{} {:?}", ann(), ann()), "A**@example.org Recipient(A**@example.org)");
    }
}
