//! Checking a code: compared in memory, carried in by one conditional statement.

use uuid::Uuid;

use super::{
    Status, Verification,
    guess::{Guess, Taken},
    receipt::receipt,
};
use crate::{
    clock::Millis,
    db::{DbError, in_time},
    guess_budget,
    home::Home,
    recipient::Recipient,
    secrets::{Code, Handle, same_bytes},
};

/// What a person, through the caller, presents.
#[derive(Debug)]
pub struct CheckRequest {
    pub tenant_id: Uuid,
    pub token: Handle,
    pub code: Code,
    /// The recipient, when the caller wants it compared too.
    pub to: Option<Recipient>,
    pub subject: Option<String>,
    /// A repeat with the same key gets the same receipt.
    pub idempotency_key: Option<String>,
}

/// What the check found.
#[derive(Clone, Debug)]
pub enum CheckAnswer {
    Verified {
        id: Uuid,
        receipt: String,
        at: Millis,
    },
    Incorrect {
        guesses_left: i32,
    },
    /// The row's state answers; nothing was compared.
    Over(Status),
    /// Too many wrong guesses for this recipient today, over all its verifications.
    BudgetSpent {
        until: Millis,
    },
    /// Unknown, foreign, or bound to something else than what was presented.
    NotFound,
}

/// Checks a code. No queue and no provider takes part.
///
/// # Errors
/// The database does not answer; then nothing was revealed.
pub async fn check(home: &Home, request: CheckRequest) -> Result<CheckAnswer, DbError> {
    in_time(check_in_time(home, request)).await
}

async fn check_in_time(home: &Home, request: CheckRequest) -> Result<CheckAnswer, DbError> {
    // A resend may change the generation between reading and writing; then the row is read again.
    for _ in 0..3 {
        let now = home.clock.now();
        let Some(row) = home.coalescers.lookups.call(request.token.id).await? else {
            // As much hashing as for a row that exists.
            let _ = request.token.matches(&[0; 32]);
            return Ok(CheckAnswer::NotFound);
        };
        if !row.holds_token(&request.token) || !is_bound(home, &row, &request)? {
            return Ok(CheckAnswer::NotFound);
        }
        if let Some(answer) = answer_by_state(home, &row, &request, now)? {
            return Ok(answer);
        }
        let Some(code) = row.code(&home.keys)? else {
            return Err(DbError::Broken("a pending verification has no seed".into()));
        };
        let guess = Guess {
            id: row.id,
            tenant_id: row.tenant_id,
            recipient_hash: row.recipient_hash.clone(),
            generation: row.generation,
            resends: row.resends,
            correct: code.matches(&request.code),
            check_key_hash: hash_key(home, &row, &request)?,
            budget: home.config.limits.guesses_per_recipient_and_day,
            now,
        };
        match home.coalescers.guesses.call(guess).await? {
            Taken::Verified => {
                let receipt = receipt(home, &row, now)?;
                return Ok(CheckAnswer::Verified { id: row.id, receipt, at: now });
            }
            Taken::Wrong { guesses_left } => {
                return Ok(CheckAnswer::Incorrect { guesses_left });
            }
            Taken::No => {}
        }
        let until = guess_budget::day_end(now);
        if guess_budget::is_spent(
            &home.db,
            row.tenant_id,
            &row.recipient_hash,
            now,
            home.config.limits.guesses_per_recipient_and_day,
        )
        .await?
        {
            return Ok(CheckAnswer::BudgetSpent { until });
        }
    }
    Err(DbError::Unavailable("the verification kept changing".into()))
}

/// The idempotency key together with the code it came with: another code is another request.
fn hash_key(
    home: &Home,
    row: &Verification,
    request: &CheckRequest,
) -> Result<Option<Vec<u8>>, DbError> {
    let Some(key) = &request.idempotency_key else { return Ok(None) };
    let bound_to = [b"check", key.as_bytes(), request.code.as_str().as_bytes()];
    Ok(Some(home.keys.sign(&row.key_id, &bound_to)?.to_vec()))
}

/// True when everything the row is bound to was presented.
fn is_bound(home: &Home, row: &Verification, request: &CheckRequest) -> Result<bool, DbError> {
    let subject = row.subject(&home.keys)?;
    let same_subject = match (&subject, &request.subject) {
        (Some(stored), Some(given)) => same_bytes(stored.as_bytes(), given.as_bytes()),
        (None, None) => true,
        _ => false,
    };
    // The opened recipient, not its hash: the hash key may have changed since.
    let same_recipient = match &request.to {
        Some(to) => {
            let stored = row.recipient(&home.keys)?;
            same_bytes(to.identity().as_bytes(), stored.identity().as_bytes())
        }
        None => true,
    };
    Ok(row.tenant_id == request.tenant_id && same_subject && same_recipient)
}

/// The answer of a row that is over; none while it is pending.
fn answer_by_state(
    home: &Home,
    row: &Verification,
    request: &CheckRequest,
    now: Millis,
) -> Result<Option<CheckAnswer>, DbError> {
    let status = row.status(now);
    if status == Status::Pending {
        return Ok(None);
    }
    let repeats = match (&row.check_key_hash, hash_key(home, row, request)?) {
        (Some(stored), Some(given)) => same_bytes(stored, &given),
        _ => false,
    };
    if let (Status::Verified, true, Some(at)) = (status, repeats, row.finished_at) {
        return Ok(Some(CheckAnswer::Verified {
            id: row.id,
            receipt: receipt(home, row, at)?,
            at,
        }));
    }
    Ok(Some(CheckAnswer::Over(status)))
}
