//! The server's keys: those of the configuration, or else those of a file that is made once.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use uuid::Uuid;

use crate::{
    config::{Config, ConfigError, SecretText},
    secrets::Keyring,
};

pub(super) fn open(config: &Config) -> Result<Keyring, ConfigError> {
    let wrong = |key: &str, error: &dyn std::fmt::Display| ConfigError::new(key, error.to_string());
    if !config.secrets.keys.is_empty() {
        let texts = |list: &[SecretText]| -> Vec<String> {
            list.iter().map(|text| text.expose().to_owned()).collect()
        };
        return Keyring::parse(&texts(&config.secrets.keys), &texts(&config.secrets.hash_keys))
            .map_err(|e| wrong("secrets.keys", &e));
    }
    let path = config.data.dir.join("keys");
    let file = config.database_url().trim_start_matches("sqlite://").to_owned();
    if Path::new(&file).exists() && !path.exists() {
        let path = path.display();
        let said = format!(
            "{path} is missing, and without it nobody can read what is in {file}: put it back, or \
             remove the database to begin anew"
        );
        return Err(ConfigError::new("data.dir", said));
    }
    let text = read_or_create(&path).map_err(|e| {
        wrong("data.dir", &format!("cannot read or create {}: {e}", path.display()))
    })?;
    let entries = |prefix: char| -> Vec<String> {
        text.lines().filter(|l| l.starts_with(prefix)).map(str::to_owned).collect()
    };
    Keyring::parse(&entries('k'), &entries('h'))
        .map_err(|e| wrong("data.dir", &format!("{}: {e}", path.display())))
}

/// Reads the key file; makes it, for its owner alone to read, when there is none.
fn read_or_create(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    // Whole or not at all, and whoever is first: two processes may start at the same time.
    let own = path.with_file_name(format!("keys.{}", Uuid::now_v7().simple()));
    write_keys(&own)?;
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read_to_string(path),
    }
}

fn write_keys(path: &Path) -> io::Result<()> {
    let text = format!("{}\n{}\n", Keyring::generate_entry("k1"), Keyring::generate_entry("h1"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
