//! The model: what must be in the tables and in the answers, in plain memory and plain rules.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::RangeInclusive,
};

use otpost_shared::{
    channel::Channel,
    clock::Millis,
    guess_budget::{day, day_end},
    message::State,
    outcome::ErrorClass,
    queue::Lane,
    report::Word,
    verification::Status,
};
use uuid::Uuid;

use super::{
    addresses::Address,
    answers::{Canceled, Checked, Consumed, Entry, Kept},
    operation::Policy,
};

/// Wrong guesses at an address, and sends of everybody, per day: as configured for these tests.
pub const GUESSES_PER_DAY: i32 = 6;
pub const SENDS_PER_DAY: usize = 12;
const KEY_LIFETIME_MS: i64 = 86_400_000;
const RECEIPT_LIFETIME_MS: i64 = 600_000;

/// When something happened, as exactly as it is known.
pub type Moment = RangeInclusive<Millis>;

/// The right code of each address of a verification, the first one's first.
pub type Codes = Vec<(Address, String)>;

#[derive(Clone, Debug)]
pub struct Verification {
    pub policy: Policy,
    /// The way it goes first.
    pub channel: Channel,
    /// As written; see [`Verification::status_at`].
    pub status: Status,
    /// Of each generation.
    pub codes: Vec<Codes>,
    pub guesses: i32,
    pub resends: i32,
    pub resend_at: Millis,
    pub expires_at: Millis,
    pub finished: Option<Moment>,
    pub receipt_used: Option<Moment>,
    /// The idempotency key and the code of the check that succeeded.
    pub proven_by: Option<(u8, String)>,
    /// Whose code that was.
    pub proved: Option<Address>,
}

/// What somebody who may check a code presents.
#[derive(Clone, Debug)]
pub struct Presented {
    pub code: String,
    pub to: Option<Address>,
    pub key: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub verification: Option<Uuid>,
    pub generation: usize,
    pub lane: Lane,
    pub channel: Channel,
    pub to: Address,
    /// It follows by itself.
    pub is_step: bool,
    pub state: State,
    pub epoch: i32,
    pub lease_until: Option<Millis>,
    pub crashes: i32,
    pub not_before: Millis,
    pub deadline: Millis,
    pub finished: Option<Moment>,
    pub attempts: Vec<Attempt>,
}

#[derive(Clone, Debug)]
pub struct Attempt {
    pub epoch: i32,
    pub outcome: Option<ErrorClass>,
    pub provider_message_id: Option<String>,
    /// The provider's last word.
    pub report: Option<Word>,
}

#[derive(Debug, Default)]
pub struct Model {
    pub verifications: BTreeMap<Uuid, Verification>,
    pub messages: BTreeMap<Uuid, Message>,
    /// The messages that the tables must show next, whose ids only they know.
    pub awaited: VecDeque<Message>,
    records: HashMap<u8, (Kept, Millis)>,
    wrong_guesses: HashMap<(Address, i64), i32>,
    sends: HashMap<i64, usize>,
}

impl Policy {
    pub fn lifetime_ms(self) -> i64 {
        if self == Self::Same { 600_000 } else { 120_000 }
    }

    pub fn guesses(self) -> i32 {
        if self == Self::Same { 5 } else { 3 }
    }

    pub fn resend_after_ms(self) -> i64 {
        if self == Self::Same { 30_000 } else { 20_000 }
    }
}

impl Verification {
    pub fn pending(policy: Policy, channel: Channel, codes: Codes, at: Millis) -> Self {
        Self {
            policy,
            channel,
            status: Status::Pending,
            codes: vec![codes],
            guesses: 0,
            resends: 0,
            resend_at: at + policy.resend_after_ms(),
            expires_at: at + policy.lifetime_ms(),
            finished: None,
            receipt_used: None,
            proven_by: None,
            proved: None,
        }
    }

    /// The first one first.
    pub fn addresses(&self) -> Vec<Address> {
        self.codes[0].iter().map(|(to, _)| *to).collect()
    }

