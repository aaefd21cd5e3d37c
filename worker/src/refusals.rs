//! A provider that refuses the account or the sender is told in the log at its first word: no other message
//! fares better until its section is mended.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use otpost_shared::{clock::Millis, outcome::ErrorClass};

/// Told again no sooner.
const TOLD_EVERY_MS: Millis = 60_000;

/// What this process has heard, by provider.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<String, Heard>>);

#[derive(Debug, Default)]
struct Heard {
    told_at: Option<Millis>,
    untold: u32,
}

/// What a provider refuses of us, and how that is mended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    what: &'static str,
    way_out: &'static str,
}

impl Refused {
    pub(crate) fn by(class: ErrorClass) -> Option<Self> {
        match class {
            ErrorClass::Account => {
                Some(Self { what: "account", way_out: "which `otpost doctor` checks" })
            }
            ErrorClass::Sender => Some(Self { what: "sender", way_out: "where it is named" }),
            _ => None,
        }
    }
}

impl Refusals {
    /// Takes it into account, and tells it when it is time: `said` is the provider's class and words.
    pub(crate) fn note(&self, provider: &str, refused: Refused, said: &str, now: Millis) {
        let Refused { what, way_out } = refused;
        if let Some(count) = self.count(provider, now) {
            tracing::warn!(
                provider,
                said,
                count,
                "the provider refuses the {what}: mend providers.{provider}, {way_out}"
            );
        }
    }

    /// How many there were since it was told last, with this one; none when it is too soon to tell.
    fn count(&self, provider: &str, now: Millis) -> Option<u32> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = all.entry(provider.to_owned()).or_default();
        heard.untold = heard.untold.saturating_add(1);
        // The clock may have been set back since.
        if heard.told_at.is_some_and(|at| (0..TOLD_EVERY_MS).contains(&(now - at))) {
            return None;
        }
        heard.told_at = Some(now);
        Some(std::mem::take(&mut heard.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_and_then_each_minute() {
        let refusals = Refusals::default();
        let told = [0, 1, 59_999, 60_000, 60_001].map(|at| refusals.count("main", at));
        assert_eq!(told, [Some(1), None, None, Some(3), None]);
        assert_eq!(refusals.count("backup", 2), Some(1));
        assert_eq!(refusals.count("main", 0), Some(2), "the clock was set back");
    }
}
