//! Sending the code again: guesses and expiry stay as they are.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Status, Verification, accept::check_countries, find, resend_rule::ResendRule, terms::Terms,
    words::Words, workflow,
};
use crate::{
    admission::{Admission, Asking, Refused, admit, repeat},
    channel::Channel,
    clock::Millis,
    db::{Db, DbError, Tx, detached, in_time, on_tx, retrying},
    guess_budget::day_end,
    home::Home,
    idempotency::{self, IdempotencyKey, Record},
    limits::Scope,
    message::{self, Message},
    queue::Lane,
    recipient::Recipient,
    secrets::SecretError,
    send_budget,
    settings::Settings,
};

#[derive(Clone, Debug)]
pub struct ResendRequest {
    pub tenant_id: Uuid,
    pub id: Uuid,
    /// Another way than the first one.
    pub channel: Option<Channel>,
    pub client: Option<IpAddr>,
    pub idempotency_key: Option<IdempotencyKey>,
}

#[derive(Clone, Debug)]
pub enum ResendAnswer {
    Resent(Resent),
    /// Asked too early.
    TooEarly {
        resend_at: Millis,
    },
    Over(Status),
    NotFound,
}

/// What the caller learns, now and at every repeat with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resent {
    pub id: Uuid,
    /// What was kept before there was another one does not say it.
    #[serde(default)]
    pub channel: Channel,
    /// Masked.
    pub to: String,
    pub expires_at: Millis,
    pub resend_at: Millis,
}

/// Sends the code of a pending verification again.
///
/// # Errors
/// Why nothing was accepted.
pub async fn resend(home: &Home, request: ResendRequest) -> Result<ResendAnswer, Refused> {
    resend_on_terms(home, request, &Terms::default()).await
}

/// As [`resend`], on other terms than the configured ones.
///
/// # Errors
/// Why nothing was accepted.
pub async fn resend_on_terms(
    home: &Home,
    request: ResendRequest,
    terms: &Terms<'_>,
) -> Result<ResendAnswer, Refused> {
    in_time(resend_in_time(home, request, terms)).await
}

async fn resend_in_time(
    home: &Home,
    request: ResendRequest,
    terms: &Terms<'_>,
) -> Result<ResendAnswer, Refused> {
    let now = home.clock.now();
    let row = find(&home.db, request.id).await?.filter(|r| r.tenant_id == request.tenant_id);
    let Some(row) = row else { return Ok(ResendAnswer::NotFound) };
    let settings = home.settings.now(&home.db, now).await?;
    let policy = settings.policy(row.tenant_id, &row.purpose);
    let policy = policy.as_deref();
    let way = Way::of(home, &row, request.channel)?;
    let asking = way.asking(home, &row, (&request, terms), now).await?;
    // The key is looked at before the state: a repeat after the expiry gets its first answer.
    if let Some(answer) = repeat(home, &asking).await? {
        return read(&answer);
    }
    match row.status(now) {
        Status::Pending => {}
        over => return Ok(ResendAnswer::Over(over)),
    }
    let rule = ResendRule::of(home, policy, &row, now).await?;
    if let Some(resend_at) = opens_later(&row, &rule, terms, now)? {
        return Ok(ResendAnswer::TooEarly { resend_at });
    }
    check_way(home, &settings, &row, (&way, terms), &asking)?;
    let charged = match admit(home, &asking).await? {
        Admission::Repeat(answer) => return read(&answer),
        Admission::Go(charged) => charged,
    };
    let written = write(home, &row, &way, &asking, &rule, now).await;
    // What may have been committed stays charged; a repeat with its key passes free.
    if !matches!(written, Ok(Written::Done(..)) | Err(DbError::Undecided(_))) {
        home.limiter.refund(charged).await;
    }
    match written {
        Ok(Written::Done(resent, hint)) => {
            if let Some(id) = hint {
                home.queue.hint(id);
            }
            Ok(ResendAnswer::Resent(resent))
        }
        Ok(Written::CapReached) => Err(Refused::DailyCap { until: day_end(now), now }),
        Ok(Written::Changed) => changed(home, &request, now).await,
        Err(DbError::Locked) if request.idempotency_key.is_some() => Err(Refused::KeyInUse),
        Err(error) => Err(error.into()),
    }
}

