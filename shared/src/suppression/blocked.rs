//! Whether any code is to be kept back: hardly ever, and every code that is accepted or sent wants to
//! know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
};

/// What was read counts for so long: an addition elsewhere is felt within a second.
const TRUSTED_FOR_MS: i64 = 500;

/// What this process knows of it; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Blocked(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    any: Option<(Millis, bool)>,
    /// How often it was forgotten: what was read before that does not count.
    forgotten: u64,
}

impl Blocked {
    /// True when the scope of some suppression is `all`.
    pub(super) async fn any(&self, db: &Db, now: Millis) -> Result<bool, DbError> {
        let (known, forgotten) = {
            let known = self.lock();
            (known.any, known.forgotten)
        };
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
        let mut known = self.lock();
        if known.forgotten == forgotten {
            known.any = Some((now, any));
        }
        Ok(any)
    }

    /// Asks again the next time.
    pub(super) fn forget(&self) {
        let mut known = self.lock();
        known.any = None;
        known.forgotten += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
