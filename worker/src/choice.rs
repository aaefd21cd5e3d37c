//! Settling what the chain's rule says: a call needs a place with its provider, perhaps the one
//! probe, and a token where the provider has a rate. What comes soon is waited for.

use std::{borrow::Cow, time::Duration};

use otpost_shared::{
    Home,
    attempt::Attempt,
    channel::Channel,
    clock::Millis,
    message::{End, Message},
    provider_state,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    breaker::Availability,
    chain::{Chain, Situation, Step},
    health::Pass,
    line::Line,
    regions::Destination,
    routes::ChainOf,
    turns::Apart,
};

/// How long the database may take to say whose a probe is.
const CLAIM: Duration = Duration::from_millis(500);
/// A code that would wait longer for a token goes to the next provider: about as long as a call there
/// takes.
const GO_ROUND_AFTER: Duration = Duration::from_millis(250);
/// Where routes part a lane, nobody waits longer for a token in a place that those of another route
/// could use.
const TOKEN_AMONG_ROUTES: Duration = Duration::from_millis(500);

/// A step that is settled: a call that begins has its place.
#[derive(Debug)]
pub enum Chosen {
    Try(Pass),
    /// Why, when it is a rate, or nobody is in use who may take it.
    Wait {
        until: Millis,
        why: Option<String>,
    },
    End(End),
}

/// How long a message may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Patience<'a> {
    /// For the answers of a provider that is only being tried out.
    pub place: Duration,
    pub token: Duration,
    /// Nothing is waited for any more.
    pub stop: &'a CancellationToken,
}

/// The links that a message may go to, and where those are to bring it.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Whose links they are; none for a reply.
    pub chain: Option<ChainOf>,
    pub route: &'a [usize],
    pub to: Option<Destination>,
}

/// What stands between a message and the next call.
enum Obstacle {
    Place,
    Token { place: usize, give_up: Instant },
    Settled(Chosen),
}

/// One message's way to the next call.
struct Search<'a> {
    line: Line,
    channel: Channel,
    way: Way<'a>,
    attempts: &'a [Attempt],
    deadline: Millis,
    /// 0 to 1.
    jitter: f64,
    place_until: Instant,
    token_until: Instant,
    /// Of each link, when a token is likely to come; empty until one was missing.
    used_up: Vec<Option<Millis>>,
    /// The link for which it has one.
    token: Option<usize>,
}

impl Chain {
    /// Decides among the links on a message's way, and takes what the decision needs: a place among
    /// the calls or the one probe, and a token.
    pub async fn choose(
        &self,
        home: &Home,
        row: &Message,
        way: Way<'_>,
        attempts: &[Attempt],
        mut patience: Patience<'_>,
    ) -> Chosen {
        if self.routes().differ_in(row.lane()) {
            patience.token = patience.token.min(TOKEN_AMONG_ROUTES);
        }
        let began = Instant::now();
        let mut search = Search {
            line: Line::of(row),
            channel: row.channel(),
            way,
            attempts,
            deadline: row.deadline,
            jitter: rand::random::<f64>(),
            place_until: began + patience.place,
            token_until: began + patience.token,
            used_up: Vec::new(),
            token: None,
        };
        loop {
            let mut news = std::pin::pin!(self.health().news());
            // From here on nothing is missed.
            news.as_mut().enable();
            let now = home.clock.now();
            match self.health().pick(now, |seen| self.settle(&search, seen, now)) {
                Ok(pass) if !pass.is_probe() => return Chosen::Try(pass),
                Ok(pass) => {
                    let name = &self.links()[pass.place()].name;
                    let claim = provider_state::claim_probe(&home.db, name, now);
                    if matches!(tokio::time::timeout(CLAIM, claim).await, Ok(Ok(true))) {
                        return Chosen::Try(pass);
                    }
                    pass.lose_probe(home.clock.now());
                }
                Err(Obstacle::Settled(chosen)) => return chosen,
                Err(Obstacle::Place) => {
                    let _ = timeout_at(search.place_until, news).await;
                }
                Err(Obstacle::Token { place, give_up }) => {
                    let taking = self.take_token(home, &mut search, place, give_up);
                    if patience.stop.run_until_cancelled(taking).await.is_none() {
                        return Chosen::Wait { until: home.clock.now(), why: None };
                    }
                }
            }
        }
    }

