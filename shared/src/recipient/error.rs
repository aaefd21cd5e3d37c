//! Why a text is no recipient.

use std::fmt;

use super::{email::LONGEST_ADDRESS, phone::LONGEST_INPUT};

/// Why a text is no recipient. The sentences never repeat the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientError {
    Empty,
    /// An e-mail address where a phone number is needed.
    Email,
    /// The same, where e-mail could be sent.
    EmailBySms,
    /// The same, among many recipients.
    EmailInBatch,
    InputTooLong,
    NoRegion,
    UnknownCountryCode,
    TooShort,
    TooLong,
    NotANumber,
    NotValid {
        region: Option<String>,
    },
    WrongKind(&'static str),
    /// It cannot be sent to, and could be tested with until this day.
    TestNumberEnded {
        day: String,
    },
    EmptyEmail,
    EmailTooLong,
    NotAnEmail,
    /// What stands before the @.
    MailboxName,
    /// What stands after it.
    Domain,
}

impl fmt::Display for RecipientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the phone number is empty",
            Self::Email => "this is an e-mail address; the sms channel needs a phone number",
            Self::EmailBySms => {
                "this is an e-mail address; set channel to \"email\" to send to it, since the sms \
                 channel needs a phone number"
            }
            Self::EmailInBatch => {
                "this is an e-mail address; to many at once only SMS are sent, so that each row \
                 needs a phone number"
            }
            Self::InputTooLong => {
                return write!(f, "a phone number has at most {LONGEST_INPUT} characters");
            }
            Self::NoRegion => {
                "a national number needs a country: write it with + and the country code, or set \
                 recipients.default_region"
            }
            Self::UnknownCountryCode => "no country has this country code",
            Self::TooShort => "the phone number is too short",
            Self::TooLong => "the phone number is too long",
            Self::NotANumber => "this is not a phone number",
            Self::NotValid { region: Some(region) } => {
                return write!(f, "no such number can exist in {region}: check the digits");
            }
            Self::NotValid { region: None } => {
                "no such number can exist in that country: check the digits"
            }
            Self::WrongKind(kind) => {
                return write!(f, "nothing is sent to a {kind} number");
            }
            Self::TestNumberEnded { day } => {
                return write!(
                    f,
                    "this was a test number until {day}, and nothing can be sent to it: give it a \
                     later until in recipients.test_numbers"
                );
            }
            Self::EmptyEmail => "the e-mail address is empty",
            Self::EmailTooLong => {
                return write!(f, "an e-mail address has at most {LONGEST_ADDRESS} characters");
            }
            Self::NotAnEmail => {
                "this is not an e-mail address: write name@domain and nothing around it"
            }
            Self::MailboxName => {
                "before the @ an e-mail address has 1 to 64 ASCII letters, digits and marks such \
                 as . _ + -, with no quotes, % or !, and no dot at either end"
            }
            Self::Domain => {
                "after the @ an e-mail address has a domain that can exist, such as example.org"
            }
        })
    }
}

impl std::error::Error for RecipientError {}
