//! The `otpost` command: parse, load, wire, run.

mod args;
mod commands;
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
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
        Command::Key(command) => commands::key::run(config, command).await,
        Command::Suppression(command) => commands::suppression::run(config, command).await,
        Command::Policy(command) => commands::policy::run(config, command).await,
        Command::Template(command) => commands::template::run(config, command).await,
        Command::Webhook(command) => commands::webhook::run(config, command).await,
        Command::Events(options) => commands::events::run(config, options).await,
        Command::Send(options) => commands::send::run(config, options).await,
        Command::Inbox(options) => commands::inbox::run(config, options).await,
        Command::Status(options) => commands::status::run(config, options).await,
        Command::Spend(options) => commands::spend::run(config, options).await,
        Command::Doctor(options) => commands::doctor::run(config, options).await,
        Command::Drill(options) => commands::drill::run(config, options).await,
        Command::Import(command) => commands::import::run(config, command).await,
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
