//! The model's workflows: messages of one verification that are due later, each after the one before.

use otpost_shared::{
    channel::Channel, clock::Millis, message::State, queue::Lane, verification::Status,
};
use uuid::Uuid;

use super::{
    addresses::{Address, Ways},
    expected::{Message, Model, Verification},
};

impl Message {
    /// A step that nobody has claimed yet.
    fn has_not_begun(&self) -> bool {
        self.is_step && self.state == State::Queued && self.epoch == 0
    }

    fn is_to_come(&self, now: Millis) -> bool {
        self.has_not_begun() && self.not_before > now
    }

    /// Somebody has it, or will have it next.
    fn is_under_way(&self, now: Millis) -> bool {
        match self.state {
            State::Sending => true,
            State::Queued => !self.is_to_come(now),
            _ => false,
        }
    }

    /// It was sent, perhaps, and after the other one had ended.
    fn was_sent_after(&self, other: &Self) -> bool {
        let end = |of: &Self| of.finished.as_ref().map(|at| *at.end());
        matches!(self.state, State::Sent | State::Delivered | State::Unknown)
            && end(self) > end(other)
    }

    /// It may have arrived, or still may.
    fn may_arrive(&self) -> bool {
        use State as S;
        matches!(self.state, S::Queued | S::Sending | S::Sent | S::Delivered | S::Unknown)
    }

    fn cancel(&mut self, at: Millis) {
        self.state = State::Canceled;
        self.finished = Some(at..=at);
    }
}

impl Model {
    /// The messages of a new verification, which the tables must show next.
    pub fn await_all(&mut self, id: Uuid, person: u8, ways: &Ways, at: Millis, until: Millis) {
        let message = |channel: Channel| {
            let to = Address::of(person, channel);
            Message::queued(Some(id), Lane::Otp, (channel, to), at, until)
        };
        self.awaited.push_back(message(ways.first));
        let mut due = at;
        for (channel, after_secs) in &ways.then {
            due += i64::from(*after_secs) * 1_000;
            self.awaited.push_back(Message { not_before: due, is_step: true, ..message(*channel) });
        }
    }

    /// What follows when a message has ended: the next step if it did not reach anybody, and the end of
    /// its verification if it failed, no step follows and no other message may help.
    pub fn follow(&mut self, id: Uuid, now: Millis) {
        let Some(message) = self.messages.get(&id) else { return };
        let (state, Some(of)) = (message.state, message.verification) else { return };
        match state {
            State::Undelivered => drop(self.go_on(of, id, now)),
            State::Failed if !self.go_on(of, id, now) => self.fail(of, id, now),
            _ => {}
        }
    }

    /// The next step comes at once, unless another message is under way or was sent since.
    fn go_on(&mut self, of: Uuid, after: Uuid, now: Millis) -> bool {
        let v = self.verifications.get(&of).filter(|v| v.status == Status::Pending);
        let Some(generation) = v.map(Verification::generation) else { return false };
        let counts = |m: &Message| m.verification == Some(of) && m.generation == generation;
        let Some(ended) = self.messages.get(&after) else { return false };
        let mut others = self.messages.iter().filter(|(id, m)| **id != after && counts(m));
        if others.any(|(_, m)| m.is_under_way(now) || m.was_sent_after(ended)) {
            return false;
        }
        let steps = self.messages.values_mut().filter(|m| counts(m) && m.is_to_come(now));
        steps.min_by_key(|m| m.not_before).map(|next| next.not_before = now).is_some()
    }

    fn fail(&mut self, of: Uuid, with: Uuid, now: Millis) {
        let v = self.verifications.get_mut(&of).filter(|v| v.status_at(now) == Status::Pending);
        let Some(v) = v else { return };
        let helps = |m: &Message| {
            (m.verification, m.generation) == (Some(of), v.generation()) && m.may_arrive()
        };
        if !self.messages.iter().any(|(id, m)| *id != with && helps(m)) {
            v.end(Status::Failed, now..=now);
        }
    }

    /// There is a new code: the steps that have not begun carry it, what else waits is not sent.
    pub fn carry_over(&mut self, verification: Uuid, generation: usize, at: Millis) {
        let of = self.messages.values_mut().filter(|m| m.verification == Some(verification));
        for message in of.filter(|m| m.state == State::Queued) {
            if message.has_not_begun() {
                message.generation = generation;
            } else {
                message.cancel(at);
            }
        }
    }

    /// What was asked for by this way does not come once more by itself.
    pub fn call_off_steps(&mut self, verification: Uuid, channel: Channel, at: Millis) {
        let of = self.messages.values_mut().filter(|m| m.verification == Some(verification));
        for step in of.filter(|m| m.has_not_begun() && m.channel == channel) {
            step.cancel(at);
        }
    }
}
