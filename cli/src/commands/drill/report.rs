//! What messages did while a provider was away, beside what they did before.

use std::collections::BTreeSet;

use otpost_shared::drill::Tally;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Texts;
use crate::output::{say, secs};

pub(super) struct Report {
    pub(super) provider: String,
    pub(super) before: Tally,
    pub(super) during: Tally,
    /// When it was over.
    pub(super) waiting: i64,
    pub(super) texts: Texts,
}

impl Report {
    /// Messages that would have gone to it were sent, and none was lost.
    pub(super) fn has_passed(&self) -> bool {
        let Tally { kept_back, not_sent, unknown, .. } = self.during;
        kept_back > 0 && self.during.taken() > 0 && not_sent == 0 && unknown == 0
    }

    pub(super) fn print(&self) {
        let line = |what: &str, count: &dyn Fn(&Tally) -> String| {
            say!("{what:32} {:>10} {:>10}", count(&self.before), count(&self.during));
        };
        say!("{:32} {:>10} {:>10}", "", "before", "away");
        line("messages that ended", &|tally| tally.ended.to_string());
        let all = self.before.taken_by.keys().chain(self.during.taken_by.keys());
        for name in all.collect::<BTreeSet<_>>() {
            let taken = |tally: &Tally| tally.taken_by.get(name).copied().unwrap_or_default();
            line(&format!("  sent by {name}"), &|tally| taken(tally).to_string());
        }
        line("  called off", &|tally| tally.called_off.to_string());
        line("  not sent", &|tally| tally.not_sent.to_string());
        line("  unknown", &|tally| tally.unknown.to_string());
        for (what, percent) in [("median", 50), ("99 in 100", 99), ("longest", 100)] {
            line(&format!("accept to provider, {what}"), &|tally| {
                tally.wait(percent).map_or_else(|| "-".to_owned(), secs)
            });
        }
        say!("calls of {} that were kept back: {}", self.provider, self.during.kept_back);
        say!("messages on their way now: {}", self.waiting);
        if let Some(refused) = &self.texts.refused {
            say!(
                "texts of the drill: {} accepted; the last refusal: {refused}",
                self.texts.accepted
            );
        }
        say!("{}", self.verdict());
    }

    fn verdict(&self) -> String {
        let (provider, during) = (&self.provider, &self.during);
        let lost = lost(during);
        if !lost.is_empty() && during.kept_back == 0 {
            return format!(
                "No call of {provider} was kept back, so nothing was shown of it. Meanwhile {lost}"
            );
        }
        if !lost.is_empty() {
            return format!("Without {provider} {lost}");
        }
        if during.taken() == 0 {
            return "Nothing was sent meanwhile, so nothing was shown: send some with --to, or choose \
                    an hour with traffic."
                .to_owned();
        }
        if during.kept_back == 0 {
            return format!(
                "No message would have gone to {provider} meanwhile, so nothing was shown: send some \
                 with --to that begin with it, or choose an hour with traffic."
            );
        }
        format!("Every message that ended was sent without {provider}, which is back.")
    }

    pub(super) fn to_json(&self) -> Value {
        let tally = |tally: &Tally| {
            json!({
                "ended": tally.ended,
                "sent_by": tally.taken_by,
                "called_off": tally.called_off,
                "not_sent": tally.not_sent,
                "not_sent_ids": tally.named,
                "unknown": tally.unknown,
                "unknown_ids": tally.named_unknown,
                "calls_kept_back": tally.kept_back,
                "wait_ms": {
                    "p50": tally.wait(50), "p99": tally.wait(99), "longest": tally.wait(100),
                },
            })
        };
        json!({
            "provider": self.provider,
            "passed": self.has_passed(),
            "before": tally(&self.before),
            "away": tally(&self.during),
            "waiting": self.waiting,
            "texts": { "accepted": self.texts.accepted, "refused": self.texts.refused },
        })
    }
}

/// What was not sent, or may not have been; empty when there is nothing of that.
fn lost(tally: &Tally) -> String {
    let of = |count: usize, what: &str, named: &[Uuid]| {
        let ids: Vec<String> = named.iter().map(ToString::to_string).collect();
        let first = if ids.len() < count { ", the first of them" } else { "" };
        let ids = ids.join(", ");
        (count > 0)
            .then(|| format!("{count} messages {what}; `otpost status ID` says why{first}: {ids}"))
    };
    let not_sent = of(tally.not_sent, "were not sent", &tally.named);
    let unknown = of(tally.unknown, "may have been sent or not", &tally.named_unknown);
    not_sent.into_iter().chain(unknown).collect::<Vec<_>>().join(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_not_called_is_not_blamed() {
        let id = Uuid::from_u128(1);
        let told = |kept_back| {
            let mut during = Tally::default();
            (during.ended, during.kept_back) = (1, kept_back);
            (during.unknown, during.named_unknown) = (1, vec![id]);
            let (before, texts) = (Tally::default(), Texts::default());
            let report = Report { provider: "main".into(), before, during, waiting: 0, texts };
            assert!(!report.has_passed());
            report.verdict()
        };
        let said =
            format!("1 messages may have been sent or not; `otpost status ID` says why: {id}");
        assert_eq!(told(1), format!("Without main {said}"));
        let nothing = "No call of main was kept back, so nothing was shown of it. Meanwhile ";
        assert_eq!(told(0), format!("{nothing}{said}"));
    }
}
