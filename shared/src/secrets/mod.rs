//! The keyring, and everything made with it: codes, seals, hashes, tokens and receipts.

mod code;
mod handle;
mod receipt_key;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::receipt_key::ReceiptKey;
pub use self::{code::Code, handle::Handle};
pub use jsonwebtoken::jwk::JwkSet;

const NONCE: usize = 24;

/// `N` bytes that nobody can guess: of the thread's `ChaCha12` stream, which the system's random
/// source seeds, and again after every 64 KiB. A system call for each secret was 3.5 % of what the
/// API did under load.
///
/// # Panics
/// The system has nothing to seed it with.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    rand::random()
}

/// What can go wrong with a secret; never says what the secret was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// A row names a key that is not in the keyring.
    UnknownKey(String),
    /// The sealed bytes were changed, moved to another row, or belong to another key.
    BrokenSeal,
    /// An entry of `secrets.keys` or `secrets.hash_keys` is not `kid:base64` of 32 bytes.
    BadEntry,
    /// Two entries have the same id.
    SameKid,
    Empty,
    /// A receipt could not be signed.
    NotSigned,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(kid) => {
                write!(f, "key {kid:?} is not in the keyring: keep old keys until no row uses them")
            }
            Self::BrokenSeal => f.write_str("a sealed value does not open with its key"),
            Self::BadEntry => f.write_str("an entry must read kid:base64 with 32 bytes"),
            Self::SameKid => f.write_str("two entries have the same kid; give each its own"),
            Self::Empty => f.write_str("there is no key"),
            Self::NotSigned => f.write_str("a receipt could not be signed"),
        }
    }
}

impl std::error::Error for SecretError {}

/// What a code is derived from.
#[derive(Clone, Copy, Debug)]
pub struct CodeInput<'a> {
    pub tenant_id: Uuid,
    pub purpose: &'a str,
    pub recipient_hash: &'a [u8],
    pub verification_id: Uuid,
    pub seed: &'a [u8],
    pub generation: i32,
    /// Digits, 4 to 10.
    pub length: u32,
}

struct Key {
    kid: String,
    code: Zeroizing<[u8; 32]>,
    /// For what only we verify.
    own: Zeroizing<[u8; 32]>,
    receipt: ReceiptKey,
    seal: XChaCha20Poly1305,
}

struct HashKey {
    kid: String,
    key: Zeroizing<[u8; 32]>,
}

