//! Turns: an endpoint is posted to by one task of this process, and so many are at the same time. Whoever has
//! waited longest is next, so that those who say nothing hold the others up for no longer than one turn; and those
//! who have failed before have a part of the places only, so that the others need not wait for them at all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use otpost_shared::clock::{Clock, Millis};
use uuid::Uuid;

/// Endpoints that are posted to at the same time.
const MOST: usize = 64;
/// Of them, those that have failed before.
const MOST_FAILING: usize = 48;
/// Whoever has waited for so long after a turn need not wait because of it.
const REMEMBERED_MS: Millis = 10 * 60_000;

/// Who has a turn, and who had one; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Who has a turn, and whether it has failed before.
    busy: HashMap<Uuid, bool>,
    /// When the last turn of an endpoint ended.
    ended: HashMap<Uuid, Millis>,
}

/// An endpoint that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    of: Turns,
    id: Uuid,
}

impl Turns {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default() }
    }

    /// Since when an endpoint waits for a turn, with something due since `due`.
    pub(super) fn waits_since(&self, id: Uuid, due: Millis) -> Millis {
        self.lock().ended.get(&id).map_or(due, |ended| due.max(*ended))
    }

    /// None when it has one, or all are taken that it may have.
    pub(super) fn take(&self, id: Uuid, is_failing: bool) -> Option<Turn> {
        let mut known = self.lock();
        let failing = known.busy.values().filter(|is_failing| **is_failing).count();
        let is_free = known.busy.len() < MOST && !(is_failing && failing >= MOST_FAILING);
        if !is_free || known.busy.contains_key(&id) {
            return None;
        }
        known.busy.insert(id, is_failing);
        Some(Turn { of: self.clone(), id })
    }

    /// True when somebody may be waiting for one to end.
    pub(super) fn are_all_taken(&self) -> bool {
        self.lock().busy.len() >= MOST
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = self.of.clock.now();
        let mut known = self.of.lock();
        known.busy.remove(&self.id);
        known.ended.retain(|_, ended| now - *ended < REMEMBERED_MS);
        known.ended.insert(self.id, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_had_a_turn_waits_for_those_who_had_none() {
        let clock = Clock::start();
        let turns = Turns::new(clock.clone());
        let ids: Vec<Uuid> = (0..=MOST as u128).map(Uuid::from_u128).collect();
        let (young, old) = ids.split_last().expect("some");
        let began = clock.now();
        let mut held: Vec<Turn> = old.iter().filter_map(|id| turns.take(*id, false)).collect();
        assert_eq!(held.len(), MOST);
        assert!(turns.are_all_taken() && turns.take(*young, false).is_none());
        // What is due for the old ones has been so for longer, and still is when their turn is over.
        clock.advance(15_000);
        held.pop();
        assert!(!turns.are_all_taken());
        let mut waiting = [(old[MOST - 1], began - 5_000), (*young, began)];
        waiting.sort_by_key(|(id, due)| turns.waits_since(*id, *due));
        assert_eq!(waiting[0].0, *young);
        let turn = turns.take(*young, false).expect("a turn");
        assert!(turns.take(*young, false).is_none(), "it has one");
        // Whoever waits for long is no later than what is due for it.
        clock.advance(REMEMBERED_MS);
        drop(turn);
        assert_eq!(turns.waits_since(old[MOST - 1], began), began);
    }

    #[test]
    fn those_who_fail_leave_places_to_the_others() {
        let turns = Turns::new(Clock::start());
        let ids: Vec<Uuid> = (0..2 * MOST as u128).map(Uuid::from_u128).collect();
        let (failing, well) = ids.split_at(MOST);
        let mut held: Vec<Turn> = failing.iter().filter_map(|id| turns.take(*id, true)).collect();
        assert_eq!(held.len(), MOST_FAILING);
        let others: Vec<Turn> = well.iter().filter_map(|id| turns.take(*id, false)).collect();
        assert_eq!(others.len(), MOST - MOST_FAILING);
        // A place that one of them leaves is anybody's.
        held.pop();
        let next = turns.take(well[MOST - 1], false).expect("a turn");
        assert!(turns.take(failing[MOST - 1], true).is_none());
        drop((next, others));
        assert!(turns.take(failing[MOST - 1], true).is_some());
    }
}
