//! The workflow of a verification: what follows by itself while nobody has given the code back.
//!
//! Each step is a message of its own, committed with the verification and due later. Whatever ends the
//! verification calls off what is still to come; a step that fails brings the next one forward.

use uuid::Uuid;

use super::{Verification, field, rows::mark_failed};
use crate::{
    channel::Channel,
    clock::Millis,
    config::Follow,
    db::{DbError, Tx, on_tx},
    event::{self, Changed},
    home::Home,
    message::Message,
    recipient::Recipient,
    secrets::SecretError,
};

/// Steps after the first that a request may have.
pub const MOST_STEPS: usize = 3;
/// Seconds from one step to the next: a text takes some to arrive, and some to be typed.
pub const SHORTEST_WAIT: u32 = 10;
/// With less of the code's life left, in seconds, nobody could use it any more.
pub(crate) const LEAST_LIFE: u32 = 20;

/// One step, some time after the one before.
#[derive(Clone, Debug)]
pub struct NewStep {
    pub channel: Channel,
    pub to: Recipient,
    pub after_secs: u32,
}

/// Why a step cannot be taken: the place of the step, its field, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRefused {
    pub place: usize,
    pub field: &'static str,
    pub said: String,
}

/// An address besides the first, with the hash that its code is derived with.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub(super) to: Recipient,
    pub(super) hash: Vec<u8>,
}

/// The steps of a policy, as far as they reach this address.
pub(super) fn steps_to(to: &Recipient, then: &[Follow]) -> Vec<NewStep> {
    let by_phone = to.channel().is_by_phone();
    let reaching = then.iter().filter(|step| step.channel.is_by_phone() == by_phone);
    reaching
        .map(|step| NewStep { channel: step.channel, to: to.clone(), after_secs: step.after_secs })
        .collect()
}

/// The second address of these steps, if there is one.
pub(super) fn other(
    home: &Home,
    tenant_id: Uuid,
    to: &Recipient,
    then: &[NewStep],
) -> Option<Other> {
    let step = then.iter().find(|step| step.to.identity() != to.identity())?;
    let hash = home.keys.recipient_hash(tenant_id, &step.to.identity());
    Some(Other { to: step.to.clone(), hash })
}

/// Why a step cannot come when it is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTime {
    TooSoon,
    /// So many seconds after the first message.
    TooLate(u32),
}

/// The times of steps, each given as the seconds since the one before: for those of a request as for those
/// of a policy.
///
/// # Errors
/// The place of the first step that comes too soon or too late.
pub(crate) fn check_times(
    waits: impl IntoIterator<Item = u32>,
    lifetime_secs: u32,
) -> Result<(), (usize, BadTime)> {
    let mut at = 0_u32;
    for (place, after_secs) in waits.into_iter().enumerate() {
        if after_secs < SHORTEST_WAIT {
            return Err((place, BadTime::TooSoon));
        }
        at = at.saturating_add(after_secs);
        if at.saturating_add(LEAST_LIFE) > lifetime_secs {
            return Err((place, BadTime::TooLate(at)));
        }
    }
    Ok(())
}

/// # Errors
/// Names the first step that cannot be taken.
pub(super) fn check(
    to: &Recipient,
    then: &[NewStep],
    lifetime_secs: u32,
    has_own_code: bool,
) -> Result<(), StepRefused> {
    let refused = |place, field, said: String| Err(StepRefused { place, field, said });
    if let Err((place, bad)) = check_times(then.iter().map(|step| step.after_secs), lifetime_secs) {
        let said = match bad {
            BadTime::TooSoon => format!("must be at least {SHORTEST_WAIT}"),
            BadTime::TooLate(at) => format!(
                "comes {at} s after the first, and the code lives {lifetime_secs} s: at least \
                 {LEAST_LIFE} s must be left"
            ),
        };
        return refused(place, "after_secs", said);
    }
    for (place, step) in then.iter().enumerate() {
        let seen = [to].into_iter().chain(then[..place].iter().map(|step| &step.to));
        let mut of_its_kind = seen.filter(|seen| seen.channel() == step.to.channel());
        if of_its_kind.any(|seen| seen.identity() != step.to.identity()) {
            let said = "must be the one of the other steps: a verification has one phone number \
                        and one e-mail address at most";
            return refused(place, "to", said.into());
        }
        if has_own_code && step.to.identity() != to.identity() {
            let said = "must be the first one when you bring the code: each address has its own, \
                        which tells them apart";
            return refused(place, "to", said.into());
        }
    }
    Ok(())
}

impl Verification {
    pub(super) fn add_other(
        &mut self,
        home: &Home,
        other: Option<&Other>,
    ) -> Result<(), SecretError> {
        let Some(other) = other else { return Ok(()) };
        let stored = other.to.to_stored();
        self.other_sealed = Some(home.keys.seal(field::OTHER, self.id, stored.as_bytes())?);
        self.other_hash = Some(other.hash.clone());
        Ok(())
    }
}

