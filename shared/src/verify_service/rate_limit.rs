//! Limits of a Service that callers name at a start, each with a value of theirs to count by, such as the
//! address of the person. How often is said by buckets: all of them must have room.

use uuid::Uuid;

use super::{
    Inserted, Page, PageFrom,
    bucket::{self, Bucket},
    page,
};
use crate::{
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_pool, on_tx, retrying},
    home::Home,
    limits::{Charge, Charged, Limited, Rule, Scope},
    secrets::short_hex,
};

/// Limits of one Service.
pub const MOST_RATE_LIMITS: i64 = 100;

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct RateLimit {
    pub id: Uuid,
    pub service_id: Uuid,
    pub unique_name: String,
    pub description: String,
    pub created_at: Millis,
    pub updated_at: Millis,
}

macro_rules! columns {
    () => {
        "id, service_id, unique_name, description, created_at, updated_at"
    };
}

/// # Errors
/// The database does not answer.
pub async fn insert_rate_limit(db: &Db, limit: &RateLimit) -> Result<Inserted, DbError> {
    let (db, limit) = (db.clone(), limit.clone());
    detached(async move { retrying!(insert_once(&db, &limit).await) }).await
}

async fn insert_once(db: &Db, limit: &RateLimit) -> Result<Inserted, DbError> {
    const SQL: &str = concat!(
        "INSERT INTO verify_rate_limits (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM verify_rate_limits WHERE service_id = $2) < $7
         ON CONFLICT DO NOTHING"
    );
    let mut tx = db.begin().await?;
    // Locks the Service: of those who insert at the same time each counts what the others did.
    let rows = on_tx!(&mut tx, c => {
        sqlx::query::<D>("UPDATE verify_services SET updated_at = updated_at WHERE id = $1")
            .bind(limit.service_id)
            .execute(&mut *c)
            .await?;
        sqlx::query::<D>(SQL)
            .bind(limit.id)
            .bind(limit.service_id)
            .bind(&limit.unique_name)
            .bind(&limit.description)
            .bind(limit.created_at)
            .bind(limit.updated_at)
            .bind(MOST_RATE_LIMITS)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    let count = on_tx!(&mut tx, c => {
        sqlx::query_scalar::<D, i64>("SELECT count(*) FROM verify_rate_limits WHERE service_id = $1")
            .bind(limit.service_id)
            .fetch_one(c)
            .await?
    });
    tx.commit().await?;
    Ok(Inserted::of(rows, count < MOST_RATE_LIMITS))
}

/// # Errors
/// The database does not answer.
pub async fn find_rate_limit(
    db: &Db,
    service_id: Uuid,
    id: Uuid,
) -> Result<Option<RateLimit>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM verify_rate_limits WHERE id = $2 AND service_id = $1"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, RateLimit>(SQL).bind(service_id).bind(id).fetch_optional(c).await?
    }))
}

/// # Errors
/// The database does not answer.
pub async fn list_rate_limits(
    db: &Db,
    service_id: Uuid,
    from: PageFrom,
    limit: usize,
) -> Result<Page<RateLimit>, DbError> {
    Ok(page!(
        db,
        RateLimit,
        concat!("SELECT ", columns!(), " FROM verify_rate_limits WHERE service_id = $1"),
        (service_id, from, limit)
    ))
}

/// Writes the description if there is one: the limit as it is from then on, none when there is none.
///
/// # Errors
/// The database does not answer.
pub async fn update_rate_limit(
    db: &Db,
    (service_id, id): (Uuid, Uuid),
    description: Option<&str>,
    now: Millis,
) -> Result<Option<RateLimit>, DbError> {
    const SQL: &str = concat!(
        "UPDATE verify_rate_limits
         SET description = COALESCE($3, description), updated_at = $4
         WHERE id = $2 AND service_id = $1
         RETURNING ",
        columns!()
    );
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, RateLimit>(SQL)
            .bind(service_id)
            .bind(id)
            .bind(description)
            .bind(now)
            .fetch_optional(c)
            .await?
    }))
}

/// Removes it with its buckets; false when it is gone.
///
/// # Errors
/// The database does not answer.
pub async fn delete_rate_limit(db: &Db, service_id: Uuid, id: Uuid) -> Result<bool, DbError> {
    let db = db.clone();
    detached(async move {
        let mut tx = db.begin().await?;
        let rows = on_tx!(&mut tx, c => {
            sqlx::query::<D>(
                "DELETE FROM verify_buckets WHERE rate_limit_id IN
                    (SELECT id FROM verify_rate_limits WHERE id = $2 AND service_id = $1)",
            )
            .bind(service_id)
            .bind(id)
            .execute(&mut *c)
            .await?;
            sqlx::query::<D>("DELETE FROM verify_rate_limits WHERE id = $2 AND service_id = $1")
                .bind(service_id)
                .bind(id)
                .execute(&mut *c)
                .await?
                .rows_affected()
        });
        tx.commit().await?;
        Ok(rows == 1)
    })
    .await
}

/// All of a Service.
pub(super) async fn delete_of(tx: &mut Tx, service_id: Uuid) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "DELETE FROM verify_buckets WHERE rate_limit_id IN
                (SELECT id FROM verify_rate_limits WHERE service_id = $1)",
        )
        .bind(service_id)
        .execute(&mut *c)
        .await?;
        sqlx::query::<D>("DELETE FROM verify_rate_limits WHERE service_id = $1")
            .bind(service_id)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Why a start was not counted.
#[derive(Debug)]
pub(super) enum NotCounted {
    NoSuchLimit(String),
    Limited(Limited),
    Unavailable(DbError),
}

impl From<DbError> for NotCounted {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

/// Counts a start under every limit it names, or under none.
pub(super) async fn charge(
    home: &Home,
    tenant_id: Uuid,
    service_id: Uuid,
    counted: &[(String, String)],
) -> Result<Charged, NotCounted> {
    let mut found = Vec::with_capacity(counted.len());
    for (name, value) in counted {
        let Some((id, rules)) = rules_of(&home.db, service_id, name).await? else {
            return Err(NotCounted::NoSuchLimit(name.clone()));
        };
        // Not even Redis needs to know what it is.
        let hash = home.keys.recipient_hash(tenant_id, &format!("{id} {value}"));
        found.push((format!("bucket:{}", short_hex(&hash)), rules));
    }
    let charges: Vec<Charge<'_>> = found
        .iter()
        .filter(|(_, rules)| !rules.is_empty())
        .map(|(key, rules)| Charge::new(Scope::Client, key.clone(), rules))
        .collect();
    if charges.is_empty() {
        return Ok(Charged::default());
    }
    let answer = home.limiter.charge(tenant_id, &charges, None, home.clock.now()).await;
    answer.map_err(NotCounted::Limited)
}

/// None when there is no limit of this name.
async fn rules_of(
    db: &Db,
    service_id: Uuid,
    name: &str,
) -> Result<Option<(Uuid, Vec<Rule>)>, DbError> {
    let limit = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>(
            "SELECT id FROM verify_rate_limits WHERE service_id = $1 AND unique_name = $2",
        )
        .bind(service_id)
        .bind(name)
        .fetch_optional(c)
        .await?
    });
    let Some(id) = limit else { return Ok(None) };
    Ok(Some((id, bucket::all_of(db, id).await?.iter().map(Bucket::rule).collect())))
}
