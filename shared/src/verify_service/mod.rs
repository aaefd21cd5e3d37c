//! Services: what Twilio Verify calls the settings that verifications have in common. Each belongs to a
//! tenant and stands on one purpose; what differs there is kept with it.
//!
//! | module | what lives there |
//! |---|---|
//! | `start` | starting a verification, or sending its code again |
//! | `started` | which verification a number has in a Service |
//! | `rate_limit`, `bucket` | limits that callers name, and how often they allow something |
//! | `sid` | how ids are written |

mod bucket;
mod rate_limit;
mod sid;
mod start;
mod started;

use uuid::Uuid;

pub use self::{
    bucket::{
        Bucket, MOST_BUCKETS, MOST_PER_BUCKET, delete_bucket, find_bucket, insert_bucket,
        list_buckets, update_bucket,
    },
    rate_limit::{
        MOST_RATE_LIMITS, RateLimit, delete_rate_limit, find_rate_limit, insert_rate_limit,
        list_rate_limits, update_rate_limit,
    },
    sid::Sid,
    start::{Start, StartRefused, start},
    started::last_of,
};
use crate::{
    clock::Millis,
    db::{Db, DbError, detached, on_pool, on_tx, retrying},
};

/// Characters of its name.
pub const LONGEST_NAME: usize = 32;

/// Services of one tenant. Some make one for each of their customers.
pub const MOST_SERVICES: i64 = 1_000;

/// What became of a row that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Yes,
    /// There is one of this id or name.
    Taken,
    /// There are as many as there may be.
    TooMany,
}

impl Inserted {
    fn of(rows: u64, has_room: bool) -> Self {
        match (rows, has_room) {
            (1, _) => Self::Yes,
            (_, true) => Self::Taken,
            (_, false) => Self::TooMany,
        }
    }
}

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Service {
    pub id: Uuid,
    pub tenant_id: Uuid,
    /// One of its tenant's, or gone since.
    pub purpose: String,
    /// What {app} stands for in its texts.
    pub friendly_name: String,
    pub(crate) code_length: i32,
    custom_codes: i32,
    payments: i32,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// What callers can set of it, beside what the purpose says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub friendly_name: String,
    pub code_length: u32,
    /// Whether callers may bring codes of their own.
    pub custom_codes: bool,
    /// Whether every code is for one payment: an amount and who gets it.
    pub payments: bool,
}

impl Service {
    #[must_use]
    pub fn new(id: Uuid, tenant_id: Uuid, purpose: &str, options: Options, now: Millis) -> Self {
        Self {
            id,
            tenant_id,
            purpose: purpose.to_owned(),
            friendly_name: options.friendly_name,
            code_length: column(options.code_length),
            custom_codes: i32::from(options.custom_codes),
            payments: i32::from(options.payments),
            created_at: now,
            updated_at: now,
        }
    }

    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            friendly_name: self.friendly_name.clone(),
            code_length: self.code_length.unsigned_abs(),
            custom_codes: self.custom_codes != 0,
            payments: self.payments != 0,
        }
    }

    #[must_use]
    pub fn takes_custom_codes(&self) -> bool {
        self.custom_codes != 0
    }

    #[must_use]
    pub fn is_for_payments(&self) -> bool {
        self.payments != 0
    }
}

/// What a request says of its options; what it does not say stays.
#[derive(Clone, Debug, Default)]
pub struct OptionsChange {
    pub friendly_name: Option<String>,
    pub code_length: Option<u32>,
    pub custom_codes: Option<bool>,
    pub payments: Option<bool>,
}

fn column(code_length: u32) -> i32 {
    i32::try_from(code_length).unwrap_or(6)
}

/// Which rows of a list: after one, or before one; ids are in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFrom {
    After(Uuid),
    Before(Uuid),
}

/// Some rows of a list, oldest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Whether there are rows on the side that was gone to.
    pub more: bool,
}

impl<T> Page<T> {
    /// Of one row more than was asked for, in the order in which they were walked over.
    fn of(mut rows: Vec<T>, from: PageFrom, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        if matches!(from, PageFrom::Before(_)) {
            rows.reverse();
        }
        Self { rows, more }
    }
}

/// The rows of `$owner` from a place on: a query for each direction.
macro_rules! page {
    ($db:expr, $row:ty, $select:expr, ($owner:expr, $from:expr, $limit:expr)) => {{
        let (sql, id) = match $from {
            $crate::verify_service::PageFrom::After(id) => {
                (concat!($select, " AND id > $2 ORDER BY id LIMIT $3"), id)
            }
            $crate::verify_service::PageFrom::Before(id) => {
                (concat!($select, " AND id < $2 ORDER BY id DESC LIMIT $3"), id)
            }
        };
        // One more than asked for tells whether there are others.
        let wanted = i64::try_from($limit).unwrap_or(i64::MAX).saturating_add(1);
        let rows = on_pool!($db.read(), c => {
            sqlx::query_as::<D, $row>(sql).bind($owner).bind(id).bind(wanted).fetch_all(c).await?
        });
        $crate::verify_service::Page::of(rows, $from, $limit)
    }};
}
use page;

