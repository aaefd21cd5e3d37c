//! How long anybody waits for the database.

use std::{cell::Cell, time::Duration};

use tokio::time::{Instant, error::Elapsed, timeout};

use super::DbError;

/// Between two attempts, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// No caller waits longer for a statement or a commit.
pub(crate) const GIVE_UP: Duration = Duration::from_millis(2_400);

tokio::task_local! {
    /// What this request has waited so far.
    static WAITED: Cell<Duration>;
}

/// Lets all statements and commits of one request wait no longer together than one alone: a caller has
/// one patience, however many questions it takes to answer it. Tasks of their own have their own.
pub async fn with_one_patience<T>(request: impl Future<Output = T>) -> T {
    WAITED.scope(Cell::new(Duration::ZERO), request).await
}

fn waited() -> Duration {
    WAITED.try_with(Cell::get).unwrap_or_default()
}

/// Waits as long as there is patience left.
async fn wait_for<T>(call: impl Future<Output = T>) -> Result<T, Elapsed> {
    let (before, began) = (waited(), Instant::now());
    let result = timeout(GIVE_UP.saturating_sub(before), call).await;
    // Calls within this one have been counted by then, and are part of it.
    let _ = WAITED.try_with(|waited| waited.set(before + began.elapsed()));
    result
}

/// Gives a single statement up after 2.4 s: a server that hangs does not keep its own time.
pub(crate) async fn bounded<T>(
    statement: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    let late = |_| Err(DbError::Unavailable("no answer within 2.4 s".into()));
    wait_for(statement).await.unwrap_or_else(late)
}

/// Gives a whole call up after 2.4 s, however many statements it is made of. It goes into a box before
/// anything waits: such a call is kilobytes, and would be copied into each layer that it passes.
pub(crate) fn in_time<T, E: From<DbError>>(
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let call = Box::pin(call);
    async {
        let late = |_| Err(DbError::Undecided("no answer within 2.4 s".into()).into());
        wait_for(call).await.unwrap_or_else(late)
    }
}

/// Runs a commit in a task of its own, so that a client that goes away cannot cut it off half-way,
/// and gives up waiting after 2.4 s.
///
/// # Errors
/// As `work`, or undecided when it takes too long; the work then still finishes by itself.
pub async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbError>> + Send + 'static,
) -> Result<T, DbError> {
    match wait_for(tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(DbError::Broken(panic.to_string())),
        Err(_) => Err(DbError::Undecided("no answer within 2.4 s".into())),
    }
}

/// Attempts it once, and again for so long after the first failure: whoever is long at
/// work outlives a short outage.
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
    async fn a_request_has_one_patience_for_all_its_calls() {
        let never = || bounded(std::future::pending::<Result<(), DbError>>());
        let both = with_one_patience(async {
            WAITED.with(|waited| waited.set(Duration::from_millis(2_399)));
            (never().await, never().await, waited())
        });
        let began = Instant::now();
        let (first, second, waited) = both.await;
        assert!(first.is_err() && second.is_err());
        assert!(began.elapsed() < GIVE_UP / 2, "{:?}", began.elapsed());
        assert!(waited >= GIVE_UP);
        // What is no request has all of it each time, and counts nothing.
        assert_eq!(bounded(std::future::ready(Ok(()))).await, Ok(()));
        assert_eq!(super::waited(), Duration::ZERO);
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
