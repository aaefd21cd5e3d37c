//! Keyed hashes, as most providers sign with.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{KeyInit, Mac};

use crate::secrets::same_bytes;

/// The hash of all parts together.
pub(super) fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key of any length is a key.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// True when `given` spells this hash in base64; compared in constant time.
pub(super) fn is_base64_of(given: &str, hash: &[u8]) -> bool {
    same_bytes(BASE64.encode(hash).as_bytes(), given.as_bytes())
}
