//! `otpost webhook` and `otpost events`: their options.

use clap::Subcommand;
use otpost_shared::event::Filter;
use uuid::Uuid;

use super::{Print, id, span};

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Make an endpoint; its secret is shown this once
    ///
    /// From then on, within a second, the tenant's events are written down and posted there, signed as
    /// Standard Webhooks has it. docs/webhooks.md says how to receive them.
    #[command(after_help = "Examples:\n  \
        otpost webhook create https://app.example.org/hooks/otpost\n  \
        otpost webhook create https://app.example.org/hooks --type verification --type message.undelivered")]
    Create(WebhookCreate),
    /// List the endpoints of a tenant, and how they fare
    List(WebhookList),
    /// Show an endpoint and what was delivered to it last
    Show(WebhookOne),
    /// Let an endpoint get events again, with those that wait for it
    Enable(WebhookOne),
    /// Keep events back from an endpoint; they can be replayed later
    Disable(WebhookOne),
    /// Remove an endpoint, with what waits for it
    Delete(WebhookOne),
    /// Post a test event to an endpoint, and say what it answered
    ///
    /// A worker must be running. Exits with 1 if the event was not taken.
    Test(WebhookOne),
    /// Post what happened since a moment once more, or one delivery
    #[command(after_help = "Examples:\n  \
        otpost webhook replay 01a1f812-6ec7-85f6-89e6-86c800000000 --since 6h\n  \
        otpost webhook replay 01a1f812-6ec7-85f6-89e6-86c800000000 --delivery 01a1f812-6ec7-85f6-89e6-86c800000001")]
    Replay(WebhookReplay),
    /// Give an endpoint another secret; the one before signs too for a day
    Rotate(WebhookOne),
}

fn webhook_id(text: &str) -> Result<Uuid, String> {
    id(text, "an endpoint's id", "`otpost webhook list` shows it")
}

fn delivery_id(text: &str) -> Result<Uuid, String> {
    id(text, "a delivery's id", "`otpost webhook show` shows it")
}

fn kind(text: &str) -> Result<String, String> {
    Filter::parse([text]).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[derive(Debug, clap::Args)]
pub struct WebhookCreate {
    /// An https address that anybody could reach
    pub url: String,
    /// A type of events such as verification.verified, or a group such as message; repeat for more [default: all]
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub types: Vec<String>,
    /// What it is for, as it will stand in the list
    #[arg(long, default_value = "")]
    pub description: String,
    /// The tenant whose events are posted there
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct WebhookList {
    /// The tenant whose endpoints to list
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct WebhookOne {
    /// The endpoint's id, as `otpost webhook list` shows it
    #[arg(value_parser = webhook_id)]
    pub id: Uuid,
    /// The tenant it belongs to
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct WebhookReplay {
    /// The endpoint's id, as `otpost webhook list` shows it
    #[arg(value_parser = webhook_id)]
    pub id: Uuid,
    /// All that happened since then: a number and one of s, m, h, d
    #[arg(long = "since", value_name = "TIME", value_parser = span, required_unless_present = "delivery")]
    pub since_ms: Option<i64>,
    /// This delivery alone
    #[arg(long, value_name = "ID", value_parser = delivery_id, conflicts_with = "since_ms")]
    pub delivery: Option<Uuid>,
    /// The tenant it belongs to
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct EventsOptions {
    /// Only what came after this place in the log, as the first column shows it
    #[arg(long, value_name = "PLACE", default_value_t = 0)]
    pub after: i64,
    /// A type such as verification.verified, or a group such as message; repeat for more [default: all]
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub types: Vec<String>,
    /// Go on, and print what happens as it happens
    #[arg(long)]
    pub follow: bool,
    /// The tenant whose events to print
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}
