//! Countries that a provider does not reach: it says so itself, message after message. Then it is left
//! out for them for a while, so that not every code makes a call in vain first.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use otpost_shared::{clock::Millis, outcome::ErrorClass};

/// So many refusals in a row leave it out,
const IN_A_ROW: u32 = 5;
/// for so long; after that the next message asks again, and one refusal is enough.
const LEFT_OUT_MS: Millis = 60_000;

/// What this process has heard, by place in the chain and country.
#[derive(Debug, Default)]
pub struct Regions {
    heard: Mutex<HashMap<(usize, String), Refusals>>,
}

#[derive(Debug, Default)]
struct Refusals {
    in_a_row: u32,
    until: Millis,
}

impl Regions {
    /// Takes into account how a call ended. True when the provider is left out from now on, and was
    /// not before.
    pub fn note(&self, place: usize, country: Option<&str>, class: ErrorClass, now: Millis) -> bool {
        let Some(country) = country else { return false };
        let key = (place, country.to_owned());
        match class {
            ErrorClass::Region | ErrorClass::Sender => {
                let mut heard = self.lock();
                let refusals = heard.entry(key).or_default();
                refusals.in_a_row += 1;
                let is_new = refusals.in_a_row == IN_A_ROW;
                if refusals.in_a_row >= IN_A_ROW {
                    refusals.until = now + LEFT_OUT_MS;
                }
                is_new
            }
            ErrorClass::Ok => {
                self.lock().remove(&key);
                false
            }
            // These say nothing about the country.
            _ => false,
        }
    }

    /// True while it makes no sense to ask.
    #[must_use]
    pub fn is_left_out(&self, place: usize, country: Option<&str>, now: Millis) -> bool {
        let heard = self.lock();
        // Nearly always: nobody refuses a country.
        if heard.is_empty() {
            return false;
        }
        let Some(country) = country else { return false };
        heard.get(&(place, country.to_owned())).is_some_and(|refusals| refusals.until > now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(usize, String), Refusals>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ErrorClass as C;

    use super::*;

    #[test]
    fn five_refusals_in_a_row_leave_it_out_for_a_minute() {
        let regions = Regions::default();
        let gb = Some("GB");
        for class in [C::Region, C::Region, C::Ok, C::Region, C::Sender, C::Region, C::Transient] {
            assert!(!regions.note(0, gb, class, 0));
        }
        assert!(!regions.note(0, gb, C::Region, 0), "four in a row");
        assert!(!regions.is_left_out(0, gb, 0));
        assert!(regions.note(0, gb, C::Region, 0));
        assert!(regions.is_left_out(0, gb, LEFT_OUT_MS - 1));
        assert!(!regions.is_left_out(0, gb, LEFT_OUT_MS), "its time is over");
        assert!(!regions.is_left_out(0, Some("FR"), 0), "another country");
        assert!(!regions.is_left_out(1, gb, 0), "another provider");
        assert!(!regions.is_left_out(0, None, 0));
        // Asked again: one more refusal is enough, and one message that is taken ends it.
        assert!(!regions.note(0, gb, C::Region, LEFT_OUT_MS), "known already");
        assert!(regions.is_left_out(0, gb, LEFT_OUT_MS));
        assert!(!regions.note(0, gb, C::Ok, LEFT_OUT_MS));
        assert!(!regions.is_left_out(0, gb, LEFT_OUT_MS));
    }
}