    /// The way that is asked for, and whom it reaches.
    pub fn way(&self, asked: Option<Channel>) -> (Channel, Option<Address>) {
        let channel = asked.unwrap_or(self.channel);
        (channel, self.addresses().into_iter().find(|to| to.is_reached_by(channel)))
    }

    /// The address whose code it is, if that one was meant or none was named.
    fn proves(&self, presented: &Presented) -> Option<Address> {
        let is_meant = |to: &Address| presented.to.is_none_or(|named| named == *to);
        let mut newest = self.codes.last()?.iter().filter(|(to, _)| is_meant(to));
        newest.find(|(_, code)| *code == presented.code).map(|(to, _)| *to)
    }

    pub fn status_at(&self, now: Millis) -> Status {
        if self.status == Status::Pending && self.expires_at <= now {
            return Status::Expired;
        }
        self.status
    }

    pub fn generation(&self) -> usize {
        self.codes.len()
    }

    pub fn end(&mut self, status: Status, at: Moment) {
        self.status = status;
        self.finished = Some(at);
    }
}

impl Model {
    /// The next moments at which something changes by itself, soonest first.
    pub fn moments_after(&self, now: Millis) -> Vec<Millis> {
        let messages = self.messages.values().filter(|m| m.finished.is_none());
        let mut moments: Vec<Millis> = messages
            .flat_map(|m| [m.lease_until, Some(m.not_before), Some(m.deadline)])
            .flatten()
            .chain(self.moments_of_answers(now))
            .filter(|moment| *moment > now)
            .collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Those of them that change an answer to a caller.
    pub fn moments_of_answers(&self, now: Millis) -> impl Iterator<Item = Millis> {
        let rows = self.verifications.values().flat_map(|v| {
            // The receipt counts up to and including its last moment.
            let receipt = v.finished.as_ref().map(|at| at.end() + RECEIPT_LIFETIME_MS + 1);
            [Some(v.resend_at), Some(v.expires_at), receipt]
        });
        let records = self.records.values().map(|(_, until)| Some(*until));
        rows.chain(records).flatten().chain([day_end(now)])
    }

    pub fn kept(&self, key: Option<(u8, &str)>, now: Millis) -> Option<Entry> {
        let (name, request) = key?;
        let (kept, _) = self.records.get(&name).filter(|(_, until)| *until > now)?;
        let same = kept.request == request;
        Some(if same { Entry::Repeat(kept.clone()) } else { Entry::KeyReused })
    }

    /// Of a request that may become `count` messages.
    pub fn entry(&self, key: Option<(u8, &str)>, count: usize, now: Millis) -> Entry {
        let sent_today = self.sends.get(&day(now)).copied().unwrap_or(0);
        let has_room = sent_today + count <= SENDS_PER_DAY;
        let room = if has_room { Entry::Open } else { Entry::CapReached };
        self.kept(key, now).unwrap_or(room)
    }

    pub fn resend_entry(
        &self,
        id: Uuid,
        asked: Option<Channel>,
        key: Option<(u8, &str)>,
        now: Millis,
    ) -> Entry {
        let Some(v) = self.verifications.get(&id) else { return Entry::NotFound };
        if let Some(entry) = self.kept(key, now) {
            return entry;
        }
        match v.status_at(now) {
            Status::Pending if v.resend_at > now => Entry::TooEarly(v.resend_at),
            Status::Pending => match v.way(asked) {
                (channel, None) => Entry::ChannelRefused(channel),
                (_, Some(_)) => self.entry(None, 1, now),
            },
            over => Entry::Over(over),
        }
    }

    /// Counts what was let in, and keeps its answer.
    pub fn let_in(&mut self, key: Option<u8>, kept: Kept, count: usize, at: Millis) {
        *self.sends.entry(day(at)).or_default() += count;
        if let Some(name) = key {
            self.records.insert(name, (kept, at + KEY_LIFETIME_MS));
        }
    }

    /// Carries a resend out after which these are the codes.
    pub fn resend(&mut self, id: Uuid, asked: Option<Channel>, codes: Codes, at: Millis) {
        let Some(v) = self.verifications.get_mut(&id) else { return };
        let (channel, Some(to)) = v.way(asked) else { return };
        v.resends += 1;
        v.resend_at = at + v.policy.resend_after_ms();
        let rotates = v.policy == Policy::Rotating;
        if rotates {
            v.codes.push(codes);
        }
        let (generation, until) = (v.generation(), v.expires_at);
        if rotates {
            self.carry_over(id, generation, at);
        }
        self.call_off_steps(id, channel, at);
        let message = Message::queued(Some(id), Lane::Otp, (channel, to), at, until);
        self.awaited.push_back(Message { generation, ..message });
    }

    fn call_off(&mut self, verification: Uuid, at: &Moment) {
        let of = self.messages.values_mut().filter(|m| m.verification == Some(verification));
        for message in of.filter(|m| m.state == State::Queued) {
            message.state = State::Canceled;
            message.finished = Some(at.clone());
        }
    }

    /// Wrong guesses at an address on the day of `now`.
    pub fn wrong_guesses(&self, at: Address, now: Millis) -> i32 {
        self.wrong_guesses.get(&(at, day(now))).copied().unwrap_or(0)
    }

    /// Done by somebody who may, during `during`.
    pub fn check(&mut self, id: Uuid, presented: &Presented, during: &Moment) -> Checked {
        let now = *during.start();
        let Some(v) = self.verifications.get(&id) else { return Checked::NotFound };
        let addresses = v.addresses();
        if presented.to.is_some_and(|to| !addresses.contains(&to)) {
            return Checked::NotFound;
        }
        let is_spent = addresses.iter().any(|to| self.wrong_guesses(*to, now) >= GUESSES_PER_DAY);
        let Some(v) = self.verifications.get_mut(&id) else { return Checked::NotFound };
        let asked = presented.key.map(|name| (name, presented.code.clone()));
        match (v.status_at(now), v.proved) {
            (Status::Pending, _) => {}
            (Status::Verified, Some(to))
                if asked.is_some()
                    && v.proven_by == asked
                    && presented.to.is_none_or(|named| named == to) =>
            {
                return Checked::Again(to);
            }
            (over, _) => return Checked::Over(over),
        }
        if is_spent {
            return Checked::BudgetSpent;
        }
        v.guesses += 1;
        if let Some(to) = v.proves(presented) {
            (v.proved, v.proven_by) = (Some(to), asked);
            v.end(Status::Verified, during.clone());
            self.call_off(id, during);
            return Checked::Verified(to);
        }
        for to in addresses {
            *self.wrong_guesses.entry((to, day(now))).or_default() += 1;
        }
        let left = v.policy.guesses() - v.guesses;
        if left == 0 {
            v.end(Status::Locked, during.clone());
            self.call_off(id, during);
        }
        Checked::Incorrect(left)
    }

    pub fn cancel(&mut self, id: Uuid, now: Millis) -> Canceled {
        let Some(v) = self.verifications.get_mut(&id) else { return Canceled::NotFound };
        let status = v.status_at(now);
        if status != Status::Pending {
            return Canceled::Over(status);
        }
        v.end(Status::Canceled, now..=now);
        self.call_off(id, &(now..=now));
        Canceled::Yes
    }

    pub fn consume(&mut self, id: Uuid, during: &Moment) -> Consumed {
        let Some(v) = self.verifications.get_mut(&id) else { return Consumed::NotValid };
        let (Status::Verified, Some(proven), Some(to)) = (v.status, &v.finished, v.proved) else {
            return Consumed::NotValid;
        };
        if during.start() - proven.end() > RECEIPT_LIFETIME_MS {
            return Consumed::Expired;
        }
        if v.receipt_used.is_some() {
            return Consumed::Before;
        }
        v.receipt_used = Some(during.clone());
        Consumed::Yes(to)
    }
}