/// All keys of the service; the first of each kind is used for what is new.
pub struct Keyring {
    keys: Vec<Key>,
    hash_keys: Vec<HashKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl Keyring {
    /// Reads entries of the form `kid:base64`, each 32 bytes, newest first.
    ///
    /// # Errors
    /// An entry is malformed, or there is none.
    pub fn parse(keys: &[String], hash_keys: &[String]) -> Result<Self, SecretError> {
        if keys.is_empty() || hash_keys.is_empty() {
            return Err(SecretError::Empty);
        }
        let keys = keys.iter().map(|entry| {
            let (kid, root) = parse_entry(entry)?;
            let seal = subkey(&root, b"otpost/seal/v1");
            let receipt = ReceiptKey::new(&kid, &subkey(&root, b"otpost/receipt-ed25519/v1"))?;
            Ok(Key {
                kid,
                code: subkey(&root, b"otpost/verify-code/v1"),
                own: subkey(&root, b"otpost/receipt/v1"),
                receipt,
                seal: XChaCha20Poly1305::new(&(*seal).into()),
            })
        });
        let hash_keys = hash_keys.iter().map(|entry| {
            let (kid, root) = parse_entry(entry)?;
            Ok(HashKey { kid, key: subkey(&root, b"otpost/recipient-hash/v1") })
        });
        let ring = Self {
            keys: keys.collect::<Result<_, _>>()?,
            hash_keys: hash_keys.collect::<Result<_, _>>()?,
        };
        let kids: std::collections::HashSet<_> = ring.keys.iter().map(|key| &key.kid).collect();
        let hash_kids: std::collections::HashSet<_> =
            ring.hash_keys.iter().map(|key| &key.kid).collect();
        if kids.len() < ring.keys.len() || hash_kids.len() < ring.hash_keys.len() {
            return Err(SecretError::SameKid);
        }
        Ok(ring)
    }

    /// A new entry for `secrets.keys` or `secrets.hash_keys`.
    #[must_use]
    pub fn generate_entry(kid: &str) -> String {
        let root = Zeroizing::new(random::<32>());
        format!("{kid}:{}", BASE64.encode(root.as_slice()))
    }

    /// The id of the key that new rows use.
    #[must_use]
    pub fn active_kid(&self) -> &str {
        self.keys.first().map_or("", |key| key.kid.as_str())
    }

    /// The id of the hash key that new rows use.
    #[must_use]
    pub fn active_hash_kid(&self) -> &str {
        self.hash_keys.first().map_or("", |key| key.kid.as_str())
    }

    fn key(&self, kid: &str) -> Result<&Key, SecretError> {
        self.keys
            .iter()
            .find(|key| key.kid == kid)
            .ok_or_else(|| SecretError::UnknownKey(kid.to_owned()))
    }

    /// Code = first 64 bits of HMAC-SHA256 over the length-prefixed inputs, modulo `10^length`;
    /// the truncation follows RFC 4226 in spirit, with a bias below 10^-9 for ten digits.
    ///
    /// # Errors
    /// The row's key is not in the keyring.
    pub fn derive_code(&self, kid: &str, input: CodeInput<'_>) -> Result<Code, SecretError> {
        let tag = mac(
            &self.key(kid)?.code,
            &[
                b"verify-code/v1",
                input.tenant_id.as_bytes(),
                input.purpose.as_bytes(),
                input.recipient_hash,
                input.verification_id.as_bytes(),
                input.seed,
                &input.generation.to_be_bytes(),
            ],
        );
        let mut first = [0; 8];
        first.copy_from_slice(&tag[..8]);
        let number = u64::from_be_bytes(first) % 10_u64.pow(input.length);
        Ok(Code::new(format!("{number:0width$}", width = input.length as usize)))
    }

    /// Seals `plain` for one field of one row: it opens nowhere else.
    ///
    /// # Errors
    /// There is no key, or `plain` is longer than a seal can hold.
    pub fn seal(&self, field: &str, row: Uuid, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        let key = self.keys.first().ok_or(SecretError::Empty)?;
        let nonce = random::<NONCE>();
        let aad = seal_context(field, row);
        let sealed = key
            .seal
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| SecretError::BrokenSeal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// The key is unknown, or the bytes are not what was sealed for this field of this row.
    pub fn open(
        &self,
        kid: &str,
        field: &str,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(SecretError::BrokenSeal)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SecretError::BrokenSeal)?;
        let aad = seal_context(field, row);
        self.key(kid)?
            .seal
            .decrypt(&XNonce::from(nonce), Payload { msg: rest, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SecretError::BrokenSeal)
    }

    /// Opens what was sealed with any of the keys: what somebody was given, and gives back, does not say
    /// with which.
    ///
    /// # Errors
    /// The bytes are not what was sealed for this field of this row.
    pub fn open_given(
        &self,
        field: &str,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let mut opened = self.keys.iter().map(|key| self.open(&key.kid, field, row, sealed));
        opened.find(Result::is_ok).unwrap_or(Err(SecretError::BrokenSeal))
    }

    /// The keyed hash of an address, for look-ups, limits and budgets.
    #[must_use]
    pub fn recipient_hash(&self, tenant_id: Uuid, address: &str) -> Vec<u8> {
        let key = self.hash_keys.first().map_or([0; 32], |key| *key.key);
        mac(&key, &[b"recipient/v1", tenant_id.as_bytes(), address.as_bytes()]).to_vec()
    }

    /// A keyed hash of several fields, under which something is found again also while hash keys are
    /// being changed: with the last of them, which is there for longest and in all processes.
    #[must_use]
    pub fn lasting_hash(&self, fields: &[&[u8]]) -> Vec<u8> {
        let key = self.hash_keys.last().map_or([0; 32], |key| *key.key);
        mac(&key, fields).to_vec()
    }

    /// The id of the key of [`Keyring::lasting_hash`].
    #[must_use]
    pub fn lasting_hash_kid(&self) -> &str {
        self.hash_keys.last().map_or("", |key| key.kid.as_str())
    }

    /// The keyed hash of several fields under each hash key, the newest first: for what somebody was
    /// given, and gives back.
    #[must_use]
    pub fn hashes_under_all(&self, fields: &[&[u8]]) -> Vec<[u8; 32]> {
        self.hash_keys.iter().map(|key| mac(&key.key, fields)).collect()
    }

    /// A signature that only we can verify, over everything that the repeat of a check, or the address of a
    /// report, is bound to.
    ///
    /// # Errors
    /// The row's key is not in the keyring.
    pub fn sign(&self, kid: &str, bound_to: &[&[u8]]) -> Result<[u8; 32], SecretError> {
        Ok(mac(&self.key(kid)?.own, bound_to))
    }

    /// A receipt: the claims, signed so that whoever has [`Keyring::jwks`] can verify them. The same claims
    /// give the same text.
    ///
    /// # Errors
    /// The row's key is not in the keyring.
    pub(crate) fn sign_receipt(
        &self,
        kid: &str,
        claims: &impl Serialize,
    ) -> Result<String, SecretError> {
        self.key(kid)?.receipt.sign(claims)
    }

    /// What [`Keyring::sign_receipt`] signed, and the id of the key; none when it did not.
    pub(crate) fn open_receipt<T: DeserializeOwned>(&self, text: &str) -> Option<(&str, T)> {
        let kid = receipt_key::named_kid(text)?;
        let key = self.key(&kid).ok()?;
        Some((key.kid.as_str(), key.receipt.claims(text)?))
    }

    /// The public keys that receipts are verified with, also those of before.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().map(|key| key.receipt.jwk()).collect() }
    }
}

fn parse_entry(entry: &str) -> Result<(String, Zeroizing<[u8; 32]>), SecretError> {
    let (kid, encoded) = entry.trim().split_once(':').ok_or(SecretError::BadEntry)?;
    let root = Zeroizing::new(BASE64.decode(encoded.trim()).map_err(|_| SecretError::BadEntry)?);
    let root: [u8; 32] = root.as_slice().try_into().map_err(|_| SecretError::BadEntry)?;
    if kid.is_empty() {
        return Err(SecretError::BadEntry);
    }
    Ok((kid.to_owned(), Zeroizing::new(root)))
}

fn subkey(root: &[u8; 32], label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    // HKDF-SHA256 yields up to 8160 bytes, so 32 cannot fail.
    let _ = Hkdf::<Sha256>::new(None, root).expand(label, out.as_mut_slice());
    out
}

/// HMAC-SHA256 over fields that are each prefixed with their length.
fn mac(key: &[u8; 32], fields: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for field in fields {
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field);
    }
    mac.finalize().into_bytes().into()
}

fn seal_context(field: &str, row: Uuid) -> Vec<u8> {
    [field.as_bytes(), b"/", row.as_bytes()].concat()
}

/// The first 16 bytes in hexadecimal, for naming a hash in a key of a limit.
#[must_use]
pub fn short_hex(bytes: &[u8]) -> String {
    hex(bytes.get(..16).unwrap_or(bytes))
}

/// In hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// SHA-256, for values that are random enough to need no key.
#[must_use]
pub fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Compares two byte strings in constant time.
#[must_use]
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests;
