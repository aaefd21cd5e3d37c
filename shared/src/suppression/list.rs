//! A tenant's suppressions page by page, with those that count for all tenants.

use uuid::Uuid;

use super::{Suppression, columns};
use crate::{
    db::{Db, DbError, on_pool},
    listing::Listing,
};

/// Up to `limit` after the id `after`, oldest first; of one recipient only when its hash is given.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    tenant_id: Uuid,
    of: Option<&[u8]>,
    after: Uuid,
    limit: usize,
) -> Result<Listing<Suppression>, DbError> {
    macro_rules! sql {
        ($whose:literal, $which:literal) => {
            concat!(
                "SELECT ",
                columns!(),
                " FROM suppressions WHERE id > $1 AND ",
                $whose,
                $which,
                " ORDER BY id LIMIT $3"
            )
        };
    }
    // One more than asked for tells whether there is a next page.
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = Vec::new();
    // Each by an index of its own: none walks over the rows of other tenants.
    let whose = match of {
        None => [
            sql!("tenant_id = $2 AND for_everyone = 0", ""),
            sql!("for_everyone = 1 AND $2 = $2", ""),
        ],
        Some(_) => [
            sql!("tenant_id = $2 AND for_everyone = 0", " AND recipient_hash = $4"),
            sql!("for_everyone = 1 AND $2 = $2", " AND recipient_hash = $4"),
        ],
    };
    for sql in whose {
        rows.extend(on_pool!(db.read(), c => {
            let mut query =
                sqlx::query_as::<D, Suppression>(sql).bind(after).bind(tenant_id).bind(wanted);
            if let Some(hash) = of {
                query = query.bind(hash);
            }
            query.fetch_all(c).await?
        }));
    }
    rows.sort_unstable_by_key(|row| row.id);
    Ok(Listing::of(rows, limit, |row| row.id))
}

/// One that the tenant may see.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, tenant_id: Uuid, id: Uuid) -> Result<Option<Suppression>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM suppressions WHERE id = $1 AND (tenant_id = $2 OR for_everyone = 1)"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Suppression>(SQL).bind(id).bind(tenant_id).fetch_optional(c).await?
    }))
}
