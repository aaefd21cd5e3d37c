//! Writing a slice: its new rows and their share of the day's cap, together or not at all.

use std::collections::HashMap;

use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{
    Batch, RowRefused,
    ids::index_of,
    prepare::{Ready, Slice},
};
use crate::{
    channel::Channel,
    clock::Millis,
    db::{Db, DbError, Tx, on_tx, retrying},
    event,
    message::{self, CLOCK_SLACK_MS, Message, State, TEST_NUMBER, columns},
    queue::Lane,
    sandbox, send_budget, suppression,
};

/// What all rows of a slice have in common.
pub(super) struct Place<'a> {
    pub(super) batch: &'a Batch,
    pub(super) is_sandbox: bool,
    /// Rows before this one are not inserted any more.
    pub(super) past: u32,
    /// The tenant and its sends per day.
    pub(super) cap: Option<(Uuid, i64)>,
    pub(super) lifetime_ms: i64,
    /// The key that the rows are sealed with.
    pub(super) kid: &'a str,
}

/// What the database made of a slice; its other rows are new.
#[derive(Debug, Default)]
pub(super) struct Committed {
    found: HashMap<Uuid, Message>,
    refused: HashMap<Uuid, RowRefused>,
}

impl Committed {
    /// The row that was there before.
    pub(super) fn found(&self, id: Uuid) -> Option<&Message> {
        self.found.get(&id)
    }

    /// Why it was not inserted.
    pub(super) fn refused(&self, id: Uuid) -> Option<&RowRefused> {
        self.refused.get(&id)
    }
}

/// Commits the rows of a slice that are not there yet, as far as the cap allows.
pub(super) async fn commit(
    db: &Db,
    place: &Place<'_>,
    slice: &Slice,
) -> Result<Committed, DbError> {
    retrying!(commit_once(db, place, slice).await)
}

async fn commit_once(db: &Db, place: &Place<'_>, slice: &Slice) -> Result<Committed, DbError> {
    let ready: Vec<&Ready> = slice.entries.iter().filter_map(|e| e.row.as_ref().ok()).collect();
    let size = slice.entries.last().map_or(0, |e| i64::from(e.index) + 1);
    let mut tx = db.begin().await?;
    // Calls with the same key go one after the other: what is read next stays true.
    if !grow(&mut tx, place.batch.id, size).await? {
        tx.rollback().await?;
        return Err(DbError::Unavailable("the batch was removed meanwhile; repeat it".into()));
    }
    let found = list_between(&mut tx, &ready).await?;
    let missing = ready.into_iter().filter(|r| !found.contains_key(&r.id));
    let (gone, new): (Vec<&Ready>, Vec<_>) = missing.partition(|r| index_of(r.id) < place.past);
    let (kept_back, new) = part_suppressed(&mut tx, place.batch.tenant_id, new).await?;
    let room = match place.cap {
        Some(cap) => send_budget::room_in(&mut tx, cap, slice.now).await?,
        None => i64::MAX,
    };
    let (fits, mut over) = split(new, room);
    insert_if_missing(&mut tx, place, &fits, slice.now).await?;
    // Those of test numbers are over as soon as they are there.
    let over_at_once = fits.iter().filter(|r| r.checked.is_test);
    let over_at_once: Vec<_> = over_at_once.map(|r| (r.id, place.batch.tenant_id)).collect();
    event::tell_messages(&mut tx, &over_at_once, slice.now).await?;
    if let Some(cap) = place.cap {
        // Last, because single sends of the tenant wait for this row until the commit.
        let charged = fits.iter().filter(|r| !r.checked.is_test).count();
        let charged = i64::try_from(charged).unwrap_or(i64::MAX);
        let granted = send_budget::charge_many(&mut tx, cap, charged, slice.now).await?;
        let (_, late) = split(fits, granted);
        remove(&mut tx, &late).await?;
        over.extend(late);
    }
    tx.commit().await?;
    let gone = gone.iter().map(|r| (r.id, RowRefused::Removed));
    let over = over.iter().map(|r| (r.id, RowRefused::DailyCap));
    let kept_back = kept_back.iter().map(|r| (r.id, RowRefused::Suppressed));
    Ok(Committed { found, refused: gone.chain(over).chain(kept_back).collect() })
}

/// The rows whose recipients are not to be sent to, and the others; nothing is ever sent to test
/// numbers anyhow.
async fn part_suppressed<'a>(
    tx: &mut Tx,
    tenant_id: Uuid,
    rows: Vec<&'a Ready>,
) -> Result<(Vec<&'a Ready>, Vec<&'a Ready>), DbError> {
    let hash = |row: &&'a Ready| row.checked.suppression_hash.as_slice();
    let hashes: Vec<&[u8]> = rows.iter().map(hash).collect();
    let found = suppression::among(tx, tenant_id, &hashes).await?;
    Ok(rows.into_iter().partition(|row| !row.checked.is_test && found.contains(hash(row))))
}

