//! `smtp`: e-mails through any server that takes them by SMTP submission.
//!
//! | module | what lives there |
//! |---|---|
//! | `config` | the section |
//! | `compose` | a message as an e-mail: headers, text and HTML |
//! | `server`, `pool` | a connection that is ready to send; those that are kept |
//! | `dialogue` | one e-mail over a connection |
//! | `handing` | the last step of it, which may take longer than anybody waits |
//! | `reply` | what a server's replies, and its silence, mean |
//!
//! The library's own transport is not used: it does not tell whether a connection broke before or after
//! the e-mail was given to the server, and it keeps connections that were left in the middle of a
//! dialogue, on which the reply to one e-mail would be taken for that to the next.

mod compose;
mod config;
mod dialogue;
mod handing;
mod pool;
mod provider;
mod reply;
mod server;

pub(super) use self::provider::Smtp;
