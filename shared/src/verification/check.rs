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
    secrets::{Code, Handle, SecretError, same_bytes},
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
    /// A repeat with the same key gets the same receipt, unless it names another address than was proved.
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
    /// The right code of a reusable verification once more: its receipt was given the first time.
    VerifiedAgain {
        id: Uuid,
        /// Whose code it was the first time, masked.
        to: String,
        /// The first time.
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
    in_time(check_in_time(home, request, By::Token)).await
}

/// As [`check`], for whoever may name a verification by its id: the secret of the token is not looked at.
///
/// # Errors
/// The database does not answer; then nothing was revealed.
pub async fn check_known(home: &Home, request: CheckRequest) -> Result<CheckAnswer, DbError> {
    in_time(check_in_time(home, request, By::Id)).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Token,
    Id,
}

async fn check_in_time(home: &Home, request: CheckRequest, by: By) -> Result<CheckAnswer, DbError> {
    // A resend may change the generation between reading and writing; then the row is read again.
    for _ in 0..3 {
        let now = home.clock.now();
        let Some(row) = home.coalescers.lookups.call(request.token.id).await? else {
            // As much hashing as for a row that exists.
            let _ = request.token.matches(&[0; 32]);
            return Ok(CheckAnswer::NotFound);
        };
        if by == By::Token && !row.holds_token(&request.token) {
            return Ok(CheckAnswer::NotFound);
        }
        let named = named(home, &row, &request)?;
        if !is_bound(home, &row, &request, named)? {
            return Ok(CheckAnswer::NotFound);
        }
        if let Some(answer) = answer_by_state(home, &row, &request, named, now)? {
            return Ok(answer);
        }
        let compared = compare(home, &row, &request, named)?;
        let of_first = charge(home, &row, &row.recipient_hash, now);
        let of_other = row.other_hash.as_deref().map(|hash| charge(home, &row, hash, now));
        if let Some(charge) = &of_other
            && !may_guess(home, charge, compared).await?
        {
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
            was: row.status(now),
            check_key_hash: hash_key(home, &row, &request)?,
            budget: of_first.limit,
            now,
        };
        match home.coalescers.guesses.call(guess).await? {
            Taken::Verified => return succeeded(home, row, compared, now),
            Taken::Wrong { guesses_left } => {
                return Ok(CheckAnswer::Incorrect { guesses_left });
            }
            Taken::No => {}
        }
        if let (Some(charge), Compared::Wrong) = (&of_other, compared) {
            guess_budget::refund(&home.db, charge).await?;
        }
        if guess_budget::is_spent(&home.db, &of_first).await? {
            return Ok(CheckAnswer::BudgetSpent { until: guess_budget::day_end(now) });
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

/// Which of the two addresses was presented: both, when none was.
#[derive(Clone, Copy, Debug)]
struct Named {
    first: bool,
    other: bool,
}

/// Against the codes of both addresses, or of the one that was presented too.
fn compare(
    home: &Home,
    row: &Verification,
    request: &CheckRequest,
    named: Named,
) -> Result<Compared, DbError> {
    let Some(code) = row.code(&home.keys)? else {
        return Err(DbError::Broken("a verification that still counts has no seed".into()));
    };
    let is_first = code.matches(&request.code);
    let is_other = row.other_code(&home.keys)?.is_some_and(|code| code.matches(&request.code));
    Ok(match (is_first && named.first, is_other && named.other) {
        // Nobody was sent one. It is compared all the same, which takes its time.
        _ if row.is_decoy() => Compared::Wrong,
        (true, _) => Compared::First,
        (false, true) => Compared::Other,
        (false, false) => Compared::Wrong,
    })
}

/// The opened addresses are compared, not their hashes: the hash key may have changed since.
fn named(home: &Home, row: &Verification, request: &CheckRequest) -> Result<Named, SecretError> {
    let Some(presented) = &request.to else { return Ok(Named { first: true, other: true }) };
    let is = |to: &Recipient| same_bytes(presented.identity().as_bytes(), to.identity().as_bytes());
    let (first, other) = (row.recipient(&home.keys)?, row.other(&home.keys)?);
    Ok(Named { first: is(&first), other: other.as_ref().is_some_and(is) })
}

/// The second address has a budget of its own, or it could be guessed at through one first address
/// after another; false when it is spent. The statement that takes the guess sees to the first one's.
async fn may_guess(
    home: &Home,
    charge: &guess_budget::Charge<'_>,
    compared: Compared,
) -> Result<bool, DbError> {
    match compared {
        Compared::Wrong => guess_budget::charge_alone(&home.db, charge).await,
        // Whatever it is that was right: an answer that depends on it would tell it, for nothing.
        Compared::First | Compared::Other => Ok(!guess_budget::is_spent(&home.db, charge).await?),
    }
}

fn charge<'a>(
    home: &Home,
    row: &Verification,
    recipient_hash: &'a [u8],
    now: Millis,
) -> guess_budget::Charge<'a> {
    let limit = home.config.limits.guesses_per_recipient_and_day;
    guess_budget::Charge { tenant_id: row.tenant_id, recipient_hash, limit, now }
}

/// The answer to a right code, about the row as it was read.
fn succeeded(
    home: &Home,
    row: Verification,
    compared: Compared,
    now: Millis,
) -> Result<CheckAnswer, DbError> {
    if row.status(now) == Status::Verified {
        let (to, at) = (row.proved(&home.keys)?.masked(), row.finished_at.unwrap_or(now));
        return Ok(CheckAnswer::VerifiedAgain { id: row.id, to, at });
    }
    let proves_other = i32::from(compared == Compared::Other);
    verified(home, &Verification { proves_other, ..row }, now)
}

fn verified(home: &Home, row: &Verification, at: Millis) -> Result<CheckAnswer, DbError> {
    let receipt = receipt(home, row, at)?;
    Ok(CheckAnswer::Verified { id: row.id, receipt: receipt.text, to: receipt.to, at })
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
fn is_bound(
    home: &Home,
    row: &Verification,
    request: &CheckRequest,
    named: Named,
) -> Result<bool, DbError> {
    let subject = row.subject(&home.keys)?;
    let same_subject = match (&subject, &request.subject) {
        (Some(stored), Some(given)) => same_bytes(stored.as_bytes(), given.as_bytes()),
        (None, None) => true,
        _ => false,
    };
    Ok(row.tenant_id == request.tenant_id && same_subject && (named.first || named.other))
}

/// The answer of a row that is over; none while it is pending, or its code counts again.
fn answer_by_state(
    home: &Home,
    row: &Verification,
    request: &CheckRequest,
    named: Named,
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
    // Nor does a repeat prove another address than it names.
    let repeats = repeats && if row.proves_other == 1 { named.other } else { named.first };
    if let (Status::Verified, true, Some(at)) = (status, repeats, row.finished_at) {
        return verified(home, row, at).map(Some);
    }
    if status == Status::Verified && row.is_reusable() {
        let counts = row.seed.is_some() || row.code_sealed.is_some();
        return Ok(match (row.expires_at <= now, row.guesses_left()) {
            (true, _) => Some(CheckAnswer::Over(Status::Expired)),
            (false, 0) => Some(CheckAnswer::Over(Status::Locked)),
            // A program of before may have taken the success.
            (false, _) => (!counts).then_some(CheckAnswer::Over(Status::Verified)),
        });
    }
    Ok(Some(CheckAnswer::Over(status)))
}
