//! Starting a verification in a Service, or sending its code again: whoever starts twice means the same one
//! as long as it is pending.

use std::net::IpAddr;

use uuid::Uuid;

use super::{
    Service,
    rate_limit::{self, NotCounted},
    started::{Started, insert_or_replace, last_of},
};
use crate::{
    admission::Refused,
    channel::Channel,
    db::DbError,
    home::Home,
    idempotency::IdempotencyKey,
    limits::Rule,
    policy::code_lengths,
    recipient::Recipient,
    secrets::Code,
    texts::Asked,
    verification::{
        self, NewVerification, ResendAnswer, ResendRequest, Status, Terms, Variables, Verification,
    },
};

/// Somebody may start, end or send again between reading and writing: then all is read again.
const TRIES: usize = 4;

/// A request to prove that somebody holds a number or an e-mail address, in a Service.
#[derive(Debug)]
pub struct Start<'a> {
    pub service: &'a Service,
    pub to: Recipient,
    pub channel: Channel,
    /// What {app} stands for, in place of the Service's name.
    pub app: Option<String>,
    /// A code of the caller's own, whatever its length.
    pub code: Option<Code>,
    /// Must be presented again at check.
    pub subject: Option<String>,
    pub variables: Variables,
    pub metadata: serde_json::Value,
    /// The language that the person would like.
    pub locale: Asked,
    pub client: Option<IpAddr>,
    /// Names of the Service's limits, each with a value to count by.
    pub counted: Vec<(String, String)>,
    /// How often one recipient may be sent to.
    pub recipient_rules: &'a [Rule],
}

/// Why nothing was started.
#[derive(Debug)]
pub enum StartRefused {
    NoSuchLimit(String),
    /// One of the Service's own limits.
    Limited {
        wait_ms: i64,
    },
    Refused(Refused),
}

impl From<Refused> for StartRefused {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NotCounted> for StartRefused {
    fn from(not: NotCounted) -> Self {
        match not {
            NotCounted::NoSuchLimit(name) => Self::NoSuchLimit(name),
            NotCounted::Limited(limited) => Self::Limited { wait_ms: limited.wait_ms },
            NotCounted::Unavailable(error) => Self::Refused(error.into()),
        }
    }
}

/// Sends a code. When this returns `Ok`, it is committed.
///
/// # Errors
/// Why nothing was sent.
pub async fn start(home: &Home, start: &Start<'_>) -> Result<Verification, StartRefused> {
    let Service { id, tenant_id, .. } = *start.service;
    let charged = rate_limit::charge(home, tenant_id, id, &start.counted).await?;
    let hash = home.keys.recipient_hash(tenant_id, &start.to.identity());
    let mut starting = Starting { home, start, hash, terms: terms(home, start), has_sent: false };
    let started = starting.run().await;
    if started.is_err() && !starting.has_sent {
        home.limiter.refund(charged).await;
    }
    Ok(started?)
}

fn terms<'a>(home: &Home, start: &'a Start<'_>) -> Terms<'a> {
    let own = start.code.as_ref().map(|code| code.as_str().len());
    let own = own.and_then(|length| u32::try_from(length).ok());
    // A Service may be older than the word of the configuration on short codes.
    let usual = start.service.code_length.unsigned_abs().max(*code_lengths(&home.config).start());
    Terms {
        recipient_rules: Some(start.recipient_rules),
        code_length: own.or(Some(usual)),
        app: Some(start.app.as_deref().unwrap_or(&start.service.friendly_name)),
        no_wait: true,
        must_name: if start.service.is_for_payments() { &["amount", "payee"] } else { &[] },
        hides_opt_outs: false,
    }
}

/// A start that was counted.
struct Starting<'a> {
    home: &'a Home,
    start: &'a Start<'a>,
    /// Of the recipient.
    hash: Vec<u8>,
    terms: Terms<'a>,
    /// Whether any round has committed something, or may have: then it stays counted, whatever follows.
    has_sent: bool,
}

/// What became of sending the code again.
enum Again {
    Sent,
    /// Somebody else was faster.
    Changed,
    /// It takes no more codes.
    Over,
}