/// The messages of a new verification, the first of them due now.
///
/// # Errors
/// There is no key.
pub(super) fn messages(
    home: &Home,
    row: &Verification,
    then: &[NewStep],
    other: Option<&Other>,
    now: Millis,
) -> Result<Vec<Message>, SecretError> {
    let mut messages = vec![Message::for_verification(row, now)];
    let mut at = now;
    for step in then {
        at += Millis::from(step.after_secs) * 1_000;
        let mut message = Message::for_verification(row, now);
        message.channel = step.channel.as_str().into();
        message.not_before = message.not_before.max(at);
        if let Some(other) = other.filter(|other| other.to.identity() == step.to.identity()) {
            message.send_to(&home.keys, &other.to, &other.hash)?;
        }
        messages.push(message);
    }
    Ok(messages)
}

/// Brings the next step forward, because this message did not reach the person; false when there is none,
/// or another message is under way, or was sent since this one ended. If that one does not reach the person
/// either, the step comes then. The caller has locked the verification, and this message has ended.
pub(crate) async fn go_on(
    tx: &mut Tx,
    id: Uuid,
    message_id: Uuid,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET not_before = $2
             WHERE state || '' = 'queued' AND id IN (
                 SELECT m.id FROM messages m JOIN verifications v ON v.id = m.verification_id
                 WHERE m.verification_id = $1 AND m.state || '' = 'queued' AND m.epoch = 0
                   AND m.not_before > $2 AND m.generation = v.generation
                   AND v.status || '' = 'pending'
                   AND NOT EXISTS (SELECT 1 FROM messages l JOIN messages ended ON ended.id = $3
                       WHERE l.verification_id = $1 AND l.id <> $3
                         AND l.generation = v.generation
                         AND (l.state || '' = 'sending'
                             OR (l.state || '' = 'queued'
                                 AND (l.epoch > 0 OR l.not_before <= $2))
                             OR (l.state || '' IN ('sent', 'delivered', 'unknown')
                                 AND l.finished_at > ended.finished_at)))
                 ORDER BY m.not_before LIMIT 1)",
        )
        .bind(id)
        .bind(now)
        .bind(message_id)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows > 0)
}

/// What follows when a message failed: the next step, or the end of the verification.
pub(crate) async fn go_on_or_fail(
    tx: &mut Tx,
    id: Uuid,
    message_id: Uuid,
    failure: &str,
    now: Millis,
) -> Result<(), DbError> {
    if go_on(tx, id, message_id, now).await? {
        return Ok(());
    }
    mark_failed(tx, id, message_id, failure, now).await
}

/// Gives the steps that have not begun the code of this generation.
pub(super) async fn carry_over(tx: &mut Tx, row: &Verification) -> Result<(), DbError> {
    on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET generation = $2
             WHERE verification_id = $1 AND state || '' = 'queued' AND epoch = 0
               AND not_before >= created_at",
        )
        .bind(row.id)
        .bind(row.generation)
        .execute(c)
        .await?;
    });
    Ok(())
}

/// What is asked for now does not come once more by itself.
pub(super) async fn call_off(
    tx: &mut Tx,
    id: Uuid,
    channel: &str,
    now: Millis,
) -> Result<(), DbError> {
    let canceled = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages SET state = 'canceled', finished_at = $3
             WHERE verification_id = $1 AND channel = $2 AND state || '' = 'queued' AND epoch = 0
               AND not_before >= created_at
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(channel)
        .bind(now)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &canceled, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Recipient {
        Recipient::parse("+12025550123", None).expect("a number")
    }

    fn ann() -> Recipient {
        Recipient::parse_email("ann@example.org").expect("an address")
    }

    fn step(channel: Channel, to: &Recipient, after_secs: u32) -> NewStep {
        NewStep { channel, to: to.clone(), after_secs }
    }

    #[test]
    fn steps_that_cannot_be_taken_are_named() {
        let (number, ann) = (number(), ann());
        let call = |after_secs| step(Channel::Voice, &number, after_secs);
        let mail = step(Channel::Email, &ann, 60);
        let stranger = Recipient::parse("+12025550124", None).expect("a number");
        let bob = Recipient::parse_email("bob@example.org").expect("an address");
        for (then, own_code, refused) in [
            (vec![], true, None),
            (vec![call(10), mail.clone(), step(Channel::Email, &ann, 10)], false, None),
            (vec![call(580)], true, None),
            (vec![call(581)], false, Some((0, "after_secs"))),
            (vec![call(300), call(300)], false, Some((1, "after_secs"))),
            (vec![call(u32::MAX), call(u32::MAX)], false, Some((0, "after_secs"))),
            (vec![call(9)], false, Some((0, "after_secs"))),
            (vec![step(Channel::Voice, &stranger, 60)], false, Some((0, "to"))),
            (vec![mail.clone(), step(Channel::Email, &bob, 60)], false, Some((1, "to"))),
            (vec![call(60), mail.clone()], true, Some((1, "to"))),
        ] {
            let said = check(&number, &then, 600, own_code).err();
            let found = said.as_ref().map(|said| (said.place, said.field));
            assert_eq!(found, refused, "{then:?}: {said:?}");
        }
    }
}
