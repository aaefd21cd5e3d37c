//! Which providers of the chain may be called now: the breakers of this process, kept in step
//! with those of all others through the database, four times a second and never per message.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use otpost_shared::{
    Home,
    attempt::Attempt,
    clock::Millis,
    db::{Db, DbError},
    outcome::ErrorClass,
    provider_state::{self, ProviderState},
    queue::Lane,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    breaker::{Availability, Breaker, Call, Change, Turn},
    provider::Blame,
    refusals::{Refusals, Refused},
    regions::{self, Destination, Regions},
};

/// How soon a process learns what another has found out.
const LOOK: Duration = Duration::from_millis(250);

/// The breakers of a chain, in its order.
#[derive(Debug)]
pub struct Health {
    names: Vec<String>,
    breakers: Mutex<Vec<Breaker>>,
    /// Locked with the breakers only after them.
    regions: Regions,
    refusals: Refusals,
    /// A call ended or a state changed: who waits may look again.
    news: Notify,
    /// A breaker has something to write.
    unwritten: Notify,
}

/// Why a provider is not called for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It would be a probe or has to wait.
    LeftAlone,
    /// It refuses the message's country: others are asked first.
    Refusing,
}

/// The right to make one call of one provider; gives its place back when dropped.
#[derive(Debug)]
pub struct Pass {
    health: Arc<Health>,
    place: usize,
    call: Call,
}

impl Pass {
    /// Index into the chain.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.call.probe
    }

    /// True when a drill keeps the call from being made.
    #[must_use]
    pub fn is_drilled(&self) -> bool {
        self.call.drilled
    }

    /// Another process has the probe.
    pub fn lose_probe(self, now: Millis) {
        self.health.lock()[self.place].lose_probe(self.call, now);
    }

    /// As [`Pass::note`], if it is the provider that the outcome speaks of.
    pub fn note_blaming(self, ended: &Attempt, blame: Blame, to: Option<Destination>) {
        match blame {
            Blame::Usual => self.note(ended, to),
            // Like any other word about a recipient.
            Blame::Recipient => {
                let at = ended.finished_at.unwrap_or(ended.started_at);
                let class = Some(ErrorClass::Recipient);
                let mut answered = Attempt::of(ended.number, &ended.provider, class, at);
                answered.error_code.clone_from(&ended.error_code);
                answered.detail.clone_from(&ended.detail);
                self.note(&answered, to);
            }
            Blame::Ours => {}
        }
    }

    /// Takes into account how the call ended, of a message that went there.
    pub fn note(self, ended: &Attempt, to: Option<Destination>) {
        let class = ended.outcome().unwrap_or(ErrorClass::Unknown);
        let said = in_words(class, ended);
        let now = ended.finished_at.unwrap_or(ended.started_at);
        let mut breakers = self.health.lock();
        let breaker = &mut breakers[self.place];
        let turn = breaker.note(self.call, class, ended.retry_at, &said, now);
        let to_write = !breaker.unwritten.is_empty();
        drop(breakers);
        let provider = &self.health.names[self.place];
        let change = self.health.regions.note(self.place, to, class, &said, now);
        if let (Some(change), Some(to)) = (change, to) {
            regions::tell(change, provider, to, &said);
        }
        // A country that it is known to refuse was told of by itself.
        if let Some(refused) = Refused::by(class)
            && self.health.regions.refusing(&[self.place], to, true, now).is_empty()
        {
            self.health.refusals.note(provider, refused, &said, now);
        }
        match turn {
            Some(Turn::Opened) => tracing::warn!(
                provider, outcome = %class, said,
                "the provider fails and is left alone but for a probe every 5 s"
            ),
            Some(Turn::Closed) => tracing::info!(provider, "the provider works again"),
            None if self.call.probe => tracing::info!(provider, outcome = %class, said, "probed"),
            None => {}
        }
        if to_write || change.is_some() {
            self.health.unwritten.notify_one();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.health.lock()[self.place].leave(self.call);
        self.health.news.notify_waiters();
    }
}

/// `transient 500: out of order`
fn in_words(class: ErrorClass, ended: &Attempt) -> String {
    let code = ended.error_code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    let detail = ended.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{class}{code}{detail}")
}

impl Health {
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        let breakers = names.iter().map(|_| Breaker::default()).collect();
        Self {
            names,
            breakers: Mutex::new(breakers),
            regions: Regions::default(),
            refusals: Refusals::default(),
            news: Notify::new(),
            unwritten: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Breaker>> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Resolves when it is worth looking again.
    pub fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.news.notified()
    }

    /// Looks at all providers and lets a call of the one that is picked through, in one step, so
    /// that no two calls take the same place.
    ///
    /// # Errors
    /// None was picked; what `pick` said instead.
    pub fn pick<T>(
        self: &Arc<Self>,
        now: Millis,
        pick: impl FnOnce(&[Availability]) -> Result<usize, T>,
    ) -> Result<Pass, T> {
        let mut breakers = self.lock();
        let seen: Vec<Availability> = breakers.iter().map(|b| b.availability(now)).collect();
        let place = pick(&seen)?;
        let call = breakers[place].enter(now);
        let to_write = !breakers[place].unwritten.is_empty();
        drop(breakers);
        if to_write {
            let provider = &self.names[place];
            tracing::info!(provider, "nothing was heard of the provider for long; it is tried");
            self.unwritten.notify_one();
        }
        Ok(Pass { health: Arc::clone(self), place, call })
    }

