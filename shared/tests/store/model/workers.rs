//! What workers, sweeps and purges do, on the home and on the model.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use otpost_shared::{
    attempt::Ending,
    guess_budget,
    message::{self, End, Next, Recording, State},
    outcome::ErrorClass,
    queue::Lane,
    retention::Kind,
    verification::{self, Status},
};
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::{
    expected::Attempt,
    operation::Step,
    tables::{AS_WRITTEN, Tables},
    trial::{Trial, Verdict, nth},
};

/// What was taken is allowed, as much as there is room for, and in order.
fn taken_in_order<K: Ord + Debug>(
    allowed: &[(K, Uuid)],
    taken: &BTreeSet<Uuid>,
    limit: i64,
) -> Verdict {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    prop_assert_eq!(taken.len(), allowed.len().min(limit), "of {:?} only {:?}", allowed, taken);
    let (inside, outside): (Vec<_>, Vec<_>) =
        allowed.iter().partition(|(_, id)| taken.contains(id));
    prop_assert_eq!(inside.len(), taken.len(), "{:?} is not of {:?}", taken, allowed);
    let last = inside.iter().map(|(place, _)| place).max();
    let next = outside.iter().map(|(place, _)| place).min();
    prop_assert!(last.is_none() || next.is_none() || last <= next, "{taken:?} of {allowed:?}");
    Ok(())
}

/// The step of a claim as the database is to record it.
struct Recorded {
    claim: usize,
    step: Step,
    /// The attempt that is running under this claim.
    ended: Option<i32>,
    /// The next attempt's number.
    number: i32,
}

impl Step {
    /// The outcome of the attempt that ends with this step.
    fn outcome(self) -> Option<ErrorClass> {
        match self {
            Self::Begin | Self::Cancel => None,
            Self::Sent => Some(ErrorClass::Ok),
            Self::NextProvider | Self::Wait { .. } | Self::EndUndelivered => {
                Some(ErrorClass::Transient)
            }
            Self::NextProviderInDoubt | Self::EndInDoubt => Some(ErrorClass::Unknown),
            Self::Fail => Some(ErrorClass::Recipient),
        }
    }

    fn next(self, number: i32, now: i64) -> Next {
        let end = |state, class| Next::End(End { state, class, failure: "it failed".into() });
        match self {
            Self::Begin | Self::NextProvider | Self::NextProviderInDoubt => {
                Next::Try { number, provider: "a".into(), suppression_hash: Vec::new() }
            }
            Self::Sent => Next::Sent,
            Self::Wait { ms } => Next::Wait { not_before: now + ms, why: None },
            Self::Fail => end(State::Failed, ErrorClass::Recipient),
            Self::EndUndelivered => end(State::Undelivered, ErrorClass::Transient),
            Self::EndInDoubt => end(State::Unknown, ErrorClass::Unknown),
            Self::Cancel => Next::Cancel,
        }
    }
}

