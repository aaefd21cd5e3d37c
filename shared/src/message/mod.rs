//! Messages: one text to one recipient, from the commit to its outcome. The row is the truth.

mod accept;
pub mod batch;
mod body;
mod claim;
mod count;
mod late_answer;
mod record;
mod record_many;
mod reply;
mod reported;
mod reported_in_sandbox;
mod rows;
mod silence;
mod state;
mod sweep;
mod title;

use uuid::Uuid;

pub use accept::{AcceptedMessage, NewMessage, accept};
pub use body::Body;
pub use claim::{Claimed, LEASE_MS, claim, claim_due, claim_of_sandboxes, mark_released};
pub(crate) use count::{
    Drained, count_finished_by_channel, count_waiting_by_channel, list_times_since,
};
pub use count::{Finished, count_finished_since, count_sending, count_waiting};
pub use late_answer::{Heard, LateAnswer, take_late_answer};
pub use record::{End, Next, Recording, record};
pub(crate) use record::{Steps, steps};
pub(crate) use reply::Reply;
pub(crate) use reported::is_code;
pub use reported::{Effect, take_report};
pub use reported_in_sandbox::report_in_sandbox;
pub(crate) use rows::{
    bind_columns, insert, inserted, list, mark_canceled, mark_canceled_of, mark_superseded,
};
pub use rows::{find, list_by_verification};
pub use silence::{REPORTED_WITHIN_MS, Sample, sample, send_on};
pub use state::State;
pub use sweep::{MOST_CRASHES, mark_overdue, recover_leases};
pub use title::{LONGEST_TITLE, Title, TitleError};

use crate::{
    channel::Channel,
    clock::Millis,
    queue::Lane,
    recipient::Recipient,
    sandbox,
    secrets::{Keyring, SecretError},
    speech::LONGEST_SPEECH,
    verification::Verification,
};

/// Characters of a text: what the strictest of the providers takes.
pub const LONGEST_TEXT: usize = 1_600;
/// Characters of an e-mail's text.
pub const LONGEST_LETTER: usize = 10_000;

/// Characters of a text that goes this way.
#[must_use]
pub fn longest_text(channel: Channel) -> usize {
    match channel {
        Channel::Sms | Channel::Whatsapp => LONGEST_TEXT,
        Channel::Email => LONGEST_LETTER,
        Channel::Voice => LONGEST_SPEECH,
    }
}

/// One row.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Message {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub verification_id: Option<Uuid>,
    pub generation: i32,
    pub(crate) lane: String,
    pub channel: String,
    pub state: String,
    pub(crate) key_id: String,
    pub recipient_hash: Vec<u8>,
    pub(crate) recipient_sealed: Option<Vec<u8>>,
    pub(crate) body_sealed: Option<Vec<u8>>,
    pub epoch: i32,
    pub lease_until: Option<Millis>,
    pub crashes: i32,
    pub not_before: Millis,
    pub deadline: Millis,
    pub failure_class: Option<String>,
    pub failure: Option<String>,
    pub created_at: Millis,
    pub finished_at: Option<Millis>,
    /// Of a reply: it goes by this provider, whatever the routes say.
    pub only_provider: Option<String>,
    /// Of a reply: what it answers, `stop`, `start` or `help`.
    pub keyword: Option<String>,
}

/// New messages are due this much before "now": the clocks of two processes agree only so far,
/// and a hint that arrives at a clock that is behind must not find its message not yet due.
const CLOCK_SLACK_MS: i64 = 1_000;

/// Why the message of a test number is canceled.
const TEST_NUMBER: &str = "test numbers are never sent to";

/// Why the message of a decoy is canceled.
const DECOY: &str = "a decoy: nothing is ever sent for it";

/// Why one is canceled that strangers asked for.
const WITHHELD: &str =
    "the recipient is not to be sent to, and whoever asked is not to learn it: nothing is sent";

/// The names under which fields are sealed.
mod field {
    pub(super) const RECIPIENT: &str = "message.recipient";
    pub(super) const BODY: &str = "message.body";
}

/// All columns, for `SELECT` and `RETURNING`.
macro_rules! columns {
    () => {
        "id, tenant_id, verification_id, generation, lane, channel, state, key_id, \
         recipient_hash, recipient_sealed, body_sealed, epoch, lease_until, crashes, \
         not_before, deadline, failure_class, failure, created_at, finished_at, only_provider, \
         keyword"
    };
}
use columns;

impl Message {
    /// The message that carries the code of a verification's current generation.
    #[must_use]
    pub fn for_verification(row: &Verification, now: Millis) -> Self {
        let message = Self {
            verification_id: Some(row.id),
            generation: row.generation,
            channel: row.channel.clone(),
            key_id: row.key_id.clone(),
            recipient_hash: row.recipient_hash.clone(),
            deadline: row.expires_at,
            ..Self::queued(Uuid::now_v7(), row.tenant_id, Lane::Otp, now)
        };
        if row.is_withheld() {
            message.withheld(now)
        } else if row.is_decoy() {
            message.never_begun(DECOY, now)
        } else {
            message
        }
    }