    /// The first provider of a route that is not left alone, if it may be called as often as one
    /// likes.
    #[must_use]
    pub fn first_trusted(&self, route: &[usize], now: Millis) -> Option<usize> {
        let breakers = self.lock();
        let in_use = |place: &usize| {
            let seen = breakers[*place].availability(now);
            !matches!(seen, Availability::Paused { .. } | Availability::Open { .. })
        };
        let place = route.iter().copied().find(in_use)?;
        breakers[place].is_trusted(now).then_some(place)
    }

    /// Lets one call of a provider through, for a message that goes there.
    ///
    /// # Errors
    /// Why it is not called now.
    pub fn enter(
        self: &Arc<Self>,
        name: &str,
        to: Option<Destination>,
        now: Millis,
    ) -> Result<Pass, Barred> {
        let place = self.names.iter().position(|known| known == name).ok_or(Barred::LeftAlone)?;
        self.pick(now, |seen| match seen[place] {
            Availability::Free if self.regions.lets_through(place, to, now) => Ok(place),
            Availability::Free => Err(Barred::Refusing),
            _ => Err(Barred::LeftAlone),
        })
    }

    /// How many messages of a lane it makes sense to claim, which may come to any of these routes: one
    /// while no more than a probe can be made of them, none while every provider is to be left alone. Of
    /// several routes the probe may be for the last in the lane. `room` is how many a provider has tokens for.
    #[must_use]
    pub fn most_to_claim(
        &self,
        lane: Lane,
        routes: &[Vec<usize>],
        now: Millis,
        room: impl Fn(usize) -> usize,
    ) -> usize {
        let let_through = |breaker: &Breaker| match breaker.availability(now) {
            Availability::Free | Availability::Busy | Availability::UsedUp { .. } => usize::MAX,
            Availability::Probe => 1,
            Availability::Paused { .. } | Availability::Open { .. } => 0,
        };
        let through: Vec<usize> = self.lock().iter().map(let_through).collect();
        let most_of = |route: &Vec<usize>| {
            // A code goes round a provider without tokens; others wait for the first that is in use.
            let in_use = route.iter().find(|place| through[**place] == usize::MAX);
            if let (Lane::Bulk, Some(place)) = (lane, in_use) {
                return room(*place);
            }
            let of_each = route.iter().map(|place| match room(*place) {
                1.. if through[*place] == 1 && routes.len() > 1 => usize::MAX,
                room => room.min(through[*place]),
            });
            of_each.max().unwrap_or_default()
        };
        // A chain without providers ends its messages, each with its reason.
        routes.iter().map(most_of).max().unwrap_or(usize::MAX)
    }

    /// Until `stop` is cancelled: tells the database what was found out here, at once, and learns
    /// what was found out elsewhere. While the database is away, what is known here goes on.
    pub async fn keep_in_step(&self, home: &Home, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reached = true;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.unwritten.notified() => {}
                _ = ticks.tick() => {}
            }
            let result = self.step(&home.db).await;
            if let (Err(error), true) = (&result, reached) {
                tracing::warn!(%error, "what other workers know of the providers is not read");
            }
            reached = result.is_ok();
        }
    }

    /// Writes what is unwritten, then learns.
    ///
    /// # Errors
    /// The database does not answer; what was not written is kept for the next time.
    pub async fn step(&self, db: &Db) -> Result<(), DbError> {
        for (place, name) in self.names.iter().enumerate() {
            loop {
                let next = self.lock()[place].unwritten.front().cloned();
                let Some(change) = next else { break };
                write(db, name, &change).await?;
                self.lock()[place].unwritten.pop_front();
            }
        }
        // Which countries are refused is written for people to read: no worker waits for it.
        let told = self.regions.write(db, &self.names).await;
        let rows = provider_state::list(db).await?;
        self.learn(&rows);
        self.news.notify_waiters();
        told
    }

    fn learn(&self, rows: &[ProviderState]) {
        let mut breakers = self.lock();
        for (name, breaker) in self.names.iter().zip(breakers.iter_mut()) {
            let row = rows.iter().find(|row| row.name == *name);
            match breaker.learn(row) {
                Some(Turn::Opened) => {
                    let reason = row.and_then(|row| row.reason.as_deref()).unwrap_or_default();
                    tracing::info!(provider = name, reason, "the provider is left alone by all");
                }
                Some(Turn::Closed) => tracing::info!(provider = name, "the provider is in use"),
                None => {}
            }
            metrics::gauge!("otpost_provider_state", "provider" => name.clone())
                .set(f64::from(breaker.level()));
        }
    }
}

async fn write(db: &Db, name: &str, change: &Change) -> Result<(), DbError> {
    match change {
        Change::Opened { at, reason } => {
            // Counted by the process that was first, so that the sum over all is right.
            if provider_state::mark_open(db, name, *at, reason).await? {
                metrics::counter!("otpost_provider_openings_total", "provider" => name.to_owned())
                    .increment(1);
            }
            Ok(())
        }
        Change::ProbeAnswered { opened_at, now } => {
            provider_state::mark_probe_answered(db, name, *opened_at, *now).await
        }
        Change::ProbeFailed { opened_at, reason, now } => {
            provider_state::mark_probe_failed(db, name, *opened_at, reason, *now).await
        }
        Change::Forgotten { opened_at, now } => {
            provider_state::mark_forgotten(db, name, *opened_at, *now).await
        }
        Change::Paused { until, now } => provider_state::mark_paused(db, name, *until, *now).await,
    }
}
