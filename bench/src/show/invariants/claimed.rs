//! How often messages were claimed: each time more than once that nothing came of costs a write.

use super::Evidence;

impl Evidence {
    /// How many messages there are that were claimed, codes and texts, and how often in all.
    pub(crate) fn claims(&self) -> (usize, i64) {
        let all = self.messages.values().flatten().chain(self.bulk.values());
        let epochs = all.map(|row| i64::from(row.epoch)).filter(|epoch| *epoch > 0);
        epochs.fold((0, 0), |(rows, claims), epoch| (rows + 1, claims + epoch))
    }
}
