//! What stops a delivery short.

use std::fmt;

use otpost_shared::{db::DbError, secrets::SecretError};

/// Why a delivery stopped short; the row is taken up again when its lease runs out.
#[derive(Debug)]
pub enum CourierError {
    Db(DbError),
    Secret(SecretError),
}

impl fmt::Display for CourierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Db(error) => error.fmt(f),
            Self::Secret(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CourierError {}

impl From<DbError> for CourierError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<SecretError> for CourierError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}
