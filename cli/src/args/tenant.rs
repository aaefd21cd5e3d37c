//! `otpost tenant`: its options.

use clap::Subcommand;

use super::Print;

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant
    #[command(after_help = "Examples:\n  \
        otpost tenant create shop\n  \
        otpost tenant create ci --sandbox && otpost key create --tenant ci")]
    Create(TenantCreate),
    /// List all tenants
    List(TenantList),
    /// Show one, with how many keys it has
    Show(TenantOne),
    /// Refuse all its keys, within a second; what it has accepted goes on
    Disable(TenantOne),
    /// Let its keys count again
    Enable(TenantOne),
}

#[derive(Debug, clap::Args)]
pub struct TenantCreate {
    /// Small letters, digits, dots, hyphens and underscores
    pub name: String,
    /// Its messages go into an inbox and never to a provider; it stays so
    #[arg(long)]
    pub sandbox: bool,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TenantList {
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TenantOne {
    /// Its name, as `otpost tenant list` shows it
    pub name: String,
    #[command(flatten)]
    pub print: Print,
}
