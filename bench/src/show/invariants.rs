//! The checker: when everything is quiet again, compares what the clients were told, what the
//! gateway received and what the database holds.
//!
//! * [`arrived`]: what the gateway says of what the database calls sent
//! * [`claimed`]: how often messages were claimed
//! * [`figures`]: what is told beside the verdict
//! * [`texts`]: the rules for texts that carry no code

mod arrived;
mod claimed;
mod figures;
mod texts;

use std::collections::{HashMap, HashSet};

use super::{Checks, bulk::Offer, people::Story};
use crate::{
    error::Result,
    gateway::Seen,
    product::{self, Attempt, Ledger, Message, Verification},
};

/// All that is known after a run.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) stories: Vec<Story>,
    offers: Vec<Offer>,
    /// By recipient.
    sent: HashMap<String, Vec<Seen>>,
    pub(crate) verifications: HashMap<String, Verification>,
    /// By verification.
    messages: HashMap<String, Vec<Message>>,
    /// Texts that carry no code, by id.
    bulk: HashMap<String, Message>,
    /// By message.
    pub(crate) attempts: HashMap<String, Vec<Attempt>>,
    /// Some messages here cannot be tried, whoever tries.
    pub(crate) tolerates_untried: bool,
    /// A bulk lane was staged, and not one text was taken.
    pub(crate) lacks_texts: bool,
}

impl Evidence {
    pub(crate) async fn gather(
        ledger: &Ledger,
        stories: Vec<Story>,
        offers: Vec<Offer>,
        seen: Vec<Seen>,
    ) -> Result<Self> {
        let verifications = ledger.verifications().await?;
        let bulk = ledger.bulk().await?;
        Ok(Self {
            stories,
            offers,
            sent: grouped(seen.into_iter().filter(|seen| seen.accepted), |seen| &seen.to),
            verifications: verifications.into_iter().map(|row| (row.id.clone(), row)).collect(),
            messages: grouped(ledger.messages().await?, |row| &row.verification_id),
            bulk: bulk.into_iter().map(|row| (row.id.clone(), row)).collect(),
            attempts: grouped(ledger.attempts().await?, |row| &row.message_id),
            tolerates_untried: false,
            lacks_texts: false,
        })
    }

    pub(crate) fn check(&self, checks: &mut Checks) {
        self.one_verification_per_key(checks);
        self.nothing_lost(checks);
        if self.lacks_texts || !self.offers.is_empty() {
            self.no_bulk_lost(checks);
            self.no_bulk_repeated(checks);
        }
        self.what_is_sent_has_arrived(checks);
        self.copies_and_digits(checks);
        self.one_success(checks);
        self.nothing_late(checks);
        self.nothing_arrives_late(checks);
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
        let passed = double == 0 && strays <= unanswered && !told.is_empty();
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
        let failures = self.messages.values().flatten().filter(|row| row.state == "failed");
        let seen = counts.collect::<Vec<_>>().join(", ") + &reasons(failures) + &some_of(&examples);
        checks.add("I1 every 202 is accounted for", examples.is_empty(), seen);
    }

    /// Whether any provider was asked, or nobody could be.
    fn was_tried(&self, row: &Message) -> bool {
        self.tolerates_untried || self.attempts.contains_key(&row.id)
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
            return match (reason, self.was_tried(failed)) {
                (None, _) => Err("failed without a reason"),
                (Some(_), false) => Err("failed without ever being tried"),
                (Some(_), true) => Ok("failed"),
            };
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
            // Who gave up waiting for an answer may have been accepted all the same.
            let allowed: usize = story.ids.iter().map(|id| self.allowed_copies(id)).sum();
            let allowed = allowed.max(1);
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
        let copies = |story: &Story| self.sent.get(&story.to).map_or(0, Vec::len);
        let copies: usize = self.stories.iter().map(copies).sum();
        let unknown = self.unknown();
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
        let (mut unknown, mut undelivered) = (0, 0);
        for attempt in attempts {
            unknown += usize::from(is_unknown(attempt));
            undelivered += usize::from(attempt.report.as_deref() == Some("undelivered"));
        }
        // Of reports only the first sends it on.
        1 + unknown + undelivered.min(1) + usize::try_from(resends).unwrap_or(0)
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
        for message in self.messages.values().flatten().chain(self.bulk.values()) {
            let end = self.end_of_life(message);
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

/// Why messages failed, the most frequent reason.
fn reasons<'a>(failed: impl Iterator<Item = &'a Message>) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for row in failed {
        *counts.entry(row.failure.as_deref().unwrap_or("no reason")).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(String::new(), |(reason, count)| format!("; {count} failed: {reason}"))
}

/// The first few of what broke an invariant.
fn some_of(examples: &[&str]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    format!("; for example {}", examples[..examples.len().min(3)].join(", "))
}

#[cfg(test)]
#[path = "invariants_tests.rs"]
mod tests;
