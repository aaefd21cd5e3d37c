//! The model's messages: claimed, attempted, given up, by workers and by sweeps.

use otpost_shared::{
    channel::Channel, clock::Millis, message::State, outcome::ErrorClass, queue::Lane,
    verification::Status,
};
use uuid::Uuid;

use super::{
    addresses::Address,
    expected::{Attempt, Message, Model},
};

const LEASE_MS: i64 = 7_000;
const MOST_CRASHES: i32 = 3;
const MOST_CRASHES_UNTRIED: i32 = 10;

impl Message {
    pub fn queued(
        verification: Option<Uuid>,
        lane: Lane,
        (channel, to): (Channel, Address),
        at: Millis,
        deadline: Millis,
    ) -> Self {
        Self {
            verification,
            generation: 1,
            lane,
            channel,
            to,
            is_step: false,
            state: State::Queued,
            epoch: 0,
            lease_until: None,
            crashes: 0,
            // A second early, for clocks that are behind.
            not_before: at - 1_000,
            deadline,
            finished: None,
            attempts: Vec::new(),
        }
    }

    pub fn is_due(&self, now: Millis) -> bool {
        self.state == State::Queued && self.not_before <= now && self.deadline > now
    }

    fn leave(&mut self, state: State, now: Millis) {
        self.state = state;
        self.lease_until = None;
        self.finished = Some(now..=now);
    }

    pub fn requeue(&mut self, not_before: Millis) {
        self.state = State::Queued;
        self.lease_until = None;
        self.finished = None;
        self.not_before = not_before;
    }

    /// Writes an ending down; what the sweep has called unknown stays unknown.
    pub fn end_attempt(&mut self, number: usize, epoch: i32, outcome: ErrorClass, id: &str) {
        let attempt = number.checked_sub(1).and_then(|place| self.attempts.get_mut(place));
        if let Some(attempt) = attempt.filter(|attempt| attempt.epoch == epoch) {
            attempt.outcome = attempt.outcome.or(Some(outcome));
            attempt.provider_message_id = Some(id.to_owned());
        }
    }
}

impl Attempt {
    fn running(epoch: i32) -> Self {
        Self { epoch, outcome: None, provider_message_id: None, report: None }
    }
}

impl Model {
    /// It carries a code that counts.
    pub fn is_wanted(&self, message: &Message) -> bool {
        let of = message.verification.and_then(|of| self.verifications.get(&of));
        of.is_some_and(|v| v.status == Status::Pending && v.generation() == message.generation)
    }

    /// Claims a due message; true when its first attempt begins with that.
    pub fn claim(&mut self, id: Uuid, now: Millis, begins: bool) -> bool {
        let wanted = self.messages.get(&id).is_some_and(|message| self.is_wanted(message));
        let Some(message) = self.messages.get_mut(&id) else { return false };
        message.state = State::Sending;
        message.epoch += 1;
        message.lease_until = Some(now + LEASE_MS);
        let begins = begins && wanted && message.epoch == 1 && message.channel == Channel::Sms;
        if begins {
            message.attempts.push(Attempt::running(1));
        }
        begins
    }

    /// The message if it is still claimed under `epoch`.
    fn claimed(&mut self, id: Uuid, epoch: i32) -> Option<&mut Message> {
        self.messages.get_mut(&id).filter(|m| m.epoch == epoch && m.state == State::Sending)
    }

    /// Begins an attempt: when its lease ends, or none when nothing may be sent any more.
    pub fn begin(&mut self, id: Uuid, epoch: i32, now: Millis) -> Option<Millis> {
        let message = self.claimed(id, epoch)?.clone();
        let wanted = message.verification.is_none() || self.is_wanted(&message);
        if message.deadline <= now || !wanted {
            self.leave_unsent(id, epoch, now);
            return None;
        }
        let message = self.claimed(id, epoch)?;
        message.lease_until = Some(now + LEASE_MS);
        message.attempts.push(Attempt::running(epoch));
        message.lease_until
    }

    pub fn leave_unsent(&mut self, id: Uuid, epoch: i32, now: Millis) {
        if let Some(message) = self.claimed(id, epoch) {
            let over = message.deadline <= now;
            message.leave(if over { State::Expired } else { State::Canceled }, now);
        }
    }

    /// Queued again; a worker that ended an attempt has shown that the job does no harm.
    pub fn wait(&mut self, id: Uuid, epoch: i32, not_before: Millis, ended: bool) {
        if let Some(message) = self.claimed(id, epoch) {
            message.requeue(not_before);
            message.crashes *= i32::from(!ended);
        }
    }

    pub fn release(&mut self, id: Uuid, epoch: i32) -> bool {
        let claimed = self.claimed(id, epoch);
        let not_before = claimed.as_ref().map_or(0, |message| message.not_before);
        let released = claimed.map(|message| {
            message.requeue(not_before);
            message.attempts.retain(|attempt| attempt.epoch != epoch || attempt.outcome.is_some());
        });
        released.is_some()
    }

    pub fn end(&mut self, id: Uuid, epoch: i32, state: State, now: Millis) {
        let Some(message) = self.claimed(id, epoch) else { return };
        message.leave(state, now);
        self.follow(id, now);
    }

    /// Takes a message back whose worker is lost.
    pub fn recover(&mut self, id: Uuid, now: Millis) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.requeue(now);
        message.crashes += 1;
        for attempt in &mut message.attempts {
            attempt.outcome = attempt.outcome.or(Some(ErrorClass::Unknown));
        }
        let in_doubt = message.attempts.iter().any(|a| a.outcome == Some(ErrorClass::Unknown));
        let most = if in_doubt { MOST_CRASHES } else { MOST_CRASHES_UNTRIED };
        if (message.lane == Lane::Bulk && in_doubt) || message.crashes >= most {
            message.leave(if in_doubt { State::Unknown } else { State::Failed }, now);
            self.follow(id, now);
        }
    }

    pub fn expire_message(&mut self, id: Uuid, now: Millis) {
        if let Some(message) = self.messages.get_mut(&id) {
            message.leave(State::Expired, now);
        }
    }

    pub fn expire_verification(&mut self, id: Uuid) {
        if let Some(v) = self.verifications.get_mut(&id) {
            v.end(Status::Expired, v.expires_at..=v.expires_at);
        }
    }
}
