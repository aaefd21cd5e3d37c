//! The command line, with its help.

mod import;
mod inbox;
mod key;
mod policy;
mod template;
mod tenant;
mod webhook;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use otpost_shared::limits::Rule;
use uuid::Uuid;

pub use self::{
    import::{ImportCommand, ImportFile, ImportNumbers, ImportService},
    inbox::InboxOptions,
    key::{KeyCommand, KeyCreate, KeyList, KeyRevoke, ScopeName},
    policy::{PolicyCommand, PolicyList, PolicyOf, PolicyRestore, PolicySet, Whose},
    template::{
        TemplateCommand, TemplateList, TemplateOne, TemplateOwner, TemplatePlace, TemplatePreview,
        TemplateSet, TenantLanguage,
    },
    tenant::{TenantCommand, TenantCreate, TenantList, TenantOne},
    webhook::{
        EventsOptions, WebhookCommand, WebhookCreate, WebhookList, WebhookOne, WebhookReplay,
    },
};

/// Proves that people hold their phone numbers and e-mail addresses, and sends SMS.
///
/// Without a command it serves: API and worker in one process, on an embedded database, with an
/// inbox page instead of a provider. Nothing needs to be installed or configured for that.
#[derive(Debug, Parser)]
#[command(
    name = "otpost",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 misused.\n\
        Every configuration key can be set from the environment: server.listen is OTPOST__SERVER__LISTEN."
)]
pub struct Args {
    /// Configuration file [default: otpost.toml if there is one]
    #[arg(long, global = true, env = "OTPOST_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// API and worker in one process (the default)
    ///
    /// On an empty machine this creates the data folder, the keys and a first API key, and
    /// prints what to try next.
    Serve,
    /// Only the API: accepts, checks, shows
    ///
    /// Run as many as you like over one Postgres and one Redis. Answers 503 until the database
    /// can be written to.
    Api,
    /// Only the worker: sends
    ///
    /// Run as many as you like. A worker that dies is replaced by the others within ten seconds.
    Worker,
    /// Bring the tables of the database up to this version
    Migrate,
    /// Who sends: create, list, show, disable, enable
    ///
    /// Each tenant has keys, policies, texts, suppressions and limits of its own. A sandbox is one for tests:
    /// everything works, and its messages go into an inbox instead of to a provider.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// API keys: create, list, revoke; and the public keys that receipts are verified with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who is not to be sent to: add, list, remove
    #[command(subcommand)]
    Suppression(SuppressionCommand),
    /// What holds for the verifications of each purpose: list, show, set, history, restore, reset
    ///
    /// The configuration is the base. On it lies what is changed for all tenants, and on that what is
    /// changed for one; each change is a version that is kept.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Texts of codes: list, show, set, delete, preview
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Where events are posted to: create, list, show, enable, disable, delete, test, replay, rotate
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Print what happened to verifications and messages, oldest first
    ///
    /// Events are kept for tenants that have an endpoint, or for all with events.log.
    #[command(after_help = "Examples:\n  \
        otpost events --type verification.verified\n  \
        otpost events --follow --json")]
    Events(EventsOptions),
    /// Send one text to one number or e-mail address, or an SMS to each person of a file
    ///
    /// Goes through the same queue and chain as the API; a worker must be running. The limits
    /// are the same too where Redis keeps them.
    ///
    /// A file is CSV in UTF-8. Its first line names the columns: one is `to` (or phone, number,
    /// msisdn, or named by --column), the others fill the placeholders of the text. Every row is
    /// stored or refused by itself. Running the same command again goes on where it stopped and
    /// sends nothing twice.
    #[command(after_help = "Examples:\n  \
        otpost send --to +4915112345678 --text \"Your parcel is here.\"\n  \
        otpost send --to ann@example.org --title Parcel --text \"Your parcel is here.\"\n  \
        otpost send --to-file people.csv --text \"Hi {name}, your parcel is here.\" --dry-run\n  \
        otpost send --to-file people.csv --text \"Hi {name}, your parcel is here.\" --wait")]
    Send(SendOptions),
    /// What people would have received: for development, and for tests of your own application
    ///
    /// Shows the inbox of a sandbox tenant, or that of the service that runs here with no provider but the
    /// console. Exits with 1 if nothing came in the time of --wait.
    #[command(after_help = "Examples:\n  \
        otpost inbox\n  \
        otpost inbox --follow\n  \
        code=$(otpost inbox --to +12025550143 --wait 10 --code)\n  \
        otpost inbox --tenant ci --to ann@example.org --json")]
    Inbox(InboxOptions),
    /// What waits, who lives, what is degraded; or what became of a batch
    Status(StatusOptions),
    /// What was spent: attempts, SMS and prices, summed by day
    ///
    /// A day is one of UTC, and a message belongs to the one on which it ended: what is still on its
    /// way is not in it. Prices that no provider told come from providers.NAME.prices. Countries are
    /// not known here, since recipients are stored sealed.
    Spend(SpendOptions),
    /// Check configuration, database, Redis, clock and each provider's credentials
    ///
    /// Sends nothing. Each line says what is wrong and what to mend; exits with 1 if anything is.
    Doctor(DoctorOptions),
    /// Take a provider away for a while, and see whether messages still arrive
    ///
    /// While it lasts every call of the provider ends as if nobody were there, in all workers;
    /// nothing is sent through it, and nothing is sent twice. What messages did is compared with
    /// what they did before. The provider comes back when the time is over, also if this command
    /// is killed. Exits with 1 if a message was not sent, or if there were none.
    #[command(after_help = "Examples:\n  \
        otpost drill\n  \
        otpost drill primary --secs 120 --to +4915112345678 --to +4915112345679")]
    Drill(DrillOptions),
    /// Take over from another system: its settings, its numbers
    #[command(subcommand)]
    Import(ImportCommand),
    /// Remove what the retention no longer covers
    ///
    /// The service does this by itself, a little at a time; this does it all now.
    Purge(PurgeOptions),
    /// Print a generated reference: the API's or the configuration's
    Reference(ReferenceOptions),
}

