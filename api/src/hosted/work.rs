//! The proof of work: before it begins a verification, the browser finds a number with which the hash of a
//! challenge begins with so many zero bits. A challenge is sealed, for one link and a quarter of an hour, and
//! stands for one request: it is that request's idempotency key.

use otpost_shared::{Home, idempotency::IdempotencyKey, page_link::PageLink, secrets::digest};
use serde::Serialize;

use crate::error::{ApiError, ErrorCode};

const FIELD: &str = "page.work";
const LIVES_MS: i64 = 15 * 60_000;
/// Digits of the largest number that is looked at.
const LONGEST_NONCE: usize = 20;

#[derive(Debug, Serialize)]
pub(super) struct Challenge {
    challenge: String,
    /// With how many zero bits SHA-256 of `challenge:nonce` is to begin.
    bits: u32,
}

impl Challenge {
    /// A new one; no two are alike, since no two seals are.
    pub(super) fn give(home: &Home, link: &PageLink) -> Result<Self, ApiError> {
        let bits = home.config.page.work_bits;
        let until = home.clock.now() + LIVES_MS;
        let plain = [bits.to_be_bytes().as_slice(), &until.to_be_bytes()].concat();
        Ok(Self { challenge: link.give(&home.keys, FIELD, &plain)?, bits })
    }
}

/// What a request brings of it.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) challenge: &'a str,
    pub(super) nonce: &'a str,
}

impl Work<'_> {
    /// # Errors
    /// It is missing, was made up or given with another link, is too old, or is not enough.
    pub(super) fn check(&self, home: &Home, link: &PageLink) -> Result<(), ApiError> {
        if self.challenge.is_empty() || self.nonce.is_empty() {
            return Err(ErrorCode::WorkMissing.error());
        }
        let wrong = |said: &str| Err(ErrorCode::WorkNotValid.detail(said));
        let plain = link.take(&home.keys, FIELD, self.challenge);
        let Some((bits, until)) = plain.as_deref().and_then(read) else {
            return wrong("the challenge is none that was given with this link");
        };
        if until <= home.clock.now() {
            return wrong("the challenge is too old; take a new one");
        }
        let is_number = self.nonce.bytes().all(|byte| byte.is_ascii_digit());
        if self.nonce.len() > LONGEST_NONCE || !is_number {
            return wrong("the nonce must be a whole number");
        }
        if zero_bits(&digest(format!("{}:{}", self.challenge, self.nonce).as_bytes())) < bits {
            return wrong("the hash does not begin with as many zero bits as the challenge says");
        }
        Ok(())
    }

    /// What the request is known again by. It begins as no key of a caller's can.
    pub(super) fn key(&self, home: &Home, body: &[u8]) -> IdempotencyKey {
        IdempotencyKey::new(&home.keys, &format!("\0page-work {}", self.challenge), &[body])
    }
}

fn read(plain: &[u8]) -> Option<(u32, i64)> {
    let (bits, until) = plain.split_at_checked(4)?;
    Some((u32::from_be_bytes(bits.try_into().ok()?), i64::from_be_bytes(until.try_into().ok()?)))
}

fn zero_bits(hash: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in hash {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bits_are_counted_from_the_front() {
        assert_eq!(zero_bits(&[0x80, 0]), 0);
        assert_eq!(zero_bits(&[0x01, 0]), 7);
        assert_eq!(zero_bits(&[0, 0x10]), 11);
        assert_eq!(zero_bits(&[0, 0]), 16);
    }
}
