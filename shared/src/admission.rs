//! What stands before everything that would send: the idempotency key, the country, the room in
//! the lane, the limits; and the commit behind it.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx, retrying},
    guess_budget::{day, day_end},
    home::Home,
    idempotency::{self, IdempotencyKey, Record},
    limits::{Charge, Charged, Scope, client_key},
    message::{self, Message},
    queue::Lane,
    recipient::Recipient,
    secrets::{SecretError, short_hex},
    verification::{self, Verification},
};

/// Who asks, and for whom.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    pub tenant_id: Uuid,
    pub to: &'a Recipient,
    pub recipient_hash: &'a [u8],
    pub lane: Lane,
    /// Seconds the message is worth sending.
    pub lifetime_secs: u32,
    /// The address to be limited, if one is known.
    pub client: Option<IpAddr>,
    pub idempotency_key: Option<&'a IdempotencyKey>,
    /// Test numbers are exempt from limits and are never sent to.
    pub is_test: bool,
}

/// Why nothing was accepted.
#[derive(Clone, Debug)]
pub enum Refused {
    UnknownPurpose {
        known: Vec<String>,
    },
    VariableMissing(String),
    VariableReserved(String),
    CodeLength {
        expected: u32,
    },
    CountryNotAllowed {
        region: Option<String>,
    },
    Limited {
        scope: Scope,
        wait_ms: i64,
    },
    /// The lane has more waiting than it can send in time.
    Busy {
        wait_ms: i64,
    },
    /// The tenant's sends of the day are used up.
    DailyCap {
        until: Millis,
        now: Millis,
    },
    /// The key was used for another request.
    KeyReused,
    /// The first request with this key is still on its way.
    KeyInUse,
    Unavailable(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<SecretError> for Refused {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Whether to go on.
#[derive(Debug)]
pub(crate) enum Admission {
    Go(Charged),
    /// The first answer to this key.
    Repeat(Vec<u8>),
}

/// Lets a request in, or says why not.
pub(crate) async fn admit(home: &Home, asking: &Asking<'_>) -> Result<Admission, Refused> {
    if let Some(answer) = repeat(home, asking).await? {
        return Ok(Admission::Repeat(answer));
    }
    if asking.is_test {
        return Ok(Admission::Go(Charged::default()));
    }
    if !home.config.allows_region(asking.to.region()) {
        let region = asking.to.region().map(str::to_owned);
        return Err(Refused::CountryNotAllowed { region });
    }
    let expected_wait = home.lanes.expected_wait_ms(asking.lane);
    if expected_wait > i64::from(asking.lifetime_secs) * 500 {
        return Err(Refused::Busy { wait_ms: expected_wait / 2 });
    }
    let limits = &home.config.limits;
    let kind = asking.lane.as_str();
    let hash = short_hex(asking.recipient_hash);
    let mut charges = vec![Charge {
        scope: Scope::Recipient,
        key: format!("{kind}:{hash}"),
        rules: &limits.recipient,
    }];
    if let Some(address) = asking.client {
        charges.push(Charge {
            scope: Scope::Client,
            // Not even Redis needs to know who calls.
            key: short_hex(&home.keys.recipient_hash(asking.tenant_id, &client_key(address))),
            rules: &limits.client_ip,
        });
    }
    charges.push(Charge { scope: Scope::Tenant, key: kind.to_owned(), rules: &limits.tenant });
    let marker = asking.idempotency_key.map(IdempotencyKey::marker);
    home.limiter
        .charge(asking.tenant_id, &charges, marker.as_deref(), home.clock.now())
        .await
        .map(Admission::Go)
        .map_err(|limited| Refused::Limited { scope: limited.scope, wait_ms: limited.wait_ms })
}

async fn repeat(home: &Home, asking: &Asking<'_>) -> Result<Option<Vec<u8>>, Refused> {
    let Some(key) = asking.idempotency_key else { return Ok(None) };
    let now = home.clock.now();
    match idempotency::find(&home.db, asking.tenant_id, key, now).await? {
        None => Ok(None),
        Some(record) if record.is_for(key) => Ok(Some(record.answer(&home.keys)?)),
        Some(_) => Err(Refused::KeyReused),
    }
}

/// Everything one accepted request writes, together or not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acceptance {
    pub(crate) verification: Option<Verification>,
    pub(crate) message: Option<Message>,
    pub(crate) record: Option<Record>,
    /// Sends of this tenant per day; none when there is no cap.
    pub(crate) cap: Option<(Uuid, i64)>,
    pub(crate) now: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Committed {
    Yes,
    KeyTaken,
    CapReached,
}

/// Commits, then hints; gives the limits back when nothing was committed. The answer is the
/// given one, or the first one when the key was taken meanwhile.
pub(crate) async fn commit(
    home: &Home,
    asking: &Asking<'_>,
    charged: Charged,
    acceptance: Acceptance,
    answer: Vec<u8>,
) -> Result<Vec<u8>, Refused> {
    let hint = acceptance.message.as_ref().filter(|m| m.lane() == Lane::Otp).map(|m| m.id);
    let now = acceptance.now;
    let db = home.db.clone();
    let done = detached(async move { insert(&db, &[acceptance]).await }).await;
    let done = done.map(|results| results.first().copied().unwrap_or(Committed::KeyTaken));
    match done {
        Ok(Committed::Yes) => {
            if let Some(id) = hint
                && let Err(down) = home.queue.push(&[id]).await
            {
                tracing::debug!(%down, message.id = %id, "the hint was not taken; the sweep will find the message");
            }
            Ok(answer)
        }
        Ok(Committed::KeyTaken) => {
            let first = repeat(home, asking).await;
            first?.ok_or(Refused::KeyInUse)
        }
        Ok(Committed::CapReached) => {
            home.limiter.refund(charged).await;
            Err(Refused::DailyCap { until: day_end(now), now })
        }
        Err(error) => {
            // What may have been committed stays charged; a repeat with its key passes free.
            if !matches!(error, DbError::Undecided(_)) {
                home.limiter.refund(charged).await;
            }
            match error {
                DbError::Locked if asking.idempotency_key.is_some() => Err(Refused::KeyInUse),
                error => Err(error.into()),
            }
        }
    }
}

async fn insert(db: &Db, batch: &[Acceptance]) -> Result<Vec<Committed>, DbError> {
    retrying!(insert_once(db, batch).await)
}

async fn insert_once(db: &Db, batch: &[Acceptance]) -> Result<Vec<Committed>, DbError> {
    let mut tx = db.begin().await?;
    let mut results = Vec::with_capacity(batch.len());
    for acceptance in batch {
        // The cap comes first: a row refused by it must not take the key.
        if let Some((tenant_id, cap)) = acceptance.cap
            && !charge_send(&mut tx, tenant_id, cap, acceptance.now).await.map_err(not_the_key)?
        {
            results.push(Committed::CapReached);
            continue;
        }
        if let Some(record) = &acceptance.record
            && !idempotency::insert(&mut tx, record, acceptance.now).await?
        {
            if let Some((tenant_id, _)) = acceptance.cap {
                refund_send(&mut tx, tenant_id, acceptance.now).await?;
            }
            results.push(Committed::KeyTaken);
            continue;
        }
        verification::insert(&mut tx, acceptance.verification.as_slice()).await?;
        message::insert(&mut tx, acceptance.message.as_slice()).await?;
        results.push(Committed::Yes);
    }
    tx.commit().await?;
    Ok(results)
}

/// Counts one send of the tenant's day; false when the cap is reached.
pub(crate) async fn charge_send(
    tx: &mut Tx,
    tenant_id: Uuid,
    cap: i64,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "INSERT INTO send_budgets (tenant_id, day, sends) VALUES ($1, $2, 1)
             ON CONFLICT (tenant_id, day) DO UPDATE SET sends = send_budgets.sends + 1
             WHERE send_budgets.sends < $3",
        )
        .bind(tenant_id)
        .bind(day(now))
        .bind(cap)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// A wait for the tenant's count is no wait for an idempotency key.
fn not_the_key(error: DbError) -> DbError {
    match error {
        DbError::Locked => DbError::Unavailable("the tenant's count is held".into()),
        other => other,
    }
}

async fn refund_send(tx: &mut Tx, tenant_id: Uuid, now: Millis) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE send_budgets SET sends = sends - 1 WHERE tenant_id = $1 AND day = $2",
        )
        .bind(tenant_id)
        .bind(day(now))
        .execute(c)
        .await?;
    });
    Ok(())
}

/// Removes the counts of days before `day`; there is one a day per tenant.
///
/// # Errors
/// The database does not answer.
pub async fn purge_send_budgets(db: &Db, day: i64) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM send_budgets WHERE day < $1").bind(day).execute(c).await?;
    });
    Ok(())
}

impl Home {
    /// What keeps `answer`, about the row `id`, for repeats with this key; nothing without a key.
    pub(crate) fn keep_answer(
        &self,
        asking: &Asking<'_>,
        id: Uuid,
        answer: &[u8],
        now: Millis,
    ) -> Result<Option<Record>, SecretError> {
        let until = now + i64::from(self.config.retention.idempotency_hours) * 3_600_000;
        asking
            .idempotency_key
            .map(|key| Record::new(key, asking.tenant_id, id, answer, &self.keys, until))
            .transpose()
    }

    /// The cap on a tenant's sends per day, for [`Acceptance::cap`].
    pub(crate) fn send_cap(&self, tenant_id: Uuid, is_test: bool) -> Option<(Uuid, i64)> {
        let cap = self.config.limits.sends_per_tenant_and_day;
        (cap > 0 && !is_test).then_some((tenant_id, cap))
    }
}
