//! The `otpost` command: parse, load, wire, run.

mod args;
mod commands;
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, ImportCommand, KeyCommand, PolicyCommand, SuppressionCommand};
pub use crate::{commands::send::people, output::Failure};

/// Does what the command line says.
pub async fn run() -> ExitCode {
    let args = Args::parse();
    let config = args.config.as_deref();
    let done = match args.command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve::run(config).await,
        Command::Api => commands::api::run(config).await,
        Command::Worker => commands::worker::run(config).await,
        Command::Migrate => commands::migrate::run(config).await,
        Command::Tenant(command) => commands::tenant::run(config, command).await,
        Command::Key(KeyCommand::Create(options)) => commands::key::create(config, options).await,
        Command::Key(KeyCommand::List(options)) => commands::key::list(config, options).await,
        Command::Key(KeyCommand::Revoke(options)) => commands::key::revoke(config, options).await,
        Command::Key(KeyCommand::Jwks) => commands::key::jwks(config).await,
        Command::Suppression(SuppressionCommand::Add(options)) => {
            commands::suppression::add(config, options).await
        }
        Command::Suppression(SuppressionCommand::List(options)) => {
            commands::suppression::list(config, options).await
        }
        Command::Suppression(SuppressionCommand::Remove(options)) => {
            commands::suppression::remove(config, options).await
        }
        Command::Policy(PolicyCommand::List(options)) => {
            commands::policy::list(config, options).await
        }
        Command::Policy(PolicyCommand::Show(options)) => {
            commands::policy::show(config, options).await
        }
        Command::Policy(PolicyCommand::Set(options)) => {
            commands::policy::set(config, options).await
        }
        Command::Policy(PolicyCommand::History(options)) => {
            commands::policy::history(config, options).await
        }
        Command::Policy(PolicyCommand::Restore(options)) => {
            commands::policy::restore(config, options).await
        }
        Command::Policy(PolicyCommand::Reset(options)) => {
            commands::policy::reset(config, options).await
        }
        Command::Template(command) => commands::template::run(config, command).await,
        Command::Webhook(command) => commands::webhook::run(config, command).await,
        Command::Events(options) => commands::events::run(config, options).await,
        Command::Send(options) => commands::send::run(config, options).await,
        Command::Inbox(options) => commands::inbox::run(config, options).await,
        Command::Status(options) => commands::status::run(config, options).await,
        Command::Spend(options) => commands::spend::run(config, options).await,
        Command::Doctor(options) => commands::doctor::run(config, options).await,
        Command::Drill(options) => commands::drill::run(config, options).await,
        Command::Import(ImportCommand::DjangoSettings(options)) => {
            commands::import::django_settings(&options)
        }
        Command::Import(ImportCommand::DjangoNumbers(options)) => {
            commands::import::django_numbers(&options)
        }
        Command::Import(ImportCommand::TwilioService(options)) => {
            commands::import::twilio_service(config, &options).await
        }
        Command::Purge(options) => commands::purge::run(config, options).await,
        Command::Reference(options) => commands::reference::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("otpost: {failure}");
            failure.exit_code()
        }
    }
}
