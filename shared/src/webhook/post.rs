//! Taking what is due for an endpoint, and writing down what came of it.

use uuid::Uuid;

use super::{
    DISABLED_AFTER_MS, DeliveryState, Webhook, columns,
    delivery::{self, Delivery},
};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx},
    event::{AboutWebhook, WEBHOOK_DISABLED},
};

/// How long a claim holds: a post takes 15 s at most, and is then written down.
const LEASE_MS: Millis = 30_000;

/// From one post to the next: together about 28 hours.
const PAUSES_MS: [Millis; 10] = [
    5_000,
    30_000,
    2 * 60_000,
    10 * 60_000,
    30 * 60_000,
    3_600_000,
    2 * 3_600_000,
    4 * 3_600_000,
    8 * 3_600_000,
    12 * 3_600_000,
];

/// Posts of one delivery, the first with them.
pub const MOST_POSTS: usize = PAUSES_MS.len() + 1;

/// When it is tried again after this many posts; none when that was the last. `jitter` is 0 to 1, and
/// makes each pause up to a fifth longer: not all that failed together comes back together.
#[must_use]
pub fn retry_at(posts: i32, now: Millis, jitter: f64) -> Option<Millis> {
    let pause = usize::try_from(posts).ok()?.checked_sub(1).and_then(|n| PAUSES_MS.get(n))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "hours")]
    let more = (*pause as f64 * 0.2 * jitter.clamp(0.0, 1.0)) as Millis;
    Some(now + pause + more)
}

/// A delivery that is ours to make, for as long as its lease holds.
#[derive(Clone, Debug)]
pub struct Due {
    pub webhook: Webhook,
    pub delivery: Delivery,
}

/// An endpoint that something is due for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Waiting {
    #[sqlx(flatten)]
    pub webhook: Webhook,
    /// When the oldest of it was due.
    pub since: Millis,
}

/// The endpoints that something is due for, those first that wait for longest.
///
/// # Errors
/// The database does not answer.
pub async fn list_due(db: &Db, now: Millis) -> Result<Vec<Waiting>, DbError> {
    // In the order of the key, so that its index is read: those that are due are few, and sorted here.
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        ", (SELECT d.not_before FROM webhook_deliveries d
            WHERE d.webhook_id = webhooks.id AND d.state = 'queued'
            ORDER BY d.not_before LIMIT 1) AS since
         FROM webhooks WHERE state = 'enabled' AND EXISTS (
             SELECT 1 FROM webhook_deliveries d
             WHERE d.webhook_id = webhooks.id AND d.state = 'queued' AND d.not_before <= $1)
         ORDER BY id"
    );
    let mut waiting = on_pool!(db.read(), c => {
        sqlx::query_as::<D, Waiting>(SQL).bind(now).fetch_all(c).await?
    });
    waiting.sort_by_key(|of| of.since);
    Ok(waiting)
}

/// Claims up to `limit` due deliveries of an endpoint, those first that are due for longest.
///
/// # Errors
/// The database does not answer.
pub async fn claim(
    db: &Db,
    webhook: &Webhook,
    limit: usize,
    now: Millis,
) -> Result<Vec<Due>, DbError> {
    const SQL: &str = concat!(
        "UPDATE webhook_deliveries
         SET state = 'sending', epoch = epoch + 1, attempts = attempts + 1, lease_until = $3
         WHERE state || '' = 'queued' AND id IN (
             SELECT id FROM webhook_deliveries
             WHERE webhook_id = $1 AND state = 'queued' AND not_before <= $2
             ORDER BY not_before LIMIT $4)
         RETURNING ",
        delivery::columns!()
    );
    let claimed = on_pool!(db.write(), c => {
        sqlx::query_as::<D, Delivery>(SQL)
            .bind(webhook.id)
            .bind(now)
            .bind(now + LEASE_MS)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await?
    });
    let due = |delivery| Due { webhook: webhook.clone(), delivery };
    Ok(claimed.into_iter().map(due).collect())
}

/// Puts back what workers held that were lost; how many. It may have been delivered, and is once more.
///
/// # Errors
/// The database does not answer.
pub async fn recover(db: &Db, now: Millis) -> Result<u64, DbError> {
    Ok(on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE webhook_deliveries SET state = 'queued', lease_until = NULL
             WHERE state || '' = 'sending' AND id IN (
                 SELECT id FROM webhook_deliveries WHERE state = 'sending' AND lease_until <= $1)",
        )
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    }))
}

/// What came of a post.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this HTTP status.
    Taken { status: u16 },
    /// It answered something else, with this HTTP status, or could not be asked at its address. Neither this
    /// nor any other error holds the address.
    Refused { status: Option<u16>, error: String, retry_at: Option<Millis> },
    /// It does not want any more.
    Gone { retry_at: Option<Millis> },
    /// Nobody was asked, for a reason of our own: nothing of it counts against the endpoint.
    NotPosted { error: String, retry_at: Option<Millis> },
}

/// How an endpoint says that it is gone, and what is noted of it.
const GONE: (u16, &str) = (410, "it answered 410 Gone");

