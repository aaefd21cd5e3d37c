//! `otpost import`: what another system has, turned into what this one takes.

mod draft;
mod numbers;
mod python;
mod service;
mod settings;

use std::{fs, path::Path};

use self::{numbers::django_numbers, service::twilio_service, settings::django_settings};
use crate::{
    args::ImportCommand,
    output::{Done, Failure},
};

/// Files of settings are read whole.
const LARGEST: u64 = 1024 * 1024;

pub async fn run(config: Option<&Path>, command: ImportCommand) -> Done {
    match command {
        ImportCommand::DjangoSettings(options) => django_settings(&options),
        ImportCommand::DjangoNumbers(options) => django_numbers(&options),
        ImportCommand::TwilioService(options) => twilio_service(config, &options).await,
    }
}

/// The text of a file that a person wrote.
fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let told = fs::metadata(path).map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
    if told.len() > LARGEST {
        return Err(Failure::new(format!(
            "{name} is larger than 1 MiB: name the file of settings"
        )));
    }
    fs::read_to_string(path).map_err(|e| Failure::new(format!("cannot read {name}: {e}")))
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
