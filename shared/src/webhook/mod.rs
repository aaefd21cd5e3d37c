//! Endpoints: where a tenant's events are posted to, signed.
//!
//! | module | what lives there |
//! |---|---|
//! | `state` | where they and their deliveries stand |
//! | `change` | making, changing and removing them |
//! | `secret` | signatures |
//! | `target` | where may be posted to at all |
//! | `spread` | each event once to each endpoint that takes it; replays |
//! | `delivery` | one event on its way to one endpoint |
//! | `post` | taking what is due, and what came of posting it |

mod change;
mod delivery;
mod post;
mod secret;
mod spread;
mod state;
mod target;

use std::collections::HashSet;

use uuid::Uuid;

pub use self::{
    change::{
        Change, Description, NewWebhook, NotMade, ROTATION_MS, create, remove, rotate, test, update,
    },
    delivery::{Delivery, list_deliveries, replay},
    post::{Answer, Due, MOST_POSTS, Noted, Waiting, claim, list_due, record, recover, retry_at},
    secret::Secret,
    spread::{ReplayFrom, Replayed, replay_from, spread},
    state::{DeliveryState, State},
    target::{Target, is_public},
};
use crate::{
    clock::Millis,
    db::{Db, DbError, on_pool},
    event::Filter,
    secrets::{Keyring, SecretError},
};

/// The name under which secrets are sealed.
const SECRET: &str = "webhook.secret";

/// An endpoint that has only failed for so long is disabled.
pub const DISABLED_AFTER_MS: Millis = 5 * 86_400_000;

/// Its secrets are sealed, and open through [`Webhook::secrets`].
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Webhook {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub url: String,
    pub description: String,
    types: String,
    key_id: String,
    secret_sealed: Vec<u8>,
    old_key_id: Option<String>,
    old_secret_sealed: Option<Vec<u8>>,
    old_until: Option<Millis>,
    state: String,
    /// The first failure since the last success.
    pub failing_since: Option<Millis>,
    pub disabled_at: Option<Millis>,
    pub disabled_why: Option<String>,
    pub created_at: Millis,
}

/// All columns.
macro_rules! columns {
    () => {
        "id, tenant_id, url, description, types, key_id, secret_sealed, old_key_id, \
         old_secret_sealed, old_until, state, failing_since, disabled_at, disabled_why, created_at"
    };
}
use columns;

impl Webhook {
    /// What it takes.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter::from_stored(&self.types)
    }

    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state == State::Enabled.as_str()
    }

    /// With what a delivery of this moment is signed: the secret, and for a day the one before it.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn secrets(&self, keys: &Keyring, now: Millis) -> Result<Vec<Secret>, SecretError> {
        let open = |kid: &str, sealed: &[u8]| {
            keys.open(kid, SECRET, self.id, sealed).map(Secret::from_bytes)
        };
        let mut secrets = vec![open(&self.key_id, &self.secret_sealed)?];
        if let (Some(kid), Some(sealed), Some(until)) =
            (&self.old_key_id, &self.old_secret_sealed, self.old_until)
            && now < until
        {
            secrets.push(open(kid, sealed)?);
        }
        Ok(secrets)
    }
}

/// An endpoint of this tenant; those of others are not there.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, tenant_id: Uuid, id: Uuid) -> Result<Option<Webhook>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM webhooks WHERE id = $1 AND tenant_id = $2");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Webhook>(SQL).bind(id).bind(tenant_id).fetch_optional(c).await?
    }))
}

/// Up to `limit` of a tenant's after the id `after`, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    tenant_id: Uuid,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Webhook>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhooks WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Webhook>(SQL)
            .bind(tenant_id)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await?
    }))
}

/// Those that get nothing, or have only failed lately, of all tenants.
///
/// # Errors
/// The database does not answer.
pub async fn list_troubled(db: &Db) -> Result<Vec<Webhook>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhooks WHERE disabled_why IS NOT NULL OR failing_since IS NOT NULL ORDER BY id"
    );
    Ok(on_pool!(db.read(), c => sqlx::query_as::<D, Webhook>(SQL).fetch_all(c).await?))
}

/// The tenants that have endpoints: their events are written down.
pub(crate) async fn list_listeners(db: &Db) -> Result<HashSet<Uuid>, DbError> {
    let tenants = on_pool!(db.read(), c => {
        sqlx::query_scalar::<D, Uuid>("SELECT DISTINCT tenant_id FROM webhooks").fetch_all(c).await?
    });
    Ok(tenants.into_iter().collect())
}
