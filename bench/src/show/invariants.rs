//! The checker: when everything is quiet again, compares what the clients were told, what the
//! gateway received and what the database holds.

use std::collections::{HashMap, HashSet};

use sqlx::PgPool;

use super::{Checks, people::Story};
use crate::{
    error::Result,
    gateway::Seen,
    product::{self, Attempt, Message, Verification},
};

/// All that is known after a run.
pub(crate) struct Evidence {
    stories: Vec<Story>,
    sent: HashMap<String, Vec<Seen>>,
    verifications: HashMap<String, Verification>,
    /// By verification.
    messages: HashMap<String, Vec<Message>>,
    /// By message.
    attempts: HashMap<String, Vec<Attempt>>,
}

impl Evidence {
    pub(crate) async fn gather(
        pool: &PgPool,
        stories: Vec<Story>,
        seen: Vec<Seen>,
    ) -> Result<Self> {
        let verifications = product::verifications(pool).await?;
        Ok(Self {
            stories,
            sent: grouped(seen.into_iter().filter(|seen| seen.accepted), |seen| &seen.to),
            verifications: verifications.into_iter().map(|row| (row.id.clone(), row)).collect(),
            messages: grouped(product::messages(pool).await?, |row| &row.verification_id),
            attempts: grouped(product::attempts(pool).await?, |row| &row.message_id),
        })
    }

    pub(crate) fn check(&self, checks: &mut Checks) {
        self.one_verification_per_key(checks);
        self.nothing_lost(checks);
        self.copies_and_digits(checks);
        self.one_success(checks);
        self.nothing_late(checks);
        self.guesses_within_limit(checks);
    }

    fn one_verification_per_key(&self, checks: &mut Checks) {
        let told: HashSet<&String> = self.stories.iter().flat_map(|story| &story.ids).collect();
        let double = self.stories.iter().filter(|story| story.ids.len() > 1).count();
        let unanswered = self.stories.iter().filter(|story| story.ids.is_empty()).count();
        let strays = self.verifications.keys().filter(|id| !told.contains(id)).count();
        let seen = format!(
            "{} people, {} verifications; {double} keys with two, {strays} rows nobody was told \
             of ({unanswered} people gave up)",
            self.stories.len(),
            self.verifications.len()
        );
        let passed = double == 0 && strays <= unanswered;
        checks.add("I0 one verification per idempotency key", passed, seen);
    }

    /// I1: whoever was told 202 is accounted for.
    fn nothing_lost(&self, checks: &mut Checks) {
        let mut ends: HashMap<&'static str, u64> = HashMap::new();
        let mut examples = Vec::new();
        for id in self.stories.iter().flat_map(|story| &story.ids) {
            let end = self.end_of(id);
            *ends.entry(end.unwrap_or_else(|lost| lost)).or_default() += 1;
            if end.is_err() {
                examples.push(id.as_str());
            }
        }
        let mut ends: Vec<_> = ends.into_iter().collect();
        ends.sort_unstable();
        let counts = ends.iter().map(|(end, count)| format!("{count} {end}"));
        let seen = counts.collect::<Vec<_>>().join(", ") + &some_of(&examples);
        checks.add("I1 every 202 is accounted for", examples.is_empty(), seen);
    }

    /// How a verification ended; an error is an end that must not be.
    fn end_of(&self, id: &str) -> Result<&'static str, &'static str> {
        let row = self.verifications.get(id).ok_or("without a row")?;
        let messages = self.messages.get(id).ok_or("without a message")?;
        if messages.iter().any(|it| matches!(it.state.as_str(), "queued" | "sending")) {
            return Err("with a pending message");
        }
        if row.status == "verified" {
            return Ok("verified");
        }
        let in_state = |state| messages.iter().find(|it| it.state == state);
        if in_state("sent").or(in_state("delivered")).is_some() {
            return Ok("sent");
        }
        if let Some(failed) = in_state("failed").or(in_state("undelivered")) {
            let reason = failed.failure.as_ref().or(row.failure.as_ref());
            return reason.map(|_| "failed").ok_or("failed without a reason");
        }
        if let Some(unknown) = in_state("unknown") {
            // Only where a provider was asked and never heard from, and the row says so.
            let asked = self.attempts.get(&unknown.id).is_some_and(|of| of.iter().any(is_unknown));
            return match (asked, &unknown.failure) {
                (true, Some(_)) => Ok("possibly sent"),
                _ => Err("unknown without an attempt or a reason"),
            };
        }
        match row.status.as_str() {
            _ if in_state("expired").is_some() => Ok("expired"),
            "canceled" => Ok("canceled"),
            // Its guesses were used up before the message of a lost worker moved again.
            "locked" => Ok("locked"),
            _ => Err("in no final state"),
        }
    }

