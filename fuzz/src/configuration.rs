//! What operators write: the file, the environment, the sections of providers.

use std::ffi::OsString;

use otpost_shared::config::{self, ConfigError};
use otpost_worker::providers::{self, KINDS, Net};

use super::first_line;

/// Lines of `NAME=value` as the environment, an empty line, then the file.
pub fn configuration(data: &[u8]) {
    let (mut variables, mut rest) = (Vec::new(), data);
    loop {
        let (line, after) = first_line(rest);
        rest = after;
        let text = String::from_utf8_lossy(line);
        let Some((name, value)) = text.split_once('=') else { break };
        // Files are for the file system to refuse.
        if !name.to_uppercase().ends_with("_FILE") {
            let name = format!("OTPOST__{name}");
            variables.push((OsString::from(name), OsString::from(value)));
        }
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, rest).expect("a file");
    match config::load_with(Some(&path), variables.into_iter()) {
        Err(error) => reads_well(&error),
        Ok(config) => {
            assert!(!config.public_url().ends_with('/') && !config.database_url().is_empty());
            let _ = (config.has_inbox(), config.is_embedded(), config.allows_region(Some("DE")));
            for (name, section) in config.providers_in_use() {
                if let Err(error) = providers::of_section(name, section, &Net::default()) {
                    reads_well(&error);
                }
            }
            // No secret of it shows.
            let shown = format!("{config:?}");
            let secrets = &config.secrets;
            let urls = [&config.database.url, &config.queue.url];
            for secret in urls.into_iter().chain(&secrets.keys).chain(&secrets.hash_keys) {
                let secret = secret.expose();
                assert!(secret.len() < 12 || !shown.contains(secret), "it shows {secret}");
            }
        }
    }
}

/// First line: the kind. Rest: the section's other keys.
pub fn provider_section(data: &[u8]) {
    let (kind, rest) = first_line(data);
    let kind = String::from_utf8_lossy(kind);
    let kind = KINDS.iter().find(|known| **known == kind).copied().unwrap_or(&kind);
    let Ok(keys) = String::from_utf8_lossy(rest).parse::<toml::Table>() else { return };
    if let Err(error) = providers::build("sms", kind, &keys, &Net::default()) {
        reads_well(&error);
    }
}

fn reads_well(error: &ConfigError) {
    assert!(!error.to_string().is_empty());
}
