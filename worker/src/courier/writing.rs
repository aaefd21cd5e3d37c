//! Writing down what became of a message, also while the database is away for a moment.

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    attempt::{self, Attempt, Ending},
    clock::Millis,
    db::DbError,
    message::{Message, Next, Recording},
    outcome::ErrorClass,
};
use tokio::time::Instant;

use super::Courier;

/// How long it is held on to.
const RECORD_FOR: Duration = Duration::from_secs(30);

impl Courier {
    /// Writes a step down: an outcome that is lost costs the person a second SMS.
    pub(super) async fn settle(
        &self,
        row: &Arc<Message>,
        ended: Option<(i32, Ending)>,
        next: Next,
    ) -> Result<Option<Millis>, DbError> {
        holding_on(|| {
            self.home.record(Recording {
                message: Arc::clone(row),
                ended: ended.clone(),
                next: next.clone(),
                now: self.now(),
            })
        })
        .await
    }
}

impl Courier {
    /// Of those that were given up one may have answered while another was asked.
    pub(super) async fn hear_late_answers(&self, row: &Message, attempts: &mut [Attempt]) {
        let Some((_, earlier)) = attempts.split_last_mut() else { return };
        if !earlier.iter().any(|a| a.outcome() == Some(ErrorClass::Unknown)) {
            return;
        }
        // Without the answer it is as it was known before.
        let known = attempt::list_by_message(&self.home.db, row.id).await.unwrap_or_default();
        for now in known {
            if let Some(before) = earlier.iter_mut().find(|before| before.number == now.number) {
                *before = now;
            }
        }
    }
}

/// Writes again and again while the database is away.
pub(super) async fn holding_on<T, W: Future<Output = Result<T, DbError>>>(
    mut write: impl FnMut() -> W,
) -> Result<T, DbError> {
    let give_up = Instant::now() + RECORD_FOR;
    let mut pause = Duration::from_millis(50);
    loop {
        match write().await {
            Err(
                DbError::Unavailable(_)
                | DbError::Full(_)
                | DbError::Undecided(_)
                | DbError::Locked,
            ) if Instant::now() < give_up => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            result => return result,
        }
    }
}