    /// I2 and I3: how often it was sent, and whether always with the same digits.
    fn copies_and_digits(&self, checks: &mut Checks) {
        let (mut extra, mut too_many, mut differing) = (0, Vec::new(), Vec::new());
        let mut none = 0;
        for story in &self.stories {
            let copies = self.sent.get(&story.to).map_or(&[][..], Vec::as_slice);
            let allowed: usize = story.ids.iter().map(|id| self.allowed_copies(id)).sum();
            none += usize::from(copies.is_empty() && !story.ids.is_empty());
            extra += copies.len().saturating_sub(1);
            if copies.len() > allowed {
                too_many.push(story.ids.first().map_or("no 202", String::as_str));
            }
            let codes: HashSet<_> = copies.iter().map(|it| product::code_in(&it.text)).collect();
            if codes.len() > 1 || codes.contains(&None) {
                differing.push(story.ids.first().map_or("no 202", String::as_str));
            }
        }
        let copies: usize = self.sent.values().map(Vec::len).sum();
        let unknown = self.attempts.values().flatten().filter(|it| is_unknown(it)).count();
        let seen = format!(
            "{copies} sent, {extra} of them repeats, {unknown} unknown outcomes, {none} never \
             sent{}",
            some_of(&too_many)
        );
        checks.add("I2 at most one copy per unknown outcome more", too_many.is_empty(), seen);
        let seen = format!("{} differing{}", differing.len(), some_of(&differing));
        checks.add("I3 all copies carry the same digits", differing.is_empty(), seen);
    }

    fn allowed_copies(&self, id: &str) -> usize {
        let messages = self.messages.get(id).into_iter().flatten();
        let attempts = messages.filter_map(|it| self.attempts.get(&it.id)).flatten();
        let resends = self.verifications.get(id).map_or(0, |row| row.resends);
        1 + attempts.filter(|it| is_unknown(it)).count() + usize::try_from(resends).unwrap_or(0)
    }

    /// I4, and that a success told is a success kept.
    fn one_success(&self, checks: &mut Checks) {
        let double = self.stories.iter().filter(|story| story.successes > 1);
        let double: Vec<&str> = double.map(|story| story.to.as_str()).collect();
        let told = self.stories.iter().filter(|story| story.successes > 0);
        let is_verified = |id: &String| {
            let row = self.verifications.get(id);
            row.is_some_and(|row| row.status == "verified")
        };
        let unkept = told.clone().filter(|story| !story.ids.iter().any(is_verified)).count();
        let seen = format!(
            "{} successes, {} double, {unkept} not in the database",
            told.count(),
            double.len()
        );
        let passed = double.is_empty() && unkept == 0;
        checks.add("I4 at most one success, and it is kept", passed, seen);
    }

    fn nothing_late(&self, checks: &mut Checks) {
        let mut late = Vec::new();
        for message in self.messages.values().flatten() {
            let row = self.verifications.get(&message.verification_id);
            let end = row.map_or(message.deadline, |row| row.expires_at.min(message.deadline));
            let attempts = self.attempts.get(&message.id).into_iter().flatten();
            if attempts.into_iter().any(|attempt| attempt.started_at >= end) {
                late.push(message.id.as_str());
            }
        }
        let attempts: usize = self.attempts.values().map(Vec::len).sum();
        let seen = format!("{attempts} attempts, {} late{}", late.len(), some_of(&late));
        checks.add("I5 nothing starts after expiry", late.is_empty(), seen);
    }

    fn guesses_within_limit(&self, checks: &mut Checks) {
        let over = self.verifications.values().filter(|row| row.guesses > row.guess_limit);
        let over: Vec<&str> = over.map(|row| row.id.as_str()).collect();
        let limit_of = |id: &String| self.verifications.get(id).map_or(0, |row| row.guess_limit);
        let limit = |story: &Story| story.ids.iter().map(limit_of).sum::<i32>();
        let felt = self.stories.iter().filter(|story| story.effects > limit(story)).count();
        let guesses: i32 = self.stories.iter().map(|story| story.effects).sum();
        let seen = format!(
            "{guesses} guesses took effect, {} rows over, {felt} people felt more{}",
            over.len(),
            some_of(&over)
        );
        checks.add("I6 guesses within the limit", over.is_empty() && felt == 0, seen);
    }
}

/// An attempt that may or may not have been a send; one that never ended is as unknown.
fn is_unknown(attempt: &Attempt) -> bool {
    attempt.outcome.as_deref().is_none_or(|outcome| outcome == "unknown")
}

fn grouped<T>(
    rows: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &String,
) -> HashMap<String, Vec<T>> {
    let mut groups: HashMap<String, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row).clone()).or_default().push(row);
    }
    groups
}

