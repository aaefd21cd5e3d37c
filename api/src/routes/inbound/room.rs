//! How much of large calls a process holds at once: anybody may begin one, and its signature can be checked
//! only when it is there as a whole.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    MAX_BODY_BYTES,
    error::{ApiError, ErrorCode},
    put_off::PUT_OFF_MS,
};

/// In pieces as large as the body that every request may have: eight of the largest calls.
const PIECES: usize = 8 * 3 * 1024 * 1024 / MAX_BODY_BYTES;

/// Room for what calls have beyond the first piece; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// The room that one call has, until dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PIECES)))
    }
}

impl Room {
    /// Makes it enough for a body of so many bytes, of which no more than these have come: who only says that
    /// much will come keeps nobody else out. Gives all of it back when there is no more.
    pub(super) fn hold(&self, held: &mut Held, bytes: usize) -> Result<(), ApiError> {
        let wanted = bytes.div_ceil(MAX_BODY_BYTES).saturating_sub(1);
        let more = wanted.saturating_sub(held.pieces());
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(more) else {
            *held = Held::default();
            return Err(ErrorCode::CallsBusy.error().retry_after_ms(PUT_OFF_MS));
        };
        match &mut held.0 {
            Some(all) => all.merge(permit),
            None => held.0 = Some(permit),
        }
        Ok(())
    }
}

impl Held {
    fn pieces(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = 3 * 1024 * 1024;

    #[test]
    fn what_every_request_may_have_takes_none() {
        let (room, mut held) = (Room::default(), Held::default());
        let all = Arc::clone(&room.0).try_acquire_many_owned(384).expect("all of it");
        for bytes in [0, 1, MAX_BODY_BYTES] {
            assert!(room.hold(&mut held, bytes).is_ok());
        }
        let refused = room.hold(&mut held, MAX_BODY_BYTES + 1).expect_err("no room");
        assert_eq!(refused.code(), ErrorCode::CallsBusy);
        drop(all);
        assert!(room.hold(&mut held, MAX_BODY_BYTES + 1).is_ok());
        assert_eq!(held.pieces(), 1);
    }

    #[test]
    fn room_grows_with_what_has_come_and_comes_back() {
        let room = Room::default();
        let mut calls: Vec<Held> = (0..8).map(|_| Held::default()).collect();
        for bytes in [1_000, 100_000, 100_001, LARGEST] {
            for held in &mut calls {
                assert!(room.hold(held, bytes).is_ok(), "{bytes}");
            }
        }
        assert_eq!((calls[0].pieces(), room.0.available_permits()), (47, 8));
        let mut ninth = Held::default();
        assert!(room.hold(&mut ninth, 8 * MAX_BODY_BYTES).is_ok());
        assert!(room.hold(&mut ninth, LARGEST).is_err());
        assert_eq!(room.0.available_permits(), 8, "what it had is given back");
        calls.pop();
        assert!(room.hold(&mut ninth, LARGEST).is_ok());
        drop((calls, ninth));
        assert_eq!(room.0.available_permits(), PIECES);
    }
}
