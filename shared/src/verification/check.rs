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
        /// Whose code it was, masked.
        to: String,
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
        let compared = compare(home, &row, &request)?;
        if !charge_other(home, &row, &compared, now).await? {
            return Ok(CheckAnswer::BudgetSpent { until: guess_budget::day_end(now) });
        }
        let guess = Guess {
            id: row.id,
            tenant_id: row.tenant_id,
            recipient_hash: row.recipient_hash.clone(),
            generation: row.generation,
            resends: row.resends,
            correct: compared != Compared::Wrong,
            of_other: compared == Compared::Other,
            check_key_hash: hash_key(home, &row, &request)?,
            budget: home.config.limits.guesses_per_recipient_and_day,
            now,
        };
        match home.coalescers.guesses.call(guess).await? {
            Taken::Verified => {
                let proves_other = i32::from(compared == Compared::Other);
                return verified(home, &Verification { proves_other, ..row }, now);
            }
            Taken::Wrong { guesses_left } => {
                return Ok(CheckAnswer::Incorrect { guesses_left });
            }
            Taken::No => refund_other(home, &row, &compared, now).await?,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    /// With the first address' code.
    First,
    /// With the second one's.
    Other,
    Wrong,
}

/// Against the codes of both addresses, or of the one that was presented too.
fn compare(home: &Home, row: &Verification, request: &CheckRequest) -> Result<Compared, DbError> {
    let Some(code) = row.code(&home.keys)? else {
        return Err(DbError::Broken("a pending verification has no seed".into()));
    };
    let other = row.other_code(&home.keys)?;
    let first = code.matches(&request.code) && names(request, &row.recipient(&home.keys)?);
    let second = match (other, row.other(&home.keys)?) {
        (Some(code), Some(to)) => code.matches(&request.code) && names(request, &to),
        _ => false,
    };
    Ok(match (first, second) {
        (true, _) => Compared::First,
        (false, true) => Compared::Other,
        (false, false) => Compared::Wrong,
    })
}

/// True when this address was presented, or none.
fn names(request: &CheckRequest, to: &Recipient) -> bool {
    let presented = request.to.as_ref();
    presented.is_none_or(|p| same_bytes(p.identity().as_bytes(), to.identity().as_bytes()))
}

/// The second address has a budget of its own, or it could be guessed at through one first address
/// after another; false when it is spent. The statement that takes the guess sees to the first one's.
async fn charge_other(
    home: &Home,
    row: &Verification,
    compared: &Compared,
    now: Millis,
) -> Result<bool, DbError> {
    let Some(charge) = charge_of_other(home, row, now) else { return Ok(true) };
    match compared {
        Compared::Wrong => guess_budget::charge_alone(&home.db, &charge).await,
        // Whatever it is that was right: an answer that depends on it would tell it, for nothing.
        Compared::First | Compared::Other => {
            let (tenant_id, hash, limit) = (charge.tenant_id, charge.recipient_hash, charge.limit);
            Ok(!guess_budget::is_spent(&home.db, tenant_id, hash, now, limit).await?)
        }
    }
}

async fn refund_other(
    home: &Home,
    row: &Verification,
    compared: &Compared,
    now: Millis,
) -> Result<(), DbError> {
    match charge_of_other(home, row, now) {
        Some(charge) if *compared == Compared::Wrong => {
            guess_budget::refund(&home.db, &charge).await
        }
        _ => Ok(()),
    }
}

fn charge_of_other<'a>(
    home: &Home,
    row: &'a Verification,
    now: Millis,
) -> Option<guess_budget::Charge<'a>> {
    Some(guess_budget::Charge {
        tenant_id: row.tenant_id,
        recipient_hash: row.other_hash.as_deref()?,
        limit: home.config.limits.guesses_per_recipient_and_day,
        now,
    })
}

fn verified(home: &Home, row: &Verification, at: Millis) -> Result<CheckAnswer, DbError> {
    let (receipt, to) = (receipt(home, row, at)?, row.proved(&home.keys)?.masked());
    Ok(CheckAnswer::Verified { id: row.id, receipt, to, at })
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
    // The opened recipients, not their hashes: the hash key may have changed since.
    let same_recipient = names(request, &row.recipient(&home.keys)?)
        || row.other(&home.keys)?.is_some_and(|to| names(request, &to));
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
        return verified(home, row, at).map(Some);
    }
    Ok(Some(CheckAnswer::Over(status)))
}
