//! Committing what was let in: verification, messages and kept answer, together or not at all;
//! many requests in one statement.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

use crate::{
    admission::{Asking, Refused, repeat},
    clock::Millis,
    coalesce::{Coalescer, Key, Kind},
    db::{Db, DbError, Ears, Tx, in_time, retrying, undecided},
    event,
    guess_budget::day_end,
    home::Home,
    idempotency::{self, Record},
    limits::Charged,
    message::{self, Message},
    send_budget,
    verification::{self, Verification},
};

/// Everything one accepted request writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acceptance {
    pub(crate) verification: Option<Verification>,
    /// In the order in which they are due.
    pub(crate) messages: Vec<Message>,
    pub(crate) record: Option<Record>,
    /// Sends of this tenant per day; none when there is no cap.
    pub(crate) cap: Option<(Uuid, i64)>,
    pub(crate) now: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    Yes,
    KeyTaken,
    CapReached,
}

/// How long a failed accept tells of the database, when nobody tries again.
const TELLS_FOR: Duration = Duration::from_secs(10);

/// What the last accepts met: a full disk answers every question, and takes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastAccept(Arc<Mutex<Option<(Instant, DbError)>>>);

impl LastAccept {
    fn note(&self, result: &Result<Committed, DbError>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (result, &*last) {
            (Err(error @ (DbError::Unavailable(_) | DbError::Full(_))), _) => {
                *last = Some((Instant::now(), error.clone()));
            }
            // A full disk still has room in a page here and there.
            (Ok(_), Some((_, DbError::Unavailable(_)))) => *last = None,
            _ => {}
        }
    }

    /// Why they were not taken.
    pub(crate) fn trouble(&self) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < TELLS_FOR).map(|(_, error)| error.to_string())
    }
}

pub(crate) type Acceptances = Coalescer<Arc<Acceptance>, Committed>;

pub(crate) fn coalescer(db: Db) -> Acceptances {
    fn run<'a>(
        db: &'a Db,
        batch: &'a [Arc<Acceptance>],
    ) -> BoxFuture<'a, Result<Vec<Committed>, DbError>> {
        Box::pin(insert(db, batch))
    }
    let order = |a: &Arc<Acceptance>, b: &Arc<Acceptance>| a.order().cmp(&b.order());
    Coalescer::start(
        db,
        Kind {
            name: "accept",
            turns: 2,
            key: |acceptance| acceptance.key(),
            order,
            patient: false,
            run,
        },
    )
}

impl Acceptance {
    /// The row the kept answer belongs to.
    fn id(&self) -> Option<Uuid> {
        let verification = self.verification.as_ref().map(|row| row.id);
        verification.or_else(|| self.messages.first().map(|row| row.id))
    }

    fn tenant_id(&self) -> Option<Uuid> {
        let verification = self.verification.as_ref().map(|row| row.tenant_id);
        verification.or_else(|| self.messages.first().map(|row| row.tenant_id))
    }

    /// True when nothing is to be written but its own rows: there is no cap, and nobody is told.
    fn is_alone(&self, ears: &Ears) -> bool {
        self.cap.is_none() && !self.tenant_id().is_some_and(|id| ears.hear(id))
    }

    /// How many sends the tenant is charged: each step may become one.
    fn sends(&self) -> i64 {
        i64::try_from(self.messages.len()).unwrap_or(i64::MAX).max(1)
    }

    /// Tenant by tenant, and key by key.
    fn order(&self) -> (Option<Uuid>, Option<Key>) {
        (self.cap.map(|(tenant_id, _)| tenant_id), self.key())
    }

    /// Two requests with one idempotency key never share a statement.
    fn key(&self) -> Option<Key> {
        self.record.as_ref().map(Record::short_key)
    }
}

