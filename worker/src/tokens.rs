//! Waiting for the tokens of one provider's rate: who waits in this process, and how long it is
//! likely to take. All who wait ask together, at most a hundred times a second, codes before others and
//! replies before texts.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use otpost_shared::{
    queue::Lane,
    rate::{Given, Meter, Rate, Share, Wanted},
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::line::Line;

/// Between two times of asking.
const SPACING: Duration = Duration::from_millis(10);
/// Nobody gives up before the first answer can be there.
const FIRST_ANSWER: Duration = Duration::from_millis(70);
/// Most of a lane that ask at once.
const MOST: usize = 256;
/// Messages are claimed as far as tokens for them are likely to come within this time.
const HORIZON: Duration = Duration::from_secs(2);
/// A token that nobody asked for during so long lies idle: longer than a sweep takes to come round.
const IDLE: Duration = Duration::from_millis(300);
/// For so long after the last time it was used up a rate counts as the reason for a wait.
const FELT: Duration = Duration::from_secs(5);

/// One provider's.
#[derive(Debug)]
pub struct Tokens {
    provider: String,
    meter: Meter,
    state: Mutex<State>,
    came: Notify,
}

#[derive(Debug)]
struct State {
    otp: VecDeque<Waiter>,
    /// Replies first.
    bulk: VecDeque<Waiter>,
    /// Tokens that were there at the last answer, and when that was.
    left: f64,
    answered: Instant,
    /// Other messages get nothing before.
    bulk_from: Instant,
    used_up: Option<Instant>,
    /// When somebody last wanted one: a code, and another message.
    wanted_at: [Instant; 2],
}

#[derive(Debug)]
struct Waiter {
    line: Line,
    give_up: Instant,
    /// Is told when its token may be used.
    token: oneshot::Sender<Instant>,
}

impl Tokens {
    #[must_use]
    pub fn new(provider: &str, meter: Meter) -> Self {
        let now = Instant::now();
        let state = State {
            otp: VecDeque::new(),
            bulk: VecDeque::new(),
            left: f64::from(meter.rate.burst),
            answered: now,
            bulk_from: now,
            used_up: None,
            wanted_at: [now; 2],
        };
        Self { provider: provider.to_owned(), meter, state: Mutex::new(state), came: Notify::new() }
    }

    #[must_use]
    pub fn rate(&self) -> &Rate {
        &self.meter.rate
    }

    /// How far apart this process's calls are on average while all of the rate is used.
    #[must_use]
    pub fn pace(&self) -> Duration {
        let processes = f64::from(self.meter.processes());
        let apart = Duration::try_from_secs_f64(processes / self.meter.rate.per_second());
        apart.unwrap_or(Duration::MAX)
    }

    /// Waits for a token until `give_up`; not at all when none is likely to come before.
    ///
    /// # Errors
    /// There was none; how long it is likely to take from now.
    pub(crate) async fn take(&self, line: Line, give_up: Instant) -> Result<(), Duration> {
        let began = Instant::now();
        let give_up = give_up.max(began + FIRST_ANSWER);
        let Some(mut token) = self.stand_in_line(line, give_up) else {
            return Err(self.refused(line));
        };
        let given = timeout_at(give_up, &mut token).await.ok().and_then(Result::ok).or_else(|| {
            // It may have come at the last moment.
            token.close();
            token.try_recv().ok()
        });
        let Some(due) = given else { return Err(self.refused(line)) };
        sleep_until(due).await;
        let labels = self.labels(line);
        metrics::histogram!("otpost_rate_wait_seconds", &labels)
            .record(began.elapsed().as_secs_f64());
        Ok(())
    }

