//! How long anybody waits for the database.

use std::time::Duration;

use super::DbError;

/// No caller waits longer for a statement or a commit.
pub(crate) const GIVE_UP: Duration = Duration::from_millis(2_400);

/// Gives a single statement up after 2.4 s: a server that hangs does not keep its own time.
pub(crate) async fn bounded<T>(
    statement: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    tokio::time::timeout(GIVE_UP, statement)
        .await
        .unwrap_or_else(|_| Err(DbError::Unavailable("no answer within 2.4 s".into())))
}

/// Gives a whole call up after 2.4 s, however many statements it is made of.
pub(crate) async fn in_time<T, E: From<DbError>>(
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(GIVE_UP, call)
        .await
        .unwrap_or_else(|_| Err(DbError::Undecided("no answer within 2.4 s".into()).into()))
}

/// Runs a commit in a task of its own, so that a client that goes away cannot cut it off half-way,
/// and gives up waiting after 2.4 s.
///
/// # Errors
/// As `work`, or undecided when it takes too long; the work then still finishes by itself.
pub async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbError>> + Send + 'static,
) -> Result<T, DbError> {
    match tokio::time::timeout(GIVE_UP, tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(DbError::Broken(panic.to_string())),
        Err(_) => Err(DbError::Undecided("no answer within 2.4 s".into())),
    }
}
