//! `otpost template`: its options.

use clap::Subcommand;

use super::Print;

#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// List the texts of a tenant and those of all tenants
    List(TemplateList),
    /// Show a text with its earlier versions
    Show(TemplateOne),
    /// Save a text as the next version; it counts within a second
    ///
    /// A text names {code}, and perhaps {app}, {minutes} and what --variable names. Its lines are separated
    /// by line breaks; in an e-mail an empty line begins a paragraph.
    #[command(after_help = "Examples:\n  \
        otpost template set --locale pt-BR --text \"{code} é seu código {app}.\"\n  \
        otpost template set --channel email --locale de --title \"Ihr Code\" --text \"{code}\"")]
    Set(TemplateSet),
    /// Take a text away: what was said before it is said again
    Delete(TemplateOne),
    /// Show a text as somebody would get it, with its segments and what it costs; sends nothing
    Preview(TemplatePreview),
    /// Show or set the language of a tenant's people who ask for none
    Language(TenantLanguage),
}

/// Whose text.
#[derive(Debug, clap::Args)]
pub struct TemplateOwner {
    /// The tenant whose text it is
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// The text of all tenants that have none of their own
    #[arg(long, conflicts_with = "tenant")]
    pub everyone: bool,
}

/// Which text.
#[derive(Debug, clap::Args)]
pub struct TemplatePlace {
    /// The purpose; the texts of `default` are also those of every purpose that has none
    #[arg(long, default_value = "default")]
    pub purpose: String,
    /// sms (also for WhatsApp), email or voice
    #[arg(long, default_value = "sms")]
    pub channel: String,
    /// The language in BCP 47, such as en or pt-BR [default: texts.language]
    #[arg(long)]
    pub locale: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct TemplateList {
    /// The tenant whose texts to list
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TemplateOne {
    #[command(flatten)]
    pub place: TemplatePlace,
    #[command(flatten)]
    pub owner: TemplateOwner,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TemplateSet {
    #[command(flatten)]
    pub place: TemplatePlace,
    #[command(flatten)]
    pub owner: TemplateOwner,
    /// The text
    #[arg(long)]
    pub text: String,
    /// The title of an e-mail, which becomes its subject line
    #[arg(long)]
    pub title: Option<String>,
    /// A name that requests give a value for; repeat for more
    #[arg(long, value_name = "NAME")]
    pub variable: Vec<String>,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TemplatePreview {
    #[command(flatten)]
    pub place: TemplatePlace,
    /// The tenant who would send it
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// Words to try out [default: those that would be sent]
    #[arg(long)]
    pub text: Option<String>,
    /// The title of an e-mail to try out
    #[arg(long, requires = "text")]
    pub title: Option<String>,
    /// A value that a request would send; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub variable: Vec<(String, String)>,
    /// The country of the number (two capital letters), for what it costs and in which language is called
    #[arg(long)]
    pub country: Option<String>,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct TenantLanguage {
    /// The language in BCP 47 [default: show it]
    pub locale: Option<String>,
    /// Go back to texts.language
    #[arg(long, conflicts_with = "locale")]
    pub unset: bool,
    /// The tenant whose language it is
    #[arg(long, default_value = "default")]
    pub tenant: String,
    #[command(flatten)]
    pub print: Print,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write a name, = and a value, such as name=Ann".to_owned())
}
