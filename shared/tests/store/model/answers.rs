//! What the model expects a caller to be told.

use otpost_shared::{channel::Channel, clock::Millis, verification::Status};
use uuid::Uuid;

use super::addresses::Address;

/// The first answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub request: String,
    pub id: Uuid,
    /// Expiry of the verification, or deadline of the message.
    pub until: Millis,
    pub resend_at: Millis,
    pub token: String,
}

/// What becomes of a request that wants to send something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Repeat(Kept),
    KeyReused,
    CapReached,
    /// This step goes where it cannot.
    StepRefused(usize),
    /// It reaches no address of the verification.
    ChannelRefused(Channel),
    NotFound,
    Over(Status),
    TooEarly(Millis),
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// This address is proved.
    Verified(Address),
    /// The answer of before.
    Again(Address),
    Incorrect(i32),
    Over(Status),
    BudgetSpent,
    NotFound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    Yes,
    Over(Status),
    NotFound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    Yes(Address),
    Before,
    Expired,
    NotValid,
}
