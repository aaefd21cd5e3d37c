//! Where the embedded database lies.

use std::path::{self, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

use crate::config::Config;

impl Config {
    /// The file of the embedded database, with its whole path; none when it is Postgres.
    #[must_use]
    pub fn database_file(&self) -> Option<PathBuf> {
        if !self.is_embedded() {
            return None;
        }
        let options: SqliteConnectOptions = self.database_url().parse().ok()?;
        path::absolute(options.get_filename()).ok()
    }
}
