//! Session tokens and API keys: an id to find the row by, and a secret to prove it with.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{digest, random};

/// A 256-bit secret with the id of its row in front: session tokens and API keys.
#[derive(Clone)]
pub struct Handle {
    pub id: Uuid,
    secret: Zeroizing<[u8; 32]>,
}

impl Handle {
    /// A new secret for the row `id`.
    #[must_use]
    pub fn generate(id: Uuid) -> Self {
        Self { id, secret: Zeroizing::new(random()) }
    }

    /// The text the client holds: 64 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.id.as_bytes().as_slice(), &*self.secret].concat());
        Zeroizing::new(BASE64.encode(bytes.as_slice()))
    }

    /// None when the text is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
        let (id, secret) = bytes.split_at_checked(16)?;
        Some(Self {
            id: Uuid::from_slice(id).ok()?,
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        digest(&*self.secret)
    }

    /// Compares with a stored hash in constant time.
    #[must_use]
    pub fn matches(&self, hash: &[u8]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