/// The first few of what broke an invariant.
fn some_of(examples: &[&str]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    format!("; for example {}", examples[..examples.len().min(3)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "+12025550100";

    /// One person, one verification, one copy, one success.
    fn good() -> Evidence {
        let seen = Seen {
            number: 1,
            at_us: 1,
            provider: "twilio".into(),
            to: TO.to_owned(),
            text: "Your code is 123456".to_owned(),
            accepted: true,
        };
        let verification = Verification {
            id: "v".to_owned(),
            status: "verified".to_owned(),
            guesses: 1,
            guess_limit: 5,
            resends: 0,
            failure: None,
            expires_at: 1_000,
        };
        let message = Message {
            id: "m".to_owned(),
            verification_id: "v".to_owned(),
            state: "sent".to_owned(),
            failure: None,
            deadline: 1_000,
        };
        let attempt =
            Attempt { message_id: "m".to_owned(), started_at: 10, outcome: Some("ok".to_owned()) };
        let story = Story {
            to: TO.to_owned(),
            ids: vec!["v".to_owned()],
            told: Vec::new(),
            effects: 1,
            successes: 1,
        };
        Evidence {
            stories: vec![story],
            sent: grouped([seen], |seen| &seen.to),
            verifications: HashMap::from([("v".to_owned(), verification)]),
            messages: grouped([message], |row| &row.verification_id),
            attempts: grouped([attempt], |row| &row.message_id),
        }
    }

    /// The invariants that fail after `harm` was done to good evidence.
    fn found(harm: impl FnOnce(&mut Evidence)) -> String {
        let mut evidence = good();
        harm(&mut evidence);
        let mut checks = Checks::default();
        evidence.check(&mut checks);
        checks.failed().iter().map(|name| &name[..2]).collect::<Vec<_>>().join(" ")
    }

    fn row(evidence: &mut Evidence) -> &mut Verification {
        evidence.verifications.get_mut("v").expect("the one verification")
    }

    fn message(evidence: &mut Evidence) -> &mut Message {
        &mut evidence.messages.get_mut("v").expect("its messages")[0]
    }

    fn attempt(evidence: &mut Evidence) -> &mut Attempt {
        &mut evidence.attempts.get_mut("m").expect("its attempts")[0]
    }

    fn copy_saying(evidence: &mut Evidence, text: &str) {
        let copies = evidence.sent.get_mut(TO).expect("its copies");
        let copy = Seen { text: text.to_owned(), ..copies[0].clone() };
        copies.push(copy);
    }

    #[test]
    fn good_evidence_passes() {
        assert_eq!(found(|_| {}), "");
    }

    #[test]
    fn every_planted_violation_is_found() {
        assert_eq!(found(|it| it.stories[0].ids.push("w".to_owned())), "I0 I1");
        assert_eq!(found(|it| it.stories[0].ids[0] = "lost".to_owned()), "I0 I1 I4 I6");
        assert_eq!(found(|it| message(it).state = "queued".to_owned()), "I1");
        assert_eq!(found(|it| copy_saying(it, "Your code is 123456")), "I2");
        assert_eq!(found(|it| it.stories[0].successes = 2), "I4");
        assert_eq!(found(|it| attempt(it).started_at = 1_001), "I5");
        assert_eq!(found(|it| row(it).guesses = 6), "I6");
        assert_eq!(found(|it| it.stories[0].effects = 6), "I6");
    }

    #[test]
    fn a_repeat_after_an_unknown_outcome_is_allowed_with_the_same_digits_only() {
        let unknown = |it: &mut Evidence| attempt(it).outcome = Some("unknown".to_owned());
        let repeated = found(|it| {
            unknown(it);
            copy_saying(it, "Your code is 123456");
        });
        assert_eq!(repeated, "");
        let other_digits = found(|it| {
            unknown(it);
            copy_saying(it, "Your code is 654321");
        });
        assert_eq!(other_digits, "I3");
    }

    #[test]
    fn a_failure_needs_a_reason() {
        let failed = |it: &mut Evidence| {
            row(it).status = "failed".to_owned();
            it.stories[0].successes = 0;
            message(it).state = "failed".to_owned();
        };
        assert_eq!(found(failed), "I1");
        let explained = found(|it| {
            failed(it);
            message(it).failure = Some("recipient".to_owned());
        });
        assert_eq!(explained, "");
    }

    #[test]
    fn possibly_sent_needs_an_attempt_that_was_never_heard_from() {
        let unknown = |it: &mut Evidence| {
            row(it).status = "pending".to_owned();
            it.stories[0].successes = 0;
            message(it).state = "unknown".to_owned();
            message(it).failure = Some("its worker was lost".to_owned());
        };
        assert_eq!(found(unknown), "I1");
        let asked = found(|it| {
            unknown(it);
            attempt(it).outcome = Some("unknown".to_owned());
        });
        assert_eq!(asked, "");
    }
}
