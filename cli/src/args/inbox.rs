//! `otpost inbox`: its options.

use super::Print;

#[derive(Debug, clap::Args)]
pub struct InboxOptions {
    /// The sandbox tenant whose inbox it is [default: the inbox of the service that runs here, or else
    /// the only sandbox there is]
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only messages to this number or e-mail address
    #[arg(long)]
    pub to: Option<String>,
    /// While there is no message, wait for one, at most so long
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub wait: Option<u64>,
    /// Go on printing what comes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["wait", "code"])]
    pub follow: bool,
    /// Print the newest code and nothing else
    #[arg(long, conflicts_with = "json")]
    pub code: bool,
    #[command(flatten)]
    pub print: Print,
}
