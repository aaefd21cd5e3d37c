//! `otpost key`: its options.

use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::{Print, id};

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an API key; its text is shown this once
    Create(KeyCreate),
    /// List the keys of a tenant, without their secrets
    List(KeyList),
    /// Make a key useless, within a second
    Revoke(KeyRevoke),
    /// Print the public keys that receipts are verified with, as /.well-known/jwks.json has them
    Jwks,
}

#[derive(Debug, clap::Args)]
pub struct KeyCreate {
    /// What the key is for, as it will stand in the list
    #[arg(long, default_value = "unnamed")]
    pub name: String,
    /// The tenant it belongs to
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// What it may do; repeat for more [default: everything]
    #[arg(long, value_enum)]
    pub scope: Vec<ScopeName>,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScopeName {
    /// Create, check, show, resend and cancel verifications
    Verify,
    /// Send messages that are not codes
    Send,
    /// Show and change policies and texts
    Manage,
    /// Read and clear the inbox of a sandbox tenant
    Inbox,
    /// Read what happened, and say where it is posted to
    Events,
}

#[derive(Debug, clap::Args)]
pub struct KeyList {
    /// The tenant whose keys to list
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct KeyRevoke {
    /// The key's id, as `otpost key list` shows it
    #[arg(value_parser = |text: &str| id(text, "a key's id", "`otpost key list` shows it"))]
    pub id: Uuid,
    /// The tenant it belongs to
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}
