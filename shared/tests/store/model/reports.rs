//! What providers say of an attempt afterwards, to the home and to the model.

use otpost_shared::{
    attempt,
    clock::Millis,
    message::{Effect, State, take_report},
    outcome::ErrorClass,
    price::Cost,
    queue::Lane,
    report::{Reference, Report, Word},
};
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::{
    expected::Model,
    trial::{Trial, Verdict, nth},
};

/// With less of its life left a code is not worth another provider.
const LEAST_LIFE_MS: i64 = 30_000;

impl Model {
    /// The last word on the attempt at this place.
    fn report(
        &mut self,
        id: Uuid,
        place: usize,
        (word, class): (Word, Option<ErrorClass>),
        now: Millis,
    ) -> Effect {
        use State as S;
        let wanted = self.messages.get(&id).is_some_and(|message| self.is_wanted(message));
        let Some(message) = self.messages.get_mut(&id) else { return Effect::Unknown };
        message.attempts[place].report = Some(word);
        if word == Word::Delivered {
            if !matches!(message.state, S::Queued | S::Sent | S::Unknown | S::Undelivered) {
                return Effect::Noted;
            }
            message.state = S::Delivered;
            message.finished.get_or_insert(now..=now);
            return Effect::Delivered;
        }
        if place + 1 < message.attempts.len() || !matches!(message.state, S::Sent | S::Unknown) {
            return Effect::Noted;
        }
        let before = &message.attempts[..place];
        let may_go_on = message.lane == Lane::Otp
            && message.state == S::Sent
            && before.iter().all(|attempt| attempt.report != Some(Word::Undelivered))
            && class != Some(ErrorClass::Recipient)
            && message.deadline >= now + LEAST_LIFE_MS;
        if may_go_on && wanted {
            message.requeue(now - 1_000);
            return Effect::GoesOn;
        }
        message.state = S::Undelivered;
        self.follow(id, now);
        Effect::Undelivered
    }
}

impl Trial<'_> {
    pub async fn report(
        &mut self,
        of: usize,
        attempt: usize,
        (word, class): (Word, Option<ErrorClass>),
    ) -> Verdict {
        let Some(of) = nth(&self.claims, of) else { return Ok(()) };
        let id = self.claims[of].id;
        // A word that is faster than the worker's own has tests of its own.
        let message = self.model.messages.get(&id).filter(|m| m.state != State::Sending);
        let Some(message) = message else { return Ok(()) };
        let Some(place) = nth(&message.attempts, attempt) else { return Ok(()) };
        if message.attempts[place].outcome.is_none() {
            return Ok(());
        }
        let said_before = message.attempts[place].report.is_some();
        self.home.clock.set(self.now);
        let (keys, number) = (&self.home.keys, i32::try_from(place + 1).expect("few"));
        let about = Reference::new(keys, keys.active_kid(), "a", id, number).expect("a key");
        let report = Report { of: about, word, class, code: None, cost: Cost::default() };
        let effect = take_report(self.home, "a", report).await;
        let during = self.done();
        let mut expected = Effect::Noted;
        if !said_before {
            let attempts = attempt::list_by_message(&self.home.db, id).await.expect("an answer");
            let at = attempts[place].reported_at.unwrap_or_default();
            prop_assert!(during.contains(&at), "{at} is not in {during:?}");
            expected = self.model.report(id, place, (word, class), at);
        }
        prop_assert_eq!(effect, Ok(expected));
        Ok(())
    }
}
