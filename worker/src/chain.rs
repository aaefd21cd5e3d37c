//! Which provider of a message's route comes next: decided by the error classes of the attempts so
//! far and by who may be called now, and by nothing else. The rule keeps no state, so it goes on after a
//! crash where it was.

use std::sync::Arc;

use otpost_shared::{
    attempt::Attempt,
    channel::Channel,
    clock::Millis,
    config::Senders,
    message::{End, State},
    outcome::ErrorClass,
    queue::Lane,
    rate::Rate,
};

use crate::{
    breaker::Availability,
    health::Health,
    provider::Provider,
    routes::{ChainOf, Routes},
    tokens::Tokens,
    turns::Turns,
};

const FIRST_BACKOFF_MS: i64 = 1_000;
const LONGEST_BACKOFF_MS: i64 = 60_000;
/// When a provider that may become free at any moment is looked at again.
const LOOK_AGAIN_MS: i64 = 1_000;
/// E-mails that one server may have taken of one message.
const MOST_UNKNOWN_EMAILS: usize = 2;

/// One provider in its place.
#[derive(Clone)]
pub struct Link {
    pub name: String,
    pub provider: Arc<dyn Provider>,
    pub senders: Senders,
    /// None when it may be called as often as one likes.
    pub tokens: Option<Arc<Tokens>>,
}

impl Link {
    /// Its rate, if messages wait because of it.
    #[must_use]
    pub fn rate_that_is_felt(&self) -> Option<Rate> {
        self.tokens.as_ref().filter(|tokens| tokens.is_used_up()).map(|tokens| *tokens.rate())
    }
}

/// All providers, how they are, and which of them a message may go to.
pub struct Chain {
    links: Vec<Link>,
    routes: Routes,
    health: Arc<Health>,
    /// Of each link, for those who wait for it.
    turns: Vec<Turns>,
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
    pub channel: Channel,
    /// The chain whose links these are; none for a reply.
    pub chain: Option<ChainOf>,
    /// The links it may go to, in the order they are tried.
    pub route: &'a [usize],
    /// Those of them that [refuse](crate::regions) its country: they are asked last.
    pub refusing: &'a [usize],
    pub attempts: &'a [Attempt],
    /// Whether each link may be called, in the chain's order.
    pub providers: &'a [Availability],
    pub now: Millis,
    pub deadline: Millis,
    /// 0 to 1, spreads retries.
    pub jitter: f64,
}

impl Chain {
    #[must_use]
    pub fn new(links: Vec<Link>, routes: Routes) -> Self {
        let health = Health::new(links.iter().map(|link| link.name.clone()).collect());
        let turns = links.iter().map(|_| Turns::default()).collect();
        Self { links, routes, health: Arc::new(health), turns }
    }

    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    pub(crate) fn turns(&self, place: usize) -> &Turns {
        &self.turns[place]
    }

    /// True when some provider that messages of a lane may go to may only be called so often.
    #[must_use]
    pub fn is_rated(&self, lane: Lane) -> bool {
        let mut places = self.routes.in_lane(lane).iter().flatten();
        places.any(|place| self.links[*place].tokens.is_some())
    }

    /// Whom a code by SMS goes to that was never tried, when nothing has to be asked before: neither
    /// its recipient nor a rate.
    #[must_use]
    pub fn first_at_once(&self, now: Millis) -> Option<&str> {
        let place = self.health.first_trusted(self.routes.of_every_code()?, now)?;
        let first = &self.links[place];
        first.tokens.is_none().then_some(first.name.as_str())
    }

    /// How many more messages of a lane it makes sense to claim now; so many are claimed already and
    /// have not begun. Where routes part the lane, a token that lies idle is worth any number of claims:
    /// the one it is for stands behind others, who are put off with a turn of their own.
    #[must_use]
    pub fn most_to_claim(&self, lane: Lane, unbegun: usize, now: Millis) -> usize {
        let is_parted = self.routes.differ_in(lane);
        let room = |place: usize| match &self.links[place].tokens {
            Some(tokens) if !(is_parted && tokens.is_idle(lane)) => tokens.room(lane, unbegun),
            _ => usize::MAX,
        };
        let most = self.health.most_to_claim(lane, self.routes.in_lane(lane), now, room);
        let replies = self.routes.of_replies();
        if lane == Lane::Otp || most > 0 || replies.is_empty() {
            return most;
        }
        // A reply comes first in its lane, and may have somebody to go to when all others have not.
        self.health.most_to_claim(lane, replies, now, room).min(1)
    }

