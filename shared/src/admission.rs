//! What stands before everything that would send: somebody who takes it, the country, the room in the lane, the limits;
//! and the first answer for whoever repeats a request.

use std::net::IpAddr;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    channel::Channel,
    clock::Millis,
    config::{NoTaker, Traits},
    db::DbError,
    home::Home,
    idempotency::{self, IdempotencyKey, Record},
    limits::{Charge, Charged, Rule, Scope, client_key},
    queue::Lane,
    recipient::Recipient,
    sandbox::Conduct,
    secrets::{SecretError, short_hex},
    suppression, tenant,
    verification::StepRefused,
};

/// Who asks, and for whom.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    pub tenant_id: Uuid,
    pub to: &'a Recipient,
    pub recipient_hash: &'a [u8],
    pub channel: Channel,
    /// A second address that may be sent to, and its hash.
    pub other: Option<(&'a Recipient, &'a [u8])>,
    pub lane: Lane,
    /// Seconds the message is worth sending.
    pub lifetime_secs: u32,
    /// How often the recipient may be sent to.
    pub recipient_rules: &'a [Rule],
    /// The address to be limited, if one is known.
    pub client: Option<IpAddr>,
    pub idempotency_key: Option<&'a IdempotencyKey>,
    /// Test numbers are exempt from limits and are never sent to.
    pub is_test: bool,
    /// What is accepted goes into the tenant's inbox.
    pub is_sandbox: bool,
    pub opt_outs: OptOuts,
}

/// What becomes of a request whose recipient is not to be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOuts {
    /// It is refused.
    Told,
    /// Whoever asks is not to learn it: all goes on as ever, without a message if it is `withheld`. That has
    /// been asked once, for every recipient: a second look at some would tell by its time.
    Hidden { withheld: bool },
}

impl Asking<'_> {
    /// True when there is to be no message, and nobody is to learn it.
    pub(crate) fn is_withheld(&self) -> bool {
        self.opt_outs == OptOuts::Hidden { withheld: true }
    }

    /// True when the recipient's country does not matter: where it is not sent to, and at the numbers that a
    /// sandbox has for what goes wrong.
    pub(crate) fn is_open_to(&self, to: &Recipient) -> bool {
        self.is_test || self.is_sandbox && Conduct::at(to).is_some()
    }
}

