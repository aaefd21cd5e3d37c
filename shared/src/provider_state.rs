//! What all workers know of each provider: whether its breaker is open, who may probe it when,
//! and how long it asked to be left alone.

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    rate::Rate,
};

/// An open provider is probed at most this often, by all processes together.
pub const PROBE_EVERY_MS: Millis = 5_000;
/// After an answered probe the next one may be sooner: what works again must not stand still.
pub const CONFIRM_AFTER_MS: Millis = 2_000;
/// So many answered probes in a row close it.
pub const CLOSED_BY: i32 = 2;
/// Nobody wanted to probe it for this long: what is known of it is too old to go by.
pub const FORGOTTEN_AFTER_MS: Millis = 60_000;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProviderState {
    pub name: String,
    /// None while the breaker is closed; which opening it is, else.
    pub opened_at: Option<Millis>,
    pub probe_at: Millis,
    /// Answered probes in a row.
    pub successes: i32,
    pub paused_until: Millis,
    /// A drill keeps everybody from calling it.
    pub drilled_until: Millis,
    /// Holds no number and no code.
    pub reason: Option<String>,
}

impl ProviderState {
    /// `open for 35 s`, `paused for 12 s more`; none while it is in use.
    #[must_use]
    pub fn trouble(&self, now: Millis) -> Option<String> {
        if self.drilled_until > now {
            let left = spoken(self.drilled_until - now);
            return Some(format!("taken away by a drill for {left} more"));
        }
        if let Some(opened_at) = self.opened_at {
            return Some(format!("open for {}", spoken(now - opened_at)));
        }
        (self.paused_until > now).then(|| {
            let left = spoken(self.paused_until - now);
            format!("paused for {left} more, as it asked")
        })
    }
}

fn spoken(ms: Millis) -> String {
    match ms.max(0) / 1_000 {
        secs @ 0..120 => format!("{secs} s"),
        secs => format!("{} min", secs / 60),
    }
}

/// Why nothing can be sent: none while at least one of these providers is in use. Each comes with the
/// rate it is at, if it is. Without the providers' words, which were about other messages: this goes
/// into the rows of any tenant.
#[must_use]
pub fn nobody_in_use(
    states: &[ProviderState],
    names: &[(&str, Option<Rate>)],
    now: Millis,
) -> Option<String> {
    let left_alone = |name: &str| {
        let state = states.iter().find(|state| state.name == name)?;
        match state.opened_at {
            Some(opened_at) => Some(format!("{name} has failed for {}", spoken(now - opened_at))),
            None => Some(format!("{name} is {}", state.trouble(now)?)),
        }
    };
    let trouble = |(name, rate): &(&str, Option<Rate>)| {
        left_alone(name).or_else(|| Some(format!("{name} is at its rate of {}", (*rate)?)))
    };
    let all: Option<Vec<String>> = names.iter().map(trouble).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(", "))
}

/// All that is known.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db) -> Result<Vec<ProviderState>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, ProviderState>(
            "SELECT name, opened_at, probe_at, successes, paused_until, drilled_until, reason
             FROM provider_states ORDER BY name",
        )
        .fetch_all(c)
        .await?
    }))
}

/// Opens the breaker of a provider; false when it is open already.
///
/// # Errors
/// The database does not answer.
pub async fn mark_open(db: &Db, name: &str, at: Millis, reason: &str) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO provider_states
                 (name, opened_at, probe_at, successes, paused_until, reason, changed_at)
             VALUES ($1, $2, $3, 0, 0, $4, $2)
             ON CONFLICT (name) DO UPDATE
             SET opened_at = $2, probe_at = $3, successes = 0, reason = $4, changed_at = $2
             WHERE provider_states.opened_at IS NULL",
        )
        .bind(name)
        .bind(at)
        .bind(at + PROBE_EVERY_MS)
        .bind(reason)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// Takes the right to probe an open provider with one call; false when it is closed, not yet
/// time, or another process was first.
///
/// # Errors
/// The database does not answer; the probe is then nobody's.
pub async fn claim_probe(db: &Db, name: &str, now: Millis) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE provider_states SET probe_at = $3
             WHERE name = $1 AND opened_at IS NOT NULL AND probe_at <= $2",
        )
        .bind(name)
        .bind(now)
        .bind(now + PROBE_EVERY_MS)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// Counts an answered probe of the opening `opened_at`; enough of them close it.
///
/// # Errors
/// The database does not answer.
pub async fn mark_probe_answered(
    db: &Db,
    name: &str,
    opened_at: Millis,
    now: Millis,
) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE provider_states
             SET successes = successes + 1, changed_at = $4, probe_at = $5,
                 opened_at = CASE WHEN successes + 1 >= $3 THEN NULL ELSE opened_at END
             WHERE name = $1 AND opened_at = $2",
        )
        .bind(name)
        .bind(opened_at)
        .bind(CLOSED_BY)
        .bind(now)
        .bind(now + CONFIRM_AFTER_MS)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Notes a failed probe of the opening `opened_at`: it stays open, and counting begins anew.
///
/// # Errors
/// The database does not answer.
pub async fn mark_probe_failed(
    db: &Db,
    name: &str,
    opened_at: Millis,
    reason: &str,
    now: Millis,
) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE provider_states SET successes = 0, reason = $3, changed_at = $4
             WHERE name = $1 AND opened_at = $2",
        )
        .bind(name)
        .bind(opened_at)
        .bind(reason)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Closes the opening `opened_at` that nobody wanted to probe for [`FORGOTTEN_AFTER_MS`].
///
/// # Errors
/// The database does not answer.
pub async fn mark_forgotten(
    db: &Db,
    name: &str,
    opened_at: Millis,
    now: Millis,
) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "UPDATE provider_states SET opened_at = NULL, changed_at = $3
             WHERE name = $1 AND opened_at = $2 AND probe_at < $4",
        )
        .bind(name)
        .bind(opened_at)
        .bind(now)
        .bind(now - FORGOTTEN_AFTER_MS)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Leaves a provider alone until then; a longer pause that is known already stands.
///
/// # Errors
/// The database does not answer.
pub async fn mark_paused(db: &Db, name: &str, until: Millis, now: Millis) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO provider_states
                 (name, probe_at, successes, paused_until, changed_at)
             VALUES ($1, 0, 0, $2, $3)
             ON CONFLICT (name) DO UPDATE SET paused_until = $2, changed_at = $3
             WHERE provider_states.paused_until < $2",
        )
        .bind(name)
        .bind(until)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Takes a provider away from all workers until then; 0 gives it back.
///
/// # Errors
/// The database does not answer.
pub async fn mark_drilled(db: &Db, name: &str, until: Millis, now: Millis) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO provider_states
                 (name, probe_at, successes, paused_until, drilled_until, changed_at)
             VALUES ($1, 0, 0, 0, $2, $3)
             ON CONFLICT (name) DO UPDATE SET drilled_until = $2, changed_at = $3",
        )
        .bind(name)
        .bind(until)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}
