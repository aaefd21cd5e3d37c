//! Links to the hosted page: all that the page needs to know is sealed into the link itself. That one was
//! used is kept where first answers are.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    channel::Channel,
    clock::Millis,
    db::{Db, DbError, detached, retrying},
    home::Home,
    idempotency::{self, IdempotencyKey, Record},
    secrets::{Keyring, SecretError},
    verification::Variables,
};

const FIELD: &str = "page.link";
/// Bytes of the longest text that is looked at: longer ones are no links of ours.
const LONGEST_TEXT: usize = 8_192;
/// Longer than any code lives of a verification that was begun with the link.
const USED_FOR_MS: i64 = 2 * 86_400_000;

/// What whoever opens the page may do, and what becomes of it. Its `Debug` names its id alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub purpose: String,
    /// The ways that the person can choose among, the first one before the others; at least one.
    pub channels: Vec<Channel>,
    /// The one address that is sent to, as [`crate::recipient::Recipient::address`] writes it; none when the
    /// person says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// BCP 47; none for what the browser asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The only origin that may show it in a frame; none for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed_origin: Option<String>,
    /// Given back with the receipt as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    pub expires_at: Millis,
}

impl fmt::Debug for PageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageLink({})", self.id)
    }
}

impl PageLink {
    /// The text that stands in the address: base64url.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn to_text(&self, keys: &Keyring) -> Result<String, SecretError> {
        let plain = serde_json::to_vec(self).map_err(|_| SecretError::BrokenSeal)?;
        Ok(give(keys, FIELD, self.id, &plain)?.with_id())
    }

    /// None when the text is none that [`PageLink::to_text`] made with one of our keys.
    #[must_use]
    pub fn parse(keys: &Keyring, text: &str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let bytes = BASE64.decode(text).ok()?;
        let (id, sealed) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        let plain = keys.open_given(FIELD, id, sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Seals something that whoever opened the page holds, and that counts with this link alone: base64url.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn give(&self, keys: &Keyring, what: &str, plain: &[u8]) -> Result<String, SecretError> {
        Ok(give(keys, what, self.id, plain)?.alone())
    }

    /// Opens what [`PageLink::give`] gave; none when it is anything else.
    #[must_use]
    pub fn take(&self, keys: &Keyring, what: &str, text: &str) -> Option<Vec<u8>> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let sealed = BASE64.decode(text).ok()?;
        Some(keys.open_given(what, self.id, &sealed).ok()?.to_vec())
    }

    /// The key of its use. It begins as no key of a caller's can.
    fn use_key(&self, keys: &Keyring, verification: Uuid) -> IdempotencyKey {
        let key = format!("\0page-link {}", self.id);
        IdempotencyKey::new(keys, &key, &[verification.as_bytes()])
    }

    /// How the link was used, seen from a verification; none when it was not.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn used(&self, home: &Home, by: Uuid) -> Result<Option<Use>, DbError> {
        let key = self.use_key(&home.keys, by);
        let found = idempotency::find(&home.db, self.tenant_id, &key, home.clock.now()).await?;
        Ok(found.map(|record| if record.is_for(&key) { Use::Its } else { Use::AnothersBefore }))
    }

    /// Says that this verification of the link succeeded: of several the first one counts.
    ///
    /// # Errors
    /// The database does not answer; a repeat does no harm.
    pub async fn mark_used(&self, home: &Home, by: Uuid) -> Result<Use, DbError> {
        let (key, now) = (self.use_key(&home.keys, by), home.clock.now());
        let record = Record::new(&key, self.tenant_id, by, &[], &home.keys, now + USED_FOR_MS)?;
        let db = home.db.clone();
        let first = detached(async move { retrying!(insert(&db, &record, now).await) }).await?;
        if first {
            return Ok(Use::Its);
        }
        Ok(self.used(home, by).await?.unwrap_or(Use::Its))
    }
}

/// Whose a link's one success is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Of the verification that asks.
    Its,
    AnothersBefore,
}

async fn insert(db: &Db, record: &Record, now: Millis) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let kept = idempotency::insert(&mut tx, &[record], now).await?;
    tx.commit().await?;
    Ok(!kept.is_empty())
}

struct Given {
    id: Uuid,
    sealed: Vec<u8>,
}

impl Given {
    fn with_id(self) -> String {
        BASE64.encode([self.id.as_bytes().as_slice(), &self.sealed].concat())
    }

    fn alone(self) -> String {
        BASE64.encode(self.sealed)
    }
}

fn give(keys: &Keyring, what: &str, id: Uuid, plain: &[u8]) -> Result<Given, SecretError> {
    Ok(Given { id, sealed: keys.seal(what, id, plain)? })
}
