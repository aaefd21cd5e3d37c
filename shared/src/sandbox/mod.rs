//! Sandbox tenants: everything works as for the others, but what they send goes into an inbox.
//!
//! | module | what lives there |
//! |---|---|
//! | [`inbox`] | what people would have received, sealed, for a day |
//! | [`conduct`] | the numbers and addresses at which messages fare as a test wants it |
//!
//! The messages of sandboxes have a lane of their own in the database. No claim that ends at a provider
//! looks there, not even one of an older version (docs/decisions/0023-sandboxes-have-a-lane.md).

pub mod conduct;
pub mod inbox;

pub use self::conduct::Conduct;

/// What stands in place of the lane in messages of a sandbox.
pub(crate) const LANE: &str = "sandbox";

/// What stands in place of the provider in their attempts.
pub const PROVIDER: &str = "sandbox";
