//! Countries that a provider does not reach: it says so itself, message after message. Then it is asked
//! last for them for a while, so that not every code makes a call in vain first. Each process finds
//! out by itself; only operators are told by the database.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use otpost_shared::{
    clock::Millis,
    db::{Db, DbError},
    outcome::ErrorClass,
    provider_region::{self, ProviderRegion},
    queue::Lane,
};

/// So many refusals in a row leave it out,
const IN_A_ROW: u32 = 5;
/// for so long; then one message asks again, and one refusal is enough.
const LEFT_OUT_MS: Millis = 60_000;
/// The message that asks has said by then what became of it, or nothing will be heard of it.
const ASKING_MS: Millis = 10_000;

/// Where a message goes, as far as a provider may refuse that. Codes and other messages are told apart:
/// a sender may be good for one and not for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    lane: Lane,
    country: [u8; 2],
}

impl Destination {
    /// None for numbers that belong to no country, and for e-mail addresses.
    #[must_use]
    pub fn of(lane: Lane, country: Option<&str>) -> Option<Self> {
        Some(Self { lane, country: country?.as_bytes().try_into().ok()? })
    }

    fn country(self) -> String {
        String::from_utf8_lossy(&self.country).into_owned()
    }
}

/// What an operator wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    LeftOut,
    Back,
}

/// What this process has heard, by place in the chain and destination.
#[derive(Debug, Default)]
pub struct Regions {
    heard: Mutex<Heard>,
    /// How many there are of which a refusal was heard, and how many of those are left out or asked
    /// again. As long as there is none nothing is locked.
    refusals: AtomicUsize,
    refusing: AtomicUsize,
}

type Key = (usize, Destination);

#[derive(Debug, Default)]
struct Heard {
    refusals: HashMap<Key, Refusals>,
    /// What the database has to be told: until when it is left out and why, or that it is not.
    unwritten: HashMap<Key, Option<(Millis, String)>>,
}

#[derive(Debug, Default)]
struct Refusals {
    in_a_row: u32,
    until: Millis,
    /// Its time was over, and a message asks.
    asking: bool,
}

impl Refusals {
    fn are_enough(&self) -> bool {
        self.in_a_row >= IN_A_ROW
    }
}

impl Regions {
    /// Which of these links are to be asked last. For a message that `has_begun` they stay so until one
    /// of them takes another message: their order must not change under it.
    #[must_use]
    pub fn refusing(
        &self,
        route: &[usize],
        to: Option<Destination>,
        has_begun: bool,
        now: Millis,
    ) -> Vec<usize> {
        let Some(to) = to.filter(|_| self.refusing.load(Ordering::Relaxed) > 0) else {
            return Vec::new();
        };
        let heard = self.lock();
        let is_refusing = |place: &usize| {
            let known = heard.refusals.get(&(*place, to));
            known.is_some_and(|r| r.are_enough() && (has_begun || r.until > now))
        };
        route.iter().copied().filter(is_refusing).collect()
    }

    /// False while it makes no sense to ask this link first. The first message after that asks, and for
    /// the others nothing changes until it has an answer.
    #[must_use]
    pub fn lets_through(&self, place: usize, to: Option<Destination>, now: Millis) -> bool {
        let Some(to) = to.filter(|_| self.refusing.load(Ordering::Relaxed) > 0) else {
            return true;
        };
        let mut heard = self.lock();
        match heard.refusals.get_mut(&(place, to)).filter(|r| r.are_enough()) {
            None => true,
            Some(refusals) if refusals.until > now => false,
            Some(refusals) => {
                (refusals.until, refusals.asking) = (now + ASKING_MS, true);
                true
            }
        }
    }

    /// Takes into account how a call ended: `said` is the provider's class and words.
    pub fn note(
        &self,
        place: usize,
        to: Option<Destination>,
        class: ErrorClass,
        said: &str,
        now: Millis,
    ) -> Option<Change> {
        match class {
            ErrorClass::Region | ErrorClass::Sender => self.note_refusal((place, to?), said, now),
            ErrorClass::Ok if self.refusals.load(Ordering::Relaxed) > 0 => {
                self.note_taken((place, to?))
            }
            // Others say nothing about the country.
            _ => None,
        }
    }

    fn note_refusal(&self, key: Key, said: &str, now: Millis) -> Option<Change> {
        let mut heard = self.lock();
        let refusals = heard.refusals.entry(key).or_default();
        refusals.in_a_row = refusals.in_a_row.saturating_add(1);
        let is_new = refusals.in_a_row == IN_A_ROW;
        // One that it was asked last adds nothing.
        if is_new || refusals.asking {
            let until = now + LEFT_OUT_MS;
            (refusals.until, refusals.asking) = (until, false);
            heard.unwritten.insert(key, Some((until, said.to_owned())));
        }
        self.count(&heard);
        is_new.then_some(Change::LeftOut)
    }

    fn note_taken(&self, key: Key) -> Option<Change> {
        let mut heard = self.lock();
        let were_enough = heard.refusals.remove(&key)?.are_enough();
        if were_enough {
            heard.unwritten.insert(key, None);
        }
        self.count(&heard);
        were_enough.then_some(Change::Back)
    }

    /// A moment late for others is early enough.
    fn count(&self, heard: &Heard) {
        let enough = heard.refusals.values().filter(|r| r.are_enough()).count();
        self.refusing.store(enough, Ordering::Relaxed);
        self.refusals.store(heard.refusals.len(), Ordering::Relaxed);
    }

    /// Tells the database; `names` are those of the links.
    ///
    /// # Errors
    /// The database does not answer; what was not written is kept for the next time.
    pub async fn write(&self, db: &Db, names: &[String]) -> Result<(), DbError> {
        let mut unwritten = std::mem::take(&mut self.lock().unwritten).into_iter();
        while let Some((key, change)) = unwritten.next() {
            if let Err(error) = write(db, &names[key.0], key.1, change.as_ref()).await {
                let mut heard = self.lock();
                for (key, change) in unwritten.chain([(key, change)]) {
                    // What was heard meanwhile is newer.
                    heard.unwritten.entry(key).or_insert(change);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(
    db: &Db,
    provider: &str,
    to: Destination,
    left_out: Option<&(Millis, String)>,
) -> Result<(), DbError> {
    let country = to.country();
    let Some((until, reason)) = left_out else {
        return provider_region::mark_taken(db, provider, &country, to.lane).await;
    };
    let region = ProviderRegion {
        provider: provider.to_owned(),
        country,
        lane: to.lane.as_str().to_owned(),
        left_out_until: *until,
        reason: reason.clone(),
    };
    provider_region::mark_left_out(db, &region).await
}

/// Tells operators by log and metrics.
pub(crate) fn tell(change: Change, provider: &str, to: Destination, said: &str) {
    let (country, lane) = (to.country(), to.lane.as_str());
    let labels = [
        ("provider", provider.to_owned()),
        ("country", country.clone()),
        ("lane", lane.to_owned()),
    ];
    let state = metrics::gauge!("otpost_provider_region_state", &labels);
    match change {
        Change::LeftOut => {
            state.set(1.0);
            metrics::counter!("otpost_provider_region_openings_total", &labels).increment(1);
            tracing::warn!(
                provider,
                country,
                lane,
                said,
                "the provider refuses a country and is asked last for it; one message tries it each minute"
            );
        }
        Change::Back => {
            state.set(0.0);
            tracing::info!(
                provider,
                country,
                lane,
                "the provider takes messages to the country again"
            );
        }
    }
}

#[cfg(test)]
#[path = "regions_tests.rs"]
mod tests;
