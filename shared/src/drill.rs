//! Drills: a provider is taken away for a while, on purpose, and what messages did meanwhile is
//! compared with what they did before.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    message::State,
};

/// The error code of an attempt for which nobody was called.
pub const CODE: &str = "drill";

/// Messages of one span that are looked at, the last of them first.
const MOST: i64 = 50_000;
/// Messages that are named.
const MOST_NAMED: usize = 10;

/// What became of the messages that ended within a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub ended: usize,
    /// Those that a provider took, by provider.
    pub taken_by: BTreeMap<String, usize>,
    /// Those that were called off: their code was used, or they were canceled.
    pub called_off: usize,
    /// Those that were to be sent and were not.
    pub not_sent: usize,
    /// The first few of those.
    pub named: Vec<Uuid>,
    /// Those that may have been sent or not.
    pub unknown: usize,
    /// The first few of those.
    pub named_unknown: Vec<Uuid>,
    /// Calls that the drill kept from being made.
    pub kept_back: i64,
    /// From accept to provider, shortest first.
    waits: Vec<Millis>,
}

#[derive(Debug, sqlx::FromRow)]
struct Ended {
    id: Uuid,
    state: String,
    created_at: Millis,
    finished_at: Millis,
    provider: Option<String>,
    kept_back: i64,
}

impl Tally {
    /// Of the messages that ended after `from` and not after `until`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read(db: &Db, from: Millis, until: Millis) -> Result<Self, DbError> {
        let rows = on_pool!(db.read(), c => {
            sqlx::query_as::<D, Ended>(
                "SELECT m.id, m.state, m.created_at, m.finished_at,
                     (SELECT a.provider FROM attempts a
                      WHERE a.message_id = m.id AND a.outcome = 'ok'
                      ORDER BY a.number DESC LIMIT 1) AS provider,
                     (SELECT count(*) FROM attempts d
                      WHERE d.message_id = m.id AND d.error_code = $3) AS kept_back
                 FROM messages m
                 WHERE m.finished_at > $1 AND m.finished_at <= $2 AND m.lane <> 'sandbox'
                 ORDER BY m.finished_at DESC LIMIT $4",
            )
            .bind(from)
            .bind(until)
            .bind(CODE)
            .bind(MOST)
            .fetch_all(c)
            .await?
        });
        let mut tally = Self::default();
        for row in rows.into_iter().rev() {
            tally.count(row);
        }
        tally.waits.sort_unstable();
        Ok(tally)
    }

    fn count(&mut self, row: Ended) {
        self.ended += 1;
        self.kept_back += row.kept_back;
        match (row.provider, row.state.as_str()) {
            (Some(provider), _) => {
                *self.taken_by.entry(provider).or_default() += 1;
                self.waits.push((row.finished_at - row.created_at).max(0));
            }
            (None, "canceled") => self.called_off += 1,
            (None, state) => {
                let (count, named) = if state == State::Unknown.as_str() {
                    (&mut self.unknown, &mut self.named_unknown)
                } else {
                    (&mut self.not_sent, &mut self.named)
                };
                *count += 1;
                if named.len() < MOST_NAMED {
                    named.push(row.id);
                }
            }
        }
    }

    /// Messages that a provider took.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.waits.len()
    }

    /// From accept to provider, in milliseconds: so many in a hundred waited no longer. None when
    /// nothing was taken.
    #[must_use]
    pub fn wait(&self, percent: usize) -> Option<Millis> {
        let rank = (self.waits.len() * percent).div_ceil(100).max(1);
        self.waits.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(state: &str, provider: Option<&str>, wait: Millis, kept_back: i64) -> Ended {
        Ended {
            id: Uuid::from_u128(1),
            state: state.to_owned(),
            created_at: 100,
            finished_at: 100 + wait,
            provider: provider.map(str::to_owned),
            kept_back,
        }
    }

    #[test]
    fn what_ended_is_counted_by_what_became_of_it() {
        let mut tally = Tally::default();
        for wait in 1..=100 {
            tally.count(ended("sent", Some("backup"), wait, i64::from(wait < 4)));
        }
        tally.count(ended("undelivered", Some("main"), 100, 0));
        tally.count(ended("canceled", None, 5, 0));
        for _ in 0..12 {
            tally.count(ended("failed", None, 5, 1));
        }
        tally.count(ended("unknown", None, 5, 0));
        assert_eq!((tally.ended, tally.taken(), tally.called_off), (115, 101, 1));
        assert_eq!((tally.not_sent, tally.unknown), (12, 1));
        assert_eq!((tally.named.len(), tally.named_unknown.len(), tally.kept_back), (10, 1, 15));
        assert_eq!(tally.taken_by.get("backup"), Some(&100));
        assert_eq!(
            (tally.wait(50), tally.wait(99), tally.wait(100)),
            (Some(51), Some(100), Some(100))
        );
        assert_eq!(Tally::default().wait(50), None);
    }
}
