//! Ids of batches and of their messages: a message's id is its batch's id and its position.
//!
//! A batch's id is a UUID of version 8 (RFC 9562, 5.8): 48 bits of Unix milliseconds, 12 and 30
//! random bits around the variant, and 32 zero bits. A message's id has its position, counted
//! from 1, in those 32 bits. So the messages of a batch lie next to each other in the primary
//! key, in their order, and a row that comes again gets the id it had.

use uuid::{Builder, Uuid};

use crate::{clock::Millis, secrets::random};

const POSITION: u128 = 0xffff_ffff;

/// A new id for a batch.
#[must_use]
pub fn batch_id(now: Millis) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now.to_be_bytes()[2..]);
    bytes[6..12].copy_from_slice(&random::<6>());
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The id of the message that the row `index`, counted from 0, becomes.
#[must_use]
pub fn message_id(batch: Uuid, index: u32) -> Uuid {
    Uuid::from_u128(batch.as_u128() | (u128::from(index) + 1).min(POSITION))
}

/// Which row of its batch a message was, counted from 0.
#[must_use]
pub fn index_of(message: Uuid) -> u32 {
    let position = u32::try_from(message.as_u128() & POSITION).unwrap_or(u32::MAX);
    position.saturating_sub(1)
}

/// True when a message with this id would belong to the batch.
#[must_use]
pub fn is_within(batch: Uuid, message: Uuid) -> bool {
    message.as_u128() & !POSITION == batch.as_u128() && message != batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_their_batch_in_order() {
        let batch = batch_id(1_795_163_320_007);
        assert_eq!((batch.get_version_num(), batch.as_u128() & POSITION), (8, 0));
        assert!(batch.to_string().starts_with("01a1f812-6ec7-8"), "{batch}");
        let ids = [0, 1, 999_999].map(|index| message_id(batch, index));
        assert!(batch < ids[0] && ids[0] < ids[1] && ids[1] < ids[2]);
        assert_eq!(ids.map(index_of), [0, 1, 999_999]);
        assert!(ids.iter().all(|id| is_within(batch, *id) && id.get_version_num() == 8));
        assert!(!is_within(batch, batch) && !is_within(batch, Uuid::now_v7()));
    }
}