/// Commits, then hints; gives the limits back when nothing was committed. Returns the first answer
/// when the key was taken before.
pub(crate) async fn commit(
    home: &Home,
    asking: &Asking<'_>,
    charged: Charged,
    acceptance: Arc<Acceptance>,
) -> Result<Option<Vec<u8>>, Refused> {
    let hint = acceptance.messages.first().filter(|m| m.is_hinted()).map(|m| m.id);
    let (now, capped) = (acceptance.now, acceptance.cap.is_some());
    let committed = home.coalescers.acceptances.call(acceptance).await;
    home.last_accept.note(&committed);
    match committed {
        Ok(Committed::Yes) => {
            if let Some(id) = hint {
                home.queue.hint(id);
            }
            Ok(None)
        }
        Ok(Committed::KeyTaken) => {
            home.limiter.refund(charged).await;
            repeat(home, asking).await?.ok_or(Refused::KeyInUse).map(Some)
        }
        Ok(Committed::CapReached) => {
            home.limiter.refund(charged).await;
            // The cap is for new requests too.
            let first = repeat(home, asking).await?;
            first.ok_or(Refused::DailyCap { until: day_end(now), now }).map(Some)
        }
        Err(error) => {
            // What may have been committed stays charged; a repeat with its key passes free.
            match (&error, hint) {
                (DbError::Undecided(_), Some(id)) => home.queue.hint(id),
                (DbError::Undecided(_), None) => {}
                _ => home.limiter.refund(charged).await,
            }
            match error {
                // With a cap, the tenant's count is waited for before the key is.
                DbError::Locked if asking.idempotency_key.is_some() && !capped => {
                    Err(Refused::KeyInUse)
                }
                error => Err(error.into()),
            }
        }
    }
}

/// Writes a batch; no two of it have the same idempotency key. Whoever is told of what happens pays for
/// that with the statements of a transaction.
async fn insert(db: &Db, batch: &[Arc<Acceptance>]) -> Result<Vec<Committed>, DbError> {
    match db {
        // One statement of many rows is its own transaction: a single round trip.
        Db::Postgres(pool, ears) if batch.iter().all(|a| a.is_alone(ears)) => {
            retrying!(in_time(insert_at_once(pool, batch)).await)
        }
        _ => retrying!(insert_in_turn(db, batch).await),
    }
}

/// Table by table in one transaction; row by row where a tenant has a cap.
async fn insert_in_turn(db: &Db, batch: &[Arc<Acceptance>]) -> Result<Vec<Committed>, DbError> {
    let mut tx = db.begin().await?;
    let mut results = Vec::with_capacity(batch.len());
    for alike in batch.chunk_by(|a, b| a.cap.is_none() && b.cap.is_none()) {
        results.extend(match alike {
            [acceptance] => insert_one(&mut tx, acceptance).await?,
            many => insert_together(&mut tx, many).await?,
        });
    }
    tx.commit().await?;
    Ok(results)
}

async fn insert_one(tx: &mut Tx, acceptance: &Arc<Acceptance>) -> Result<Vec<Committed>, DbError> {
    // The cap comes first: a row refused by it must not take the key.
    if let Some((tenant_id, cap)) = acceptance.cap
        && !send_budget::charge(tx, (tenant_id, cap), acceptance.sends(), acceptance.now).await?
    {
        return Ok(vec![Committed::CapReached]);
    }
    let committed = insert_together(tx, std::slice::from_ref(acceptance)).await?;
    if let (Some((tenant_id, _)), [Committed::KeyTaken]) = (acceptance.cap, committed.as_slice()) {
        send_budget::refund(tx, tenant_id, acceptance.sends(), acceptance.now).await?;
    }
    Ok(committed)
}