/// When it may be sent again, if that is not now. Where nobody needs to wait, what the policy lets in so long
/// is a limit like others.
fn opens_later(
    row: &Verification,
    rule: &ResendRule,
    terms: &Terms<'_>,
    now: Millis,
) -> Result<Option<Millis>, Refused> {
    let opens_at = rule.opens_at(&[], now);
    if !terms.no_wait {
        return Ok(Some(row.resend_at.max(opens_at)).filter(|at| *at > now));
    }
    if opens_at > now {
        return Err(Refused::Limited { scope: Scope::Recipient, wait_ms: opens_at - now });
    }
    Ok(None)
}

/// It can be sent there, as far as the policy of now has a say: the words of another channel can be said with
/// what the first one was given, and those that must name something do.
fn check_way(
    home: &Home,
    settings: &Settings,
    row: &Verification,
    (way, terms): (&Way, &Terms<'_>),
    asking: &Asking<'_>,
) -> Result<(), Refused> {
    // A chain may have been taken out of the configuration since.
    if !way.reaches || !home.config.chains.serves(way.channel) {
        return Err(Refused::Channel(way.channel));
    }
    let Some(policy) = settings.policy(row.tenant_id, &row.purpose) else { return Ok(()) };
    check_countries(&policy, &row.purpose, asking)?;
    if way.channel.as_str() == row.channel && terms.must_name.is_empty() {
        return Ok(());
    }
    let given = row.variables(&home.keys)?;
    let words = Words {
        config: &home.config.texts,
        texts: settings.texts(),
        tenant_id: row.tenant_id,
        purpose: &row.purpose,
        policy: &policy,
        locale: row.locale.clone(),
        given: &given,
        must_name: terms.must_name,
    };
    words.check(way.channel, &way.to)
}

/// By which way, and to which of its addresses, the code is sent again.
struct Way {
    channel: Channel,
    to: Recipient,
    hash: Vec<u8>,
    is_other: bool,
    /// False when the verification has no address that this channel reaches.
    reaches: bool,
}

impl Way {
    fn of(home: &Home, row: &Verification, asked: Option<Channel>) -> Result<Self, SecretError> {
        let channel = asked.or_else(|| Channel::parse(&row.channel)).unwrap_or_default();
        let is_reached = |to: &Recipient| to.channel().is_by_phone() == channel.is_by_phone();
        let to = row.recipient(&home.keys)?;
        let other = row.other(&home.keys)?.zip(row.other_hash.clone());
        if let Some((to, hash)) = other.filter(|(other, _)| !is_reached(&to) && is_reached(other)) {
            return Ok(Self { channel, to, hash, is_other: true, reaches: true });
        }
        let (reaches, hash) = (is_reached(&to), row.recipient_hash.clone());
        Ok(Self { channel, to, hash, is_other: false, reaches })
    }

    async fn asking<'a>(
        &'a self,
        home: &'a Home,
        row: &Verification,
        (request, terms): (&'a ResendRequest, &Terms<'a>),
        now: Millis,
    ) -> Result<Asking<'a>, DbError> {
        Ok(Asking {
            tenant_id: row.tenant_id,
            to: &self.to,
            recipient_hash: &self.hash,
            channel: self.channel,
            other: None,
            lane: Lane::Otp,
            lifetime_secs: secs_left(row, now),
            recipient_rules: terms.recipient_rules_or(home),
            client: request.client,
            idempotency_key: request.idempotency_key.as_ref(),
            is_test: row.is_test(),
            is_sandbox: home.is_sandbox(row.tenant_id).await?,
            opt_outs: terms.opt_outs(home, row.tenant_id, &self.to).await?,
        })
    }

    fn message(
        &self,
        home: &Home,
        row: &Verification,
        now: Millis,
    ) -> Result<Message, SecretError> {
        let mut message = Message::for_verification(row, now);
        message.channel = self.channel.as_str().into();
        if self.is_other {
            message.send_to(&home.keys, &self.to, &self.hash)?;
        }
        Ok(message)
    }
}

fn secs_left(row: &Verification, now: Millis) -> u32 {
    u32::try_from((row.expires_at - now) / 1_000).unwrap_or(0)
}

fn read(answer: &[u8]) -> Result<ResendAnswer, Refused> {
    serde_json::from_slice(answer)
        .map(ResendAnswer::Resent)
        .map_err(|e| DbError::Broken(e.to_string()).into())
}