/// The rows that fit into the room, and those that don't; test numbers take none.
fn split(rows: Vec<&Ready>, mut room: i64) -> (Vec<&Ready>, Vec<&Ready>) {
    rows.into_iter().partition(|row| {
        row.checked.is_test || {
            room -= 1;
            room >= 0
        }
    })
}

/// Notes how many rows the batch has had, and holds it until the end of the transaction.
async fn grow(tx: &mut Tx, batch_id: Uuid, size: i64) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE batches SET size = CASE WHEN size < $2 THEN $2 ELSE size END WHERE id = $1",
        )
        .bind(batch_id)
        .bind(size)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// The messages between the first and the last of these ids.
async fn list_between(tx: &mut Tx, rows: &[&Ready]) -> Result<HashMap<Uuid, Message>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id >= $1 AND id <= $2");
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(HashMap::new());
    };
    let found = on_tx!(tx, c => {
        sqlx::query_as::<D, Message>(SQL).bind(first.id).bind(last.id).fetch_all(c).await?
    });
    Ok(found.into_iter().map(|message| (message.id, message)).collect())
}

/// Takes rows of this transaction back, for which another one used the room up meanwhile.
async fn remove(tx: &mut Tx, rows: &[&Ready]) -> Result<(), DbError> {
    for row in rows {
        on_tx!(tx, c => {
            sqlx::query::<D>("DELETE FROM messages WHERE id = $1").bind(row.id).execute(c).await?;
        });
    }
    Ok(())
}

/// Inserts the rows, but none whose id is there.
async fn insert_if_missing(
    tx: &mut Tx,
    place: &Place<'_>,
    rows: &[&Ready],
    now: Millis,
) -> Result<(), DbError> {
    match tx {
        Tx::Postgres(tx, _) => insert_at_once(tx, place, rows, now).await,
        Tx::Sqlite(..) => insert_in(tx, place, rows, now).await,
    }
}

async fn insert_at_once(
    tx: &mut Transaction<'static, Postgres>,
    place: &Place<'_>,
    rows: &[&Ready],
    now: Millis,
) -> Result<(), DbError> {
    let ids: Vec<Uuid> = rows.iter().map(|r| r.id).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|r| r.checked.recipient_hash.as_slice()).collect();
    let recipients: Vec<&[u8]> = rows.iter().map(|r| r.recipient_sealed.as_slice()).collect();
    let bodies: Vec<&[u8]> = rows.iter().map(|r| r.body_sealed.as_slice()).collect();
    let tests: Vec<bool> = rows.iter().map(|r| r.checked.is_test).collect();
    sqlx::query::<Postgres>(
        "INSERT INTO messages (id, tenant_id, generation, lane, channel, state, key_id,
            recipient_hash, recipient_sealed, body_sealed, epoch, crashes, not_before, deadline,
            failure, created_at, finished_at)
         SELECT r.id, $6, 1, $7, $13, CASE WHEN r.test THEN 'canceled' ELSE 'queued' END, $8,
            r.hash, r.recipient, r.body, 0, 0, $9, $10,
            CASE WHEN r.test THEN $11 END, $12, CASE WHEN r.test THEN $12 END
         FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bool[])
              AS r (id, hash, recipient, body, test)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(ids)
    .bind(hashes)
    .bind(recipients)
    .bind(bodies)
    .bind(tests)
    .bind(place.batch.tenant_id)
    .bind(if place.is_sandbox { sandbox::LANE } else { Lane::Bulk.as_str() })
    .bind(place.kid)
    .bind(now - CLOCK_SLACK_MS)
    .bind(now + place.lifetime_ms)
    .bind(TEST_NUMBER)
    .bind(now)
    .bind(Channel::Sms.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// SQLite has one writer: none of the rows can have come since they were looked for.
async fn insert_in(
    tx: &mut Tx,
    place: &Place<'_>,
    rows: &[&Ready],
    now: Millis,
) -> Result<(), DbError> {
    let rows: Vec<Message> = rows.iter().map(|row| place.message(row, now)).collect();
    message::insert(tx, &rows.iter().collect::<Vec<_>>()).await
}

impl Place<'_> {
    fn message(&self, row: &Ready, now: Millis) -> Message {
        let is_test = row.checked.is_test;
        let message = Message {
            channel: Channel::Sms.as_str().into(),
            state: State::of_new(is_test).as_str().into(),
            key_id: self.kid.into(),
            recipient_hash: row.checked.recipient_hash.clone(),
            recipient_sealed: Some(row.recipient_sealed.clone()),
            body_sealed: Some(row.body_sealed.clone()),
            deadline: now + self.lifetime_ms,
            failure: is_test.then(|| TEST_NUMBER.to_owned()),
            finished_at: is_test.then_some(now),
            ..Message::queued(row.id, self.batch.tenant_id, Lane::Bulk, now)
        };
        message.of_sandbox(self.is_sandbox)
    }
}
