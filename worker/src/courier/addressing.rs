//! Whom a message may go to, and what a provider is given of it.

use std::time::Duration;

use otpost_shared::{clock::Millis, config::Traits, db::DbError, message::Message};

use super::Courier;
use crate::{chain::Link, choice::Way, letter::Letter, provider::Outgoing, regions::Destination};

impl Courier {
    /// The links that it may go to, by the routes unless it is a reply, and where.
    pub(super) async fn way(&self, row: &Message, letter: &Letter) -> Result<Way<'_>, DbError> {
        let routes = self.chain.routes();
        if let Some(only) = &row.only_provider {
            let mut links = self.chain.links().iter();
            let route = routes.of_one(links.position(|link| link.name == *only));
            return Ok(Way { chain: None, route, to: destination(row, letter) });
        }
        let tenant = if routes.ask_for_tenants() {
            self.home.tenants.of(&self.home.db, row.tenant_id).await?
        } else {
            None
        };
        let message = Traits {
            channel: letter.channel,
            lane: row.lane(),
            country: letter.to.region(),
            number: letter.channel.is_by_phone().then(|| letter.to.address()),
            tenant: tenant.as_ref().map(|tenant| &*tenant.name),
            purpose: letter.purpose.as_deref(),
        };
        let (chain, route) = (Some(routes.chain_of(&message)), routes.of(&message));
        Ok(Way { chain, route, to: destination(row, letter) })
    }

    pub(super) fn outgoing(
        &self,
        row: &Message,
        letter: &Letter,
        link: &Link,
        number: i32,
        now: Millis,
    ) -> Outgoing {
        Outgoing {
            message_id: row.id,
            lane: row.lane(),
            attempt: number,
            channel: letter.channel,
            to: letter.to.clone(),
            text: letter.text.clone(),
            code: letter.code.clone(),
            language: letter.language.clone(),
            mail: letter.mail.clone(),
            validity: Duration::from_millis((row.deadline - now).unsigned_abs()),
            sender: link.senders.of(letter.to.region()),
            report_to: self.report_to(row, &link.name, number),
        }
    }

    fn report_to(&self, row: &Message, provider: &str, number: i32) -> Option<String> {
        // Without the key nothing could be composed, and nobody would be here.
        self.home.report_url(provider, row, number).ok().flatten()
    }
}

/// Where it goes, as far as a provider may refuse that.
pub(super) fn destination(row: &Message, letter: &Letter) -> Option<Destination> {
    Destination::of(row.lane(), letter.to.region())
}