/// Only rows whose key was free are written.
async fn insert_together(
    tx: &mut Tx,
    batch: &[Arc<Acceptance>],
) -> Result<Vec<Committed>, DbError> {
    let records: Vec<&Record> = batch.iter().filter_map(|a| a.record.as_ref()).collect();
    let now = batch.iter().map(|a| a.now).max().unwrap_or_default();
    let kept = idempotency::insert(tx, &records, now).await?;
    let is_kept =
        |a: &&Arc<Acceptance>| a.record.is_none() || a.id().is_some_and(|id| kept.contains(&id));
    let rows = batch.iter().filter(is_kept);
    let verifications: Vec<&Verification> =
        rows.clone().filter_map(|a| a.verification.as_ref()).collect();
    verification::insert(tx, &verifications).await?;
    let messages: Vec<&Message> = rows.flat_map(|a| &a.messages).collect();
    message::insert(tx, &messages).await?;
    let new: Vec<_> = verifications.iter().map(|row| (row.id, row.tenant_id)).collect();
    event::tell_verifications(tx, &new, now).await?;
    // Those of test numbers are over as soon as they are there.
    let over = messages.iter().filter(|row| row.finished_at.is_some());
    let over: Vec<_> = over.map(|row| (row.id, row.tenant_id)).collect();
    event::tell_messages(tx, &over, now).await?;
    let committed = |a| if is_kept(&a) { Committed::Yes } else { Committed::KeyTaken };
    Ok(batch.iter().map(committed).collect())
}

/// All rows of three tables in one statement. This SQL is Postgres' alone and stands here, across
/// three concepts, because one commit per batch is what carries the load: only rows whose key was
/// free are written.
async fn insert_at_once(
    pool: &PgPool,
    batch: &[Arc<Acceptance>],
) -> Result<Vec<Committed>, DbError> {
    const SQL: &str = concat!(
        "WITH
        taken AS (
            INSERT INTO idempotency_records (",
        idempotency::columns!(),
        ")
            SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::uuid[], $5::text[],
                $6::bytea[], $7::bigint[])
            ON CONFLICT (tenant_id, key_hash) DO UPDATE
            SET request_hash = excluded.request_hash, answer_id = excluded.answer_id,
                key_id = excluded.key_id, answer_sealed = excluded.answer_sealed,
                expires_at = excluded.expires_at
            WHERE idempotency_records.expires_at <= $8
            RETURNING answer_id),
        refused AS (SELECT id FROM UNNEST($4::uuid[]) AS u (id)
            EXCEPT ALL SELECT answer_id FROM taken),
        verified AS (
            INSERT INTO verifications (",
        verification::inserted!(),
        ")
            SELECT * FROM UNNEST($9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[],
                $20::bytea[], $21::int[], $22::int[], $23::int[], $24::int[], $25::int[],
                $26::int[], $27::bytea[], $28::bytea[], $29::bytea[], $30::bigint[],
                $31::bigint[], $32::bigint[], $33::bytea[], $34::bytea[], $35::int[],
                $36::text[], $37::int[]) AS u (id)
            WHERE u.id NOT IN (SELECT id FROM refused)),
        sent AS (
            INSERT INTO messages (",
        message::inserted!(),
        ")
            SELECT * FROM UNNEST($38::uuid[], $39::uuid[], $40::uuid[], $41::int[], $42::text[],
                $43::text[], $44::text[], $45::text[], $46::bytea[], $47::bytea[], $48::bytea[],
                $49::int[], $50::int[], $51::bigint[], $52::bigint[], $53::text[], $54::bigint[],
                $55::bigint[]) AS u (id, tenant_id, verification_id)
            WHERE COALESCE(u.verification_id, u.id) NOT IN (SELECT id FROM refused))
        SELECT id FROM refused"
    );
    let records: Vec<&Record> = batch.iter().filter_map(|a| a.record.as_ref()).collect();
    let now = batch.iter().map(|a| a.now).max().unwrap_or_default();
    let query = sqlx::query_scalar::<Postgres, Uuid>(SQL);
    let query = idempotency::bind_columns(query, &records).bind(now);
    let rows: Vec<&Verification> = batch.iter().filter_map(|a| a.verification.as_ref()).collect();
    let query = verification::bind_columns(query, &rows);
    let rows: Vec<&Message> = batch.iter().flat_map(|a| &a.messages).collect();
    let query = message::bind_columns(query, &rows);
    let mut connection = pool.acquire().await?;
    let refused = query.fetch_all(&mut *connection).await.map_err(undecided)?;
    let is_refused = |a: &Acceptance| a.id().is_some_and(|id| refused.contains(&id));
    Ok(batch
        .iter()
        .map(|a| if is_refused(a) { Committed::KeyTaken } else { Committed::Yes })
        .collect())
}
