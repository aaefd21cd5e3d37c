//! Attempts: one try of one provider with one message.

mod cost;
mod last;
mod late;

use sqlx::QueryBuilder;
use uuid::Uuid;

pub(crate) use self::cost::{Priced, mark_told};
use self::cost::{all, counts, is_meant, told};
pub use self::last::{LastCall, list_last_calls};
pub(crate) use self::late::{is_running, mark_answered};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, chunks, on_pool, on_tx, push_list},
    message::Message,
    outcome::ErrorClass,
    price::Charge,
    report::{Report, Word},
};

/// In place of a provider's word.
const SILENT: &str = "silent";

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Attempt {
    pub message_id: Uuid,
    /// 1 for the first try of the message, counted over all providers.
    pub number: i32,
    pub provider: String,
    pub started_at: Millis,
    pub finished_at: Option<Millis>,
    outcome: Option<String>,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub detail: Option<String>,
    /// The provider asked not to be called before then.
    pub retry_at: Option<Millis>,
    /// What the provider said of it later: `sent`, `delivered` or `undelivered`; `silent` when it
    /// said nothing for so long that the message went on.
    pub report: Option<String>,
    report_class: Option<String>,
    /// The provider's own code for why it was not delivered.
    pub report_code: Option<String>,
    pub reported_at: Option<Millis>,
    /// How many SMS it took, if anybody said so.
    pub segments: Option<i32>,
    #[sqlx(flatten)]
    priced: Priced,
}

impl Attempt {
    /// None while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<ErrorClass> {
        self.outcome.as_deref().and_then(|text| text.parse().ok())
    }

    /// Why its provider could not deliver what it had accepted.
    #[must_use]
    pub fn undelivered(&self) -> Option<ErrorClass> {
        let is_final = self.report.as_deref() == Some(Word::Undelivered.as_str());
        let class = self.report_class.as_deref().and_then(|text| text.parse().ok());
        is_final.then(|| class.unwrap_or(ErrorClass::Transient))
    }

    /// True when its provider says that it arrived.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.report.as_deref() == Some(Word::Delivered.as_str())
    }

    /// True when its provider took it and nobody knows what became of it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.report.as_deref() == Some(SILENT)
    }

    /// True when the message went on to another provider after this one had taken it.
    #[must_use]
    pub fn has_gone_on(&self) -> bool {
        self.is_silent() || self.undelivered().is_some()
    }

    /// What it costs, as far as anybody knows.
    #[must_use]
    pub fn charge(&self) -> Option<Charge> {
        self.priced.charge()
    }

    /// An attempt as it stands in memory, before or without its row.
    #[must_use]
    pub fn of(number: i32, provider: &str, outcome: Option<ErrorClass>, at: Millis) -> Self {
        Self {
            message_id: Uuid::nil(),
            number,
            provider: provider.to_owned(),
            started_at: at,
            finished_at: outcome.map(|_| at),
            outcome: outcome.map(|class| class.as_str().to_owned()),
            provider_message_id: None,
            error_code: None,
            detail: None,
            retry_at: None,
            report: None,
            report_class: None,
            report_code: None,
            reported_at: None,
            segments: None,
            priced: Priced::default(),
        }
    }
}

/// How an attempt ended. No field holds a number or a code.
#[derive(Clone, Debug)]
pub struct Ending {
    pub outcome: ErrorClass,
    pub provider_message_id: Option<String>,
    pub error_code: Option<String>,
    pub detail: Option<String>,
    pub retry_at: Option<Millis>,
    /// How many SMS it took, if that is known.
    pub segments: Option<u16>,
    pub charge: Option<Charge>,
}

impl Ending {
    /// One of which no more is known than this.
    #[must_use]
    pub fn of(outcome: ErrorClass) -> Self {
        Self {
            outcome,
            provider_message_id: None,
            error_code: None,
            detail: None,
            retry_at: None,
            segments: None,
            charge: None,
        }
    }

    pub(crate) fn segments_written(&self) -> Option<i32> {
        self.segments.map(i32::from)
    }

    pub(crate) fn micros_written(&self) -> Option<i64> {
        self.charge.map(|charge| charge.price.micros)
    }

    pub(crate) fn currency_written(&self) -> Option<&str> {
        self.charge.as_ref().map(|charge| charge.price.currency.as_str())
    }

    /// The answer is the first to tell a price.
    pub(crate) fn told_written(&self) -> Option<i32> {
        self.charge.filter(|charge| !charge.is_estimated).map(|_| 1)
    }
}

/// The attempts of a message, in order.
///
/// # Errors
/// The database does not answer.
pub async fn list_by_message(db: &Db, message_id: Uuid) -> Result<Vec<Attempt>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Attempt>(
            "SELECT message_id, number, provider, started_at, finished_at, outcome,
                 provider_message_id, error_code, detail, retry_at, report, report_class,
                 report_code, reported_at, segments, price_micros, price_told, price_currency
             FROM attempts WHERE message_id = $1 ORDER BY number",
        )
        .bind(message_id)
        .fetch_all(c)
        .await?
    }))
}

/// An attempt that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) message: &'a Message,
    pub(crate) number: i32,
    pub(crate) provider: &'a str,
    pub(crate) now: Millis,
}

