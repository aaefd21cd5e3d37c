//! Buckets: how often one value of a limit may be counted in a time. All of a limit's must have room.

use uuid::Uuid;

use super::{Inserted, Page, PageFrom, page};
use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_pool, on_tx, retrying},
    limits::Rule,
};

/// What a bucket may hold: each value's moments are remembered one by one.
pub const MOST_PER_BUCKET: u32 = 100_000;
/// Buckets of one limit: all of them are looked at for every start that names it.
pub const MOST_BUCKETS: i64 = 20;

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Bucket {
    pub id: Uuid,
    pub rate_limit_id: Uuid,
    /// Starts in any interval.
    pub most: i32,
    pub interval_secs: i32,
    pub created_at: Millis,
    pub updated_at: Millis,
}

impl Bucket {
    pub(super) fn rule(&self) -> Rule {
        let window_ms = i64::from(self.interval_secs) * 1_000;
        Rule { count: self.most.unsigned_abs().max(1), window_ms: window_ms.max(1_000) }
    }
}

macro_rules! columns {
    () => {
        "id, rate_limit_id, most, interval_secs, created_at, updated_at"
    };
}

/// # Errors
/// The database does not answer.
pub async fn insert_bucket(db: &Db, bucket: &Bucket) -> Result<Inserted, DbError> {
    let (db, bucket) = (db.clone(), bucket.clone());
    detached(async move { retrying!(insert_once(&db, &bucket).await) }).await
}

async fn insert_once(db: &Db, bucket: &Bucket) -> Result<Inserted, DbError> {
    const SQL: &str = concat!(
        "INSERT INTO verify_buckets (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM verify_buckets WHERE rate_limit_id = $2) < $7
         ON CONFLICT DO NOTHING"
    );
    let mut tx = db.begin().await?;
    // Locks the limit: of those who insert at the same time each counts what the others did.
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>("UPDATE verify_rate_limits SET updated_at = updated_at WHERE id = $1")
            .bind(bucket.rate_limit_id)
            .execute(&mut *c)
            .await?;
        sqlx::query::<D>(SQL)
            .bind(bucket.id)
            .bind(bucket.rate_limit_id)
            .bind(bucket.most)
            .bind(bucket.interval_secs)
            .bind(bucket.created_at)
            .bind(bucket.updated_at)
            .bind(MOST_BUCKETS)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    let count = on_tx!(&mut tx, c => {
        sqlx::query_scalar::<D, i64>("SELECT count(*) FROM verify_buckets WHERE rate_limit_id = $1")
            .bind(bucket.rate_limit_id)
            .fetch_one(c)
            .await?
    });
    tx.commit().await?;
    Ok(Inserted::of(rows, count < MOST_BUCKETS))
}

/// Those of one limit, each of which counts.
pub(super) async fn all_of(db: &Db, rate_limit_id: Uuid) -> Result<Vec<Bucket>, DbError> {
    let most = usize::try_from(MOST_BUCKETS).unwrap_or(usize::MAX);
    Ok(list_buckets(db, rate_limit_id, PageFrom::After(Uuid::nil()), most).await?.rows)
}

/// # Errors
/// The database does not answer.
pub async fn find_bucket(
    db: &Db,
    rate_limit_id: Uuid,
    id: Uuid,
) -> Result<Option<Bucket>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM verify_buckets WHERE id = $2 AND rate_limit_id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Bucket>(SQL).bind(rate_limit_id).bind(id).fetch_optional(c).await?
    }))
}

/// # Errors
/// The database does not answer.
pub async fn list_buckets(
    db: &Db,
    rate_limit_id: Uuid,
    from: PageFrom,
    limit: usize,
) -> Result<Page<Bucket>, DbError> {
    Ok(page!(
        db,
        Bucket,
        concat!("SELECT ", columns!(), " FROM verify_buckets WHERE rate_limit_id = $1"),
        (rate_limit_id, from, limit)
    ))
}

/// Writes how often, and in which time, as far as it is said: the bucket as it is from then on, none when there
/// is none.
///
/// # Errors
/// The database does not answer.
pub async fn update_bucket(
    db: &Db,
    (rate_limit_id, id): (Uuid, Uuid),
    (most, interval_secs): (Option<i32>, Option<i32>),
    now: Millis,
) -> Result<Option<Bucket>, DbError> {
    const SQL: &str = concat!(
        "UPDATE verify_buckets
         SET most = COALESCE($3, most), interval_secs = COALESCE($4, interval_secs),
             updated_at = $5
         WHERE id = $2 AND rate_limit_id = $1
         RETURNING ",
        columns!()
    );
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, Bucket>(SQL)
            .bind(rate_limit_id)
            .bind(id)
            .bind(most)
            .bind(interval_secs)
            .bind(now)
            .fetch_optional(c)
            .await?
    }))
}

/// False when it is gone.
///
/// # Errors
/// The database does not answer.
pub async fn delete_bucket(db: &Db, rate_limit_id: Uuid, id: Uuid) -> Result<bool, DbError> {
    let rows = on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM verify_buckets WHERE id = $2 AND rate_limit_id = $1")
            .bind(rate_limit_id)
            .bind(id)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}
