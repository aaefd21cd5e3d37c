//! Events: what happened to verifications and messages, written down for those who listen.
//!
//! | module | what lives there |
//! |---|---|
//! | `tell` | writing events down, together with what they are about |
//! | `kind` | their types, and filters on them |
//! | `log` | their order, and reading them by it |
//! | `body` | what is said of one |

mod body;
mod kind;
mod log;
mod tell;

use uuid::Uuid;

pub use self::{
    body::{Said, say},
    kind::{Filter, GROUPS, KINDS, NoSuchKind, WEBHOOK_DISABLED, WEBHOOK_TEST},
    log::{Page, find, list, place_before},
};
pub(crate) use self::{
    log::{give_places, is_behind},
    tell::{AboutWebhook, Changed, tell_messages, tell_verifications},
};
use crate::clock::Millis;

/// One row. It holds no address and no code.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    pub id: Uuid,
    pub tenant_id: Uuid,
    /// Its type, one of [`KINDS`].
    pub kind: String,
    pub verification_id: Option<Uuid>,
    pub message_id: Option<Uuid>,
    pub webhook_id: Option<Uuid>,
    pub channel: Option<String>,
    pub purpose: Option<String>,
    pub reason: Option<String>,
    pub at: Millis,
    /// Its place in the log; none until it has one.
    pub seq: Option<i64>,
}

/// All columns.
macro_rules! columns {
    () => {
        "id, tenant_id, kind, verification_id, message_id, webhook_id, channel, purpose, reason, at, \
         seq"
    };
}
use columns;

impl Event {
    /// What stands after the dot of its type.
    #[must_use]
    pub fn state(&self) -> &str {
        self.kind.split_once('.').map_or("", |(_, state)| state)
    }
}