    /// Decides.
    #[must_use]
    pub fn decide(&self, s: &Situation<'_>) -> Step {
        if let Some(end) = final_answer(s) {
            return Step::End(end);
        }
        let usable = self.usable(s.route.iter().copied(), s);
        if usable.is_empty() {
            // Where nobody was ever asked, there is nobody to ask later either.
            let class = s.attempts.last().map_or(ErrorClass::Account, class);
            let failure = self.why_nobody_is_left(s);
            return Step::End(End { state: state_at_end(s), class, failure });
        }
        let last = s.attempts.last();
        let was_last = |place: &usize| last.is_some_and(|a| a.provider == self.links[*place].name);
        let after_last = s.route.iter().position(was_last).map_or(0, |at| at + 1);
        // Bulk waits for a provider that is merely busy; a code goes round it.
        let stays = s.lane == Lane::Bulk
            && last.is_some_and(|a| class(a) == ErrorClass::Throttled)
            && self.ready_at(s) < s.deadline;
        let rest_of_round = if stays { Vec::new() } else { self.rest_of_round(after_last, s) };
        let free = |i: &&usize| self.free_from(**i, s) <= s.now || self.is_waited_for(**i, s);
        let next = rest_of_round
            .iter()
            .find(free)
            .or_else(|| usable.iter().find(free).filter(|_| s.now >= self.ready_at(s)));
        match next.map(|place| (*place, s.providers[*place])) {
            None => self.wait(s, &usable, &rest_of_round),
            Some((_, Availability::UsedUp { until })) if s.lane == Lane::Bulk => {
                Step::Wait { until: until.min(s.deadline) }
            }
            Some((place, _)) => Step::Try(place),
        }
    }

    /// Those of these links that may still take the message, as they are asked.
    pub(crate) fn usable(
        &self,
        places: impl Iterator<Item = usize>,
        s: &Situation<'_>,
    ) -> Vec<usize> {
        let may_take = |place: &usize| {
            let name = &self.links[*place].name;
            is_usable(name, s.attempts)
                && !(s.channel == Channel::Email && is_mute(name, s.attempts))
        };
        let mut usable: Vec<usize> = places.filter(may_take).collect();
        usable.sort_by_key(|place| s.refusing.contains(place));
        usable
    }

    /// Those after the one that was asked last, and whoever was passed over. When that one refuses the
    /// country it may have stood anywhere: then those that were not asked in this round.
    fn rest_of_round(&self, after_last: usize, s: &Situation<'_>) -> Vec<usize> {
        let is_refusing = |place: usize| s.refusing.contains(&place);
        let was_last_refusing = after_last > 0 && is_refusing(s.route[after_last - 1]);
        let calls = |place: usize| {
            let name = &self.links[place].name;
            s.attempts.iter().filter(|a| a.provider == *name).count()
        };
        let round = s.route.iter().map(|place| calls(*place)).max().unwrap_or(0);
        let is_new = |place: usize| calls(place) < round;
        let is_left = |(at, place): &(usize, &usize)| {
            let follows = *at >= after_last && !was_last_refusing;
            follows || (was_last_refusing || is_refusing(**place)) && is_new(**place)
        };
        let left = s.route.iter().enumerate().filter(is_left);
        self.usable(left.map(|(_, place)| *place), s)
    }

    /// A rate that is used up sends a code to the next provider; others wait for it.
    fn is_waited_for(&self, place: usize, s: &Situation<'_>) -> bool {
        let used_up = matches!(s.providers[place], Availability::UsedUp { .. });
        used_up && s.lane == Lane::Bulk && self.asked_until(place, s) <= s.now
    }

    /// Until when this link has asked to be left alone with this message.
    fn asked_until(&self, place: usize, s: &Situation<'_>) -> Millis {
        let of_it = s.attempts.iter().filter(|a| a.provider == self.links[place].name);
        of_it.filter_map(|a| a.retry_at).max().unwrap_or(0)
    }

    /// When this link may be called again, as far as is known.
    fn free_from(&self, place: usize, s: &Situation<'_>) -> Millis {
        let free_from = match s.providers[place] {
            Availability::Free | Availability::Probe => 0,
            Availability::Busy => s.now + LOOK_AGAIN_MS,
            Availability::Paused { until } | Availability::UsedUp { until } => until,
            Availability::Open { probe_at } => probe_at,
        };
        free_from.max(self.asked_until(place, s))
    }

