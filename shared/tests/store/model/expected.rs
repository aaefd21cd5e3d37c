//! The model: what must be in the tables and in the answers, in plain memory and plain rules.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use otpost_shared::{
    clock::Millis,
    guess_budget::{day, day_end},
    message::State,
    outcome::ErrorClass,
    queue::Lane,
    verification::Status,
};
use uuid::Uuid;

use super::operation::Policy;

/// Wrong guesses of a person, and sends of everybody, per day: as configured for these tests.
pub const GUESSES_PER_DAY: i32 = 6;
pub const SENDS_PER_DAY: i64 = 12;
const KEY_LIFETIME_MS: i64 = 86_400_000;
const RECEIPT_LIFETIME_MS: i64 = 600_000;

/// When something happened, as exactly as it is known.
pub type Moment = RangeInclusive<Millis>;

#[derive(Clone, Debug)]
pub struct Verification {
    pub person: u8,
    pub policy: Policy,
    /// As written; see [`Verification::status_at`].
    pub status: Status,
    /// The right code of each generation.
    pub codes: Vec<String>,
    pub guesses: i32,
    pub resends: i32,
    pub resend_at: Millis,
    pub expires_at: Millis,
    pub finished: Option<Moment>,
    pub receipt_used: Option<Moment>,
    /// The idempotency key and the code of the check that succeeded.
    pub proven_by: Option<(u8, String)>,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub verification: Option<Uuid>,
    pub generation: usize,
    pub lane: Lane,
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
}

/// The first answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub request: String,
    pub id: Uuid,
    /// Expiry of the verification, or deadline of the message.
    pub until: Millis,
    pub resend_at: Millis,
    pub token: String,
}

/// What becomes of a request that wants to send something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Repeat(Kept),
    KeyReused,
    CapReached,
    NotFound,
    Over(Status),
    TooEarly(Millis),
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Verified,
    /// The answer of before.
    Again,
    Incorrect(i32),
    Over(Status),
    BudgetSpent,
    NotFound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    Yes,
    Over(Status),
    NotFound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    Yes,
    Before,
    Expired,
    NotValid,
}

#[derive(Debug, Default)]
pub struct Model {
    pub verifications: BTreeMap<Uuid, Verification>,
    pub messages: BTreeMap<Uuid, Message>,
    /// The message that the tables must show next, whose id only they know.
    pub awaited: Option<Message>,
    records: HashMap<u8, (Kept, Millis)>,
    wrong_guesses: HashMap<(u8, i64), i32>,
    sends: HashMap<i64, i64>,
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
    pub fn pending(person: u8, policy: Policy, code: String, at: Millis) -> Self {
        Self {
            person,
            policy,
            status: Status::Pending,
            codes: vec![code],
            guesses: 0,
            resends: 0,
            resend_at: at + policy.resend_after_ms(),
            expires_at: at + policy.lifetime_ms(),
            finished: None,
            receipt_used: None,
            proven_by: None,
        }
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

    fn kept(&self, key: Option<(u8, &str)>, now: Millis) -> Option<Entry> {
        let (name, request) = key?;
        let (kept, _) = self.records.get(&name).filter(|(_, until)| *until > now)?;
        let same = kept.request == request;
        Some(if same { Entry::Repeat(kept.clone()) } else { Entry::KeyReused })
    }

    pub fn entry(&self, key: Option<(u8, &str)>, now: Millis) -> Entry {
        let sent_today = self.sends.get(&day(now)).copied().unwrap_or(0);
        let room = if sent_today < SENDS_PER_DAY { Entry::Open } else { Entry::CapReached };
        self.kept(key, now).unwrap_or(room)
    }

    pub fn resend_entry(&self, id: Uuid, key: Option<(u8, &str)>, now: Millis) -> Entry {
        let Some(v) = self.verifications.get(&id) else { return Entry::NotFound };
        if let Some(entry) = self.kept(key, now) {
            return entry;
        }
        match v.status_at(now) {
            Status::Pending if v.resend_at > now => Entry::TooEarly(v.resend_at),
            Status::Pending => self.entry(None, now),
            over => Entry::Over(over),
        }
    }

    /// Counts what was let in, and keeps its answer.
    pub fn let_in(&mut self, key: Option<u8>, kept: Kept, at: Millis) {
        *self.sends.entry(day(at)).or_default() += 1;
        if let Some(name) = key {
            self.records.insert(name, (kept, at + KEY_LIFETIME_MS));
        }
    }

    /// Carries a resend out whose new code is `code`.
    pub fn resend(&mut self, id: Uuid, code: &str, at: Millis) {
        let Some(v) = self.verifications.get_mut(&id) else { return };
        v.resends += 1;
        v.resend_at = at + v.policy.resend_after_ms();
        let mut message = Message::queued(Some(id), Lane::Otp, at, v.expires_at);
        if v.policy == Policy::Rotating {
            v.codes.push(code.to_owned());
            message.generation = v.codes.len();
            self.call_off(id, &(at..=at));
        } else {
            message.generation = 1;
        }
        self.awaited = Some(message);
    }

    fn call_off(&mut self, verification: Uuid, at: &Moment) {
        let of = self.messages.values_mut().filter(|m| m.verification == Some(verification));
        for message in of.filter(|m| m.state == State::Queued) {
            message.state = State::Canceled;
            message.finished = Some(at.clone());
        }
    }

    /// `code` with an idempotency key, presented by somebody who may, during `during`.
    pub fn check(&mut self, id: Uuid, code: &str, key: Option<u8>, during: &Moment) -> Checked {
        let now = *during.start();
        let Some(v) = self.verifications.get_mut(&id) else { return Checked::NotFound };
        match v.status_at(now) {
            Status::Pending => {}
            Status::Verified
                if key.is_some() && v.proven_by == key.map(|name| (name, code.to_owned())) =>
            {
                return Checked::Again;
            }
            over => return Checked::Over(over),
        }
        let wrong = self.wrong_guesses.entry((v.person, day(now))).or_default();
        if *wrong >= GUESSES_PER_DAY {
            return Checked::BudgetSpent;
        }
        v.guesses += 1;
        if v.codes.last().is_some_and(|right| right == code) {
            v.proven_by = key.map(|name| (name, code.to_owned()));
            v.end(Status::Verified, during.clone());
            self.call_off(id, during);
            return Checked::Verified;
        }
        *wrong += 1;
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
        let (Status::Verified, Some(proven)) = (v.status, &v.finished) else {
            return Consumed::NotValid;
        };
        if during.start() - proven.end() > RECEIPT_LIFETIME_MS {
            return Consumed::Expired;
        }
        if v.receipt_used.is_some() {
            return Consumed::Before;
        }
        v.receipt_used = Some(during.clone());
        Consumed::Yes
    }
}
