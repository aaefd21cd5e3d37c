//! Accepting a message that is not a code.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Body, Message, State, TEST_NUMBER, Title, field};
use crate::{
    acceptance::{Acceptance, commit},
    admission::{Admission, Asking, OptOuts, Refused, admit},
    channel::Channel,
    clock::Millis,
    db::{DbError, in_time},
    home::Home,
    idempotency::IdempotencyKey,
    queue::Lane,
    recipient::Recipient,
    texts::Locale,
};

/// A request to send one text.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub tenant_id: Uuid,
    pub to: Recipient,
    /// Of an e-mail.
    pub title: Option<Title>,
    pub text: String,
    /// In which it is written.
    pub language: Option<Locale>,
    pub client: Option<IpAddr>,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// What the caller learns, now and at every repeat with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceptedMessage {
    pub id: Uuid,
    pub state: String,
    /// What was kept before there was another one does not say it.
    #[serde(default)]
    pub channel: Channel,
    /// Masked.
    pub to: String,
    pub deadline: Millis,
}

/// Accepts a message. When this returns `Ok`, the row is committed.
///
/// # Errors
/// Why nothing was accepted.
pub async fn accept(home: &Home, new: NewMessage) -> Result<AcceptedMessage, Refused> {
    in_time(accept_in_time(home, new)).await
}

async fn accept_in_time(home: &Home, new: NewMessage) -> Result<AcceptedMessage, Refused> {
    let now = home.clock.now();
    let recipient_hash = home.keys.recipient_hash(new.tenant_id, &new.to.identity());
    let asking = Asking {
        tenant_id: new.tenant_id,
        to: &new.to,
        recipient_hash: &recipient_hash,
        channel: new.to.channel(),
        other: None,
        lane: Lane::Bulk,
        lifetime_secs: home.config.messages.lifetime_secs,
        recipient_rules: &home.config.limits.recipient,
        client: new.client,
        idempotency_key: new.idempotency_key.as_ref(),
        is_test: home.test_code(&new.to, now).is_some(),
        is_sandbox: home.is_sandbox(new.tenant_id).await?,
        opt_outs: OptOuts::Told,
    };
    let charged = match admit(home, &asking).await? {
        Admission::Repeat(answer) => return read(&answer),
        Admission::Go(charged) => charged,
    };
    let row = build(home, &new, &asking, now)?;
    let accepted = AcceptedMessage {
        id: row.id,
        state: row.state.clone(),
        channel: new.to.channel(),
        to: new.to.masked(),
        deadline: row.deadline,
    };
    let record = home.keep_answer(&asking, row.id, &accepted, now)?;
    let acceptance = Arc::new(Acceptance {
        verification: None,
        messages: vec![row],
        record,
        cap: home.send_cap(new.tenant_id, asking.is_test),
        now,
    });
    let first = commit(home, &asking, charged, acceptance).await?;
    first.map_or(Ok(accepted), |answer| read(&answer))
}

fn read(answer: &[u8]) -> Result<AcceptedMessage, Refused> {
    serde_json::from_slice(answer).map_err(|e| DbError::Broken(e.to_string()).into())
}

fn build(
    home: &Home,
    new: &NewMessage,
    asking: &Asking<'_>,
    now: Millis,
) -> Result<Message, Refused> {
    let id = Uuid::now_v7();
    let seal = |name: &str, plain: &str| home.keys.seal(name, id, plain.as_bytes());
    // Test numbers are never sent to; their message is over before it began.
    let (state, channel) = (State::of_new(asking.is_test), new.to.channel());
    let body = Body::to_stored(channel, new.title.as_ref(), &new.text, new.language.as_ref());
    let failure = asking.is_test.then(|| TEST_NUMBER.to_owned());
    let message = Message {
        channel: channel.as_str().into(),
        state: state.as_str().into(),
        key_id: home.keys.active_kid().to_owned(),
        recipient_hash: asking.recipient_hash.to_vec(),
        recipient_sealed: Some(seal(field::RECIPIENT, &new.to.to_stored())?),
        body_sealed: Some(seal(field::BODY, &body)?),
        deadline: now + i64::from(asking.lifetime_secs) * 1_000,
        failure,
        finished_at: asking.is_test.then_some(now),
        ..Message::queued(id, new.tenant_id, asking.lane, now)
    };
    Ok(message.of_sandbox(asking.is_sandbox))
}
