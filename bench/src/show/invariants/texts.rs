//! Texts that carry no code: none is lost, and none is sent twice.

use std::collections::HashMap;

use super::{Checks, Evidence, is_unknown, reasons, some_of};
use crate::{error::Result, product::Message, show::bulk::Offer};

/// How many texts there are, and how each one's only attempt ended.
pub(crate) struct Texts {
    pub(crate) rows: usize,
    pub(crate) ok: usize,
    pub(crate) unknown: usize,
    /// Never tried, tried more than once, or ended in another way.
    pub(crate) otherwise: usize,
    /// Copies beyond the first.
    pub(crate) repeats: usize,
}

impl Evidence {
    pub(super) fn no_bulk_lost(&self, checks: &mut Checks) {
        let mut ends: HashMap<&'static str, u64> = HashMap::new();
        let mut lost = Vec::new();
        for id in self.offers.iter().filter_map(|offer| offer.id.as_deref()) {
            let end =
                self.bulk.get(id).ok_or("without a row").and_then(|row| self.end_of_bulk(row));
            *ends.entry(end.unwrap_or_else(|lost| lost)).or_default() += 1;
            if end.is_err() {
                lost.push(id);
            }
        }
        let mut ends: Vec<_> = ends.into_iter().collect();
        ends.sort_unstable();
        let counts = ends.iter().map(|(end, count)| format!("{count} {end}"));
        let failures = self.bulk.values().filter(|row| row.state == "failed");
        let seen = counts.collect::<Vec<_>>().join(", ") + &reasons(failures) + &some_of(&lost);
        checks.add(
            "I1 every bulk 202 is accounted for",
            lost.is_empty() && !self.lacks_texts,
            seen,
        );
    }

    fn end_of_bulk(&self, row: &Message) -> Result<&'static str, &'static str> {
        let asked = self.attempts.get(&row.id).is_some_and(|of| of.iter().any(is_unknown));
        match (row.state.as_str(), &row.failure) {
            ("sent" | "delivered", _) => Ok("sent"),
            ("failed" | "undelivered", Some(_)) if self.was_tried(row) => Ok("failed"),
            ("failed" | "undelivered", Some(_)) => Err("failed without ever being tried"),
            ("unknown", Some(_)) if asked => Ok("possibly sent"),
            ("expired", _) => Ok("expired"),
            ("queued" | "sending", _) => Err("pending"),
            _ => Err("in no final state, or without a reason"),
        }
    }

    /// I2 for bulk: what may have been sent is never sent again.
    pub(super) fn no_bulk_repeated(&self, checks: &mut Checks) {
        let copies = |offer: &Offer| self.sent.get(&offer.to).map_or(0, Vec::len);
        let repeated = self.offers.iter().filter(|offer| copies(offer) > 1);
        let repeated: Vec<&str> = repeated.map(|offer| offer.to.as_str()).collect();
        let sent: usize = self.offers.iter().map(copies).sum();
        let seen = format!("{sent} sent, {} repeated{}", repeated.len(), some_of(&repeated));
        checks.add("I2 no bulk text is sent twice", repeated.is_empty(), seen);
    }

    /// The texts by what became of their one attempt.
    pub(crate) fn texts(&self) -> Texts {
        let (mut ok, mut unknown) = (0, 0);
        for row in self.bulk.values() {
            match self.attempts.get(&row.id).map_or(&[][..], Vec::as_slice) {
                [one] if one.outcome.as_deref() == Some("ok") => ok += 1,
                [one] if one.outcome.as_deref() == Some("unknown") => unknown += 1,
                _ => {}
            }
        }
        let copies = |offer: &Offer| self.sent.get(&offer.to).map_or(0, Vec::len);
        let repeats = self.offers.iter().map(|offer| copies(offer).saturating_sub(1)).sum();
        let rows = self.bulk.len();
        Texts { rows, ok, unknown, otherwise: rows - ok - unknown, repeats }
    }

    /// Bulk texts that may have been sent, and how many of them have an attempt to show for it.
    pub(crate) fn texts_unknown(&self) -> (usize, usize) {
        let unknown = || self.bulk.values().filter(|row| row.state == "unknown");
        let asked =
            |row: &&Message| self.attempts.get(&row.id).is_some_and(|of| of.iter().any(is_unknown));
        (unknown().count(), unknown().filter(asked).count())
    }
}
