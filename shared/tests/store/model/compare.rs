//! Every row against what the model says of it.

use std::collections::HashMap;

use otpost_shared::{Home, attempt, message, report::Word, verification};
use proptest::{prop_assert, prop_assert_eq};

use super::{
    expected::{Message, Moment, Verification},
    operation::Policy,
    tables::{AS_WRITTEN, Tables},
    trial::{Trial, Verdict},
};

impl Trial<'_> {
    pub async fn compare(&mut self) -> Verdict {
        let tables = Tables::read(&self.home.db).await;
        tables.hold_together(self.home)?;
        tables.keep_promises()?;
        prop_assert_eq!(tables.verifications.len(), self.model.verifications.len());
        for row in &tables.verifications {
            let expected = self.model.verifications.get_mut(&row.id);
            prop_assert!(expected.is_some(), "unexpected: {row:?}");
            if let Some(expected) = expected {
                verification(row, expected)?;
                codes(self.home, row, expected)?;
            }
        }
        let mut attempts: HashMap<_, Vec<_>> = HashMap::new();
        for attempt in &tables.attempts {
            attempts.entry(attempt.message_id).or_default().push(attempt);
        }
        for row in &tables.messages {
            if !self.model.messages.contains_key(&row.id)
                && let Some(awaited) = self.model.awaited.pop_front()
            {
                let (to, found) = (awaited.to.recipient(), tables.goes_to(self.home, row));
                let right = found.is_none_or(|found| found.identity() == to.identity())
                    && row.recipient_hash == awaited.to.hash(self.home);
                prop_assert!(right, "it goes to another address: {row:?}");
                self.model.messages.insert(row.id, awaited);
                self.messages.push(row.id);
            }
            let expected = self.model.messages.get_mut(&row.id);
            prop_assert!(expected.is_some(), "unexpected: {row:?}");
            if let Some(expected) = expected {
                message(row, expected, &attempts.remove(&row.id).unwrap_or_default())?;
            }
        }
        prop_assert!(self.model.awaited.is_empty(), "there should be {:?}", self.model.awaited);
        prop_assert_eq!(tables.messages.len(), self.model.messages.len());
        prop_assert!(attempts.is_empty(), "without their messages: {attempts:?}");
        Ok(())
    }
}

/// The moment is one of the possible ones, and from now on the only one.
fn narrow(expected: &mut Option<Moment>, found: Option<i64>) -> Verdict {
    let agree = match (&*expected, found) {
        (Some(moment), Some(at)) => moment.contains(&at),
        (None, None) => true,
        _ => false,
    };
    prop_assert!(agree, "expected {expected:?}, not {found:?}");
    *expected = found.map(|at| at..=at);
    Ok(())
}

/// Each address has the code that it had when it was sent, while there is one.
fn codes(home: &Home, row: &verification::Verification, expected: &Verification) -> Verdict {
    for (to, right) in expected.codes.last().into_iter().flatten() {
        let code = row.code_to(&home.keys, &to.hash(home)).expect("a key");
        prop_assert!(code.is_none_or(|code| code.as_str() == right), "another code: {row:?}");
    }
    Ok(())
}

fn verification(row: &verification::Verification, expected: &mut Verification) -> Verdict {
    let generation = i32::try_from(expected.generation()).expect("few");
    prop_assert_eq!(row.status(AS_WRITTEN), expected.status, "{:?}", row);
    prop_assert_eq!((row.guesses, row.guess_limit), (expected.guesses, expected.policy.guesses()));
    prop_assert_eq!((row.generation, row.resends), (generation, expected.resends));
    prop_assert_eq!(row.channel.as_str(), expected.channel.as_str());
    prop_assert_eq!((row.resend_at, row.expires_at), (expected.resend_at, expected.expires_at));
    let turns = expected.policy == Policy::Rotating;
    prop_assert_eq!(generation, if turns { 1 + expected.resends } else { 1 });
    narrow(&mut expected.finished, row.finished_at)?;
    narrow(&mut expected.receipt_used, row.receipt_used_at)
}

fn message(
    row: &message::Message,
    expected: &mut Message,
    attempts: &[&attempt::Attempt],
) -> Verdict {
    let generation = i32::try_from(expected.generation).expect("few");
    prop_assert_eq!(row.state.as_str(), expected.state.as_str(), "{:?}", row);
    prop_assert_eq!((row.verification_id, row.generation), (expected.verification, generation));
    prop_assert_eq!((row.lane(), row.epoch), (expected.lane, expected.epoch));
    prop_assert_eq!(row.channel(), expected.channel, "{:?}", row);
    prop_assert_eq!((row.lease_until, row.crashes), (expected.lease_until, expected.crashes));
    prop_assert_eq!((row.not_before, row.deadline), (expected.not_before, expected.deadline));
    narrow(&mut expected.finished, row.finished_at)?;
    let found: Vec<_> = attempts
        .iter()
        .map(|a| (a.outcome(), a.provider_message_id.as_deref(), a.report.as_deref()))
        .collect();
    let wanted: Vec<_> = expected
        .attempts
        .iter()
        .map(|a| (a.outcome, a.provider_message_id.as_deref(), a.report.map(Word::as_str)))
        .collect();
    prop_assert_eq!(found, wanted, "attempts of {:?}", row);
    prop_assert!(attempts.iter().zip(1..).all(|(attempt, number)| attempt.number == number));
    Ok(())
}
