//! Receipts: our signed word that a verification succeeded, usable once and for ten minutes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Status, Verification, find};
use crate::{
    clock::Millis,
    db::{DbError, on_pool},
    home::Home,
    secrets::{SecretError, digest, hex},
};

const LIFETIME_MS: i64 = 600_000;

/// What a receipt says, in the words of JWT (RFC 7519) where it has one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// `server.public_url`.
    iss: String,
    /// The tenant.
    aud: Uuid,
    /// The verification.
    jti: Uuid,
    /// Seconds since 1970, as all moments of a JWT.
    iat: i64,
    exp: i64,
    purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Masked.
    to: String,
    to_hash: String,
    /// The one that the verification began with.
    channel: String,
    /// Of a test number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    test: bool,
}

impl Claims {
    fn of(home: &Home, row: &Verification, at: Millis) -> Result<Self, SecretError> {
        let proved = row.proved(&home.keys)?;
        let iat = at.div_euclid(1_000);
        Ok(Self {
            iss: home.config.public_url(),
            aud: row.tenant_id,
            jti: row.id,
            iat,
            // Whoever looks at whole seconds is up to one of them early, and never late.
            exp: iat + LIFETIME_MS / 1_000,
            purpose: row.purpose.clone(),
            sub: row.subject(&home.keys)?,
            to: proved.masked(),
            to_hash: hash_of(row.id, &proved.identity()),
            channel: row.channel.clone(),
            test: row.is_test(),
        })
    }

    /// True when they are those of the row, whoever it was said to be from: that may be configured anew.
    fn are_of(&self, home: &Home, row: &Verification, at: Millis) -> Result<bool, SecretError> {
        let of_row = Self { iss: self.iss.clone(), ..Self::of(home, row, at)? };
        Ok(*self == of_row)
    }
}

/// SHA-256 in hexadecimal of the verification's id, a colon and the address: who knows the address finds it
/// again, and of two receipts nobody sees that they are about one person.
fn hash_of(id: Uuid, identity: &str) -> String {
    hex(&digest(format!("{id}:{identity}").as_bytes()))
}

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

/// What a right code is answered with.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub text: String,
    /// The address that it is about, masked.
    pub to: String,
}

/// The receipt of a row that was verified at `at`: what it is bound to, signed with the row's key. The same
/// row gives the same receipt.
///
/// # Errors
/// The row's key is missing or a seal is broken.
pub fn receipt(home: &Home, row: &Verification, at: Millis) -> Result<Receipt, SecretError> {
    let claims = Claims::of(home, row, at)?;
    let text = home.keys.sign_receipt(&row.key_id, &claims)?;
    Ok(Receipt { text, to: claims.to })
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
    // Nobody is asked about what we did not sign.
    let Some((kid, claims)) = home.keys.open_receipt::<Claims>(text) else {
        return Ok(ReceiptAnswer::NotValid);
    };
    let id = claims.jti;
    let row = find(&home.db, id).await?.filter(|r| r.tenant_id == tenant_id);
    let Some((row, at)) = row.and_then(|r| Some((r.finished_at?, r))).map(|(at, r)| (r, at)) else {
        return Ok(ReceiptAnswer::NotValid);
    };
    // Each row has the key of its time: with another one, whoever got hold of that could sign for it.
    let genuine = row.status(now) == Status::Verified
        && row.key_id == kid
        && claims.are_of(home, &row, at)?
        && row.purpose == purpose
        && claims.sub.as_deref() == subject;
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
