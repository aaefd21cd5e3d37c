//! `otpost import`: its options.

use std::path::PathBuf;

use clap::Subcommand;

use super::Print;

#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Turn the settings of django-phone-verify into a configuration, and print it
    ///
    /// A .py file is read without being run: `PHONE_VERIFICATION` must be a dictionary of texts and
    /// numbers that begins a line. A .json file holds that dictionary. What has no counterpart, and what
    /// only Python can work out, becomes a comment; secrets are not copied.
    #[command(
        after_help = "Example:\n  otpost import django-settings project/settings.py > otpost.toml"
    )]
    DjangoSettings(ImportFile),
    /// List the numbers that a table of django-phone-verify says were verified
    ///
    /// Of the table `sms_verification` as CSV with a header, or of `manage.py dumpdata` as .json. A file
    /// that holds codes is refused: export it without the column `security_code`.
    DjangoNumbers(ImportNumbers),
    /// Turn the settings of a Twilio Verify Service into a configuration, and print it
    ///
    /// From the JSON that its API answers. What has no counterpart becomes a comment. With --create the
    /// Service itself is made, under the id it has there, so that apps can keep it.
    #[command(after_help = "Examples:\n  \
        otpost import twilio-service service.json > otpost.toml\n  \
        otpost import twilio-service service.json --create")]
    TwilioService(ImportService),
}

#[derive(Debug, clap::Args)]
pub struct ImportService {
    /// The file, JSON
    pub file: PathBuf,
    /// Make the Service, instead of printing a configuration
    #[arg(long)]
    pub create: bool,
    /// The tenant it belongs to
    #[arg(long, default_value = "default", requires = "create")]
    pub tenant: String,
    /// The policy it stands on: one of [purposes] [default: compat.twilio.purpose]
    #[arg(long, requires = "create")]
    pub purpose: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ImportFile {
    /// The file, .py or .json
    pub file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct ImportNumbers {
    /// The file, .csv or .json
    pub file: PathBuf,
    #[command(flatten)]
    pub print: Print,
}
