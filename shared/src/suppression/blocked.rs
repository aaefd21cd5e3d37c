//! Whether any code is to be kept back: hardly ever, and every code that is accepted or sent wants to
//! know.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
};

/// What was read counts for so long: an addition elsewhere is felt within a second.
const TRUSTED_FOR_MS: i64 = 500;

/// What this process knows of it; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Blocked(Arc<Mutex<Option<(Millis, bool)>>>);

impl Blocked {
    /// True when the scope of some suppression is `all`.
    pub(super) async fn any(&self, db: &Db, now: Millis) -> Result<bool, DbError> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock may have been set back since.
        if let Some((at, any)) = known
            && (0..TRUSTED_FOR_MS).contains(&(now - at))
        {
            return Ok(any);
        }
        let any = on_pool!(db.read(), c => {
            sqlx::query_scalar::<D, i64>(
                "SELECT count(*) FROM (
                     SELECT 1 AS one FROM suppressions WHERE scope = 'all' LIMIT 1) s",
            )
            .fetch_one(c)
            .await?
        }) > 0;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, any));
        Ok(any)
    }

    /// Asks again the next time.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
