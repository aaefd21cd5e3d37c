//! What became of a batch: counted by state, and listed page by page.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Batch, ids::message_id};
use crate::{
    db::{Db, DbError, on_pool},
    message::{Message, State, columns},
};

/// Rows that one statement looks at: it stays short however large the batch is.
const WINDOW: u32 = 50_000;
/// The word for [`Which::NotSent`].
const NOT_SENT: &str = "not_sent";

/// Which messages are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    In(State),
    /// Over, and not known to have arrived: failed, undelivered, expired or unknown.
    NotSent,
}

impl Which {
    /// Reads the name of a state, or `not_sent`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            NOT_SENT => Some(Self::NotSent),
            state => State::parse(state).map(Self::In),
        }
    }

    /// All that [`Which::parse`] reads, to be told.
    #[must_use]
    pub fn names() -> String {
        let states = State::ALL.iter().map(|state| state.as_str());
        states.chain([NOT_SENT]).collect::<Vec<_>>().join(", ")
    }
}

/// Some messages of a batch, in their order.
#[derive(Clone, Debug)]
pub struct Page {
    pub messages: Vec<Message>,
    /// Where the next page begins: after this message. None means that there is none.
    pub next: Option<Uuid>,
}

/// How many messages the batch has in each state; states that none is in are left out.
///
/// # Errors
/// The database does not answer.
pub async fn count_by_state(db: &Db, batch: &Batch) -> Result<BTreeMap<String, i64>, DbError> {
    let mut counts = BTreeMap::new();
    for (after, last) in windows(batch, batch.id) {
        let rows = on_pool!(db.read(), c => {
            sqlx::query_as::<D, (String, i64)>(
                "SELECT state, count(*) FROM messages WHERE id > $1 AND id <= $2 GROUP BY state",
            )
            .bind(after)
            .bind(last)
            .fetch_all(c)
            .await?
        });
        for (state, count) in rows {
            *counts.entry(state).or_default() += count;
        }
    }
    Ok(counts)
}

/// Up to `limit` messages after the id `after`, which for the first page is the batch's own.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    batch: &Batch,
    which: Which,
    after: Uuid,
    limit: usize,
) -> Result<Page, DbError> {
    let mut messages = Vec::new();
    for (after, last) in windows(batch, after) {
        // One more than asked for tells whether there is a next page.
        let wanted = i64::try_from(limit + 1 - messages.len()).unwrap_or(i64::MAX);
        messages.extend(list_between(db, which, (after, last), wanted).await?);
        if messages.len() > limit {
            messages.truncate(limit);
            return Ok(Page { next: messages.last().map(|m| m.id), messages });
        }
    }
    Ok(Page { messages, next: None })
}

async fn list_between(
    db: &Db,
    which: Which,
    (after, last): (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    macro_rules! sql {
        ($which:literal) => {
            concat!(
                "SELECT ",
                columns!(),
                " FROM messages WHERE id > $1 AND id <= $2 ",
                $which,
                " ORDER BY id LIMIT $3"
            )
        };
    }
    let (sql, state) = match which {
        Which::All => (sql!(""), None),
        Which::In(state) => (sql!("AND state = $4"), Some(state.as_str())),
        Which::NotSent => {
            (sql!("AND state IN ('failed', 'undelivered', 'expired', 'unknown')"), None)
        }
    };
    Ok(on_pool!(db.read(), c => {
        let mut query = sqlx::query_as::<D, Message>(sql).bind(after).bind(last).bind(limit);
        if let Some(state) = state {
            query = query.bind(state);
        }
        query.fetch_all(c).await?
    }))
}

/// The ids after `after`, cut into windows: after the first of each pair, up to the second.
fn windows(batch: &Batch, after: Uuid) -> impl Iterator<Item = (Uuid, Uuid)> {
    let (id, size) = (batch.id, u32::try_from(batch.size).unwrap_or(u32::MAX));
    // Positions count from 1; the batch itself stands at 0.
    let start = u32::try_from(after.as_u128() - id.as_u128()).unwrap_or(size).min(size);
    let at = move |position: u32| match position.checked_sub(1) {
        Some(index) => message_id(id, index),
        None => id,
    };
    let step = usize::try_from(WINDOW).unwrap_or(usize::MAX);
    (start..size).step_by(step).map(move |from| {
        let to = from.saturating_add(WINDOW).min(size);
        (at(from), at(to))
    })
}
