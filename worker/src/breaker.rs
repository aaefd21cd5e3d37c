//! One provider's breaker: counts what became of the calls and says whether it may be called.
//! It neither waits nor writes; [`crate::health`] shares it between processes.

use std::collections::VecDeque;

use otpost_shared::{
    clock::Millis,
    outcome::ErrorClass,
    provider_state::{
        CLOSED_BY, CONFIRM_AFTER_MS, FORGOTTEN_AFTER_MS, PROBE_EVERY_MS, ProviderState,
    },
};

/// The calls looked back on.
const WINDOW: usize = 20;
const WINDOW_MS: Millis = 60_000;
/// It opens after so many failures in a row, however long they took,
const IN_A_ROW: u32 = 8;
/// or so many within the window,
const IN_WINDOW: u32 = 10;
/// or so many within the first [`WINDOW`] calls after it closed: the outage may not be over.
const ON_TRIAL: u32 = 3;
/// From here on calls are let through only as far as their failures would open it.
const DOUBTED_IN_A_ROW: u32 = 3;
const DOUBTED_IN_WINDOW: u32 = 7;
/// While all goes well at the start, so many more calls at the same time for each answer.
const EASED_BY: u32 = 4;
/// A provider that is called too often without saying how long to stay away.
const SHORT_PAUSE_MS: Millis = 1_000;
/// A probe that another process took: how soon the database is asked again.
const LOST_PROBE_MS: Millis = 250;

/// What an answer says about the provider, as opposed to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works, whatever it thinks of this message.
    Answered,
    Failed,
    /// It works, and wants fewer calls.
    Throttled,
}

impl Verdict {
    #[must_use]
    pub fn of(class: ErrorClass) -> Self {
        use ErrorClass as C;
        match class {
            C::Transient | C::Unknown | C::Account => Self::Failed,
            C::Throttled => Self::Throttled,
            C::Ok | C::Recipient | C::OptedOut | C::Content | C::Region | C::Sender => {
                Self::Answered
            }
        }
    }
}

/// Whether a provider may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Free,
    /// Open, and a call may find out whether it works again.
    Probe,
    /// In doubt, with as many calls on their way as it takes to know.
    Busy,
    /// It asked to be left alone until then.
    Paused {
        until: Millis,
    },
    Open {
        probe_at: Millis,
    },
    /// Its rate is used up: a token is likely to come then. Not the breaker's to say.
    UsedUp {
        until: Millis,
    },
}

/// A call that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the breaker was when it began: a call from before says nothing about after.
    era: u32,
    pub probe: bool,
    /// A drill keeps it from being made: it ends as if nobody were there.
    pub drilled: bool,
}

/// What the database has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Opened { at: Millis, reason: String },
    ProbeAnswered { opened_at: Millis, now: Millis },
    ProbeFailed { opened_at: Millis, reason: String, now: Millis },
    Forgotten { opened_at: Millis, now: Millis },
    Paused { until: Millis, now: Millis },
}

/// What an operator wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Opened,
    Closed,
}

/// One provider's.
#[derive(Debug, Default)]
pub struct Breaker {
    opening: Option<Opening>,
    paused_until: Millis,
    drilled_until: Millis,
    /// Since the start or the last closing.
    calls: Calls,
    era: u32,
    in_flight: u32,
    /// Oldest first; while there is any, this process knows better than the database.
    pub unwritten: VecDeque<Change>,
}

#[derive(Debug)]
struct Opening {
    at: Millis,
    probe_at: Millis,
    /// Answered probes in a row.
    successes: i32,
    probing: bool,
}

#[derive(Debug, Default)]
struct Calls {
    /// When each of the last ended, and whether it failed.
    recent: VecDeque<(Millis, bool)>,
    failed_in_a_row: u32,
    ended: usize,
    /// It has been open: less is needed to open it again.
    reopened: bool,
}