/// Why nothing was accepted.
#[derive(Clone, Debug)]
pub enum Refused {
    UnknownPurpose {
        known: Vec<String>,
    },
    VariableMissing(String),
    VariableReserved(String),
    /// The text that would be sent does not say what it must.
    NotInText(String),
    /// With its variables filled in the text has so many characters, and may have so many.
    TextLength {
        characters: usize,
        most: usize,
    },
    /// The same of an e-mail's title.
    TitleLength(usize),
    CodeLength {
        expected: u32,
    },
    /// The purpose takes no codes of the caller's own.
    OwnCode {
        purpose: String,
    },
    Step(StepRefused),
    /// The address of a step is refused.
    OfStep(Box<Refused>),
    /// Nothing is sent by it here, or it does not reach the address.
    Channel(Channel),
    /// It is no code, and nobody takes others there.
    NoTaker(NoTaker),
    CountryNotAllowed {
        region: Option<String>,
    },
    /// Others may be sent to there, but not for this purpose.
    CountryNotOfPurpose {
        region: Option<String>,
        purpose: String,
    },
    Limited {
        scope: Scope,
        wait_ms: i64,
    },
    /// The recipient is not to be sent to.
    Suppressed,
    /// The lane has more waiting than it can send in time.
    Busy {
        wait_ms: i64,
    },
    /// The tenant's sends of the day are used up.
    DailyCap {
        until: Millis,
        now: Millis,
    },
    /// The key was used for another request.
    KeyReused,
    /// The first request with this key is still on its way.
    KeyInUse,
    Unavailable(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<SecretError> for Refused {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Whether to go on.
#[derive(Debug)]
pub(crate) enum Admission {
    Go(Charged),
    /// The first answer to this key.
    Repeat(Vec<u8>),
}

/// Lets a request in, or says why not. The idempotency key is not looked up unless something is
/// refused: whoever is let in learns from the commit whether the key was taken.
pub(crate) async fn admit(home: &Home, asking: &Asking<'_>) -> Result<Admission, Refused> {
    let refused = match let_in(home, asking).await {
        Ok(charged) => return Ok(Admission::Go(charged)),
        Err(refused) => refused,
    };
    // The limits are for new requests; a repeat gets its first answer.
    repeat(home, asking).await?.map_or(Err(refused), |answer| Ok(Admission::Repeat(answer)))
}

async fn let_in(home: &Home, asking: &Asking<'_>) -> Result<Charged, Refused> {
    has_taker(home, asking).await?;
    if asking.is_test {
        return Ok(Charged::default());
    }
    may_be_sent_to(home, asking, asking.to).await?;
    if let Some((to, _)) = asking.other {
        may_be_sent_to(home, asking, to).await.map_err(|of| Refused::OfStep(Box::new(of)))?;
    }
    let expected_wait = home.lanes.expected_wait_ms(asking.lane, asking.channel);
    // What waits for providers is in nobody's way in a sandbox.
    if !asking.is_sandbox && expected_wait > i64::from(asking.lifetime_secs) * 500 {
        return Err(Refused::Busy { wait_ms: expected_wait / 2 });
    }
    let limits = &home.config.limits;
    let kind = asking.lane.as_str();
    let hashes = [asking.recipient_hash].into_iter().chain(asking.other.map(|(_, hash)| hash));
    let reach = home.config.recipient_reach();
    let of_recipient = |hash: &[u8]| {
        let key = format!("{kind}:{}", short_hex(hash));
        Charge::new(Scope::Recipient, key, asking.recipient_rules).reaching(reach)
    };
    let mut charges: Vec<Charge<'_>> = hashes.map(of_recipient).collect();
    if let Some(address) = asking.client {
        // Not even Redis needs to know who calls.
        let key = short_hex(&home.keys.recipient_hash(asking.tenant_id, &client_key(address)));
        charges.push(Charge::new(Scope::Client, key, &limits.client_ip));
    }
    charges.push(Charge::new(Scope::Tenant, kind.to_owned(), &limits.tenant));
    charges.retain(Charge::is_limit);
    let marker = asking.idempotency_key.map(IdempotencyKey::marker);
    home.limiter
        .charge(asking.tenant_id, &charges, marker.as_deref(), home.clock.now())
        .await
        .map_err(|limited| Refused::Limited { scope: limited.scope, wait_ms: limited.wait_ms })
}

/// A code's chain names somebody, and whoever stands in a chain takes codes.
async fn has_taker(home: &Home, asking: &Asking<'_>) -> Result<(), Refused> {
    if asking.lane == Lane::Otp || !home.config.keeps_some_for_codes() {
        return Ok(());
    }
    let tenant = tenant::name_for_routes(&home.db, &home.config, asking.tenant_id).await?;
    let message = Traits::of_text(asking.to, tenant.as_deref());
    home.config.check_takers(&message).map_err(Refused::NoTaker)
}

async fn may_be_sent_to(home: &Home, asking: &Asking<'_>, to: &Recipient) -> Result<(), Refused> {
    // What an e-mail costs does not depend on where it goes.
    let is_open = asking.is_open_to(to) || home.config.allows_region(to.region());
    if to.channel().is_by_phone() && !is_open {
        return Err(Refused::CountryNotAllowed { region: to.region().map(str::to_owned) });
    }
    match asking.opt_outs {
        OptOuts::Hidden { .. } => Ok(()),
        OptOuts::Told => {
            let kept = suppression::keeps_back(home, asking.tenant_id, to, asking.lane).await?;
            if kept { Err(Refused::Suppressed) } else { Ok(()) }
        }
    }
}

/// The first answer to the request's idempotency key, if there is one.
pub(crate) async fn repeat(home: &Home, asking: &Asking<'_>) -> Result<Option<Vec<u8>>, Refused> {
    let Some(key) = asking.idempotency_key else { return Ok(None) };
    let now = home.clock.now();
    match idempotency::find(&home.db, asking.tenant_id, key, now).await? {
        None => Ok(None),
        Some(record) if record.is_for(key) => Ok(Some(record.answer(&home.keys)?)),
        Some(_) => Err(Refused::KeyReused),
    }
}

impl Home {
    /// What keeps `answer`, about the row `id`, for repeats with this key; nothing without a key.
    pub(crate) fn keep_answer(
        &self,
        asking: &Asking<'_>,
        id: Uuid,
        answer: &impl Serialize,
        now: Millis,
    ) -> Result<Option<Record>, DbError> {
        let Some(key) = asking.idempotency_key else { return Ok(None) };
        let answer = serde_json::to_vec(answer).map_err(|e| DbError::Broken(e.to_string()))?;
        let until = now + i64::from(self.config.retention.idempotency_hours) * 3_600_000;
        Ok(Some(Record::new(key, asking.tenant_id, id, &answer, &self.keys, until)?))
    }

    /// The cap on a tenant's sends per day, for [`Acceptance::cap`].
    pub(crate) fn send_cap(&self, tenant_id: Uuid, is_test: bool) -> Option<(Uuid, i64)> {
        let cap = self.config.limits.sends_per_tenant_and_day;
        (cap > 0 && !is_test).then_some((tenant_id, cap))
    }
}
