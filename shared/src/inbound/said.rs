//! What a number said last, STOP or START. Providers bring a message again for days when they did not hear our
//! answer: what was written before that, or is the same again, changes nothing. Where it cannot be said which of
//! two words was the later one, STOP was.
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

/// A START that is older is brought by nobody, and lifts nothing.
const KEPT_FOR_MS: Millis = 14 * DAY_MS;

/// The answer to HELP is worth something for so long, and as long it is known whom it was sent to.
const HELP_FOR_MS: Millis = DAY_MS;

/// The clock of a provider may be so far ahead of ours. It has to be believed: were its time taken for now, one
/// message would have another time each time that it is brought.
const AHEAD_MS: Millis = 600_000;

/// A keyword, as it is compared with what its number said last.
#[derive(Debug)]
pub(super) struct Said {
    hash: Vec<u8>,
    wish: Wish,
    /// When the provider says that it was written, as far as that can be.
    told: Option<Millis>,
    /// Of one that tells no time: what it is known by when it is brought again.
    id_hash: Option<Vec<u8>>,
    now: Millis,
}

impl Said {
    /// `told` is when the provider says that it was written.
    pub(super) fn new(home: &Home, from: &Recipient, wish: Wish, told: Option<Millis>) -> Self {
        let now = home.clock.now();
        let hash = home.keys.lasting_hash(&[b"said/v1", from.identity().as_bytes()]);
        Self { hash, wish, told: told.filter(|at| *at <= now + AHEAD_MS), id_hash: None, now }
    }

    /// The same, under the name that its provider has for it.
    pub(super) fn named(self, home: &Home, provider: &str, id: Option<&str>) -> Self {
        let hash =
            |id: &str| home.keys.lasting_hash(&[b"heard/v1", provider.as_bytes(), id.as_bytes()]);
        Self { id_hash: id.filter(|_| self.told.is_none()).map(hash), ..self }
    }

    /// Writes down what the number says; false when that is to change nothing, and not to be answered. STOP and
    /// START are from the commit on what it said last; of processes that take both at the same moment one waits
    /// here for the other.
    pub(super) async fn note(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let is_since = |age: Millis| self.told.is_none_or(|at| at >= self.now - age);
        match self.wish {
            Wish::Stop => self.write(tx, self.now + AHEAD_MS).await,
            // What stands a day ahead was written down while our own clock was wrong, and is no reason to
            // overhear anybody. Before that a START rather changes nothing than that it undoes a STOP.
            Wish::Start => Ok(is_since(KEPT_FOR_MS)
                && self.is_first(tx).await?
                && self.write(tx, self.now + DAY_MS).await?),
            Wish::Help => Ok(is_since(HELP_FOR_MS - 1) && !self.is_outdated(tx).await?),
            Wish::Other => Ok(false),
        }
    }

    /// What stands there later than `believed_until` is as if it were not there.
    ///
    /// STOP gives way only to a START that was told to be later than it was told to be itself, START to every
    /// STOP of the same moment or later. A STOP of which only its arrival is known stands at no earlier moment
    /// than the START before it: that must not be later when it is brought again.
    async fn write(&self, tx: &mut Tx, believed_until: Millis) -> Result<bool, DbError> {
        let at = self.told.unwrap_or(self.now);
        let rows = on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO last_words (recipient_hash, keyword, said_at, is_told, expires_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (recipient_hash) DO UPDATE
                 SET keyword = excluded.keyword,
                     said_at = CASE WHEN excluded.is_told = 0 AND last_words.said_at <= $6
                             AND last_words.said_at > excluded.said_at
                         THEN last_words.said_at ELSE excluded.said_at END,
                     is_told = excluded.is_told, expires_at = excluded.expires_at
                 WHERE last_words.said_at < excluded.said_at
                    OR last_words.said_at > $6
                    OR (last_words.keyword = 'start' AND excluded.keyword = 'stop'
                        AND (last_words.said_at = excluded.said_at
                             OR last_words.is_told = 0 OR excluded.is_told = 0))",
            )
            .bind(&self.hash)
            .bind(self.wish.as_str())
            .bind(at)
            .bind(i32::from(self.told.is_some()))
            .bind(at.saturating_add(KEPT_FOR_MS))
            .bind(believed_until)
            .execute(c)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// Notes a START that tells no time; false when it was brought before.
    async fn is_first(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let Some(hash) = &self.id_hash else { return Ok(true) };
        let rows = on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO heard_starts (id_hash, expires_at) VALUES ($1, $2)
                 ON CONFLICT (id_hash) DO NOTHING",
            )
            .bind(hash)
            .bind(self.now.saturating_add(KEPT_FOR_MS))
            .execute(c)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// True when the number said STOP or START after this was told to be written.
    async fn is_outdated(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let Some(at) = self.told else { return Ok(false) };
        let later = on_tx!(tx, c => {
            sqlx::query_scalar::<D, i64>(
                "SELECT count(*) FROM last_words
                 WHERE recipient_hash = $1 AND said_at > $2 AND said_at <= $3",
            )
            .bind(&self.hash)
            .bind(at)
            .bind(self.now + AHEAD_MS)
            .fetch_one(c)
            .await?
        });
        Ok(later > 0)
    }
}