impl Breaker {
    #[must_use]
    pub fn availability(&self, now: Millis) -> Availability {
        if self.paused_until > now {
            return Availability::Paused { until: self.paused_until };
        }
        let limit = match &self.opening {
            Some(opening) if opening.is_forgotten(now) => Some(ON_TRIAL),
            Some(opening) if opening.probe_at <= now => return Availability::Probe,
            Some(opening) => return Availability::Open { probe_at: opening.probe_at },
            None => self.calls.limit(now),
        };
        if limit.is_some_and(|limit| self.in_flight >= limit) {
            return Availability::Busy;
        }
        Availability::Free
    }

    /// True when nothing speaks against any number of calls at the same time.
    #[must_use]
    pub fn is_trusted(&self, now: Millis) -> bool {
        self.opening.is_none() && self.paused_until <= now && self.calls.limit(now).is_none()
    }

    /// 0 closed, 1 half open, 2 open.
    #[must_use]
    pub fn level(&self) -> u8 {
        match &self.opening {
            None => 0,
            Some(opening) if opening.probing || opening.successes > 0 => 1,
            Some(_) => 2,
        }
    }

    /// Lets a call through that [`Breaker::availability`] allows. A probe is then taken in this
    /// process; whether it is this process's is for the database to say.
    pub fn enter(&mut self, now: Millis) -> Call {
        let mut probe = false;
        if let Some(opening) = &mut self.opening {
            if opening.is_forgotten(now) {
                let opened_at = opening.at;
                self.unwritten.push_back(Change::Forgotten { opened_at, now });
                self.close();
            } else {
                opening.probe_at = now + PROBE_EVERY_MS;
                opening.probing = true;
                probe = true;
            }
        }
        self.in_flight += 1;
        Call { era: self.era, probe, drilled: self.drilled_until > now }
    }

    /// Another process has the probe. The call still has to [leave](Breaker::leave).
    pub fn lose_probe(&mut self, call: Call, now: Millis) {
        if let Some(opening) = self.opening.as_mut().filter(|_| call.era == self.era) {
            opening.probe_at = now + LOST_PROBE_MS;
        }
    }

    /// The call is over, noted or not.
    pub fn leave(&mut self, call: Call) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if call.probe
            && call.era == self.era
            && let Some(opening) = &mut self.opening
        {
            opening.probing = false;
        }
    }

    /// Takes what became of a call into account: `said` is the provider's class and words.
    pub fn note(
        &mut self,
        call: Call,
        class: ErrorClass,
        retry_at: Option<Millis>,
        said: &str,
        now: Millis,
    ) -> Option<Turn> {
        let verdict = Verdict::of(class);
        let asked = retry_at.filter(|until| *until > now);
        let until = asked.or((verdict == Verdict::Throttled).then_some(now + SHORT_PAUSE_MS));
        if let Some(until) = until.filter(|until| *until > self.paused_until) {
            self.paused_until = until;
            self.unwritten.push_back(Change::Paused { until, now });
        }
        if verdict == Verdict::Throttled || call.era != self.era {
            return None;
        }
        let failed = verdict == Verdict::Failed;
        if let Some(opening) = &mut self.opening {
            return match opening.note_probe(failed, said, now) {
                (change, true) => {
                    self.unwritten.push_back(change);
                    self.close();
                    Some(Turn::Closed)
                }
                (change, false) => {
                    self.unwritten.push_back(change);
                    None
                }
            };
        }
        self.calls.push(failed, now);
        let why = self.calls.why_open(now).filter(|_| failed)?;
        let reason = format!("{why}, the last with {said}");
        self.unwritten.push_back(Change::Opened { at: now, reason });
        self.open(now, now + PROBE_EVERY_MS, 0);
        Some(Turn::Opened)
    }

    /// Takes over what all processes know; none is a provider nothing is known of.
    pub fn learn(&mut self, row: Option<&ProviderState>) -> Option<Turn> {
        self.drilled_until = row.map_or(0, |row| row.drilled_until);
        if !self.unwritten.is_empty() {
            return None;
        }
        self.paused_until = row.map_or(0, |row| row.paused_until);
        let opened = row.and_then(|row| Some((row.opened_at?, row.probe_at, row.successes)));
        match (&mut self.opening, opened) {
            (None, None) => None,
            (Some(_), None) => {
                self.close();
                Some(Turn::Closed)
            }
            (Some(known), Some((at, probe_at, successes))) if known.at == at => {
                // A probe taken here may not have been seen there yet; one that was answered there makes
                // the next one due sooner.
                let was_answered = successes > known.successes;
                known.probe_at = if was_answered { probe_at } else { known.probe_at.max(probe_at) };
                known.successes = successes;
                None
            }
            (known, Some((at, probe_at, successes))) => {
                let turn = known.is_none().then_some(Turn::Opened);
                self.open(at, probe_at, successes);
                turn
            }
        }
    }

    fn open(&mut self, at: Millis, probe_at: Millis, successes: i32) {
        self.era += 1;
        self.opening = Some(Opening { at, probe_at, successes, probing: false });
    }

    fn close(&mut self) {
        self.era += 1;
        self.opening = None;
        self.calls = Calls { reopened: true, ..Calls::default() };
    }
}

