//! Lines: behind whom a message stands when it has to wait for its provider.

use otpost_shared::{message::Message, queue::Lane};

/// Those who go one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Codes,
    /// A person waits for each, and of texts there may be millions.
    Replies,
    Texts,
}

impl Line {
    pub(crate) fn of(row: &Message) -> Self {
        match row.lane() {
            Lane::Otp => Self::Codes,
            Lane::Bulk if row.is_reply() => Self::Replies,
            Lane::Bulk => Self::Texts,
        }
    }

    pub(crate) fn lane(self) -> Lane {
        match self {
            Self::Codes => Lane::Otp,
            Self::Replies | Self::Texts => Lane::Bulk,
        }
    }
}
