//! Trying again what the database may do later: whoever sends a whole file outlives a short outage.

use std::time::Duration;

use tokio::time::Instant;

use crate::db::DbError;

/// Between two attempts, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Attempts it once, and again for so long after the first failure.
///
/// # Errors
/// The last attempt's, or at once one that will not pass.
pub async fn patiently<T, F: Future<Output = Result<T, DbError>>>(
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, DbError> {
    let (mut pause, mut give_up) = (PAUSES.0, None);
    loop {
        let error = match attempt().await {
            Err(error) if !matches!(error, DbError::Broken(_)) => error,
            result => return result,
        };
        if Instant::now() + pause > *give_up.get_or_insert_with(|| Instant::now() + patience) {
            return Err(error);
        }
        tracing::warn!(%error, "trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with this for so many times; how often it was tried, and what came of it.
    async fn tried(error: DbError, times: u32, patience: Duration) -> (u32, Result<(), DbError>) {
        let mut tries = 0;
        let result = patiently(patience, || {
            tries += 1;
            std::future::ready(if tries > times { Ok(()) } else { Err(error.clone()) })
        });
        let result = result.await;
        (tries, result)
    }

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again() {
        let long = Duration::from_secs(9);
        assert_eq!(tried(DbError::Locked, 1, long).await, (2, Ok(())));
        assert_eq!(tried(DbError::Locked, 1, Duration::ZERO).await, (1, Err(DbError::Locked)));
        let broken = DbError::Broken(String::new());
        assert_eq!(tried(broken.clone(), 1, long).await, (1, Err(broken)));
    }
}
