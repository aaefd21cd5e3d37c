//! Which attempt a report is about. Providers carry it for us in the address they call: found
//! without an index, there before the provider's own id is, and proven to come from us.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use uuid::Uuid;

use crate::secrets::{Keyring, SecretError, same_bytes};

const PROOF: usize = 16;

/// One attempt, and a proof that nobody else can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub message_id: Uuid,
    /// 1 for the first attempt of the message; or [`Reference::LATEST`].
    pub number: i32,
    proof: [u8; PROOF],
}

impl Reference {
    /// Stands for the last attempt that the provider was given, for providers that must get the same
    /// request every time.
    pub const LATEST: i32 = 0;

    /// `key_id` is the key that the message was made with.
    ///
    /// # Errors
    /// The keyring has no such key.
    pub fn new(
        keys: &Keyring,
        key_id: &str,
        provider: &str,
        message_id: Uuid,
        number: i32,
    ) -> Result<Self, SecretError> {
        Ok(Self { message_id, number, proof: prove(keys, key_id, provider, message_id, number)? })
    }

    /// 46 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Attempts of one message are counted in dozens at most.
        let number = u16::try_from(self.number).unwrap_or(u16::MAX);
        let parts = [self.message_id.as_bytes().as_slice(), &number.to_be_bytes(), &self.proof];
        BASE64.encode(parts.concat())
    }

    /// None when the text is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (id, rest) = bytes.split_at_checked(16)?;
        let (number, proof) = rest.split_at_checked(2)?;
        Some(Self {
            message_id: Uuid::from_slice(id).ok()?,
            number: u16::from_be_bytes(number.try_into().ok()?).into(),
            proof: proof.try_into().ok()?,
        })
    }

    /// True when it was made for an attempt of this provider.
    ///
    /// # Errors
    /// The keyring has no such key.
    pub fn is_genuine(
        &self,
        keys: &Keyring,
        key_id: &str,
        provider: &str,
    ) -> Result<bool, SecretError> {
        let made = prove(keys, key_id, provider, self.message_id, self.number)?;
        Ok(same_bytes(&made, &self.proof))
    }
}

fn prove(
    keys: &Keyring,
    key_id: &str,
    provider: &str,
    message_id: Uuid,
    number: i32,
) -> Result<[u8; PROOF], SecretError> {
    let bound_to: [&[u8]; 4] =
        [b"report", provider.as_bytes(), message_id.as_bytes(), &number.to_be_bytes()];
    let signature = keys.sign(key_id, &bound_to)?;
    let mut proof = [0; PROOF];
    proof.copy_from_slice(&signature[..PROOF]);
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_seen() {
        let keys =
            Keyring::parse(&[Keyring::generate_entry("k1")], &[Keyring::generate_entry("h1")])
                .expect("keys");
        let id = Uuid::from_u128(7);
        let made = Reference::new(&keys, "k1", "primary", id, 2).expect("a key");
        let text = made.to_text();
        assert_eq!((text.len(), Reference::parse(&text)), (46, Some(made)));
        assert_eq!(made.is_genuine(&keys, "k1", "primary"), Ok(true));
        assert_eq!(made.is_genuine(&keys, "k1", "backup"), Ok(false));
        assert!(made.is_genuine(&keys, "k2", "primary").is_err());
        let bytes = BASE64.decode(&text).expect("base64");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = Reference::parse(&BASE64.encode(changed)).expect("the form");
            assert_eq!(changed.is_genuine(&keys, "k1", "primary"), Ok(false), "byte {place}");
        }
        for wrong in ["", "x", &text[..45], &format!("{text}A")] {
            assert_eq!(Reference::parse(wrong), None, "{wrong}");
        }
    }
}