impl Opening {
    fn is_forgotten(&self, now: Millis) -> bool {
        !self.probing && now - self.probe_at > FORGOTTEN_AFTER_MS
    }

    /// What to write, and whether that closes it.
    fn note_probe(&mut self, failed: bool, said: &str, now: Millis) -> (Change, bool) {
        let opened_at = self.at;
        if failed {
            self.successes = 0;
            let reason = format!("a probe failed with {said}");
            return (Change::ProbeFailed { opened_at, reason, now }, false);
        }
        self.successes += 1;
        self.probe_at = now + CONFIRM_AFTER_MS;
        (Change::ProbeAnswered { opened_at, now }, self.successes >= CLOSED_BY)
    }
}

impl Calls {
    fn push(&mut self, failed: bool, now: Millis) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back((now, failed));
        self.failed_in_a_row = if failed { self.failed_in_a_row + 1 } else { 0 };
        self.ended += 1;
    }

    fn is_new(&self) -> bool {
        self.ended < WINDOW
    }

    fn failures(&self, now: Millis) -> u32 {
        let counts = |(at, failed): &&(Millis, bool)| *failed && now - at < WINDOW_MS;
        u32::try_from(self.recent.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }

    fn why_open(&self, now: Millis) -> Option<String> {
        let failures = self.failures(now);
        if self.failed_in_a_row >= IN_A_ROW {
            return Some(format!("{} calls in a row failed", self.failed_in_a_row));
        }
        let on_trial = self.reopened && self.ended <= WINDOW && failures >= ON_TRIAL;
        (on_trial || failures >= IN_WINDOW)
            .then(|| format!("{failures} of the last {} calls failed", self.recent.len()))
    }

    /// How many calls may be on their way at the same time; none is no limit.
    fn limit(&self, now: Millis) -> Option<u32> {
        let failures = self.failures(now);
        let on_trial = self.reopened && self.is_new();
        // If all of these fail it opens, and no call was made in vain after that.
        let to_open = if on_trial {
            ON_TRIAL.saturating_sub(failures)
        } else {
            IN_A_ROW.saturating_sub(self.failed_in_a_row).min(IN_WINDOW.saturating_sub(failures))
        };
        let doubted = failures > 0 && self.is_new()
            || self.failed_in_a_row >= DOUBTED_IN_A_ROW
            || failures >= DOUBTED_IN_WINDOW;
        if doubted {
            return Some(to_open.max(1));
        }
        let answers = u32::try_from(self.ended).unwrap_or(u32::MAX);
        self.is_new().then(|| to_open + EASED_BY * answers)
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