    /// To a recipient who is not to be sent to, where nobody is to learn it.
    pub(crate) fn withheld(self, now: Millis) -> Self {
        self.never_begun(WITHHELD, now)
    }

    /// As a step that was called off before its time. Such a row nobody claims, nor did any program of before,
    /// and it does not count for how fast the lane drains.
    fn never_begun(self, why: &str, now: Millis) -> Self {
        Self {
            state: State::Canceled.as_str().into(),
            failure: Some(why.to_owned()),
            not_before: self.deadline,
            finished_at: Some(now),
            ..self
        }
    }

    /// A row that nobody has claimed, due now, without what makes it this or that message.
    fn queued(id: Uuid, tenant_id: Uuid, lane: Lane, now: Millis) -> Self {
        Self {
            id,
            tenant_id,
            verification_id: None,
            generation: 1,
            lane: lane.as_str().into(),
            channel: Channel::default().as_str().into(),
            state: State::Queued.as_str().into(),
            key_id: String::new(),
            recipient_hash: Vec::new(),
            recipient_sealed: None,
            body_sealed: None,
            epoch: 0,
            lease_until: None,
            crashes: 0,
            not_before: now - CLOCK_SLACK_MS,
            deadline: now,
            failure_class: None,
            failure: None,
            created_at: now,
            finished_at: None,
            only_provider: None,
            keyword: None,
        }
    }

    /// True for a step of a workflow that has not begun, and perhaps never will.
    #[must_use]
    pub fn is_unbegun_step(&self) -> bool {
        self.epoch == 0 && self.not_before >= self.created_at
    }

    /// When it was to be sent, the last time that it was.
    #[must_use]
    pub fn due_at(&self) -> Millis {
        self.not_before.max(self.created_at)
    }

    /// To this address instead of the verification's own.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) fn send_to(
        &mut self,
        keys: &Keyring,
        to: &Recipient,
        hash: &[u8],
    ) -> Result<(), SecretError> {
        // The key of the row opens it.
        let sealed = keys.seal(field::RECIPIENT, self.id, to.to_stored().as_bytes())?;
        keys.active_kid().clone_into(&mut self.key_id);
        self.recipient_sealed = Some(sealed);
        self.recipient_hash = hash.to_vec();
        Ok(())
    }

    /// True for a step of a workflow whose time is still to come.
    #[must_use]
    pub fn is_to_come(&self, now: Millis) -> bool {
        self.state == State::Queued.as_str() && self.epoch == 0 && self.not_before > now
    }

    /// Whatever its lane is in the database: a sandbox has one for both.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self.verification_id {
            Some(_) if self.is_in_sandbox() => Lane::Otp,
            _ => Lane::parse(&self.lane),
        }
    }

    /// True for one that goes into an inbox and to no provider.
    #[must_use]
    pub fn is_in_sandbox(&self) -> bool {
        self.lane == sandbox::LANE
    }

    /// The same message as one of a sandbox, if its tenant is that.
    pub(crate) fn of_sandbox(mut self, is_sandbox: bool) -> Self {
        if is_sandbox {
            sandbox::LANE.clone_into(&mut self.lane);
        }
        self
    }

    /// What a hint may be pushed for: those of sandboxes are found by looking.
    pub(crate) fn is_hinted(&self) -> bool {
        self.lane() == Lane::Otp && !self.is_in_sandbox()
    }

    /// The way it goes.
    #[must_use]
    pub fn channel(&self) -> Channel {
        Channel::parse(&self.channel).unwrap_or_default()
    }

    /// The recipient; none when the verification holds it.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn recipient(&self, keys: &Keyring) -> Result<Option<Recipient>, SecretError> {
        let Some(sealed) = &self.recipient_sealed else { return Ok(None) };
        let stored = keys.open(&self.key_id, field::RECIPIENT, self.id, sealed)?;
        let stored = std::str::from_utf8(&stored).map_err(|_| SecretError::BrokenSeal)?;
        Recipient::from_stored(stored).map(Some).ok_or(SecretError::BrokenSeal)
    }

    /// What it says; none when it is rendered from the verification.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn body(&self, keys: &Keyring) -> Result<Option<Body>, SecretError> {
        let Some(sealed) = &self.body_sealed else { return Ok(None) };
        let body = keys.open(&self.key_id, field::BODY, self.id, sealed)?;
        let stored = String::from_utf8(body.to_vec()).map_err(|_| SecretError::BrokenSeal)?;
        Body::from_stored(self.channel(), stored).map(Some).ok_or(SecretError::BrokenSeal)
    }
}
