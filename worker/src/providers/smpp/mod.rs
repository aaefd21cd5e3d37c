//! `smpp`: an SMSC that speaks SMPP 3.4, over sessions that each worker process holds open.
//!
//! | module | what lives there |
//! |---|---|
//! | [`alphabet`], [`udh`] | texts as octets and back; the header of a part |
//! | [`deliver`], [`receipt`] | what an SMSC brings us |
//! | `config`, `address` | the section; what kind of number a sender is |
//! | `compose` | a message as one or several `submit_sm` |
//! | `connect`, `sieve`, `session` | the wire, what is let in from it, who is bound |
//! | `sessions`, `post` | a place in a session, and one message on its way |
//! | `desk`, `register` | receipts and replies taken in; ids written down |
//! | `status` | what each `command_status` means |
//!
//! What needs no session is always built, so that its fuzzers are too.

#[cfg(feature = "smpp")]
mod address;
pub mod alphabet;
#[cfg(feature = "smpp")]
mod compose;
#[cfg(feature = "smpp")]
mod config;
#[cfg(feature = "smpp")]
mod connect;
pub mod deliver;
#[cfg(feature = "smpp")]
mod desk;
#[cfg(feature = "smpp")]
mod post;
#[cfg(feature = "smpp")]
mod provider;
pub mod receipt;
#[cfg(feature = "smpp")]
mod register;
#[cfg(feature = "smpp")]
mod session;
#[cfg(feature = "smpp")]
mod sessions;
#[cfg(feature = "smpp")]
mod sieve;
#[cfg(feature = "smpp")]
mod status;
pub mod udh;

#[cfg(feature = "smpp")]
pub(super) use self::provider::Smpp;
