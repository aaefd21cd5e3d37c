//! What a provider's answer means: the ten error classes that alone decide what happens next.

use std::{fmt, str::FromStr};

/// The meaning of one provider answer, whatever words the provider used for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Accepted for delivery.
    Ok,
    /// The number cannot receive this: invalid, landline, unknown subscriber.
    Recipient,
    /// The person said stop; another provider would circumvent that.
    OptedOut,
    /// The text was refused: filtered, too long, characters not allowed.
    Content,
    /// The provider does not serve, or blocks, this country.
    Region,
    /// Our sender is not registered, not ours, or not allowed there.
    Sender,
    /// Credentials, balance, suspension or our own configuration: nothing of ours gets through.
    Account,
    /// Too many at once; nothing was sent and waiting helps.
    Throttled,
    /// Known not to be sent, and a later try may succeed.
    Transient,
    /// It may or may not have been sent.
    Unknown,
}

impl ErrorClass {
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Recipient,
        Self::OptedOut,
        Self::Content,
        Self::Region,
        Self::Sender,
        Self::Account,
        Self::Throttled,
        Self::Transient,
        Self::Unknown,
    ];

    /// The word used in the database, the API and the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Recipient => "recipient",
            Self::OptedOut => "opted_out",
            Self::Content => "content",
            Self::Region => "region",
            Self::Sender => "sender",
            Self::Account => "account",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// First code, last code, meaning: what a provider's numbers mean, as data.
pub type ErrorTable = [(u32, u32, ErrorClass)];

/// The class of a code; none if the table does not know it.
#[must_use]
pub fn class_of_code(table: &ErrorTable, code: u32) -> Option<ErrorClass> {
    let row = table.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
    row.map(|(_, _, class)| *class)
}

/// Codes that are words, and their meaning.
pub type ErrorWords = [(&'static str, ErrorClass)];

/// The class of a word; none if the table does not know it.
#[must_use]
pub fn class_of_word(table: &ErrorWords, word: &str) -> Option<ErrorClass> {
    table.iter().find(|(known, _)| *known == word).map(|(_, class)| *class)
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not one of the ten class names.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAClass;

impl FromStr for ErrorClass {
    type Err = NotAClass;

    fn from_str(text: &str) -> Result<Self, NotAClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(NotAClass)
    }
}
