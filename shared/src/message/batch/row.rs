//! One recipient of a batch: as it was given, why it was refused, what became of it.

use uuid::Uuid;

use crate::{config::NoTaker, message::LONGEST_TEXT, recipient::RecipientError, template::Values};

/// One recipient as the caller gave it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// A phone number in any spelling.
    pub to: String,
    pub variables: Values,
    /// The caller's own name for this row, handed back with its outcome and not stored.
    pub reference: Option<String>,
}

/// Why one row was refused; the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowRefused {
    /// It is not in the form that rows have.
    Malformed(String),
    Field {
        name: String,
        said: String,
    },
    Recipient(RecipientError),
    /// Where it would go nobody takes what is no code.
    NoTaker(NoTaker),
    CountryNotAllowed {
        region: Option<String>,
    },
    VariableMissing(String),
    VariableReserved(String),
    /// With its variables filled in the text is empty or too long; it has so many characters.
    TextLength(usize),
    /// The recipient is not to be sent to.
    Suppressed,
    /// An earlier row of this batch has the same recipient.
    Duplicate,
    /// The tenant's sends of the day are used up.
    DailyCap,
    /// When the batch was sent before, another recipient or text stood in this place.
    Changed,
    /// It was tried before, and what became of it has been removed.
    Removed,
}

impl RowRefused {
    /// False when whoever is in it has a message of this batch already, or may have had one: once mended
    /// and sent again it could reach them twice.
    #[must_use]
    pub fn may_be_sent_again(&self) -> bool {
        !matches!(self, Self::Duplicate | Self::Changed | Self::Removed)
    }

    /// The sentence about a text of the wrong length.
    #[must_use]
    pub fn text_length(characters: usize) -> String {
        format!("the text must have 1 to {LONGEST_TEXT} characters, and here has {characters}")
    }
}

/// What became of one row.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which row, counted from 0.
    pub index: u32,
    pub reference: Option<String>,
    pub result: Result<Stored, RowRefused>,
}

/// The message that a row has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Uuid,
    pub state: String,
    /// Masked.
    pub to: String,
    /// It was there before, from an earlier call with the same key.
    pub repeated: bool,
}
