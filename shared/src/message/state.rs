//! Where a message stands, and the words for it.

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sending,
    Sent,
    /// A provider says that it has arrived.
    Delivered,
    /// A provider accepted it, and says that it will not arrive.
    Undelivered,
    Failed,
    /// It may have been sent; nobody will know.
    Unknown,
    Expired,
    Canceled,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unknown,
        Self::Expired,
        Self::Canceled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// Reads what [`State::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What a message begins as: nothing is ever sent to a test number.
    pub(crate) fn of_new(is_test: bool) -> Self {
        if is_test { Self::Canceled } else { Self::Queued }
    }
}
