//! Attempts whose providers answered after everybody had given them up.

use uuid::Uuid;

use crate::{
    db::{DbError, Tx, on_tx},
    message::LateAnswer,
};

/// Writes down what was answered to an attempt that had ended as unknown; false when it had not, or
/// there is no such attempt of this provider.
pub(crate) async fn mark_answered(tx: &mut Tx, answer: &LateAnswer) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE attempts
             SET outcome = $4, provider_message_id = $5, error_code = $6, detail = $7
             WHERE message_id = $1 AND number = $2 AND provider = $3 AND outcome = 'unknown'",
        )
        .bind(answer.message_id)
        .bind(answer.number)
        .bind(&answer.provider)
        .bind(answer.class.as_str())
        .bind(answer.provider_message_id.as_deref())
        .bind(answer.error_code.as_deref())
        .bind(answer.detail.as_deref())
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
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
