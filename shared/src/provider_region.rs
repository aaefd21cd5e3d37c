//! What operators are told of the countries that a provider refuses: written by each worker that
//! finds out, and gone by no worker.

use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    queue::Lane,
};

/// What is older says nothing any more.
const KEPT_MS: Millis = 86_400_000;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProviderRegion {
    pub provider: String,
    /// ISO 3166-1, two capital letters.
    pub country: String,
    pub lane: String,
    /// It is asked last until then.
    pub left_out_until: Millis,
    /// Holds no number and no code.
    pub reason: String,
}

impl ProviderRegion {
    /// `refuses codes to GB`
    #[must_use]
    pub fn in_words(&self) -> String {
        let what = if self.lane == Lane::Otp.as_str() { "codes" } else { "texts" };
        format!("refuses {what} to {}", self.country)
    }
}

/// All that are left out now.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, now: Millis) -> Result<Vec<ProviderRegion>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, ProviderRegion>(
            "SELECT provider, country, lane, left_out_until, reason
             FROM provider_regions WHERE left_out_until > $1 ORDER BY provider, country, lane",
        )
        .bind(now)
        .fetch_all(c)
        .await?
    }))
}

/// A provider is left out for a country until then; a later moment that is known already stands. What
/// is long over is removed.
///
/// # Errors
/// The database does not answer.
pub async fn mark_left_out(db: &Db, region: &ProviderRegion) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "INSERT INTO provider_regions (provider, country, lane, left_out_until, reason)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (provider, country, lane) DO UPDATE SET left_out_until = $4, reason = $5
             WHERE provider_regions.left_out_until < $4",
        )
        .bind(&region.provider)
        .bind(&region.country)
        .bind(&region.lane)
        .bind(region.left_out_until)
        .bind(&region.reason)
        .execute(c)
        .await?;
    });
    on_pool!(db.write(), c => {
        sqlx::query::<D>("DELETE FROM provider_regions WHERE left_out_until < $1")
            .bind(region.left_out_until - KEPT_MS)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// A provider took a message to a country.
///
/// # Errors
/// The database does not answer.
pub async fn mark_taken(db: &Db, provider: &str, country: &str, lane: Lane) -> Result<(), DbError> {
    on_pool!(db.write(), c => {
        sqlx::query::<D>(
            "DELETE FROM provider_regions WHERE provider = $1 AND country = $2 AND lane = $3",
        )
        .bind(provider)
        .bind(country)
        .bind(lane.as_str())
        .execute(c)
        .await?;
    });
    Ok(())
}
