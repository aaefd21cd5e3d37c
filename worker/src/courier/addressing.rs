//! What a provider is given of a message.

use std::time::Duration;

use otpost_shared::{clock::Millis, message::Message};

use super::Courier;
use crate::{letter::Letter, provider::Outgoing};

impl Courier {
    pub(super) fn outgoing(
        &self,
        row: &Message,
        letter: &Letter,
        provider: &str,
        number: i32,
        now: Millis,
    ) -> Outgoing {
        Outgoing {
            message_id: row.id,
            lane: row.lane(),
            attempt: number,
            to: letter.to.clone(),
            text: letter.text.clone(),
            validity: Duration::from_millis((row.deadline - now).unsigned_abs()),
            report_to: self.report_to(row, provider, number),
        }
    }

    fn report_to(&self, row: &Message, provider: &str, number: i32) -> Option<String> {
        // Without the key nothing could be composed, and nobody would be here.
        self.home.report_url(provider, row, number).ok().flatten()
    }
}
