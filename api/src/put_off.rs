//! How long whoever is put off waits, and when that is: the same for every surface, whatever its errors look
//! like.

use otpost_shared::{clock::secs_rounded_up, db::DbError};

/// Milliseconds after which whoever was put off may try again.
pub(crate) const PUT_OFF_MS: i64 = 2_000;

/// Whole seconds for `Retry-After`: rounded up, at least one.
pub(crate) fn retry_after_secs(wait_ms: i64) -> i64 {
    secs_rounded_up(wait_ms.max(1))
}

/// True for what may be tried again, false for what is broken; the log says which it was.
pub(crate) fn is_put_off(error: &DbError) -> bool {
    match error {
        DbError::Broken(_) => {
            tracing::error!(%error, "a request failed");
            false
        }
        DbError::Unavailable(_)
        | DbError::Full(_)
        | DbError::Undecided(_)
        | DbError::Locked
        | DbError::Raced => {
            tracing::warn!(%error, "a request was put off");
            true
        }
    }
}
