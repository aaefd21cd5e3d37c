//! What each provider's last call came to.

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    drill,
    outcome::ErrorClass,
};

/// Messages that are looked at, the last of them first.
const MOST_LOOKED_AT: i64 = 1_000;

/// How one call ended. No field holds a number or a code.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LastCall {
    pub provider: String,
    outcome: String,
    pub error_code: Option<String>,
    pub detail: Option<String>,
    pub finished_at: Millis,
}

impl LastCall {
    /// Why the provider did not take it; none when it did, or had something against that message alone.
    #[must_use]
    pub fn failure(&self) -> Option<ErrorClass> {
        use ErrorClass as C;
        let class = self.outcome.parse().unwrap_or(C::Unknown);
        (!matches!(class, C::Ok | C::Recipient | C::OptedOut | C::Content)).then_some(class)
    }
}

/// The last call of each provider, among the last messages that ended after `since`.
///
/// # Errors
/// The database does not answer.
pub async fn list_last_calls(db: &Db, since: Millis) -> Result<Vec<LastCall>, DbError> {
    let calls = on_pool!(db.read(), c => {
        sqlx::query_as::<D, LastCall>(
            "SELECT a.provider, a.outcome, a.error_code, a.detail, a.finished_at
             FROM (SELECT id FROM messages WHERE finished_at > $1
                 ORDER BY finished_at DESC LIMIT $2) m
             JOIN attempts a ON a.message_id = m.id
             WHERE a.finished_at IS NOT NULL AND a.outcome IS NOT NULL
               AND (a.error_code IS NULL OR a.error_code <> $3)
             ORDER BY a.finished_at DESC",
        )
        .bind(since)
        .bind(MOST_LOOKED_AT)
        .bind(drill::CODE)
        .fetch_all(c)
        .await?
    });
    let mut last: Vec<LastCall> = Vec::new();
    for call in calls {
        if last.iter().all(|known| known.provider != call.provider) {
            last.push(call);
        }
    }
    Ok(last)
}
