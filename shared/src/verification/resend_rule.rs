//! When a code may be sent again, and with which digits, as its policy says.

use super::Verification;
use crate::{
    clock::Millis,
    config::{Purpose, ResendMode},
    db::DbError,
    home::Home,
    limits::Rule,
    message,
};

/// What the policy says of this resend, and of those after it.
pub(super) struct ResendRule {
    pub(super) wait_ms: Millis,
    pub(super) rotates: bool,
    /// So many in so long.
    most: Option<Rule>,
    /// When it was sent again before, the newest first, as far as it matters.
    before: Vec<Millis>,
}

impl ResendRule {
    /// A purpose that is gone leaves the digits as they are.
    pub(super) async fn of(
        home: &Home,
        policy: Option<&Purpose>,
        row: &Verification,
        now: Millis,
    ) -> Result<Self, DbError> {
        let wait_ms = policy.map_or(30, |policy| policy.resend_after_secs);
        // A code of the caller's own, or of a test number, cannot be rotated.
        let rotates = policy.is_some_and(|policy| policy.resend == ResendMode::Rotate)
            && row.code_sealed.is_none();
        let most = policy.and_then(|policy| policy.resends);
        let before = match most {
            // Nobody needs to look as long as it cannot be the last one.
            Some(most) if i64::from(row.resends) + 1 >= i64::from(most.count) => {
                let since = (now - most.window_ms).max(row.created_at);
                message::list_times_since(&home.db, row.id, since, most.count).await?
            }
            _ => Vec::new(),
        };
        Ok(Self { wait_ms: Millis::from(wait_ms) * 1_000, rotates, most, before })
    }

    /// When there is room for another one after those of before and these, and `at` the earliest.
    pub(super) fn opens_at(&self, more: &[Millis], at: Millis) -> Millis {
        let Some(most) = self.most else { return at };
        let all = more.iter().chain(&self.before);
        let mut of_window = all.filter(|sent_at| **sent_at + most.window_ms > at);
        // When this one is past, there are fewer than so many.
        let in_the_way = of_window.nth(most.count as usize - 1);
        in_the_way.map_or(at, |sent_at| *sent_at + most.window_ms)
    }
}
