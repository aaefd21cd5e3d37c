//! Recipients who are not to be sent to: asked before, and told by providers.

use otpost_shared::{
    attempt::Attempt,
    db::DbError,
    message::Message,
    outcome::ErrorClass,
    suppression::{self, Reason},
};

use super::{Courier, writing::holding_on};
use crate::letter::Letter;

impl Courier {
    pub(super) async fn is_suppressed(
        &self,
        row: &Message,
        letter: &Letter,
    ) -> Result<bool, DbError> {
        suppression::keeps_back(&self.home, row.tenant_id, &letter.to, row.lane()).await
    }

    /// What the statement that begins an attempt looks for. The answer to STOP is sent in spite of it; of the
    /// answer to HELP the statement itself knows whether it is.
    pub(super) fn suppression_hash(&self, row: &Message, letter: &Letter) -> Vec<u8> {
        if row.confirms_stop() {
            Vec::new()
        } else {
            suppression::hash(&self.home.keys, &letter.to)
        }
    }

    /// Who does not want a code from a sender wants no other text from it either.
    pub(super) async fn note_opt_out(&self, letter: &Letter, last: Option<&Attempt>) {
        let Some(last) = last.filter(|a| a.outcome() == Some(ErrorClass::OptedOut)) else { return };
        let provider = last.provider.as_str();
        let add =
            || suppression::add_told(&self.home, letter.to.clone(), Reason::Provider, provider);
        if let Err(error) = holding_on(add).await {
            tracing::warn!(provider, %error, "an opt-out was not written down; the provider keeps it");
        }
    }
}
