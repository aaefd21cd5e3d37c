//! What the database could not do, and how the drivers' errors read to us.

use std::fmt;

use super::PATIENCE;
use crate::secrets::SecretError;

/// What the database could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbError {
    /// Not reachable, full, stopped or too slow: the same call may work later.
    Unavailable(String),
    /// It answers, but takes nothing more.
    Full(String),
    /// As unavailable, but what was asked for may have been done all the same.
    Undecided(String),
    /// Another transaction holds the row and does not let go.
    Locked,
    /// Lost against a concurrent transaction; safe to repeat at once.
    Raced,
    /// A statement or a row is not what the code expects.
    Broken(String),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the database is unavailable: {cause}"),
            Self::Full(cause) => write!(f, "the disk of the database is full: {cause}"),
            Self::Undecided(cause) => {
                write!(f, "the database did not say whether it is done: {cause}")
            }
            Self::Locked => f.write_str("another transaction holds the row"),
            Self::Raced => f.write_str("the database refused a concurrent change"),
            Self::Broken(cause) => write!(f, "the database and the program disagree: {cause}"),
        }
    }
}

impl std::error::Error for DbError {}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let cause = describe(&error);
        match &error {
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some("40001" | "40P01") => Self::Raced,
                Some("55P03") => Self::Locked,
                // The process stood still within a transaction, which the server then ended; the
                // tables are not there yet.
                Some("25P03" | "25P04" | "42P01" | "3F000") => Self::Unavailable(cause),
                Some("53100") => Self::Full(cause),
                // Postgres classes: connection, resources, operator and statement time-outs.
                Some(code)
                    if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                        || code == "25006" =>
                {
                    Self::Unavailable(cause)
                }
                // Any other of Postgres, whose codes have five characters.
                Some(code) if code.len() == 5 => Self::Broken(cause),
                // SQLite's primary result codes sit in the low byte of the extended ones.
                Some(code) => match code.parse::<u32>().map(|code| code & 0xff) {
                    Ok(13) => Self::Full(cause),
                    Ok(5 | 6 | 8 | 10 | 14) => Self::Unavailable(cause),
                    // The tables are not there yet; it has no code of its own for that.
                    Ok(1) if db.message().starts_with("no such table") => Self::Unavailable(cause),
                    _ => Self::Broken(cause),
                },
                None => Self::Broken(cause),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            // The disk was full once more before the mended connection came back.
            | sqlx::Error::InvalidSavePointStatement => Self::Unavailable(cause),
            _ => Self::Broken(cause),
        }
    }
}

/// What became of a statement that is its own transaction: when the connection broke, the server
/// may have committed it.
pub(crate) fn undecided(error: sqlx::Error) -> DbError {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            DbError::Undecided(describe(&error))
        }
        other => other.into(),
    }
}

/// The error without the values of a row: Postgres puts them into `detail`, which is left out.
pub(super) fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(db) => {
            format!("{} ({})", db.message(), db.code().unwrap_or_default())
        }
        sqlx::Error::PoolTimedOut => {
            format!("no connection within {} s; is it running and reachable?", PATIENCE.as_secs())
        }
        other => other.to_string(),
    }
}

impl From<SecretError> for DbError {
    fn from(error: SecretError) -> Self {
        Self::Broken(error.to_string())
    }
}