macro_rules! columns {
    () => {
        "id, tenant_id, purpose, friendly_name, code_length, custom_codes, payments, created_at, \
         updated_at"
    };
}

/// # Errors
/// The database does not answer.
pub async fn insert(db: &Db, service: &Service) -> Result<Inserted, DbError> {
    let (db, service) = (db.clone(), service.clone());
    detached(async move { retrying!(insert_once(&db, &service).await) }).await
}

async fn insert_once(db: &Db, service: &Service) -> Result<Inserted, DbError> {
    const SQL: &str = concat!(
        "INSERT INTO verify_services (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE (SELECT count(*) FROM verify_services WHERE tenant_id = $2) < $10
         ON CONFLICT DO NOTHING"
    );
    let mut tx = db.begin().await?;
    // Locks the tenant: of those who insert at the same time each counts what the others did.
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>("UPDATE tenants SET created_at = created_at WHERE id = $1")
            .bind(service.tenant_id)
            .execute(&mut *c)
            .await?;
        sqlx::query::<D>(SQL)
            .bind(service.id)
            .bind(service.tenant_id)
            .bind(&service.purpose)
            .bind(&service.friendly_name)
            .bind(service.code_length)
            .bind(service.custom_codes)
            .bind(service.payments)
            .bind(service.created_at)
            .bind(service.updated_at)
            .bind(MOST_SERVICES)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    let count = on_tx!(&mut tx, c => {
        sqlx::query_scalar::<D, i64>("SELECT count(*) FROM verify_services WHERE tenant_id = $1")
            .bind(service.tenant_id)
            .fetch_one(c)
            .await?
    });
    tx.commit().await?;
    Ok(Inserted::of(rows, count < MOST_SERVICES))
}

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, tenant_id: Uuid, id: Uuid) -> Result<Option<Service>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM verify_services WHERE id = $2 AND tenant_id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Service>(SQL).bind(tenant_id).bind(id).fetch_optional(c).await?
    }))
}

/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    tenant_id: Uuid,
    from: PageFrom,
    limit: usize,
) -> Result<Page<Service>, DbError> {
    Ok(page!(
        db,
        Service,
        concat!("SELECT ", columns!(), " FROM verify_services WHERE tenant_id = $1"),
        (tenant_id, from, limit)
    ))
}

/// Those of all tenants.
///
/// # Errors
/// The database does not answer.
pub async fn list_everywhere(db: &Db) -> Result<Vec<Service>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM verify_services ORDER BY tenant_id, id");
    Ok(on_pool!(db.read(), c => sqlx::query_as::<D, Service>(SQL).fetch_all(c).await?))
}

/// Writes what is said of its options: the Service as it is from then on, none when there is none.
///
/// # Errors
/// The database does not answer.
pub async fn update(
    db: &Db,
    (tenant_id, id): (Uuid, Uuid),
    change: &OptionsChange,
    now: Millis,
) -> Result<Option<Service>, DbError> {
    const SQL: &str = concat!(
        "UPDATE verify_services
         SET friendly_name = COALESCE($3, friendly_name),
             code_length = COALESCE($4, code_length),
             custom_codes = COALESCE($5, custom_codes),
             payments = COALESCE($6, payments), updated_at = $7
         WHERE id = $2 AND tenant_id = $1
         RETURNING ",
        columns!()
    );
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, Service>(SQL)
            .bind(tenant_id)
            .bind(id)
            .bind(change.friendly_name.as_deref())
            .bind(change.code_length.map(column))
            .bind(change.custom_codes.map(i32::from))
            .bind(change.payments.map(i32::from))
            .bind(now)
            .fetch_optional(c)
            .await?
    }))
}

/// Removes it with its limits; false when it is gone. What it knows of numbers ends with its time.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, tenant_id: Uuid, id: Uuid) -> Result<bool, DbError> {
    let db = db.clone();
    detached(async move {
        let mut tx = db.begin().await?;
        let rows = on_tx!(&mut tx, c => {
            sqlx::query::<D>("DELETE FROM verify_services WHERE id = $2 AND tenant_id = $1")
                .bind(tenant_id)
                .bind(id)
                .execute(c)
                .await?
                .rows_affected()
        });
        rate_limit::delete_of(&mut tx, id).await?;
        // A foreign one loses nothing.
        if rows == 1 {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(rows == 1)
    })
    .await
}
