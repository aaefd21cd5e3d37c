//! Verifications: one proof that an address is held, from the first code to its end.

mod accept;
mod cancel;
mod check;
mod guess;
mod receipt;
mod resend;
mod resend_rule;
mod rows;
mod sweep;
mod terms;
mod words;
mod workflow;

use uuid::Uuid;

pub use accept::{Accepted, NewVerification, Refused, accept, accept_on_terms};
pub use cancel::{CancelAnswer, approve, cancel};
pub use check::{CheckAnswer, CheckRequest, check, check_known};
pub(crate) use guess::{Guesses, coalescer as guesses};
pub use receipt::{Receipt, ReceiptAnswer, consume_receipt, receipt};
pub use resend::{ResendAnswer, ResendRequest, Resent, resend, resend_on_terms};
pub(crate) use rows::{Lookups, bind_columns, insert, inserted, list_in, lock, lookups};
pub use rows::{find, list};
pub use sweep::{mark_expired, mark_used_up};
pub use terms::Terms;
pub(crate) use workflow::{BadTime, LEAST_LIFE, check_times, go_on, go_on_or_fail};
pub use workflow::{MOST_STEPS, NewStep, SHORTEST_WAIT, StepRefused};

use crate::{
    clock::Millis,
    recipient::Recipient,
    secrets::{Code, CodeInput, Handle, Keyring, SecretError},
};

/// Where a verification stands. Everything but `Pending` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Verified,
    Locked,
    Expired,
    Canceled,
    Failed,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Locked => "locked",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "verified" => Self::Verified,
            "locked" => Self::Locked,
            "expired" => Self::Expired,
            "canceled" => Self::Canceled,
            _ => Self::Failed,
        }
    }
}

/// One row. Sealed fields open through [`Verification::recipient`] and its neighbours.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Verification {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub purpose: String,
    pub channel: String,
    pub(crate) status: String,
    pub key_id: String,
    pub hash_key_id: String,
    pub recipient_hash: Vec<u8>,
    pub(crate) recipient_sealed: Vec<u8>,
    pub(crate) token_hash: Vec<u8>,
    pub(crate) seed: Option<Vec<u8>>,
    pub(crate) code_sealed: Option<Vec<u8>>,
    pub(crate) code_length: i32,
    pub generation: i32,
    pub guesses: i32,
    pub guess_limit: i32,
    pub resends: i32,
    pub(crate) is_test: i32,
    pub(crate) subject_sealed: Option<Vec<u8>>,
    pub(crate) variables_sealed: Option<Vec<u8>>,
    pub(crate) metadata_sealed: Option<Vec<u8>>,
    /// Why it ended without success.
    pub failure: Option<String>,
    pub(crate) check_key_hash: Option<Vec<u8>>,
    pub created_at: Millis,
    pub resend_at: Millis,
    pub expires_at: Millis,
    /// When it became terminal; for a verified one, the moment of success.
    pub finished_at: Option<Millis>,
    pub receipt_used_at: Option<Millis>,
    /// Of the second address that its steps go to.
    pub(crate) other_hash: Option<Vec<u8>>,
    pub(crate) other_sealed: Option<Vec<u8>>,
    /// One when it was the second address' code that came back.
    pub(crate) proves_other: i32,
    /// 1 while the right code counts again after a success, 2 when that is over, else 0.
    pub(crate) reusable: i32,
    /// The language that somebody asked for, in BCP 47.
    pub locale: Option<String>,
    /// 1 for one that was made as a decoy, [`WITHHELD`], or else 0.
    pub(crate) decoy: i32,
}

/// The recipient was not to be sent to, and whoever asked not to learn it.
const WITHHELD: i32 = 2;

