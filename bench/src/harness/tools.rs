//! Finding the programs of the private servers, and saying what to install.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::error::Result;

/// Where `program` is: in `PATH`, else in the newest of Debian's versioned Postgres folders.
pub(crate) fn find(program: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(postgres_folders());
    folders
        .iter()
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            let package = match program {
                "redis-server" => "redis-server",
                "pgbench" | "initdb" | "postgres" => "postgresql",
                other => other,
            };
            format!("`{program}` is needed and was not found: apt-get install {package}").into()
        })
}

fn postgres_folders() -> Vec<PathBuf> {
    let Ok(versions) = fs::read_dir(Path::new("/usr/lib/postgresql")) else {
        return Vec::new();
    };
    let mut folders: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.into_iter().map(|(_, folder)| folder).collect()
}