/// Writes beginnings down; once more, when the first answer was lost.
pub(crate) async fn insert(tx: &mut Tx, beginnings: &[Beginning<'_>]) -> Result<(), DbError> {
    for beginnings in chunks(beginnings) {
        on_tx!(tx, c => {
            let mut query = QueryBuilder::<D>::new(
                "INSERT INTO attempts (message_id, number, epoch, provider, started_at) ",
            );
            query.push_values(beginnings, |mut tuple, beginning| {
                tuple
                    .push_bind(beginning.message.id)
                    .push_bind(beginning.number)
                    .push_bind(beginning.message.epoch)
                    .push_bind(beginning.provider)
                    .push_bind(beginning.now);
            });
            query.push(
                " ON CONFLICT (message_id, number) DO UPDATE
                 SET provider = excluded.provider, started_at = excluded.started_at
                 WHERE attempts.epoch = excluded.epoch AND attempts.outcome IS NULL",
            );
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Removes the attempt that was written down with a claim and never started.
pub(crate) async fn delete_unstarted(
    tx: &mut Tx,
    message_id: Uuid,
    epoch: i32,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "DELETE FROM attempts WHERE message_id = $1 AND epoch = $2 AND outcome IS NULL",
        )
        .bind(message_id)
        .bind(epoch)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// True when an attempt of the message may have been a send.
pub(crate) async fn has_unknown(tx: &mut Tx, message_id: Uuid) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "SELECT number FROM attempts WHERE message_id = $1 AND outcome = 'unknown' LIMIT 1",
        )
        .bind(message_id)
        .fetch_all(c)
        .await?
    });
    Ok(!rows.is_empty())
}

/// Calls the running attempt of a message unknown: its worker has gone.
pub(crate) async fn mark_unknown(
    tx: &mut Tx,
    message_id: Uuid,
    now: Millis,
) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE attempts
             SET finished_at = $2, outcome = 'unknown', detail = 'the worker was lost meanwhile'
             WHERE message_id = $1 AND outcome IS NULL",
        )
        .bind(message_id)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// What is known of an attempt when its provider reports.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Reported {
    /// False while the worker still waits for the provider's answer, or has not written it down.
    pub(crate) has_ended: bool,
    /// A later attempt of the message was begun.
    pub(crate) is_superseded: bool,
    /// Other attempts of the message after which it went on.
    pub(crate) gone_on_before: i64,
    #[sqlx(flatten)]
    pub(crate) priced: Priced,
}

/// Writes a provider's word down if it goes further than the last one; none if it doesn't, or there
/// is no such attempt of this provider.
pub(crate) async fn mark_reported(
    tx: &mut Tx,
    provider: &str,
    report: &Report,
    now: Millis,
) -> Result<Option<Reported>, DbError> {
    // A word that is final stays: `sent` may come late, and again.
    const SQL: &str = concat!(
        "UPDATE attempts SET ",
        told!(),
        ", report = $8, report_class = $9, report_code = $10, reported_at = $11
         WHERE ",
        is_meant!(),
        " AND (report IS NULL OR (report IN ('sent', 'silent') AND $8 <> 'sent'))
         RETURNING outcome IS NOT NULL AS has_ended,
             EXISTS (SELECT 1 FROM attempts o
                 WHERE o.message_id = $1 AND o.number > attempts.number) AS is_superseded,
             (SELECT count(*) FROM attempts o
                 WHERE o.message_id = $1 AND o.number <> attempts.number
                   AND o.report IN ('undelivered', 'silent')) AS gone_on_before,
             price_micros, price_told, price_currency"
    );
    let price = report.cost.price;
    let rows = on_tx!(tx, c => {
        sqlx::query_as::<D, Reported>(SQL)
            .bind(report.of.message_id)
            .bind(report.of.number)
            .bind(provider)
            .bind(report.cost.segments.map(i32::from))
            .bind(price.map(|price| price.micros))
            .bind(price.as_ref().map(|price| price.currency.as_str()))
            .bind(i32::from(report.cost.is_per_segment))
            .bind(report.word.as_str())
            .bind(report.class.map(ErrorClass::as_str))
            .bind(report.code.as_deref())
            .bind(now)
            .fetch_all(c)
            .await?
    });
    Ok(rows.into_iter().next())
}

/// Notes that a provider said nothing of an attempt for too long; false when it did meanwhile.
pub(crate) async fn mark_silent(
    tx: &mut Tx,
    message_id: Uuid,
    number: i32,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE attempts SET report = 'silent', reported_at = $3
             WHERE message_id = $1 AND number = $2 AND (report IS NULL OR report = 'sent')",
        )
        .bind(message_id)
        .bind(number)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// An attempt of which its provider has said the last word.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Told {
    pub(crate) message_id: Uuid,
    pub(crate) number: i32,
    pub(crate) is_delivered: bool,
}

/// Those of these messages.
pub(crate) async fn list_told(tx: &mut Tx, messages: &[Uuid]) -> Result<Vec<Told>, DbError> {
    Ok(on_tx!(tx, c => {
        let mut query = QueryBuilder::<D>::new(
            "SELECT message_id, number, report = 'delivered' AS is_delivered FROM attempts
             WHERE report IN ('delivered', 'undelivered') AND message_id IN ",
        );
        push_list(&mut query, messages);
        query.build_query_as::<Told>().fetch_all(c).await?
    }))
}

/// Removes the attempts of messages that are removed.
pub(crate) async fn delete_of(tx: &mut Tx, messages: &[Uuid]) -> Result<(), DbError> {
    match tx {
        // One statement for a list is Postgres's alone; for SQLite a statement costs no round trip.
        Tx::Postgres(tx, _) => {
            sqlx::query("DELETE FROM attempts WHERE message_id = ANY($1)")
                .bind(messages)
                .execute(&mut **tx)
                .await?;
        }
        Tx::Sqlite(tx, _) => {
            for id in messages {
                sqlx::query("DELETE FROM attempts WHERE message_id = $1")
                    .bind(id)
                    .execute(&mut **tx)
                    .await?;
            }
        }
    }
    Ok(())
}
