//! What the rows of a history may never show, whatever the model says.

use std::collections::HashMap;

use otpost_shared::{
    attempt::Attempt, message::Message, outcome::ErrorClass, verification::Status,
    verification::Verification,
};
use proptest::prop_assert;
use uuid::Uuid;

use super::{
    tables::{AS_WRITTEN, Tables},
    trial::Verdict,
};

impl Tables {
    pub fn keep_promises(&self) -> Verdict {
        let rows: HashMap<Uuid, &Message> = self.messages.iter().map(|m| (m.id, m)).collect();
        let ended: HashMap<Uuid, &Verification> = self
            .verifications
            .iter()
            .filter(|v| v.status(AS_WRITTEN) != Status::Pending)
            .map(|v| (v.id, v))
            .collect();
        let over = |m: &Message| m.verification_id.and_then(|id| ended.get(&id));
        for attempt in &self.attempts {
            let message = rows.get(&attempt.message_id).copied();
            let end = message.and_then(over).and_then(|v| v.finished_at);
            prop_assert!(end.is_none_or(|end| attempt.started_at <= end), "too late: {attempt:?}");
        }
        for message in self.messages.iter().filter(|m| m.state == "queued" && m.epoch == 0) {
            // What nobody ended but time has its deadline for that.
            let waits_for = over(message).map(|v| v.status(AS_WRITTEN));
            let is_in_vain = waits_for.is_some_and(|status| status != Status::Expired);
            prop_assert!(!is_in_vain, "it would never be sent: {message:?}");
        }
        self.attempts.windows(2).try_for_each(|two| one_after_the_other(&two[0], &two[1]))
    }
}

/// What a provider took is not sent again unless it did not arrive.
fn one_after_the_other(before: &Attempt, next: &Attempt) -> Verdict {
    let is_next = before.message_id == next.message_id;
    let is_taken = before.outcome() == Some(ErrorClass::Ok) && before.undelivered().is_none();
    prop_assert!(!is_next || !is_taken, "sent twice: {before:?}, then {next:?}");
    Ok(())
}
