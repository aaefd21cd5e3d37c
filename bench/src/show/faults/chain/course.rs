//! The course of one code: with which provider it was tried, when, with which answer, and the digits
//! that came there.

use std::{collections::BTreeSet, fmt::Write};

use serde::{Deserialize, Serialize};

use crate::{
    gateway::{Log, in_ms},
    product::{self, Attempt},
    show::{invariants::Evidence, people::Story},
};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Course {
    /// What the first provider did.
    pub(crate) way: String,
    pub(crate) who: String,
    /// When it was answered with `202`, in Unix milliseconds.
    pub(crate) accepted_ms: i64,
    pub(crate) steps: Vec<Step>,
    /// All digits that any gateway was given, sent or not: one code if all is well.
    pub(crate) digits: BTreeSet<String>,
    /// The state of its message in the end.
    pub(crate) end: String,
}

/// One attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) provider: String,
    /// When its gateway had it, or when it was begun if that never saw it: milliseconds since the `202`.
    pub(crate) at_ms: i64,
    pub(crate) arrived: bool,
    pub(crate) outcome: String,
    pub(crate) is_silent: bool,
}

impl Course {
    /// None for somebody whose code was called off before it was tried.
    pub(crate) fn of(evidence: &Evidence, log: &Log, story: &Story) -> Option<Self> {
        let message = evidence.messages_of(story).next()?;
        let mut attempts: Vec<&Attempt> = evidence.attempts.get(&message.id)?.iter().collect();
        attempts.sort_unstable_by_key(|it| it.number);
        let (seen, accepted_ms) = (log.of(&story.to), in_ms(story.accepted_us));
        let mut unread: Vec<_> = seen.iter().collect();
        let steps = attempts.iter().map(|attempt| {
            let place = unread.iter().position(|seen| seen.provider == attempt.provider.as_str());
            let arrived = place.map(|place| in_ms(unread.remove(place).at_us));
            Step {
                provider: attempt.provider.clone(),
                // The caller may read its answer later than the gateway its request.
                at_ms: (arrived.unwrap_or(attempt.started_at) - accepted_ms).max(0),
                arrived: arrived.is_some(),
                outcome: attempt.outcome.clone().unwrap_or_default(),
                is_silent: attempt.report.as_deref() == Some("silent"),
            }
        });
        let steps = steps.collect();
        let digits = |text: &str| product::code_in(text).unwrap_or("none").to_owned();
        Some(Self {
            way: String::new(),
            who: String::new(),
            accepted_ms,
            steps,
            digits: seen.iter().map(|seen| digits(&seen.text)).collect(),
            end: message.state.clone(),
        })
    }

    pub(crate) fn called(self, way: &str, who: &str) -> Self {
        Self { way: way.to_owned(), who: who.to_owned(), ..self }
    }

    /// How often a provider was asked.
    pub(crate) fn asked(&self, provider: &str) -> usize {
        self.steps.iter().filter(|step| step.provider == provider).count()
    }

    /// When a provider had it that took it.
    pub(crate) fn taken_by(&self, provider: &str) -> Option<i64> {
        let taken = |step: &&Step| step.provider == provider && step.outcome == "ok";
        self.steps.iter().find(taken).filter(|step| step.arrived).map(|step| step.at_ms)
    }

    fn table_line(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(Step::in_words).collect();
        let gateways: BTreeSet<&str> =
            self.steps.iter().filter(|it| it.arrived).map(|it| it.provider.as_str()).collect();
        let digits: Vec<&str> = self.digits.iter().map(String::as_str).collect();
        format!(
            "| {} | {} | {} | {} at {} | `{}` |",
            self.way,
            self.who,
            steps.join(", then "),
            digits.join(" and "),
            gateways.into_iter().collect::<Vec<_>>().join(" and "),
            self.end
        )
    }
}

impl Step {
    fn in_words(&self) -> String {
        let Self { provider, at_ms, outcome, .. } = self;
        let nobody = if self.arrived { "" } else { ", nobody there" };
        let silent = if self.is_silent { ", then not a word" } else { "" };
        format!("{provider} after {at_ms} ms: `{outcome}`{nobody}{silent}")
    }
}

/// A line for each course.
pub(crate) fn to_markdown(courses: &[Course]) -> String {
    let mut text = String::from(
        "| the first provider | which code | where it was tried, and when after its `202` | digits | its message ends |\n\
         |---|---|---|---|---|\n",
    );
    for course in courses {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", course.table_line());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(provider: &str, at_ms: i64, outcome: &str, arrived: bool) -> Step {
        let (provider, outcome) = (provider.to_owned(), outcome.to_owned());
        Step { provider, at_ms, arrived, outcome, is_silent: false }
    }

    #[test]
    fn a_course_is_a_line() {
        let course = Course {
            way: "is not there".to_owned(),
            who: "the first".to_owned(),
            accepted_ms: 1,
            steps: vec![step("twilio", 2, "transient", false), step("vonage", 9, "ok", true)],
            digits: BTreeSet::from(["012345".to_owned()]),
            end: "delivered".to_owned(),
        };
        assert_eq!((course.taken_by("vonage"), course.taken_by("twilio")), (Some(9), None));
        let line = "| is not there | the first | twilio after 2 ms: `transient`, nobody there, \
            then vonage after 9 ms: `ok` | 012345 at vonage | `delivered` |";
        assert!(to_markdown(&[course]).ends_with(&format!("{line}\n")));
    }
}