#[derive(Debug, clap::Args)]
pub struct Print {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct DoctorOptions {
    /// Print the addresses for replies with their keys, to enter them where a provider asks for one
    #[arg(long)]
    pub show_addresses: bool,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, Subcommand)]
pub enum SuppressionCommand {
    /// Keep texts to a number or e-mail address back, from now on and those that are queued
    Add(SuppressionAdd),
    /// List who is kept back, and who said so
    List(SuppressionList),
    /// Take one back, also what a person or a provider said
    Remove(SuppressionRemove),
}

#[derive(Debug, clap::Args)]
pub struct SuppressionAdd {
    /// The number, best as + and digits, or the e-mail address
    pub to: String,
    /// Keep codes back too
    #[arg(long)]
    pub codes: bool,
    /// The tenant whose texts are kept back
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct SuppressionList {
    /// Only those of this number or e-mail address
    #[arg(long)]
    pub to: Option<String>,
    /// The tenant whose list it is; what people and providers said is in every one
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct SuppressionRemove {
    /// Its id, as `otpost suppression list` shows it
    #[arg(value_parser = |text: &str| id(text, "a suppression's id", "`otpost suppression list` shows it"))]
    pub id: Uuid,
}

#[derive(Debug, clap::Args)]
pub struct SendOptions {
    /// The number, best as + and digits, or an e-mail address where chains.email names a provider
    #[arg(long, required_unless_present = "to_file", conflicts_with = "to_file")]
    pub to: Option<String>,
    /// The file of people to send to
    #[arg(long, value_name = "FILE")]
    pub to_file: Option<PathBuf>,
    /// The text, at most 1600 characters, of an e-mail 10000; with a file, {name} stands for its column `name`
    #[arg(long)]
    pub text: String,
    /// The title of an e-mail, which becomes its subject line: needed with an e-mail address
    #[arg(long, conflicts_with = "to_file")]
    pub title: Option<String>,
    /// A key that makes a repeat of this command harmless [default for a file: its content and
    /// the text]
    #[arg(long, visible_alias = "key", value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Return as soon as it is stored instead of waiting for its outcome
    #[arg(long, conflicts_with = "to_file")]
    pub no_wait: bool,
    /// With a file: follow the messages until every one is over
    #[arg(long, conflicts_with = "to")]
    pub wait: bool,
    /// With a file: check everything, say what would be sent, and send nothing
    #[arg(long, conflicts_with_all = ["to", "wait"])]
    pub dry_run: bool,
    /// The column that holds the numbers
    #[arg(long, conflicts_with = "to", value_name = "NAME")]
    pub column: Option<String>,
    /// Where refused rows go [default: beside the file, as FILE.refused.csv]
    #[arg(long, conflicts_with = "to", value_name = "FILE")]
    pub failures: Option<PathBuf>,
    #[command(flatten)]
    pub print: Print,
}

/// Reads an id; of another text it says what is wanted, and where that is to be had.
fn id(text: &str, what: &str, source: &str) -> Result<Uuid, String> {
    let said = |_| format!("{what} looks like 01a1f812-6ec7-85f6-89e6-86c800000000; {source}");
    Uuid::try_parse(text).map_err(said)
}

fn any_id(text: &str) -> Result<Uuid, String> {
    let source = "it is the `id` that the API answered when it took the verification, message or \
                  batch, and what `otpost send` prints";
    id(text, "an id", source)
}

fn batch_id(text: &str) -> Result<Uuid, String> {
    let source = "`otpost send --to-file` prints it at its end, and the API answers it as `id` to \
                  POST /v1/messages/batch";
    id(text, "a batch's id", source)
}

#[derive(Debug, clap::Args)]
pub struct StatusOptions {
    /// What became of this verification, message or batch instead, attempt by attempt
    #[arg(value_name = "ID", conflicts_with = "batch", value_parser = any_id)]
    pub id: Option<Uuid>,
    /// What became of this batch instead
    #[arg(long, value_name = "ID", value_parser = batch_id)]
    pub batch: Option<Uuid>,
    /// List those of its messages that were not sent, with their reasons
    #[arg(long, requires = "batch")]
    pub failed: bool,
    /// List its messages as CSV
    #[arg(long, requires = "batch", conflicts_with = "json")]
    pub csv: bool,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct DrillOptions {
    /// The provider to take away [default: the first of chains.sms, or else of chains.email]
    pub provider: Option<String>,
    /// For so many seconds, 1 to 600
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub secs: u32,
    /// A number or an e-mail address of yours that gets texts meanwhile; repeat for more
    #[arg(long, value_name = "RECIPIENT")]
    pub to: Vec<String>,
    /// How many texts all of them get together, spread over the time [default: one each; the limit
    /// per recipient counts these too]
    #[arg(long, requires = "to", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub texts: Option<u32>,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct SpendOptions {
    /// How far back: a number and one of s, m, h, d
    #[arg(long = "since", value_name = "TIME", default_value = "7d", value_parser = span)]
    pub since_ms: i64,
    /// What to tell apart within a day
    #[arg(long, value_enum, default_value = "provider")]
    pub by: SpendBy,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpendBy {
    /// Who was paid
    Provider,
    /// Who sent
    Tenant,
    /// Codes (otp) and other messages (bulk)
    Lane,
}

impl SpendBy {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Tenant => "tenant",
            Self::Lane => "lane",
        }
    }
}

/// Milliseconds, written as the window of a limit.
fn span(text: &str) -> Result<i64, String> {
    let rule = Rule::parse(&format!("1/{text}"));
    let said = || "write a number and one of s, m, h, d, such as 7d; at most a year".to_owned();
    rule.map(|rule| rule.window_ms).ok_or_else(said)
}

#[derive(Debug, clap::Args)]
pub struct PurgeOptions {
    /// Only count what would be removed
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct ReferenceOptions {
    #[arg(value_enum)]
    pub what: ReferenceKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReferenceKind {
    /// The API as OpenAPI 3.1
    Openapi,
    /// The configuration as Markdown
    Configuration,
    /// The public error codes as Markdown
    Errors,
}
