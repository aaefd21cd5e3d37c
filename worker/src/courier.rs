//! One message on its way: composed, attempted along the chain, recorded under its epoch.

mod addressing;
mod beginning;
mod counting;
mod error;
mod opt_outs;
mod patience;
mod writing;

use std::{sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    attempt::{Attempt, Ending},
    clock::Millis,
    config::ProviderSection,
    db::DbError,
    message::{Claimed, End, MOST_CRASHES, Message, Next, State},
    outcome::ErrorClass,
    queue::Lane,
};
use tokio::{sync::SemaphorePermit, time::Instant};
use tokio_util::sync::CancellationToken;

pub use self::error::CourierError;
use self::{
    addressing::destination,
    counting::{count, count_cost},
};
use crate::{
    backend,
    chain::Chain,
    choice::{Chosen, Patience, Way},
    health::Pass,
    letter::{Letter, not_sent},
    line::Line,
    places::{Places, Unbegun},
    provider::Outcome,
};

/// What one attempt may take, from first byte to last.
const ATTEMPT: Duration = Duration::from_secs(5);
/// No first byte leaves with less lease than this.
const LEAST_LEASE_MS: i64 = 5_500;
/// Between two looks for tokens, when there is none for any code.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a message waits that could not be begun.
const PUT_OFF_MS: i64 = 1_000;
/// How long a message that is about to be begun, or that goes on, waits for a provider that is being
/// tried out.
const PATIENCE: Duration = Duration::from_secs(1);
/// A token that was not used for so long is not good any more: a rate counts when calls are made, and
/// what waited for the database must not leave all at once.
const TOKEN_KEEPS: Duration = Duration::from_millis(100);

/// Delivers messages; shared by all jobs of a process.
pub struct Courier {
    home: Home,
    chain: Arc<Chain>,
    places: Places,
    stop: CancellationToken,
}

/// Which attempt comes next.
struct Plan {
    number: i32,
    pass: Pass,
    /// When it was decided, with a token if that takes one.
    since: Instant,
}

impl Plan {
    fn new(number: i32, pass: Pass) -> Self {
        Self { number, pass, since: Instant::now() }
    }
}

/// An attempt whose row is written, and which may begin.
struct Begun<'a> {
    letter: Letter,
    way: Way<'a>,
    plan: Plan,
    lease_until: Millis,
    place: Option<SemaphorePermit<'a>>,
}

/// What kept a message from being sent before anything was.
struct Stopped {
    error: CourierError,
    /// The attempt whose row may or may not have been written.
    number: Option<i32>,
}

impl Courier {
    #[must_use]
    pub fn new(home: Home, chain: Arc<Chain>, stop: CancellationToken) -> Self {
        let places = Places::new(&home.config.worker);
        Self { home, chain, places, stop }
    }

    /// Whom a code goes to that was never tried; none when that has to be decided one by one.
    #[must_use]
    pub fn first_provider(&self) -> Option<String> {
        let first = self.chain.first_at_once(self.now());
        first.filter(|_| !self.stop.is_cancelled()).map(str::to_owned)
    }

    /// How many more messages of a lane it makes sense to claim now.
    #[must_use]
    pub fn most_to_claim(&self, lane: Lane) -> usize {
        self.chain.most_to_claim(lane, self.places.unbegun(lane), self.now())
    }

    /// Counts a message as claimed until it begins, or is put back.
    #[must_use]
    pub fn count_claimed(&self, lane: Lane) -> Unbegun {
        self.places.count(lane)
    }

