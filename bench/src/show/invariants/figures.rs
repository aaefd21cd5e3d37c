//! What is told beside the verdict: copies, waits, and how attempts ended.

use std::{collections::HashMap, time::Duration};

use super::{Evidence, is_unknown};
use crate::{
    gateway::in_ms,
    product::{self, Message},
    show::people::Story,
};

impl Evidence {
    /// The messages of one person's verifications.
    pub(crate) fn messages_of<'a>(&'a self, story: &'a Story) -> impl Iterator<Item = &'a Message> {
        story.ids.iter().filter_map(|id| self.messages.get(id)).flatten()
    }

    /// Copies beyond the first, of all codes.
    pub(crate) fn repeats(&self) -> usize {
        let copies = |story: &Story| self.sent.get(&story.to).map_or(0, Vec::len);
        self.stories.iter().map(|story| copies(story).saturating_sub(1)).sum()
    }

    /// Attempts of codes and texts of which nobody knows whether they were a send.
    pub(crate) fn unknown(&self) -> usize {
        self.attempts.values().flatten().filter(|it| is_unknown(it)).count()
    }

    /// Of each message whose recipient, or whose id, is in these bytes: how often it was sent, and how
    /// many of its attempts ended as unknown.
    pub(crate) fn copies_of(&self, packet: &[u8]) -> Vec<(usize, usize)> {
        let holds = |wanted: &[u8]| packet.windows(wanted.len()).any(|window| window == wanted);
        let names = |to: &str| holds(to.trim_start_matches('+').as_bytes());
        let sent = |to: &str| self.sent.get(to).map_or(0, Vec::len);
        let unknown = |id: &str| {
            let of = self.attempts.get(id).into_iter().flatten();
            of.filter(|it| is_unknown(it)).count()
        };
        let codes = self.stories.iter().filter_map(|story| {
            let ids = story.ids.iter().filter_map(|id| self.messages.get(id)).flatten();
            let ids: Vec<&str> = ids.map(|row| row.id.as_str()).collect();
            let held = names(&story.to) || ids.iter().any(|id| holds(&product::hint(id)));
            held.then(|| (sent(&story.to), ids.iter().map(|id| unknown(id)).sum()))
        });
        let texts = self.offers.iter().filter_map(|offer| {
            let id = offer.id.as_deref();
            let held = names(&offer.to) || id.is_some_and(|id| holds(&product::hint(id)));
            held.then(|| (sent(&offer.to), id.map_or(0, unknown)))
        });
        codes.chain(texts).collect()
    }

    /// Messages that were never sent and don't say why.
    pub(crate) fn unsent_without_reason(&self) -> usize {
        let all = self.messages.values().flatten().chain(self.bulk.values());
        let ended = |row: &&Message| matches!(row.state.as_str(), "failed" | "expired" | "unknown");
        all.filter(ended).filter(|row| row.failure.is_none()).count()
    }

    /// How long each code took from the `202` to the gateway, of those that came there.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits_since(0)
    }

    /// How many people were accepted after a moment, in Unix milliseconds.
    pub(crate) fn accepted_since(&self, moment: i64) -> usize {
        self.stories.iter().filter(|story| in_ms(story.accepted_us) > moment).count()
    }

    /// How long each code took that was accepted after a moment, of those that came.
    pub(crate) fn waits_since(&self, moment: i64) -> Vec<Duration> {
        let wait = |story: &Story| {
            let first = self.sent.get(&story.to)?.iter().map(|seen| seen.at_us).min()?;
            (in_ms(story.accepted_us) > moment)
                .then(|| Duration::from_micros(first.saturating_sub(story.accepted_us)))
        };
        self.stories.iter().filter_map(wait).collect()
    }

    /// How the attempts with one provider that were begun in this time ended, most frequent first.
    pub(crate) fn outcomes(
        &self,
        provider: &str,
        begun: std::ops::Range<i64>,
    ) -> Vec<(String, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let asked = self.attempts.values().flatten();
        for attempt in asked.filter(|it| it.provider == provider && begun.contains(&it.started_at))
        {
            *counts.entry(attempt.outcome.as_deref().unwrap_or("none")).or_default() += 1;
        }
        let mut counts: Vec<_> =
            counts.into_iter().map(|(outcome, count)| (outcome.to_owned(), count)).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}