impl Starting<'_> {
    async fn run(&mut self) -> Result<Verification, Refused> {
        for _ in 0..TRIES {
            let Some(id) = self.round().await? else { continue };
            // The first answer to the same start may be about one that has ended since, or about something else.
            if let Some(row) = self.pending(id).await?
                && self.is_meant(&row)?
            {
                return Ok(row);
            }
        }
        Err(Refused::KeyInUse)
    }

    /// Which verification it was about; none when somebody else was faster.
    async fn round(&mut self) -> Result<Option<Uuid>, Refused> {
        let home = self.home;
        let last = last_of(&home.db, self.start.service.id, &self.hash).await?;
        let pending = match last {
            Some(last) => self.pending(last).await?,
            None => None,
        };
        if let Some(row) = &pending
            && self.is_meant(row)?
        {
            let again = self.send_again(row.id).await;
            match self.note(again, |again| matches!(again, Again::Sent))? {
                Again::Sent => return Ok(Some(row.id)),
                Again::Changed => return Ok(None),
                Again::Over => {}
            }
        }
        let started = self.start_anew(last).await?;
        // Not before: of a start that is refused, the code before still counts.
        if let Some(row) = pending {
            verification::cancel(&home.db, row.tenant_id, row.id, home.clock.now()).await?;
        }
        Ok(Some(started))
    }

    /// Passes on what came of a round.
    fn note<T>(
        &mut self,
        result: Result<T, Refused>,
        sent: impl Fn(&T) -> bool,
    ) -> Result<T, Refused> {
        self.has_sent |= match &result {
            Ok(answer) => sent(answer),
            Err(refused) => matches!(refused, Refused::Unavailable(DbError::Undecided(_))),
        };
        result
    }

    async fn pending(&self, id: Uuid) -> Result<Option<Verification>, Refused> {
        let row = verification::find(&self.home.db, id).await?;
        Ok(row.filter(|row| row.status(self.home.clock.now()) == Status::Pending))
    }

    /// False when it is about something else, such as another payment, or when the caller shows or sends
    /// another code than the one that counts there.
    fn is_meant(&self, row: &Verification) -> Result<bool, Refused> {
        let (keys, start) = (&self.home.keys, self.start);
        if row.subject(keys)? != start.subject {
            return Ok(false);
        }
        // That of a test number is the configured one, whatever is brought.
        let Some(own) = start.code.as_ref().filter(|_| !row.is_test()) else { return Ok(true) };
        Ok(row.code(keys)?.is_some_and(|code| code.matches(own)))
    }

    async fn send_again(&self, id: Uuid) -> Result<Again, Refused> {
        let request = ResendRequest {
            tenant_id: self.start.service.tenant_id,
            id,
            channel: Some(self.start.channel),
            client: self.start.client,
            idempotency_key: None,
        };
        Ok(match verification::resend_on_terms(self.home, request, &self.terms).await? {
            ResendAnswer::Resent(_) => Again::Sent,
            ResendAnswer::TooEarly { .. } => Again::Changed,
            ResendAnswer::Over(_) | ResendAnswer::NotFound => Again::Over,
        })
    }

    /// Of those who start at the same time one does: what they see before them is what their key stands for.
    /// It stands for the place alone, so that those who mean different things take turns.
    async fn start_anew(&mut self, last: Option<Uuid>) -> Result<Uuid, Refused> {
        let (home, start) = (self.home, self.start);
        let service = start.service;
        let before = last.unwrap_or_default();
        let place = [service.id.as_bytes().as_slice(), &self.hash, before.as_bytes()].concat();
        let key = format!("verify-start {}", crate::secrets::hex(&place));
        let new = NewVerification {
            tenant_id: service.tenant_id,
            to: start.to.clone(),
            channel: start.channel,
            purpose: service.purpose.clone(),
            subject: start.subject.clone(),
            variables: start.variables.clone(),
            metadata: Some(start.metadata.clone()),
            locale: start.locale.clone(),
            client: start.client,
            code: start.code.clone(),
            then: None,
            decoy: false,
            idempotency_key: Some(IdempotencyKey::new(&home.keys, &key, &[])),
        };
        let accepted = verification::accept_on_terms(home, new, &self.terms).await;
        let accepted = self.note(accepted, |_| true)?;
        let hours = i64::from(home.config.retention.idempotency_hours) + 1;
        let started = Started {
            service_id: service.id,
            recipient_hash: &self.hash,
            verification_id: accepted.id,
            instead_of: last,
            kept_until: accepted.expires_at + hours * 3_600_000,
        };
        insert_or_replace(&home.db, &started).await?;
        Ok(accepted.id)
    }
}
