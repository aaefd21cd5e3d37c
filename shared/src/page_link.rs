//! Links to the hosted page: all that the page needs to know is sealed into the link itself. That one was
//! used is kept where first answers are.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
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
/// Bytes of the longest text that is made, or looked at. With method and path it fits into the 8 KiB of a
/// request line that proxies take.
const LONGEST_TEXT: usize = 8_000;
/// Longer than any code lives of a verification that was begun with the link.
const USED_FOR_MS: i64 = 2 * 86_400_000;

/// The parameters that the page adds to the address that it returns to.
pub const ADDED: [&str; 3] = [RECEIPT, STATE, ERROR];
const RECEIPT: &str = "receipt";
const STATE: &str = "state";
const ERROR: &str = "error";

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
    pub metadata: Option<Map<String, Value>>,
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
    /// It cannot be sealed, or would be longer than what [`PageLink::parse`] looks at.
    pub fn to_text(&self, keys: &Keyring) -> Result<String, NotWritten> {
        let plain = serde_json::to_vec(self).map_err(|_| SecretError::BrokenSeal)?;
        let text = give(keys, FIELD, self.id, &plain)?.with_id();
        if text.len() > LONGEST_TEXT {
            let (field, length) = (longest_field(&plain), text.len());
            return Err(NotWritten::TooLong { field, length, most: LONGEST_TEXT });
        }
        Ok(text)
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

    /// Where the person goes back to, with this and the state; none where the page is embedded alone.
    #[must_use]
    pub fn return_to(&self, with: With<'_>) -> Option<String> {
        let mut url = Url::parse(self.return_url.as_deref()?).ok()?;
        let with = match with {
            With::Receipt(receipt) => (RECEIPT, receipt),
            With::NotVerified => (ERROR, "not_verified"),
        };
        let state = self.state.as_deref().map(|state| (STATE, state));
        url.query_pairs_mut().extend_pairs([with].into_iter().chain(state));
        Some(url.into())
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

/// What somebody goes back with.
#[derive(Clone, Copy, Debug)]
pub enum With<'a> {
    Receipt(&'a str),
    NotVerified,
}

/// Why there is no text of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// It would have so many bytes of at most so many.
    TooLong {
        /// What takes the most of them.
        field: String,
        length: usize,
        most: usize,
    },
    NotSealed(SecretError),
}

impl From<SecretError> for NotWritten {
    fn from(error: SecretError) -> Self {
        Self::NotSealed(error)
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

/// The name of the field that takes the most bytes of a link as JSON.
fn longest_field(plain: &[u8]) -> String {
    let fields: Map<String, Value> = serde_json::from_slice(plain).unwrap_or_default();
    let longest = fields.into_iter().max_by_key(|(_, value)| value.to_string().len());
    longest.map(|(name, _)| name).unwrap_or_default()
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