    /// When the next round may begin: later with each round, so that an outage is not hammered.
    fn ready_at(&self, s: &Situation<'_>) -> Millis {
        let Some(last) = s.attempts.last() else { return 0 };
        let calls = |place: &usize| {
            let name = &self.links[*place].name;
            s.attempts.iter().filter(|a| a.provider == *name).count()
        };
        let rounds = s.route.iter().map(calls).max().unwrap_or(1);
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
        // Tokens come one by one as it is.
        let comes = |i: &usize| matches!(s.providers[*i], Availability::UsedUp { until } if until == earliest);
        let until = if usable.iter().any(comes) { earliest } else { earliest + spread };
        if until < s.deadline {
            return Step::Wait { until };
        }
        // A provider that is left alone because it fails may be in use again any moment.
        let may_be_sooner = |i: &usize| {
            use Availability as A;
            matches!(s.providers[*i], A::Open { .. } | A::Busy | A::UsedUp { .. })
        };
        let look_again = self.ready_at(s).max(s.now + LOOK_AGAIN_MS);
        if self.ready_at(s) < s.deadline && usable.iter().any(may_be_sooner) {
            return Step::Wait { until: look_again.min(s.deadline) };
        }
        let class = s.attempts.last().map_or(ErrorClass::Transient, class);
        Step::End(ending(s, class, "no provider accepted it in time"))
    }
}

/// What the provider said last.
pub(crate) fn class(attempt: &Attempt) -> ErrorClass {
    let silent = attempt.is_silent().then_some(ErrorClass::Unknown);
    attempt.undelivered().or(silent).or(attempt.outcome()).unwrap_or(ErrorClass::Unknown)
}

/// A provider that refused this message for a reason that lasts, or took it and could not deliver
/// it, is not asked again.
pub(crate) fn is_usable(name: &str, attempts: &[Attempt]) -> bool {
    !attempts.iter().any(|a| a.provider == name && lasts(a))
}

/// True when it would end the same way again.
pub(crate) fn lasts(attempt: &Attempt) -> bool {
    use ErrorClass as C;
    let class = class(attempt);
    attempt.has_gone_on() || matches!(class, C::Content | C::Region | C::Sender | C::Account)
}

/// A mail server that did not say in time whether it has taken an e-mail usually has, and would do the
/// same next time: the person would get one with every round.
pub(crate) fn is_mute(name: &str, attempts: &[Attempt]) -> bool {
    let unknown = |a: &&Attempt| a.provider == name && class(a) == ErrorClass::Unknown;
    attempts.iter().filter(unknown).count() >= MOST_UNKNOWN_EMAILS
}

/// The end, when one of the answers so far is final whoever is asked next.
fn final_answer(s: &Situation<'_>) -> Option<End> {
    use ErrorClass as C;
    let count = |wanted: C| s.attempts.iter().filter(|a| class(a) == wanted).count();
    for (wanted, words) in [
        (C::OptedOut, "the recipient opted out"),
        (C::Recipient, "the recipient cannot receive it"),
    ] {
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

/// Says why it ended, with the last provider's own words.
fn ending(s: &Situation<'_>, class_of_end: ErrorClass, words: &str) -> End {
    let said = s.attempts.iter().rev().find(|a| class(a) == class_of_end).or(s.attempts.last());
    let failure = match said.map(|a| (a, words_of(a))) {
        None => words.to_owned(),
        Some((a, said)) if said.is_empty() => format!("{words} ({})", a.provider),
        Some((a, said)) if a.error_code.is_none() => format!("{words} ({}: {said})", a.provider),
        Some((a, said)) => format!("{words} ({} {said})", a.provider),
    };
    End { state: state_at_end(s), class: class_of_end, failure }
}

/// The provider's own: `E7: not there`.
pub(crate) fn words_of(attempt: &Attempt) -> String {
    let both = [attempt.error_code.as_deref(), attempt.detail.as_deref()];
    both.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn state_at_end(s: &Situation<'_>) -> State {
    // What may have arrived has not failed.
    let may_be_sent = s.attempts.iter().any(|a| class(a) == ErrorClass::Unknown);
    let was_accepted = s.attempts.iter().any(|a| a.undelivered().is_some());
    match (may_be_sent, was_accepted) {
        (true, _) => State::Unknown,
        (false, true) => State::Undelivered,
        (false, false) => State::Failed,
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