    /// A place in the line; none when it would be in vain.
    fn stand_in_line(&self, line: Line, give_up: Instant) -> Option<oneshot::Receiver<Instant>> {
        let of = line.lane();
        let mut state = self.lock();
        let now = Instant::now();
        state.wanted_at[place(of)] = now;
        if state.expected(line, &self.meter, now) > give_up.saturating_duration_since(now) {
            return None;
        }
        let (give, token) = oneshot::channel();
        let at = state.ahead_in_lane(line);
        let queue = state.line(of);
        queue.insert(at, Waiter { line, give_up, token: give });
        // A code is asked for at once; the first of the others too, the next when there may be more.
        if of == Lane::Otp || queue.len() == 1 {
            self.came.notify_one();
        }
        Some(token)
    }

    fn refused(&self, line: Line) -> Duration {
        let labels = self.labels(line);
        metrics::counter!("otpost_rate_refusals_total", &labels).increment(1);
        let (mut state, now) = (self.lock(), Instant::now());
        state.used_up = Some(now);
        // Nobody who was refused comes back before there can be one.
        state.expected(line, &self.meter, now).max(SPACING)
    }

    fn labels(&self, line: Line) -> [(&'static str, String); 2] {
        [("provider", self.provider.clone()), ("lane", line.lane().as_str().to_owned())]
    }

    /// How many more messages of a lane it makes sense to claim when so many are claimed and have
    /// not begun: as many as tokens are likely to come for within two seconds, this process's part
    /// of them.
    #[must_use]
    pub fn room(&self, lane: Lane, unbegun: usize) -> usize {
        let (mut state, now) = (self.lock(), Instant::now());
        let processes = f64::from(self.meter.processes());
        let to_come = self.meter.rate.per_second() * HORIZON.as_secs_f64() / processes;
        let there = match lane {
            Lane::Bulk if state.bulk_from > now + HORIZON => f64::MIN,
            _ => state.there_for(lane, &self.meter, now),
        };
        let room = whole(there + to_come).saturating_sub(unbegun);
        if room == 0 {
            state.used_up = Some(now);
        }
        room
    }

    /// True when a token lies idle: it has been there for a while, and nobody of a lane wanted one. Those it
    /// is for may stand behind others in the lane, who go another way.
    #[must_use]
    pub fn is_idle(&self, lane: Lane) -> bool {
        self.is_idle_at(lane, Instant::now())
    }

    fn is_idle_at(&self, lane: Lane, now: Instant) -> bool {
        let mut state = self.lock();
        let Some(then) = now.checked_sub(IDLE) else { return false };
        let is_kept = lane == Lane::Bulk && state.bulk_from > then;
        !is_kept
            && state.wanted_at[place(lane)] <= then
            && state.there_for(lane, &self.meter, then) >= 1.0
    }

    /// True when messages wait because of the rate, or did a moment ago.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.lock().used_up.is_some_and(|at| at.elapsed() < FELT)
    }