/// Somebody else changed the row between reading and writing: answer by what it is now.
async fn changed(
    home: &Home,
    request: &ResendRequest,
    now: Millis,
) -> Result<ResendAnswer, Refused> {
    if let Some(key) = &request.idempotency_key
        && let Some(record) = idempotency::find(&home.db, request.tenant_id, key, now).await?
        && record.is_for(key)
    {
        return read(&record.answer(&home.keys)?);
    }
    Ok(match find(&home.db, request.id).await? {
        None => ResendAnswer::NotFound,
        Some(row) => match row.status(now) {
            Status::Pending => ResendAnswer::TooEarly { resend_at: row.resend_at },
            over => ResendAnswer::Over(over),
        },
    })
}

enum Written {
    Done(Resent, Option<Uuid>),
    Changed,
    CapReached,
}

async fn write(
    home: &Home,
    row: &Verification,
    way: &Way,
    asking: &Asking<'_>,
    rule: &ResendRule,
    now: Millis,
) -> Result<Written, DbError> {
    let rotates = rule.rotates;
    let mut next = row.clone();
    next.resend_at = rule.opens_at(&[now], now + rule.wait_ms);
    next.resends += 1;
    next.generation += i32::from(rotates);
    let resent = Resent {
        id: row.id,
        channel: way.channel,
        to: way.to.masked(),
        expires_at: row.expires_at,
        resend_at: next.resend_at,
    };
    let message = (!row.is_test()).then(|| way.message(home, &next, now)).transpose()?;
    let message = message.map(|message| {
        let message = message.of_sandbox(asking.is_sandbox);
        if asking.is_withheld() && !row.is_decoy() { message.withheld(now) } else { message }
    });
    let record = home.keep_answer(asking, row.id, &resent, now)?;
    let hint = message.as_ref().filter(|m| m.is_hinted()).map(|m| m.id);
    let cap = home.send_cap(row.tenant_id, row.is_test());
    let change = Change { from: row.clone(), next, message, record, cap, rotates, now };
    let db = home.db.clone();
    let outcome = detached(async move { retrying!(apply(&db, &change).await) }).await?;
    Ok(match outcome {
        Applied::Yes => Written::Done(resent, hint),
        Applied::Changed => Written::Changed,
        Applied::CapReached => Written::CapReached,
    })
}

struct Change {
    from: Verification,
    next: Verification,
    message: Option<Message>,
    record: Option<Record>,
    cap: Option<(Uuid, i64)>,
    rotates: bool,
    now: Millis,
}

enum Applied {
    Yes,
    Changed,
    CapReached,
}

async fn apply(db: &Db, change: &Change) -> Result<Applied, DbError> {
    let mut tx = db.begin().await?;
    let applied = apply_in(&mut tx, change).await?;
    if matches!(applied, Applied::Yes) {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(applied)
}

async fn apply_in(tx: &mut Tx, change: &Change) -> Result<Applied, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE verifications SET resend_at = $2, resends = $3, generation = $4
             WHERE id = $1 AND status || '' = 'pending' AND expires_at > $5 AND resends = $6",
        )
        .bind(change.next.id)
        .bind(change.next.resend_at)
        .bind(change.next.resends)
        .bind(change.next.generation)
        .bind(change.now)
        .bind(change.from.resends)
        .execute(c)
        .await?
        .rows_affected()
    });
    if rows == 0 {
        return Ok(Applied::Changed);
    }
    if let Some((tenant_id, cap)) = change.cap
        && !send_budget::charge(tx, (tenant_id, cap), 1, change.now)
            .await
            .map_err(send_budget::held)?
    {
        return Ok(Applied::CapReached);
    }
    if let Some(record) = &change.record
        && idempotency::insert(tx, &[record], change.now).await?.is_empty()
    {
        return Ok(Applied::Changed);
    }
    if change.rotates {
        workflow::carry_over(tx, &change.next).await?;
        message::mark_superseded(tx, &change.next, change.now).await?;
    }
    if let Some(message) = &change.message {
        workflow::call_off(tx, change.next.id, &message.channel, change.now).await?;
        message::insert(tx, &[message]).await?;
    }
    Ok(Applied::Yes)
}
