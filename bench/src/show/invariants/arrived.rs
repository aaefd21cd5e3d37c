//! What the database says was sent, against what the gateway received, and when.

use super::{Checks, Evidence, some_of};
use crate::{gateway::in_ms, product::Message};

/// A request may be on its way for so long, in milliseconds.
const ON_ITS_WAY: i64 = 5_000;

impl Evidence {
    /// Each message of which somebody was told, with its recipient.
    fn told_of(&self) -> impl Iterator<Item = (&str, &Message)> {
        let codes = self.stories.iter().flat_map(move |story| {
            let messages = story.ids.iter().filter_map(|id| self.messages.get(id)).flatten();
            messages.map(move |row| (story.to.as_str(), row))
        });
        let texts = self.offers.iter().filter_map(|offer| {
            let row = self.bulk.get(offer.id.as_deref()?)?;
            Some((offer.to.as_str(), row))
        });
        codes.chain(texts)
    }

    /// I1: nothing is called sent that no provider ever took.
    pub(super) fn what_is_sent_has_arrived(&self, checks: &mut Checks) {
        let is_sent = |row: &Message| matches!(row.state.as_str(), "sent" | "delivered");
        let sent: Vec<_> = self.told_of().filter(|(_, row)| is_sent(row)).collect();
        let never = sent.iter().filter(|(to, _)| !self.sent.contains_key(*to));
        let never: Vec<&str> = never.map(|(_, row)| row.id.as_str()).collect();
        let seen = format!("{} sent, {} never came{}", sent.len(), never.len(), some_of(&never));
        checks.add("I1 what is called sent has arrived", never.is_empty(), seen);
    }

    /// I5 by the gateway's clock, whatever the product wrote down.
    pub(super) fn nothing_arrives_late(&self, checks: &mut Checks) {
        let (mut copies, mut late) = (0, Vec::new());
        for (to, row) in self.told_of() {
            let end = self.end_of_life(row) + ON_ITS_WAY;
            let seen = self.sent.get(to).map_or(&[][..], Vec::as_slice);
            copies += seen.len();
            if seen.iter().any(|copy| in_ms(copy.at_us) > end) {
                late.push(row.id.as_str());
            }
        }
        let seen = format!("{copies} copies, {} late{}", late.len(), some_of(&late));
        checks.add("I5 nothing arrives 5 s after expiry", late.is_empty(), seen);
    }

    /// When a message may no longer be sent, in Unix milliseconds.
    pub(super) fn end_of_life(&self, row: &Message) -> i64 {
        let verification = self.verifications.get(&row.verification_id);
        verification.map_or(row.deadline, |it| it.expires_at.min(row.deadline))
    }
}
