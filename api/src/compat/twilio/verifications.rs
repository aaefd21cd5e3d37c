//! `…/Verifications/{id or number}`: fetch one, call it off, or say that it succeeded.

use axum::{
    Json,
    extract::{Request, State},
};
use otpost_shared::{
    Home,
    channel::Channel,
    clock::whole_seconds,
    db::DbError,
    message::{self, Message},
    recipient::Recipient,
    secrets::SecretError,
    verification::{self, CancelAnswer, Status, Verification},
    verify_service::{self, Service, Sid},
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{caller::InService, fault::Fault, form::Form, services_url, start::recipient};
use crate::App;

/// Characters of an amount or a payee.
const LONGEST_PAYMENT: usize = 64;

#[derive(Debug, Serialize)]
pub(super) struct VerificationView {
    sid: String,
    service_sid: String,
    account_sid: String,
    /// As the request named it; else masked.
    to: String,
    channel: &'static str,
    status: &'static str,
    valid: bool,
    lookup: Map<String, Value>,
    amount: Option<String>,
    payee: Option<String>,
    send_code_attempts: Vec<Sending>,
    sna: Option<Value>,
    url: String,
    date_created: String,
    date_updated: String,
}

#[derive(Debug, Serialize)]
struct Sending {
    time: String,
    channel: &'static str,
    attempt_sid: String,
}

/// Without a code: none is shown anywhere.
pub(super) async fn view(
    home: &Home,
    of: &InService,
    row: Verification,
    to: Option<String>,
) -> Result<VerificationView, DbError> {
    let mut messages = message::list_by_verification(&home.db, row.id).await?;
    // What the policy lets follow is told once it is sent.
    messages.retain(|message| !message.is_unbegun_step());
    messages.sort_by_key(Message::due_at);
    let last = messages.last();
    let status = row.status(home.clock.now());
    let (sid, service_sid) = (Sid::Verification.write(row.id), of.sid());
    let (amount, payee) = paid(home, &row)?;
    let updated = row.finished_at.or(last.map(Message::due_at)).unwrap_or(row.created_at);
    // A test number has no messages.
    let channel = last.map_or_else(|| Channel::parse(&row.channel), |last| Some(last.channel()));
    Ok(VerificationView {
        to: to.map_or_else(|| row.recipient(&home.keys).map(|to| to.masked()), Ok)?,
        channel: word_for(channel.unwrap_or_default()),
        status: word_of(status),
        valid: status == Status::Verified,
        lookup: Map::new(),
        amount,
        payee,
        send_code_attempts: messages
            .iter()
            .map(|message| Sending {
                time: whole_seconds(message.due_at()),
                channel: capital_word_for(message.channel()),
                attempt_sid: Sid::Sending.write(message.id),
            })
            .collect(),
        sna: None,
        url: format!("{}/{service_sid}/Verifications/{sid}", services_url(&home.config)),
        date_created: whole_seconds(row.created_at),
        date_updated: whole_seconds(updated),
        account_sid: of.account.sid(),
        sid,
        service_sid,
    })
}

pub(super) fn word_for(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "sms",
        Channel::Email => "email",
        Channel::Voice => "call",
        Channel::Whatsapp => "whatsapp",
    }
}

/// As a list of sendings has them.
fn capital_word_for(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "SMS",
        Channel::Email => "EMAIL",
        Channel::Voice => "CALL",
        Channel::Whatsapp => "whatsapp",
    }
}

pub(super) fn word_of(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Verified => "approved",
        Status::Locked => "max_attempts_reached",
        Status::Expired => "expired",
        Status::Canceled => "canceled",
        Status::Failed => "failed",
    }
}

/// The payment that every code of such a Service is for.
pub(super) fn payment(service: &Service, form: &Form) -> Result<Option<(String, String)>, Fault> {
    if !service.is_for_payments() {
        return Ok(None);
    }
    let amount = form.line("Amount", LONGEST_PAYMENT)?;
    let payee = form.line("Payee", LONGEST_PAYMENT)?;
    let both = amount.zip(payee).ok_or_else(Fault::no_payment)?;
    Ok(Some((both.0.to_owned(), both.1.to_owned())))
}

/// Amount and payee of the verification.
pub(super) fn paid(
    home: &Home,
    row: &Verification,
) -> Result<(Option<String>, Option<String>), SecretError> {
    let metadata = row.metadata(&home.keys)?;
    let get = |name: &str| {
        let text = metadata.as_ref()?.get("twilio")?.get(name)?.as_str()?;
        Some(text.to_owned())
    };
    Ok((get("amount"), get("payee")))
}

/// One that was started in this Service and can still be seen: neither used nor past its time.
pub(super) async fn find(home: &Home, of: &InService, key: &str) -> Result<Verification, Fault> {
    let id = match Sid::Verification.read(key) {
        Some(id) => Some(id),
        None => last_of(home, of, key).await?,
    };
    let row = match id {
        Some(id) => verification::find(&home.db, id).await?,
        None => None,
    };
    let now = home.clock.now();
    let row = row.filter(|row| {
        let is_seen = row.status(now) != Status::Verified && row.expires_at > now;
        row.tenant_id == of.account.tenant_id && is_seen
    });
    let row = row.ok_or_else(|| of.not_found())?;
    if !is_of(home, of, &row)? {
        return Err(of.not_found());
    }
    Ok(row)
}

fn is_of(home: &Home, of: &InService, row: &Verification) -> Result<bool, SecretError> {
    let metadata = row.metadata(&home.keys)?;
    let service = metadata.as_ref().and_then(|of| of.get("twilio")?.get("service")?.as_str());
    Ok(service == Some(of.sid().as_str()))
}

/// Of the number or address; none when it is neither.
async fn last_of(home: &Home, of: &InService, to: &str) -> Result<Option<Uuid>, Fault> {
    let Some(to) = named(home, to) else { return Ok(None) };
    let hash = home.keys.recipient_hash(of.account.tenant_id, &to.identity());
    Ok(verify_service::last_of(&home.db, of.service.id, &hash).await?)
}

/// Whom a path or a check names.
pub(super) fn named(home: &Home, to: &str) -> Option<Recipient> {
    let channel = if to.contains('@') { Channel::Email } else { Channel::Sms };
    recipient(home, channel, to).ok()
}

/// As the path named it, if it did.
fn to_of(home: &Home, key: &str) -> Option<String> {
    named(home, key).map(|to| to.address().to_owned())
}

pub(super) async fn fetch(
    State(app): State<App>,
    of: InService,
) -> Result<Json<VerificationView>, Fault> {
    let home = &app.home;
    let key = of.param("verification");
    let row = find(home, &of, key).await?;
    Ok(Json(view(home, &of, row, to_of(home, key)).await?))
}

pub(super) async fn update(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<Json<VerificationView>, Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let status = form.required("Status")?;
    let key = of.param("verification");
    let id = find(home, &of, key).await?.id;
    let (tenant_id, now) = (of.account.tenant_id, home.clock.now());
    let ended = match status.to_ascii_lowercase().as_str() {
        "canceled" => {
            let answer = verification::cancel(&home.db, tenant_id, id, now).await?;
            matches!(answer, CancelAnswer::Canceled)
        }
        "approved" => verification::approve(&home.db, tenant_id, id, now).await?,
        _ => return Err(Fault::parameter("Status", "send canceled or approved")),
    };
    // One that had ended otherwise is over for everybody.
    let row = verification::find(&home.db, id).await?.filter(|_| ended);
    let row = row.ok_or_else(|| of.not_found())?;
    Ok(Json(view(home, &of, row, to_of(home, key)).await?))
}