impl Answer {
    /// The HTTP status; none when there was no answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Taken { status } => Some(*status),
            Self::Refused { status, .. } => *status,
            Self::Gone { .. } => Some(GONE.0),
            Self::NotPosted { .. } => None,
        }
    }

    /// Why it was not taken; none when it was.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Taken { .. } => None,
            Self::Refused { error, .. } | Self::NotPosted { error, .. } => Some(error),
            Self::Gone { .. } => Some(GONE.1),
        }
    }

    /// When it is tried again; none when it was taken, or is given up.
    fn retry_at(&self) -> Option<Millis> {
        match self {
            Self::Taken { .. } => None,
            Self::Refused { retry_at, .. }
            | Self::Gone { retry_at }
            | Self::NotPosted { retry_at, .. } => *retry_at,
        }
    }
}

/// What it made of the delivery and its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    Delivered,
    TriedAgain,
    GivenUp,
    /// And the endpoint gets nothing any more.
    Disabled,
    /// Another worker was at it meanwhile.
    NotOurs,
}

/// Writes a post down. An endpoint that has had nothing but failures for five days, or says that it is
/// gone, is disabled, and an event tells it.
///
/// # Errors
/// The database does not answer.
pub async fn record(db: &Db, due: &Due, answer: Answer, now: Millis) -> Result<Noted, DbError> {
    let (db, due) = (db.clone(), due.clone());
    detached(async move { record_once(&db, &due, &answer, now).await }).await
}

async fn record_once(db: &Db, due: &Due, answer: &Answer, now: Millis) -> Result<Noted, DbError> {
    let noted = match (answer, answer.retry_at()) {
        (Answer::Taken { .. }, _) => Noted::Delivered,
        (_, Some(_)) => Noted::TriedAgain,
        (_, None) => Noted::GivenUp,
    };
    let mut tx = db.begin().await?;
    if !write(&mut tx, due, answer, noted, now).await? {
        tx.rollback().await?;
        return Ok(Noted::NotOurs);
    }
    let is_disabled = match answer {
        Answer::Taken { .. } => {
            mark_good(&mut tx, due.webhook.id).await?;
            false
        }
        Answer::Refused { error, .. } => {
            let why = format!("nothing was taken for five days; the last was: {error}");
            mark_failing(&mut tx, due.webhook.id, now).await?;
            disable(&mut tx, &due.webhook, &why, now - DISABLED_AFTER_MS, now).await?
        }
        Answer::Gone { .. } => {
            mark_failing(&mut tx, due.webhook.id, now).await?;
            // It need not have failed for long.
            disable(&mut tx, &due.webhook, GONE.1, now, now).await?
        }
        Answer::NotPosted { .. } => false,
    };
    tx.commit().await?;
    Ok(if is_disabled { Noted::Disabled } else { noted })
}

/// False when the claim was lost.
async fn write(
    tx: &mut Tx,
    due: &Due,
    answer: &Answer,
    noted: Noted,
    now: Millis,
) -> Result<bool, DbError> {
    let state = match noted {
        Noted::Delivered => DeliveryState::Delivered,
        Noted::TriedAgain => DeliveryState::Queued,
        _ => DeliveryState::Failed,
    };
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE webhook_deliveries
             SET state = $3, lease_until = NULL, not_before = COALESCE($4, not_before),
                 last_status = $5, last_error = $6, last_at = $7
             WHERE id = $1 AND epoch = $2 AND state || '' = 'sending'",
        )
        .bind(due.delivery.id)
        .bind(due.delivery.epoch)
        .bind(state.as_str())
        .bind(answer.retry_at())
        .bind(answer.status().map(i32::from))
        .bind(answer.error())
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

async fn mark_good(tx: &mut Tx, id: Uuid) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
        )
        .bind(id)
        .execute(c)
        .await?;
    });
    Ok(())
}

async fn mark_failing(tx: &mut Tx, id: Uuid, now: Millis) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL",
        )
        .bind(id)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Disables an endpoint that has only failed since `failing_before` or longer, and tells that; false when there
/// is none.
async fn disable(
    tx: &mut Tx,
    webhook: &Webhook,
    why: &str,
    failing_before: Millis,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(&mut *tx, c => {
        sqlx::query::<D>(
            "UPDATE webhooks SET state = 'disabled', disabled_at = $2, disabled_why = $3
             WHERE id = $1 AND state = 'enabled' AND failing_since <= $4",
        )
        .bind(webhook.id)
        .bind(now)
        .bind(why)
        .bind(failing_before)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 0 {
        return Ok(false);
    }
    let (tenant_id, webhook_id) = (webhook.tenant_id, webhook.id);
    let told = AboutWebhook { tenant_id, webhook_id, kind: WEBHOOK_DISABLED, reason: Some(why) };
    told.tell(tx, now).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_go_on_for_more_than_a_day() {
        let total = |jitter| {
            (1..).map_while(|posts| retry_at(posts, 0, jitter)).sum::<Millis>() / 3_600_000
        };
        assert_eq!((total(0.0), total(1.0)), (27, 33));
        assert_eq!(retry_at(1, 1_000, 0.5), Some(1_000 + 5_500));
        assert_eq!(retry_at(i32::try_from(MOST_POSTS).expect("few"), 0, 0.0), None);
        assert_eq!((retry_at(0, 0, 0.0), retry_at(-1, 0, 0.0)), (None, None));
    }
}