    async fn take_token(
        &self,
        home: &Home,
        search: &mut Search<'_>,
        place: usize,
        give_up: Instant,
    ) {
        let Some(tokens) = &self.links()[place].tokens else { return };
        search.used_up.resize(self.links().len(), None);
        match tokens.take(search.line, give_up).await {
            Ok(()) => (search.token, search.used_up[place]) = (Some(place), None),
            Err(wait) => {
                let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
                search.used_up[place] = Some(home.clock.now().saturating_add(wait + 1));
            }
        }
    }

    /// The link to call now, or what is in the way.
    fn settle(
        &self,
        search: &Search<'_>,
        seen: &[Availability],
        now: Millis,
    ) -> Result<usize, Obstacle> {
        let providers = search.overlaid(seen, now);
        let (to, has_begun) = (search.way.to, !search.attempts.is_empty());
        let refusing = self.health().regions().refusing(search.way.route, to, has_begun, now);
        let s = search.situation(&providers, &refusing, now);
        if Instant::now() < search.place_until && self.waits_for_a_place(&s) {
            return Err(Obstacle::Place);
        }
        match self.decide(&s) {
            Step::Try(place) => {
                let has_token = self.links()[place].tokens.is_none() || search.token == Some(place);
                if has_token {
                    // One that refuses its country is asked when nobody else can be.
                    let is_good = self.health().regions().lets_through(place, to, now);
                    if is_good || refusing.contains(&place) {
                        return Ok(place);
                    }
                    // Another message has just begun to ask.
                    return self.settle(search, seen, now);
                }
                let mut give_up = search.token_until;
                if self.can_go_round(place, &s) {
                    give_up = give_up.min(Instant::now() + GO_ROUND_AFTER);
                }
                Err(Obstacle::Token { place, give_up })
            }
            Step::Wait { until } => Err(self.wait_or_settle(search, &s, until)),
            Step::End(end) => Err(Obstacle::Settled(Chosen::End(end))),
        }
    }

    /// True when the provider it would go to is busy being tried out.
    fn waits_for_a_place(&self, s: &Situation<'_>) -> bool {
        if !s.route.iter().any(|place| s.providers[*place] == Availability::Busy) {
            return false;
        }
        let free = |a: &Availability| match a {
            Availability::Busy => Availability::Free,
            other => *other,
        };
        let hoped: Vec<Availability> = s.providers.iter().map(free).collect();
        let step = self.decide(&Situation { providers: &hoped, ..*s });
        matches!(step, Step::Try(place) if s.providers[place] == Availability::Busy)
    }

    /// True when another provider may be called at once, and not in vain.
    fn can_go_round(&self, place: usize, s: &Situation<'_>) -> bool {
        let mut without = s.providers.to_vec();
        without[place] = Availability::UsedUp { until: s.deadline };
        let step = self.decide(&Situation { providers: &without, ..*s });
        matches!(step, Step::Try(other) if !s.refusing.contains(&other))
    }

