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
    let started = start_counted(home, start).await;
    // What may have been committed stays charged.
    if let Err(refused) = &started
        && !matches!(refused, Refused::Unavailable(DbError::Undecided(_)))
    {
        home.limiter.refund(charged).await;
    }
    Ok(started?)
}

async fn start_counted(home: &Home, start: &Start<'_>) -> Result<Verification, Refused> {
    let Service { id, tenant_id, .. } = *start.service;
    let hash = home.keys.recipient_hash(tenant_id, &start.to.identity());
    let terms = terms(start);
    for _ in 0..TRIES {
        let last = last_of(&home.db, id, &hash).await?;
        let again = match last {
            Some(last) => send_again(home, start, last, &terms).await?,
            None => Again::Over,
        };
        let started = match again {
            Again::Sent => last,
            Again::Changed => continue,
            Again::Over => Some(start_anew(home, start, &hash, last, &terms).await?),
        };
        let Some(started) = started else { continue };
        let row = verification::find(&home.db, started).await?;
        // The first answer to the same start may be about one that has ended since.
        if let Some(row) = row.filter(|row| row.status(home.clock.now()) == Status::Pending) {
            return Ok(row);
        }
    }
    Err(Refused::KeyInUse)
}

fn terms<'a>(start: &'a Start<'_>) -> Terms<'a> {
    let own = start.code.as_ref().map(|code| code.as_str().len());
    let length = own.and_then(|length| u32::try_from(length).ok());
    Terms {
        recipient_rules: Some(start.recipient_rules),
        code_length: length.or(Some(start.service.code_length.unsigned_abs())),
        app: Some(start.app.as_deref().unwrap_or(&start.service.friendly_name)),
        no_wait: true,
        decoy: false,
    }
}

/// What became of sending the code again.
enum Again {
    Sent,
    /// Somebody else was faster.
    Changed,
    /// It takes no more codes.
    Over,
}

async fn send_again(
    home: &Home,
    start: &Start<'_>,
    last: Uuid,
    terms: &Terms<'_>,
) -> Result<Again, Refused> {
    let tenant_id = start.service.tenant_id;
    let now = home.clock.now();
    let row = verification::find(&home.db, last).await?;
    let Some(row) = row.filter(|row| row.status(now) == Status::Pending) else {
        return Ok(Again::Over);
    };
    if let Some(code) = &start.code
        && !row.code(&home.keys)?.is_some_and(|old| old.matches(code))
    {
        // The caller shows or sends another code than the one that counts.
        verification::cancel(&home.db, tenant_id, last, now).await?;
        return Ok(Again::Over);
    }
    let request = ResendRequest {
        tenant_id,
        id: last,
        channel: Some(start.channel),
        client: start.client,
        idempotency_key: None,
    };
    Ok(match verification::resend_on_terms(home, request, terms).await? {
        ResendAnswer::Resent(_) => Again::Sent,
        ResendAnswer::TooEarly { .. } => Again::Changed,
        ResendAnswer::Over(_) | ResendAnswer::NotFound => Again::Over,
    })
}

/// Of those who start at the same time one does: what they see before them is what their key stands for.
async fn start_anew(
    home: &Home,
    start: &Start<'_>,
    hash: &[u8],
    last: Option<Uuid>,
    terms: &Terms<'_>,
) -> Result<Uuid, Refused> {
    let service = start.service;
    let before = last.unwrap_or_default();
    let place = [service.id.as_bytes().as_slice(), hash, before.as_bytes()].concat();
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
        idempotency_key: Some(IdempotencyKey::new(&home.keys, &key, &[])),
    };
    let accepted = verification::accept_on_terms(home, new, terms).await?;
    let hours = i64::from(home.config.retention.idempotency_hours) + 1;
    let started = Started {
        service_id: service.id,
        recipient_hash: hash,
        verification_id: accepted.id,
        instead_of: last,
        kept_until: accepted.expires_at + hours * 3_600_000,
    };
    insert_or_replace(&home.db, &started).await?;
    Ok(accepted.id)
}