impl Trial<'_> {
    pub async fn claim(&mut self, of: &[usize]) -> Verdict {
        let ids: Vec<Uuid> = of
            .iter()
            .filter_map(|back| nth(&self.messages, *back))
            .map(|n| self.messages[n])
            .collect();
        let first = self.first_provider();
        let mut expected = Vec::new();
        for id in &ids {
            if self.model.messages.get(id).is_some_and(|m| m.is_due(self.now)) {
                let begun = self.model.claim(*id, self.now, first.is_some());
                expected.push((*id, self.model.messages[id].epoch, begun));
            }
        }
        let claimed = message::claim(&self.home.db, &ids, first, self.now).await;
        let claimed = claimed.expect("an answer");
        let got: BTreeSet<_> = claimed
            .iter()
            .map(|it| (it.message.id, it.message.epoch, it.begun.is_some()))
            .collect();
        prop_assert_eq!(got, expected.into_iter().collect::<BTreeSet<_>>());
        self.claims.extend(claimed.into_iter().map(|claimed| claimed.message));
        Ok(())
    }

    pub async fn claim_due(&mut self, lane: Lane, limit: i64) -> Verdict {
        // Codes newest first, bulk oldest first.
        let place = |not_before: i64| if lane == Lane::Otp { -not_before } else { not_before };
        let due: Vec<_> = self
            .model
            .messages
            .iter()
            .filter(|(_, m)| m.lane == lane && m.is_due(self.now))
            .map(|(id, m)| (place(m.not_before), *id))
            .collect();
        let first = self.first_provider();
        let claimed = message::claim_due(&self.home.db, lane, limit, first, self.now).await;
        let claimed = claimed.expect("an answer");
        let taken = claimed.iter().map(|it| it.message.id).collect();
        taken_in_order(&due, &taken, limit)?;
        for it in &claimed {
            let begun = self.model.claim(it.message.id, self.now, first.is_some());
            prop_assert_eq!(it.begun.is_some(), begun);
        }
        self.claims.extend(claimed.into_iter().map(|claimed| claimed.message));
        Ok(())
    }

    /// Every other claim begins what it can at once.
    fn first_provider(&self) -> Option<&'static str> {
        self.claims.len().is_multiple_of(2).then_some("a")
    }

    pub async fn record(&mut self, steps: &[(usize, Step)]) -> Verdict {
        let now = self.now;
        let (mut recorded, mut expected) = (Vec::new(), Vec::new());
        for (claim, step) in self.in_order(steps) {
            let one = self.plan(claim, step);
            // No worker begins an attempt before it has ended the one that its claim began.
            if matches!(step, Step::Begin) && self.is_running(&one) {
                continue;
            }
            // What is written down again after a report has tests of its own.
            if self.attempt(&one).is_some_and(|attempt| attempt.report.is_some()) {
                continue;
            }
            expected.push(self.expect_step(&one));
            recorded.push(one);
        }
        let recordings: Vec<_> = recorded
            .iter()
            .map(|one| Recording {
                message: Arc::clone(&self.claims[one.claim]),
                ended: one.ended.zip(one.step.outcome()).map(|(number, outcome)| {
                    let provider_message_id = Some(self.provider_id(one));
                    (number, Ending { provider_message_id, ..Ending::of(outcome) })
                }),
                next: one.step.next(one.number, now),
                now,
            })
            .collect();
        // One call is about different messages.
        let mut leases = Vec::new();
        for together in recordings.chunk_by(|a, b| a.message.id != b.message.id) {
            leases.extend(message::record(&self.home.db, together).await.expect("an answer"));
        }
        prop_assert_eq!(leases, expected);
        Ok(())
    }

    /// The claims, and their steps. Of those written at once, the ones that may bring another message
    /// forward come last; about one message they stay as they are.
    fn in_order(&self, steps: &[(usize, Step)]) -> Vec<(usize, Step)> {
        let claim = |(back, step): &(usize, Step)| Some((nth(&self.claims, *back)?, *step));
        let mut steps: Vec<_> = steps.iter().filter_map(claim).collect();
        let of: BTreeSet<_> = steps.iter().map(|(claim, _)| self.claims[*claim].id).collect();
        if of.len() == steps.len() {
            steps.sort_by_key(|(_, step)| step.reaches_nobody());
        }
        steps
    }

    fn plan(&self, claim: usize, step: Step) -> Recorded {
        let row = &self.claims[claim];
        let attempts = self.model.messages.get(&row.id).map(|m| m.attempts.as_slice());
        let attempts = attempts.unwrap_or_default();
        let mine = attempts.iter().rposition(|attempt| attempt.epoch == row.epoch);
        let number = |place: usize| i32::try_from(place + 1).expect("few");
        Recorded { claim, step, ended: mine.map(number), number: number(attempts.len()) }
    }

    /// The attempt that the step ends.
    fn attempt(&self, one: &Recorded) -> Option<&Attempt> {
        let message = self.model.messages.get(&self.claims[one.claim].id);
        let place = one.ended.and_then(|number| usize::try_from(number - 1).ok());
        message.zip(place).and_then(|(message, place)| message.attempts.get(place))
    }

    fn is_running(&self, one: &Recorded) -> bool {
        self.attempt(one).is_some_and(|attempt| attempt.outcome.is_none())
    }

    fn provider_id(&self, one: &Recorded) -> String {
        format!("{}-{:?}", self.claims[one.claim].epoch, one.step)
    }

    /// Takes a step in the model: when the lease of its next attempt ends, if there is one.
    fn expect_step(&mut self, one: &Recorded) -> Option<i64> {
        let (id, epoch, now) = (self.claims[one.claim].id, self.claims[one.claim].epoch, self.now);
        let mut lease = None;
        match one.step {
            Step::Begin | Step::NextProvider | Step::NextProviderInDoubt => {
                lease = self.model.begin(id, epoch, now);
                if lease.is_none() {
                    self.model.leave_unsent(id, epoch, now);
                }
            }
            Step::Sent => self.model.end(id, epoch, State::Sent, now),
            Step::Wait { ms } => {
                let ended = one.ended.is_some() && one.step.outcome().is_some();
                self.model.wait(id, epoch, now + ms, ended);
            }
            Step::Fail => self.model.end(id, epoch, State::Failed, now),
            Step::EndUndelivered => self.model.end(id, epoch, State::Undelivered, now),
            Step::EndInDoubt => self.model.end(id, epoch, State::Unknown, now),
            Step::Cancel => self.model.leave_unsent(id, epoch, now),
        }
        let provider_id = self.provider_id(one);
        if let (Some(number), Some(outcome)) = (one.ended, one.step.outcome())
            && let Some(message) = self.model.messages.get_mut(&id)
        {
            message.end_attempt(number.unsigned_abs() as usize, epoch, outcome, &provider_id);
        }
        lease
    }

    pub async fn release(&mut self, of: usize) -> Verdict {
        let Some(of) = nth(&self.claims, of) else { return Ok(()) };
        let (id, epoch) = (self.claims[of].id, self.claims[of].epoch);
        let released = message::mark_released(&self.home.db, id, epoch).await;
        prop_assert_eq!(released, Ok(self.model.release(id, epoch)));
        Ok(())
    }

    pub async fn recover_leases(&mut self, limit: i64) -> Verdict {
        let lost: Vec<_> = self
            .model
            .messages
            .iter()
            .filter_map(|(id, m)| Some((m.lease_until.filter(|until| *until <= self.now)?, *id)))
            .collect();
        let count = message::recover_leases(&self.home.db, self.now, limit).await;
        let tables = Tables::read(&self.home.db).await;
        let rows = tables.messages.iter().filter(|row| row.state != "sending");
        let taken: BTreeSet<_> =
            rows.map(|row| row.id).filter(|id| lost.iter().any(|(_, lost)| lost == id)).collect();
        taken_in_order(&lost, &taken, limit)?;
        prop_assert_eq!(count, Ok(taken.len() as u64));
        let mut in_order: Vec<_> = lost.into_iter().filter(|(_, id)| taken.contains(id)).collect();
        in_order.sort_unstable();
        for (_, id) in in_order {
            self.model.recover(id, self.now);
        }
        Ok(())
    }

    pub async fn mark_overdue(&mut self, limit: i64) -> Verdict {
        let overdue: Vec<_> = self
            .model
            .messages
            .iter()
            .filter(|(_, m)| m.state == State::Queued && m.deadline <= self.now)
            .map(|(id, m)| (m.deadline, *id))
            .collect();
        let count = message::mark_overdue(&self.home.db, self.now, limit, None).await;
        let tables = Tables::read(&self.home.db).await;
        let rows = tables.messages.iter().filter(|row| row.state != "queued");
        let taken: BTreeSet<_> = rows
            .map(|row| row.id)
            .filter(|id| overdue.iter().any(|(_, late)| late == id))
            .collect();
        taken_in_order(&overdue, &taken, limit)?;
        prop_assert_eq!(count, Ok(taken.len() as u64));
        for id in taken {
            self.model.expire_message(id, self.now);
        }
        Ok(())
    }

    pub async fn mark_expired(&mut self, limit: i64) -> Verdict {
        let late: Vec<_> = self
            .model
            .verifications
            .iter()
            .filter(|(_, v)| v.status == Status::Pending && v.expires_at <= self.now)
            .map(|(id, v)| (v.expires_at, *id))
            .collect();
        let count = verification::mark_expired(&self.home.db, self.now, limit).await;
        let tables = Tables::read(&self.home.db).await;
        let rows =
            tables.verifications.iter().filter(|row| row.status(AS_WRITTEN) != Status::Pending);
        let taken: BTreeSet<_> =
            rows.map(|row| row.id).filter(|id| late.iter().any(|(_, late)| late == id)).collect();
        taken_in_order(&late, &taken, limit)?;
        prop_assert_eq!(count, Ok(taken.len() as u64));
        for id in taken {
            self.model.expire_verification(id);
        }
        Ok(())
    }

    pub async fn purge_verifications(&mut self, age_secs: i64, limit: i64) -> Verdict {
        let before = self.now - age_secs * 1_000;
        let old: Vec<_> = self
            .model
            .verifications
            .iter()
            .filter_map(|(id, v)| Some((*v.finished.as_ref()?.end(), *id)))
            .filter(|(at, _)| *at < before)
            .collect();
        let removed = Kind::Verifications.remove_oldest(&self.home.db, 0..before, limit).await;
        let kept = Tables::read(&self.home.db).await.verifications;
        let kept: BTreeSet<_> = kept.iter().map(|row| row.id).collect();
        let taken: BTreeSet<_> =
            old.iter().map(|(_, id)| *id).filter(|id| !kept.contains(id)).collect();
        taken_in_order(&old, &taken, limit)?;
        prop_assert_eq!(removed.map(|it| it.len()), Ok(taken.len()));
        self.model.verifications.retain(|id, _| !taken.contains(id));
        Ok(())
    }

    pub async fn purge_messages(&mut self, age_secs: i64, limit: i64) -> Verdict {
        let before = self.now - age_secs * 1_000;
        let old: Vec<_> = self
            .model
            .messages
            .iter()
            .filter_map(|(id, m)| Some((*m.finished.as_ref()?.end(), *id)))
            .filter(|(at, _)| *at < before)
            .collect();
        let removed = Kind::Messages.remove_oldest(&self.home.db, 0..before, limit).await;
        let kept = Tables::read(&self.home.db).await.messages;
        let kept: BTreeSet<_> = kept.iter().map(|row| row.id).collect();
        let taken: BTreeSet<_> =
            old.iter().map(|(_, id)| *id).filter(|id| !kept.contains(id)).collect();
        taken_in_order(&old, &taken, limit)?;
        prop_assert_eq!(removed.map(|it| it.len()), Ok(taken.len()));
        self.model.messages.retain(|id, _| !taken.contains(id));
        Ok(())
    }

    /// What nobody is owed any more goes; nothing that counts may go with it.
    pub async fn purge_records(&mut self) {
        let (db, today) = (&self.home.db, guess_budget::day(self.now));
        Kind::IdempotencyKeys.remove_oldest(db, 0..self.now + 1, 100).await.expect("an answer");
        Kind::GuessBudgets.remove_oldest(db, 0..today, 100).await.expect("an answer");
        otpost_shared::send_budget::purge_before(db, today).await.expect("an answer");
    }
}