    /// When nobody has a token, the one that comes first is waited for, if that is soon.
    fn wait_or_settle(&self, search: &Search<'_>, s: &Situation<'_>, until: Millis) -> Obstacle {
        let first = search.first_token();
        let Some((place, at)) = first.filter(|(place, _)| self.is_all_it_lacks(*place, s)) else {
            return Obstacle::Settled(self.left_waiting(search, s, until));
        };
        let left = search.token_until.saturating_duration_since(Instant::now());
        if at - s.now < i64::try_from(left.as_millis()).unwrap_or(i64::MAX) {
            return Obstacle::Token { place, give_up: search.token_until };
        }
        let link = &self.links()[place];
        let Some(tokens) = &link.tokens else {
            return Obstacle::Settled(Chosen::Wait { until, why: None });
        };
        let why = Some(format!("held up by the rate of {}, {}", link.name, tokens.rate()));
        let until = self.turn(place, search, until, Apart::of_rate(tokens.pace()));
        Obstacle::Settled(Chosen::Wait { until, why })
    }

    /// Until its next round, or until somebody is in use again of those on its route who may still take
    /// it: whoever has refused it may well be free.
    fn left_waiting(&self, search: &Search<'_>, s: &Situation<'_>, until: Millis) -> Chosen {
        use Availability as A;
        let takers = self.usable(s.route.iter().copied(), s);
        let back_at = |place: usize| match s.providers[place] {
            A::Open { probe_at: at } | A::Paused { until: at } => Some(at),
            _ => None,
        };
        let are_left_alone = takers.iter().all(|place| back_at(*place).is_some());
        let first = takers.iter().min_by_key(|place| back_at(**place));
        let Some(first) = first.filter(|_| are_left_alone && self.routes().differ_in(s.lane))
        else {
            return Chosen::Wait { until, why: None };
        };
        let names: Vec<&str> =
            takers.iter().map(|place| self.links()[*place].name.as_str()).collect();
        let why =
            format!("held up, no provider that may take it being in use: {}", names.join(", "));
        Chosen::Wait { until: self.turn(*first, search, until, Apart::LEFT_ALONE), why: Some(why) }
    }

    /// When a message is looked at again that waits for this link.
    fn turn(&self, place: usize, search: &Search<'_>, until: Millis, apart: Apart) -> Millis {
        if !self.routes().differ_in(search.line.lane()) {
            return until;
        }
        let turn = self.turns(place).take(search.line, until, apart, search.deadline);
        // At its deadline nothing is claimed any more.
        if turn < search.deadline { turn } else { until }
    }

    /// True when it would be called if it only had a token.
    fn is_all_it_lacks(&self, place: usize, s: &Situation<'_>) -> bool {
        let mut hoped = s.providers.to_vec();
        if !matches!(hoped[place], Availability::UsedUp { .. }) {
            return false;
        }
        hoped[place] = Availability::Free;
        matches!(self.decide(&Situation { providers: &hoped, ..*s }), Step::Try(of) if of == place)
    }
}

impl Search<'_> {
    fn situation<'s>(
        &'s self,
        providers: &'s [Availability],
        refusing: &'s [usize],
        now: Millis,
    ) -> Situation<'s> {
        Situation {
            lane: self.line.lane(),
            channel: self.channel,
            chain: self.way.chain,
            route: self.way.route,
            refusing,
            attempts: self.attempts,
            providers,
            now,
            deadline: self.deadline,
            jitter: self.jitter,
        }
    }

    /// Who may be called, with what is known of tokens.
    fn overlaid<'s>(&self, seen: &'s [Availability], now: Millis) -> Cow<'s, [Availability]> {
        if self.used_up.iter().all(Option::is_none) {
            return Cow::Borrowed(seen);
        }
        let overlay = |(seen, used_up): (&Availability, &Option<Millis>)| match (seen, used_up) {
            (Availability::Free | Availability::Probe, Some(until)) if *until > now => {
                Availability::UsedUp { until: *until }
            }
            (seen, _) => *seen,
        };
        Cow::Owned(seen.iter().zip(&self.used_up).map(overlay).collect())
    }

    /// Which of the links without tokens is likely to have one first.
    fn first_token(&self) -> Option<(usize, Millis)> {
        let missing = self.used_up.iter().enumerate();
        missing.filter_map(|(place, until)| Some((place, (*until)?))).min_by_key(|(_, at)| *at)
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
