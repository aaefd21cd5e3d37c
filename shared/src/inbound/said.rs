//! What a number said last, STOP or START. Providers bring a message again for days when they did not hear our
//! answer: what was written before that, or is the same again, changes nothing.
//!
//! It is kept for two weeks, longer than any provider tries. After a change of the last hash key it is not found
//! any more; then a late message counts as one that was never brought.

use super::Wish;
use crate::{
    clock::Millis,
    db::{DbError, Tx, on_tx},
    home::Home,
    recipient::Recipient,
};

const DAY_MS: Millis = 86_400_000;

/// What is older is brought by nobody: a time that says so is none.
const KEPT_FOR_MS: Millis = 14 * DAY_MS;

/// The answer to HELP is worth something for so long, and as long it is known whom it was sent to.
const HELP_FOR_MS: Millis = DAY_MS;

/// A keyword, as it is compared with what its number said last.
#[derive(Debug)]
pub(super) struct Said {
    hash: Vec<u8>,
    wish: Wish,
    at: Millis,
    now: Millis,
}

impl Said {
    /// `told` is when the provider says that it was written.
    pub(super) fn new(home: &Home, from: &Recipient, wish: Wish, told: Option<Millis>) -> Self {
        let now = home.clock.now();
        let hash = home.keys.lasting_hash(&[b"said/v1", from.identity().as_bytes()]);
        Self { hash, wish, at: written_at(told, now), now }
    }

    /// False when it is to change nothing, and not to be answered. STOP and START are from the commit on what the
    /// number said last; of processes that take both at the same moment one waits here for the other.
    pub(super) async fn counts(&self, tx: &mut Tx) -> Result<bool, DbError> {
        match self.wish {
            Wish::Stop | Wish::Start => self.write(tx).await,
            Wish::Help => Ok(self.now - self.at < HELP_FOR_MS && !self.is_outdated(tx).await?),
            Wish::Other => Ok(false),
        }
    }

    /// Of two within the same moment the one that is brought later counts. What stands in the future was
    /// written down while a clock was wrong, and is no reason to overhear anybody.
    async fn write(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let rows = on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO last_words (recipient_hash, keyword, said_at, expires_at)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT (recipient_hash) DO UPDATE
                 SET keyword = excluded.keyword, said_at = excluded.said_at,
                     expires_at = excluded.expires_at
                 WHERE last_words.said_at < excluded.said_at
                    OR (last_words.said_at = excluded.said_at
                        AND last_words.keyword <> excluded.keyword)
                    OR last_words.said_at > $5",
            )
            .bind(&self.hash)
            .bind(self.wish.as_str())
            .bind(self.at)
            .bind(self.at + KEPT_FOR_MS)
            .bind(self.now)
            .execute(c)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// True when the number said STOP or START since.
    async fn is_outdated(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let later = on_tx!(tx, c => {
            sqlx::query_scalar::<D, i64>(
                "SELECT count(*) FROM last_words
                 WHERE recipient_hash = $1 AND said_at > $2 AND said_at <= $3",
            )
            .bind(&self.hash)
            .bind(self.at)
            .bind(self.now)
            .fetch_one(c)
            .await?
        });
        Ok(later > 0)
    }
}

/// A time that is missing, still to come or out of reach is now.
fn written_at(told: Option<Millis>, now: Millis) -> Millis {
    told.filter(|at| (now - KEPT_FOR_MS..=now).contains(at)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::{KEPT_FOR_MS, written_at};

    #[test]
    fn a_time_that_cannot_be_is_now() {
        let now = 1_767_607_379_000;
        for (told, at) in [
            (Some(now - 1), now - 1),
            (Some(now), now),
            (Some(now - KEPT_FOR_MS), now - KEPT_FOR_MS),
            (Some(now - KEPT_FOR_MS - 1), now),
            (Some(now + 1), now),
            (Some(i64::MIN), now),
            (None, now),
        ] {
            assert_eq!(written_at(told, now), at, "{told:?}");
        }
    }
}