impl Verification {
    /// Where it stands at `now`: pending rows past their time count as expired before the sweep
    /// has written it down.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        match Status::parse(&self.status) {
            Status::Pending if self.expires_at <= now => Status::Expired,
            status => status,
        }
    }

    /// True when the right code counts again until it expires.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.reusable != 0
    }

    #[must_use]
    pub fn is_test(&self) -> bool {
        self.is_test != 0
    }

    /// True for one that only looks like one: nothing is ever sent for it, and no code is right.
    #[must_use]
    pub fn is_decoy(&self) -> bool {
        self.decoy != 0
    }

    /// True for a decoy that nobody asked for: the recipient was not to be sent to, and whoever asked was not
    /// to learn it.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.decoy == WITHHELD
    }

    /// True when the caller said whom it is about.
    #[must_use]
    pub fn has_subject(&self) -> bool {
        self.subject_sealed.is_some()
    }

    #[must_use]
    pub fn guesses_left(&self) -> i32 {
        (self.guess_limit - self.guesses).max(0)
    }

    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn recipient(&self, keys: &Keyring) -> Result<Recipient, SecretError> {
        let stored = keys.open(&self.key_id, field::RECIPIENT, self.id, &self.recipient_sealed)?;
        let stored = std::str::from_utf8(&stored).map_err(|_| SecretError::BrokenSeal)?;
        Recipient::from_stored(stored).ok_or(SecretError::BrokenSeal)
    }

    /// The second address that its steps go to, if there is one.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn other(&self, keys: &Keyring) -> Result<Option<Recipient>, SecretError> {
        let stored = self.open_text(keys, field::OTHER, self.other_sealed.as_deref())?;
        let read = |stored: String| Recipient::from_stored(&stored).ok_or(SecretError::BrokenSeal);
        stored.map(read).transpose()
    }

    /// The address whose code came back; the first one while none has.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn proved(&self, keys: &Keyring) -> Result<Recipient, SecretError> {
        let other = if self.proves_other == 1 { self.other(keys)? } else { None };
        other.map_or_else(|| self.recipient(keys), Ok)
    }

    /// Whom the caller says this is about; must be presented again at check.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn subject(&self, keys: &Keyring) -> Result<Option<String>, SecretError> {
        self.open_text(keys, field::SUBJECT, self.subject_sealed.as_deref())
    }

    /// The caller's own JSON object.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn metadata(&self, keys: &Keyring) -> Result<Option<serde_json::Value>, SecretError> {
        let text = self.open_text(keys, field::METADATA, self.metadata_sealed.as_deref())?;
        text.map(|t| serde_json::from_str(&t).map_err(|_| SecretError::BrokenSeal)).transpose()
    }

    /// Values for the placeholders of the text.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn variables(&self, keys: &Keyring) -> Result<Variables, SecretError> {
        let text = self.open_text(keys, field::VARIABLES, self.variables_sealed.as_deref())?;
        text.map_or_else(
            || Ok(Variables::new()),
            |t| serde_json::from_str(&t).map_err(|_| SecretError::BrokenSeal),
        )
    }

    fn open_text(
        &self,
        keys: &Keyring,
        field: &str,
        sealed: Option<&[u8]>,
    ) -> Result<Option<String>, SecretError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = keys.open(&self.key_id, field, self.id, sealed)?;
        String::from_utf8(plain.to_vec()).map(Some).map_err(|_| SecretError::BrokenSeal)
    }

    /// The code of the row's current generation; none on terminal rows, whose seed is erased.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn code(&self, keys: &Keyring) -> Result<Option<Code>, SecretError> {
        self.code_to(keys, &self.recipient_hash)
    }

    /// The code that goes to the second address, if there is one.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub(crate) fn other_code(&self, keys: &Keyring) -> Result<Option<Code>, SecretError> {
        self.other_hash.as_ref().map_or(Ok(None), |hash| self.code_to(keys, hash))
    }

    /// The code that goes to the address with this hash: each has its own.
    ///
    /// # Errors
    /// The row's key is missing or the seal is broken.
    pub fn code_to(
        &self,
        keys: &Keyring,
        recipient_hash: &[u8],
    ) -> Result<Option<Code>, SecretError> {
        if let Some(code) = self.open_text(keys, field::CODE, self.code_sealed.as_deref())? {
            return Ok(Some(Code::new(code)));
        }
        let Some(seed) = &self.seed else { return Ok(None) };
        let input = CodeInput {
            tenant_id: self.tenant_id,
            purpose: &self.purpose,
            recipient_hash,
            verification_id: self.id,
            seed,
            generation: self.generation,
            length: self.code_length.unsigned_abs(),
        };
        let code = keys.derive_code(&self.key_id, input)?;
        // Alike by chance, one would stand for the other.
        if recipient_hash != self.recipient_hash
            && self.code(keys)?.is_some_and(|first| first.matches(&code))
        {
            return Ok(Some(code.next()));
        }
        Ok(Some(code))
    }

    /// True when this is the token that was given out for this row.
    #[must_use]
    pub fn holds_token(&self, token: &Handle) -> bool {
        token.id == self.id && token.matches(&self.token_hash)
    }
}

/// Values for placeholders, by name.
pub type Variables = std::collections::BTreeMap<String, String>;

/// The names under which fields are sealed.
mod field {
    pub(super) const RECIPIENT: &str = "verification.recipient";
    pub(super) const OTHER: &str = "verification.other";
    pub(super) const SUBJECT: &str = "verification.subject";
    pub(super) const METADATA: &str = "verification.metadata";
    pub(super) const VARIABLES: &str = "verification.variables";
    pub(super) const CODE: &str = "verification.code";
}
