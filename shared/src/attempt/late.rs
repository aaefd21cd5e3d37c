//! Attempts whose providers answered after everybody had given them up.

use uuid::Uuid;

use crate::{
    db::{DbError, Tx, on_tx},
    message::LateAnswer,
    outcome::ErrorClass,
    report::Word,
};

/// An attempt that has its answer now.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// Its provider has said since that it did not arrive.
    pub(crate) is_undelivered: bool,
}

/// Writes down what was answered to an attempt that had ended as unknown; none when it had not, or there is
/// no such attempt of this provider. What was estimated of its cost is not that of a refusal.
pub(crate) async fn mark_answered(
    tx: &mut Tx,
    answer: &LateAnswer,
) -> Result<Option<Answered>, DbError> {
    let reports = on_tx!(tx, c => {
        sqlx::query_scalar::<D, Option<String>>(
            "UPDATE attempts
             SET outcome = $4, provider_message_id = $5, error_code = $6, detail = $7,
                 segments = CASE WHEN $8 = 1 OR price_told IS NOT NULL THEN segments END,
                 price_micros = CASE WHEN $8 = 1 OR price_told IS NOT NULL THEN price_micros END,
                 price_currency = CASE WHEN $8 = 1 OR price_told IS NOT NULL THEN price_currency END
             WHERE message_id = $1 AND number = $2 AND provider = $3 AND outcome = 'unknown'
             RETURNING report",
        )
        .bind(answer.message_id)
        .bind(answer.number)
        .bind(&answer.provider)
        .bind(answer.class.as_str())
        .bind(answer.provider_message_id.as_deref())
        .bind(answer.error_code.as_deref())
        .bind(answer.detail.as_deref())
        .bind(i32::from(answer.class == ErrorClass::Ok))
        .fetch_all(c)
        .await?
    });
    let answered = |report: Option<String>| Answered {
        is_undelivered: report.as_deref() == Some(Word::Undelivered.as_str()),
    };
    Ok(reports.into_iter().next().map(answered))
}

/// True while nobody has written down how an attempt ended.
pub(crate) async fn is_running(
    tx: &mut Tx,
    message_id: Uuid,
    number: i32,
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "SELECT number FROM attempts
             WHERE message_id = $1 AND number = $2 AND outcome IS NULL",
        )
        .bind(message_id)
        .bind(number)
        .fetch_all(c)
        .await?
    });
    Ok(!rows.is_empty())
}
