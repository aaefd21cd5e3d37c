//! Which provider comes next: decided by the error classes of the attempts so far, and by
//! nothing else. The rule keeps no state, so it goes on after a crash where it was.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use otpost_shared::{
    attempt::Attempt,
    clock::Millis,
    message::{End, State},
    outcome::ErrorClass,
    queue::Lane,
};

use crate::provider::Provider;

const FIRST_BACKOFF_MS: i64 = 1_000;
const LONGEST_BACKOFF_MS: i64 = 60_000;

/// One provider in its place.
#[derive(Clone)]
pub struct Link {
    pub name: String,
    pub provider: Arc<dyn Provider>,
}

/// The providers in the order they are tried, and which of them asked to be left alone.
pub struct Chain {
    links: Vec<Link>,
    paused_until: Mutex<HashMap<String, Millis>>,
}

/// What a message does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Index into the chain.
    Try(usize),
    Wait {
        until: Millis,
    },
    End(End),
}

/// What the rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub lane: Lane,
    pub attempts: &'a [Attempt],
    pub now: Millis,
    pub deadline: Millis,
    /// 0 to 1, spreads retries.
    pub jitter: f64,
}

impl Chain {
    #[must_use]
    pub fn new(links: Vec<Link>) -> Self {
        Self { links, paused_until: Mutex::default() }
    }

    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Leaves a provider alone until then.
    pub fn pause(&self, name: &str, until: Millis) {
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = paused.entry(name.to_owned()).or_default();
        *kept = until.max(*kept);
    }

    fn paused_until(&self, name: &str, attempts: &[Attempt]) -> Millis {
        let paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = attempts.iter().filter(|a| a.provider == name).filter_map(|a| a.retry_at).max();
        paused.get(name).copied().unwrap_or(0).max(asked.unwrap_or(0))
    }

    /// Decides.
    #[must_use]
    pub fn decide(&self, s: &Situation<'_>) -> Step {
        if let Some(end) = final_answer(s) {
            return Step::End(end);
        }
        let usable: Vec<usize> =
            (0..self.links.len()).filter(|i| is_usable(&self.links[*i].name, s.attempts)).collect();
        if usable.is_empty() {
            return Step::End(give_up(s, "no provider of the chain takes it"));
        }
        let last = s.attempts.last();
        let after_last = last.map_or(0, |a| {
            self.links.iter().position(|l| l.name == a.provider).map_or(0, |place| place + 1)
        });
        // Bulk waits for a provider that is merely busy; a code goes round it.
        let stays = s.lane == Lane::Bulk
            && last.is_some_and(|a| class(a) == ErrorClass::Throttled)
            && self.ready_at(s) < s.deadline;
        let rest_of_round: Vec<usize> =
            usable.iter().copied().filter(|i| *i >= after_last && !stays).collect();
        let free = |i: &&usize| self.free_from(**i, s) <= s.now;
        if let Some(next) = rest_of_round.iter().find(free) {
            return Step::Try(*next);
        }
        let next = usable.iter().find(free).filter(|_| s.now >= self.ready_at(s));
        next.map_or_else(|| self.wait(s, &usable, &rest_of_round), |next| Step::Try(*next))
    }

    /// When this link may be called again.
    fn free_from(&self, place: usize, s: &Situation<'_>) -> Millis {
        self.paused_until(&self.links[place].name, s.attempts)
    }

    /// When the next round may begin: later with each round, so that an outage is not hammered.
    fn ready_at(&self, s: &Situation<'_>) -> Millis {
        let Some(last) = s.attempts.last() else { return 0 };
        let rounds = self
            .links
            .iter()
            .map(|l| s.attempts.iter().filter(|a| a.provider == l.name).count())
            .max()
            .unwrap_or(1);
        let doublings = u32::try_from(rounds.saturating_sub(1)).unwrap_or(0).min(6);
        let backoff = (FIRST_BACKOFF_MS << doublings).min(LONGEST_BACKOFF_MS);
        last.finished_at.unwrap_or(last.started_at) + backoff
    }

    /// Waits for the rest of this round or for the next one, whichever can begin first.
    fn wait(&self, s: &Situation<'_>, usable: &[usize], rest_of_round: &[usize]) -> Step {
        let first_free = |links: &[usize]| links.iter().map(|i| self.free_from(*i, s)).min();
        let next_round = self.ready_at(s).max(first_free(usable).unwrap_or(0));
        let this_round = first_free(rest_of_round).unwrap_or(next_round);
        let earliest = next_round.min(this_round).max(s.now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "at most a minute of milliseconds"
        )]
        let spread = ((earliest - s.now).min(LONGEST_BACKOFF_MS) as f64 * 0.25 * s.jitter) as i64;
        let until = earliest + spread;
        if until >= s.deadline {
            return Step::End(give_up(s, "no provider accepted it in time"));
        }
        Step::Wait { until }
    }
}

fn class(attempt: &Attempt) -> ErrorClass {
    attempt.outcome().unwrap_or(ErrorClass::Unknown)
}

/// A provider that refused this message for a reason that lasts is not asked again.
fn is_usable(name: &str, attempts: &[Attempt]) -> bool {
    use ErrorClass as C;
    !attempts.iter().any(|a| {
        a.provider == name && matches!(class(a), C::Content | C::Region | C::Sender | C::Account)
    })
}

/// The end, when one of the answers so far is final whoever is asked next.
fn final_answer(s: &Situation<'_>) -> Option<End> {
    use ErrorClass as C;
    let count = |wanted: C| s.attempts.iter().filter(|a| class(a) == wanted).count();
    for (wanted, words) in
        [(C::OptedOut, "the recipient opted out"), (C::Recipient, "the number cannot receive it")]
    {
        if count(wanted) > 0 {
            return Some(ending(s, wanted, words));
        }
    }
    let bulk = s.lane == Lane::Bulk;
    if bulk && count(C::Unknown) > 0 {
        return Some(ending(s, C::Unknown, "it may have been sent"));
    }
    // Another sender or route may take a code that one filter refused, but not two filters.
    if count(C::Content) > usize::from(!bulk) {
        return Some(ending(s, C::Content, "the text was refused"));
    }
    None
}

fn give_up(s: &Situation<'_>, words: &str) -> End {
    let last = s.attempts.last().map_or(ErrorClass::Transient, class);
    ending(s, last, words)
}

/// Says why it ended, with the last provider's own words.
fn ending(s: &Situation<'_>, class_of_end: ErrorClass, words: &str) -> End {
    // What may have arrived has not failed.
    let may_be_sent = s.attempts.iter().any(|a| class(a) == ErrorClass::Unknown);
    let state = if may_be_sent { State::Unknown } else { State::Failed };
    let said = s.attempts.iter().rev().find(|a| class(a) == class_of_end).or(s.attempts.last());
    let failure = match said {
        None => words.to_owned(),
        Some(a) => {
            let code = a.error_code.as_deref().map(|c| format!(" {c}")).unwrap_or_default();
            let detail = a.detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default();
            format!("{words} ({}{code}{detail})", a.provider)
        }
    };
    End { state, class: class_of_end, failure }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
