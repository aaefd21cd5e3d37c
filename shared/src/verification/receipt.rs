//! Receipts: our signed word that a verification succeeded, usable once and for ten minutes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use uuid::Uuid;

use super::{Status, Verification, find};
use crate::{
    clock::Millis,
    db::{DbError, on_pool},
    home::Home,
    secrets::{SecretError, same_bytes},
};

const LIFETIME_MS: i64 = 600_000;

#[derive(Clone, Debug)]
pub enum ReceiptAnswer {
    Consumed {
        id: Uuid,
        to: String,
        verified_at: Millis,
    },
    AlreadyConsumed,
    Expired,
    /// Of a test number, and test numbers were not asked for.
    OfTestNumber,
    /// Made up, or for another tenant, purpose or subject.
    NotValid,
}

/// The receipt of a row that was verified at `at`: its id, then the signature over what it is
/// bound to. The same row gives the same receipt.
///
/// # Errors
/// The row's key is missing or a seal is broken.
pub fn receipt(home: &Home, row: &Verification, at: Millis) -> Result<String, SecretError> {
    let subject = row.subject(&home.keys)?.unwrap_or_default();
    let signature = home.keys.sign(
        &row.key_id,
        &[
            b"receipt",
            row.id.as_bytes(),
            row.tenant_id.as_bytes(),
            row.purpose.as_bytes(),
            subject.as_bytes(),
            row.proved_hash(),
            &at.to_be_bytes(),
        ],
    )?;
    Ok(BASE64.encode([row.id.as_bytes().as_slice(), &signature].concat()))
}

/// Uses a receipt up.
///
/// # Errors
/// The database does not answer.
pub async fn consume_receipt(
    home: &Home,
    tenant_id: Uuid,
    text: &str,
    purpose: &str,
    subject: Option<&str>,
    allow_test: bool,
) -> Result<ReceiptAnswer, DbError> {
    let now = home.clock.now();
    let id = BASE64.decode(text).ok().and_then(|b| Uuid::from_slice(b.get(..16)?).ok());
    let Some(id) = id else { return Ok(ReceiptAnswer::NotValid) };
    let row = find(&home.db, id).await?.filter(|r| r.tenant_id == tenant_id);
    let Some((row, at)) = row.and_then(|r| Some((r.finished_at?, r))).map(|(at, r)| (r, at)) else {
        return Ok(ReceiptAnswer::NotValid);
    };
    let genuine = row.status(now) == Status::Verified
        && same_bytes(receipt(home, &row, at)?.as_bytes(), text.as_bytes())
        && row.purpose == purpose
        && row.subject(&home.keys)?.as_deref() == subject;
    if !genuine {
        return Ok(ReceiptAnswer::NotValid);
    }
    if row.is_test() && !allow_test {
        return Ok(ReceiptAnswer::OfTestNumber);
    }
    if now - at > LIFETIME_MS {
        return Ok(ReceiptAnswer::Expired);
    }
    let rows = on_pool!(home.db.write(), c => {
        sqlx::query::<D>(
            "UPDATE verifications SET receipt_used_at = $2
             WHERE id = $1 AND status = 'verified' AND receipt_used_at IS NULL",
        )
        .bind(id)
        .bind(now)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 0 {
        return Ok(ReceiptAnswer::AlreadyConsumed);
    }
    let to = row.proved(&home.keys)?.masked();
    Ok(ReceiptAnswer::Consumed { id, to, verified_at: at })
}