    /// Asks for those who wait, until the token is cancelled.
    pub async fn run(&self, until: &CancellationToken) {
        while !until.is_cancelled() {
            let wanted = self.lock().wanted();
            if wanted == Wanted::default() {
                until.run_until_cancelled(self.came.notified()).await;
                continue;
            }
            let asked = Instant::now();
            let given = self.meter.take(wanted).await;
            let again = self.lock().hand_out(&given, &self.meter);
            until.run_until_cancelled(sleep_until(asked + SPACING)).await;
            if let Some(again) = again {
                // Sooner than there can be another only for somebody new.
                until.run_until_cancelled(timeout_at(again, self.came.notified())).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, lane: Lane) -> &mut VecDeque<Waiter> {
        match lane {
            Lane::Otp => &mut self.otp,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// How many have their turn before a message that comes now.
    fn ahead(&mut self, line: Line) -> usize {
        self.otp.retain(|waiter| !waiter.token.is_closed());
        self.bulk.retain(|waiter| !waiter.token.is_closed());
        let codes = if line == Line::Codes { 0 } else { self.otp.len() };
        codes + self.ahead_in_lane(line)
    }

    /// Of those, how many are of its own lane.
    fn ahead_in_lane(&self, line: Line) -> usize {
        match line {
            Line::Codes => self.otp.len(),
            Line::Replies => self.bulk.partition_point(|waiter| waiter.line == Line::Replies),
            Line::Texts => self.bulk.len(),
        }
    }

    fn wanted(&mut self) -> Wanted {
        self.ahead(Line::Texts);
        let most = |line: &VecDeque<Waiter>| u32::try_from(line.len().min(MOST)).unwrap_or(0);
        Wanted { otp: most(&self.otp), bulk: most(&self.bulk) }
    }

    /// Tokens that are likely to be there, unless other processes have taken them.
    fn left(&self, meter: &Meter, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.answered).as_secs_f64();
        (self.left + since * meter.rate.per_second()).min(f64::from(meter.rate.burst))
    }

    /// The same without what is kept for those who come before a lane.
    fn there_for(&mut self, lane: Lane, meter: &Meter, now: Instant) -> f64 {
        let left = self.left(meter, now);
        match lane {
            Lane::Otp => left,
            Lane::Bulk => left - meter.rate.left_to_codes() - count(self.ahead(Line::Codes)),
        }
    }

    /// How long a message that comes now is likely to wait.
    fn expected(&mut self, line: Line, meter: &Meter, now: Instant) -> Duration {
        let ahead = self.ahead(line);
        self.wait_behind(ahead, line.lane(), meter, now)
    }

    /// How long it is likely to take when so many have their turn before.
    fn wait_behind(&self, ahead: usize, lane: Lane, meter: &Meter, now: Instant) -> Duration {
        let reserved = if lane == Lane::Bulk { meter.rate.left_to_codes() } else { 0.0 };
        let missing = count(ahead) + 1.0 + reserved - self.left(meter, now);
        let wait = Duration::try_from_secs_f64(missing.max(0.0) / meter.rate.per_second());
        let wait = wait.unwrap_or(Duration::MAX);
        match lane {
            Lane::Otp => wait,
            Lane::Bulk => wait.max(self.bulk_from.saturating_duration_since(now)),
        }
    }

    /// Gives each of the first ones its token, and lets go who would wait in vain. When it is worth
    /// asking again for the others.
    fn hand_out(&mut self, given: &Given, meter: &Meter) -> Option<Instant> {
        let now = Instant::now();
        (self.left, self.answered) = (given.left, now);
        self.bulk_from = now + given.bulk.wait;
        give(&mut self.otp, &given.otp, now);
        give(&mut self.bulk, &given.bulk, now);
        for lane in Lane::ALL {
            let before = if lane == Lane::Bulk { self.otp.len() } else { 0 };
            let mut waiting = std::mem::take(self.line(lane));
            let mut kept = VecDeque::with_capacity(waiting.len());
            while let Some(waiter) = waiting.pop_front() {
                let wait = self.wait_behind(before + kept.len(), lane, meter, now);
                if wait <= waiter.give_up.saturating_duration_since(now) {
                    kept.push_back(waiter);
                }
            }
            *self.line(lane) = kept;
        }
        let otp = (!self.otp.is_empty()).then(|| now + given.otp.wait);
        let bulk = (!self.bulk.is_empty()).then(|| now + given.bulk.wait);
        otp.into_iter().chain(bulk).min()
    }
}

fn give(line: &mut VecDeque<Waiter>, share: &Share, now: Instant) {
    for due in &share.due {
        // Whoever has gone meanwhile passes it on.
        while line.pop_front().is_some_and(|waiter| waiter.token.send(now + *due).is_err()) {}
    }
}

fn place(lane: Lane) -> usize {
    match lane {
        Lane::Otp => 0,
        Lane::Bulk => 1,
    }
}

fn count(messages: usize) -> f64 {
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of messages, at least 0"
)]
fn whole(count: f64) -> usize {
    count.max(0.0) as usize
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
