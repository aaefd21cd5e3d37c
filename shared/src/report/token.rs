//! Signatures that are a token: a JWT under a secret of the account, whose claims name the hash of
//! what is signed.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::secrets::{hex, same_bytes};

/// What the token claims, if it was made with this secret and one of these algorithms. Times are
/// among the claims and are left to the caller, as is who issued it.
pub(super) fn claims<T: DeserializeOwned>(
    token: &str,
    secret: &str,
    algorithms: &[Algorithm],
) -> Option<T> {
    let validation = Validation {
        algorithms: algorithms.to_vec(),
        required_spec_claims: HashSet::new(),
        // That would be by the system's clock.
        validate_exp: false,
        ..Validation::default()
    };
    let key = DecodingKey::from_secret(secret.as_bytes());
    Some(jsonwebtoken::decode(token, &key, &validation).ok()?.claims)
}

/// True when `hash` is the SHA-256 of the bytes in hexadecimal.
pub(super) fn is_hash_of(hash: &str, bytes: &[u8]) -> bool {
    same_bytes(hash.to_ascii_lowercase().as_bytes(), hex(&Sha256::digest(bytes)).as_bytes())
}