    /// How many codes it makes sense to claim; waits while tokens are missing for all of them.
    pub async fn room_for_codes(&self) -> usize {
        if !self.chain.is_rated(Lane::Otp) {
            return usize::MAX;
        }
        loop {
            let most = self.most_to_claim(Lane::Otp);
            if most > 0 {
                return most;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Delivers one message as far as it gets now.
    ///
    /// # Errors
    /// The database or a key is missing; the row is then taken up again by itself.
    pub async fn deliver(&self, claimed: Claimed, unbegun: Unbegun) -> Result<(), CourierError> {
        let row = Arc::clone(&claimed.message);
        let begun = self.begin(claimed).await;
        drop(unbegun);
        let (begun, mut attempts) = match begun {
            Ok(Some(begun)) => begun,
            Ok(None) => return Ok(()),
            Err(stopped) => return self.put_off(&row, stopped).await,
        };
        let Begun { letter, way, mut plan, mut lease_until, mut place } = begun;
        loop {
            let number = plan.number;
            let Some((ended, ending)) = self.attempt(&row, &letter, plan, lease_until).await else {
                backend::release(&self.home, &row).await;
                return Ok(());
            };
            attempts.push(ended);
            self.hear_late_answers(&row, &mut attempts).await;
            let patience = self.patience_after(&row, lease_until);
            let (next, planned) = self.next(&row, &letter, way, &attempts, patience).await;
            place = place.filter(|_| planned.is_some());
            // Before the end, after which nobody would ask again.
            self.note_opt_out(&letter, attempts.last()).await;
            let lease = self.settle(&row, Some((number, ending)), next).await?;
            // What was planned is in the row by now, so it is what happens.
            let (Some(planned), Some(until)) = (planned, lease) else { return Ok(()) };
            plan = planned;
            lease_until = until;
        }
    }

    /// `number` is of the attempt that was written down with the claim.
    async fn call_off(
        &self,
        row: &Arc<Message>,
        number: Option<i32>,
        words: &str,
        next: Next,
    ) -> Result<(), DbError> {
        let ended = number.map(|number| (number, not_sent(words)));
        self.settle(row, ended, next).await.map(drop)
    }

    /// Nothing was sent: the message goes back into the queue instead of waiting for its lease.
    async fn put_off(&self, row: &Arc<Message>, stopped: Stopped) -> Result<(), CourierError> {
        tracing::warn!(message.id = %row.id, error = %stopped.error, "put off");
        // Its commit may have landed although its answer did not.
        let words = "the database did not answer in time; nothing was sent";
        let ended = stopped.number.map(|number| (number, not_sent(words)));
        let not_before = self.now() + PUT_OFF_MS;
        let next = match stopped.error {
            CourierError::Db(_) => Next::Wait { not_before, why: None },
            // Another worker may have the key; a broken row is broken everywhere.
            CourierError::Secret(_) if row.crashes + 1 < MOST_CRASHES => {
                Next::Stumble { not_before }
            }
            CourierError::Secret(error) => Next::End(End {
                state: State::Failed,
                class: ErrorClass::Transient,
                failure: format!("set aside: {error}"),
            }),
        };
        self.settle(row, ended, next).await?;
        Ok(())
    }

    fn now(&self) -> Millis {
        self.home.clock.now()
    }

    /// What comes next, by the chain's rule; a process that stops begins nothing new.
    async fn next(
        &self,
        row: &Message,
        letter: &Letter,
        way: Way<'_>,
        attempts: &[Attempt],
        patience: Patience<'_>,
    ) -> (Next, Option<Plan>) {
        let names_another =
            |a: &Attempt| way.route.iter().any(|at| self.chain.links()[*at].name != a.provider);
        // Silence sends nothing on where its route has nobody else.
        let stays = |a: &Attempt| !a.has_gone_on() || a.is_silent() && !names_another(a);
        let is_taken = |a: &Attempt| a.outcome() == Some(ErrorClass::Ok) && stays(a);
        // One that was silent may have been spoken of, or have answered, while another was asked.
        if attempts.iter().any(Attempt::is_delivered) || attempts.iter().any(is_taken) {
            return (Next::Sent, None);
        }
        match self.chain.choose(&self.home, row, way, attempts, patience).await {
            Chosen::Try(_) if self.stop.is_cancelled() => {
                (Next::Wait { not_before: self.now(), why: None }, None)
            }
            Chosen::Try(pass) => {
                let number = attempts.last().map_or(1, |a| a.number + 1);
                let provider = self.chain.links()[pass.place()].name.clone();
                let suppression_hash = self.suppression_hash(row, letter);
                (Next::Try { number, provider, suppression_hash }, Some(Plan::new(number, pass)))
            }
            Chosen::Wait { until, why } => (Next::Wait { not_before: until, why }, None),
            Chosen::End(end) => (Next::End(end), None),
        }
    }

    /// One attempt, whose row is written already. None, and nothing sent, with too little lease
    /// left, or without a token.
    async fn attempt(
        &self,
        row: &Message,
        letter: &Letter,
        plan: Plan,
        lease_until: Millis,
    ) -> Option<(Attempt, Ending)> {
        let number = plan.number;
        let link = &self.chain.links()[plan.pass.place()];
        if let Some(tokens) = link.tokens.as_ref().filter(|_| plan.since.elapsed() > TOKEN_KEEPS) {
            let left = span(lease_until - LEAST_LEASE_MS - self.now());
            tokens.take(Line::of(row), Instant::now() + left).await.ok()?;
        }
        let now = self.now();
        if lease_until - now < LEAST_LEASE_MS || row.deadline <= now {
            return None;
        }
        let out = self.outgoing(row, letter, link, number, now);
        let outcome = if plan.pass.is_drilled() {
            Outcome::drilled()
        } else {
            let call = tokio::time::timeout(ATTEMPT, link.provider.send(&out));
            let late = || Outcome::refused(ErrorClass::Unknown, None, "no answer within 5 s");
            call.await.unwrap_or_else(|_| late())
        };
        let finished_at = self.now();
        count(row, &link.name, outcome.class, now..finished_at);
        let blame = outcome.blame;
        let section = self.home.config.providers.get(&link.name);
        let prices = section.map(ProviderSection::prices);
        let ending = letter.ending(outcome, prices, finished_at);
        count_cost(&link.name, &ending);
        let mut ended = Attempt::of(number, &link.name, Some(ending.outcome), finished_at);
        ended.error_code.clone_from(&ending.error_code);
        ended.detail.clone_from(&ending.detail);
        ended.retry_at = ending.retry_at;
        plan.pass.note_blaming(&ended, blame, destination(row, letter));
        Some((ended, ending))
    }
}

fn span(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
