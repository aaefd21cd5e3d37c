//! Checking a code: compared in memory, carried in by one conditional statement.

use uuid::Uuid;

use super::{Status, Verification, find, receipt::receipt};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, on_tx, retrying},
    guess_budget,
    home::Home,
    message,
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

/// One comparison on its way into the database.
#[derive(Clone, Debug)]
struct Guess {
    id: Uuid,
    tenant_id: Uuid,
    recipient_hash: Vec<u8>,
    generation: i32,
    correct: bool,
    check_key_hash: Option<Vec<u8>>,
    /// Wrong guesses a recipient has per day.
    budget: i32,
    now: Millis,
}

#[derive(Clone, Copy, Debug)]
enum Taken {
    Verified,
    Wrong {
        guesses_left: i32,
    },
    /// The row was no longer as it was read.
    No,
}

/// Checks a code. No queue and no provider takes part.
///
/// # Errors
/// The database does not answer; then nothing was revealed.
pub async fn check(home: &Home, request: CheckRequest) -> Result<CheckAnswer, DbError> {
    // A resend may change the generation between reading and writing; then the row is read again.
    for _ in 0..3 {
        let now = home.clock.now();
        let Some(row) = find(&home.db, request.token.id).await? else {
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
            correct: code.matches(&request.code),
            check_key_hash: hash_key(home, &row, &request)?,
            budget: home.config.limits.guesses_per_recipient_and_day,
            now,
        };
        let db = home.db.clone();
        let taken = crate::db::detached(async move { record(&db, &[guess]).await }).await?;
        match taken.first() {
            Some(Taken::Verified) => {
                let receipt = receipt(home, &row, now)?;
                return Ok(CheckAnswer::Verified { id: row.id, receipt, at: now });
            }
            Some(Taken::Wrong { guesses_left }) => {
                return Ok(CheckAnswer::Incorrect { guesses_left: *guesses_left });
            }
            Some(Taken::No) | None => {}
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
        Some(to) => same_bytes(to.e164().as_bytes(), row.recipient(&home.keys)?.e164().as_bytes()),
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

/// Carries guesses in, each in effect at most once; one result per guess, in order.
async fn record(db: &Db, guesses: &[Guess]) -> Result<Vec<Taken>, DbError> {
    retrying!(record_once(db, guesses).await)
}

async fn record_once(db: &Db, guesses: &[Guess]) -> Result<Vec<Taken>, DbError> {
    let mut tx = db.begin().await?;
    let mut taken = Vec::with_capacity(guesses.len());
    for guess in guesses {
        taken.push(if guess.correct {
            mark_verified(&mut tx, guess).await?
        } else {
            charge_guess(&mut tx, guess).await?
        });
    }
    tx.commit().await?;
    Ok(taken)
}

async fn mark_verified(tx: &mut Tx, guess: &Guess) -> Result<Taken, DbError> {
    let changed = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE verifications
             SET status = 'verified', guesses = guesses + 1, finished_at = $3, seed = NULL,
                 code_sealed = NULL, check_key_hash = $4
             WHERE id = $1 AND status = 'pending' AND guesses < guess_limit
               AND generation = $2 AND expires_at > $3
               AND NOT EXISTS (SELECT 1 FROM guess_budgets b
                   WHERE b.tenant_id = $5 AND b.recipient_hash = $6 AND b.day = $7
                     AND b.guesses >= $8)",
        )
        .bind(guess.id)
        .bind(guess.generation)
        .bind(guess.now)
        .bind(&guess.check_key_hash)
        .bind(guess.tenant_id)
        .bind(&guess.recipient_hash)
        .bind(guess_budget::day(guess.now))
        .bind(guess.budget)
        .execute(c)
        .await?
        .rows_affected()
    });
    if changed == 0 {
        return Ok(Taken::No);
    }
    message::mark_canceled(tx, guess.id, guess.now).await?;
    Ok(Taken::Verified)
}

async fn charge_guess(tx: &mut Tx, guess: &Guess) -> Result<Taken, DbError> {
    let left = on_tx!(tx, c => {
        sqlx::query_scalar::<D, i32>(
            "UPDATE verifications
             SET guesses = guesses + 1,
                 status = CASE WHEN guesses + 1 >= guess_limit THEN 'locked' ELSE status END,
                 finished_at = CASE WHEN guesses + 1 >= guess_limit THEN $3 ELSE finished_at END,
                 seed = CASE WHEN guesses + 1 >= guess_limit THEN NULL ELSE seed END,
                 code_sealed =
                     CASE WHEN guesses + 1 >= guess_limit THEN NULL ELSE code_sealed END
             WHERE id = $1 AND status = 'pending' AND guesses < guess_limit
               AND generation = $2 AND expires_at > $3
               AND NOT EXISTS (SELECT 1 FROM guess_budgets b
                   WHERE b.tenant_id = $4 AND b.recipient_hash = $5 AND b.day = $6
                     AND b.guesses >= $7)
             RETURNING guess_limit - guesses",
        )
        .bind(guess.id)
        .bind(guess.generation)
        .bind(guess.now)
        .bind(guess.tenant_id)
        .bind(&guess.recipient_hash)
        .bind(guess_budget::day(guess.now))
        .bind(guess.budget)
        .fetch_all(c)
        .await?
    });
    let Some(guesses_left) = left.first().copied() else { return Ok(Taken::No) };
    if guesses_left == 0 {
        message::mark_canceled(tx, guess.id, guess.now).await?;
    }
    let charge = guess_budget::Charge {
        tenant_id: guess.tenant_id,
        recipient_hash: &guess.recipient_hash,
        limit: guess.budget,
        now: guess.now,
    };
    if guess_budget::charge(tx, &charge).await? {
        Ok(Taken::Wrong { guesses_left })
    } else {
        // Another verification of this recipient used up the budget meanwhile: look again.
        Err(DbError::Raced)
    }
}
