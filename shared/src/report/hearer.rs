//! Hearing one provider: its section, read once, and what its kind says of it.

use std::fmt;

use super::{
    Brought, Call, NotHeard, Reference, TopicMessage, aws_sms,
    http::Gateway,
    kind::{Kind, Numbers, ONE, People, Reports},
};
use crate::{
    clock::Millis,
    config::{ProviderSection, Senders},
    inbound::{self, received::Received},
};

/// Hears what one provider calls us with.
pub struct Hearer {
    kind: &'static Kind,
    pub(super) keys: toml::Table,
    pub(super) senders: Senders,
    /// Of kind `http` alone.
    pub(super) gateway: Gateway,
}

/// Without the section's keys, some of which are secret.
impl fmt::Debug for Hearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hearer")
    }
}

impl Hearer {
    #[must_use]
    pub fn new(section: &ProviderSection) -> Self {
        let senders = section.senders.clone();
        Self { senders, ..Self::of_kind(&section.kind, section.keys.clone()) }
    }

    pub(super) fn of_kind(kind: &str, keys: toml::Table) -> Self {
        let kind = Kind::of(kind);
        Self { gateway: (kind.gateway)(&keys), kind, keys, senders: Senders::default() }
    }

    /// The most bytes of a call to the address for reports: more when its kind gathers what it has to say, and
    /// does not bring it without a signature.
    #[must_use]
    pub fn most_bytes_of_reports(&self) -> usize {
        if self.kind.signature.is_some() { self.kind.most_bytes } else { ONE }
    }

    /// The same of the address for what people write, whose key is looked at first.
    #[must_use]
    pub fn most_bytes_of_people(&self) -> usize {
        self.kind.most_bytes
    }

    /// True when a call with a body would be refused whatever is in it, because the header of its signature is
    /// not among those that `has` knows, in lower case.
    #[must_use]
    pub fn lacks_signature(&self, has: impl Fn(&str) -> bool) -> bool {
        self.kind.signature.is_some_and(|name| !has(name))
    }

    /// Reads what the provider calls us with, and checks its signature. Empty when it says nothing that
    /// matters, such as that a message is queued there.
    ///
    /// # Errors
    /// The call is not the provider's, or not of its form.
    pub fn hear(&self, call: &Call<'_>, now: Millis) -> Result<Brought, NotHeard> {
        if !matches!(self.kind.reports, Reports::Calls(_) | Reports::Gathered(_)) {
            return Err(NotHeard::Unexpected);
        }
        (self.kind.check)(&self.keys, call, now)?;
        let reports = match &self.kind.reports {
            Reports::Calls(reports) => Vec::from_iter((reports.read)(self, call)?),
            Reports::Gathered(reports) => (reports.read)(self, call)?,
            _ => Vec::new(),
        };
        let brought = match &self.kind.people {
            People::WithReports(read) => inbound::persons(read(self, call)?),
            _ => Brought::default(),
        };
        Ok(Brought { reports, ..brought })
    }

    /// What to answer a provider that asks whether an address is ours before it calls it; none when it does
    /// not ask.
    ///
    /// # Errors
    /// It does not know what it must know for that.
    #[must_use]
    pub fn handshake(&self, call: &Call<'_>) -> Option<Result<String, NotHeard>> {
        (self.kind.handshake)(&self.keys, call)
    }

    /// For providers that report by way of a topic, in place of [`Hearer::hear`]: what its messages are
    /// signed with must be fetched before they can be heard. None for other providers.
    ///
    /// # Errors
    /// It is not the topic's, or not of its form.
    #[must_use]
    pub fn of_topic(&self, call: &Call<'_>, now: Millis) -> Option<Result<TopicMessage, NotHeard>> {
        match self.kind.reports {
            Reports::OfTopic => Some(aws_sms::read(&self.keys, call, now)),
            _ => None,
        }
    }

    /// True for providers that report when they are asked to, and whose reports can be believed.
    #[must_use]
    pub fn can_hear(&self) -> bool {
        let do_come = match &self.kind.reports {
            Reports::Calls(reports) => (reports.come)(self),
            Reports::Gathered(reports) => (reports.come)(self),
            Reports::OfTopic => true,
            Reports::Never | Reports::OverSessions => false,
        };
        do_come && (self.kind.can_check)(&self.keys)
    }

    /// True for providers that bring their reports over connections that a worker holds: they need no
    /// address of ours.
    #[must_use]
    pub fn come_by_themselves(&self) -> bool {
        matches!(self.kind.reports, Reports::OverSessions)
    }

    /// True for providers whose reports come once a topic is subscribed to.
    #[must_use]
    pub fn come_of_topic(&self) -> bool {
        matches!(self.kind.reports, Reports::OfTopic)
    }

    /// The number that goes into the address for an attempt.
    #[must_use]
    pub fn number_in_address(&self, number: i32) -> i32 {
        match self.kind.numbers {
            Numbers::Each => number,
            Numbers::Latest => Reference::LATEST,
        }
    }

    /// True for providers that call one address with all that an account sends: what is not ours is no
    /// mistake there.
    #[must_use]
    pub fn hears_of_others(&self) -> bool {
        self.kind.hears_of_others
    }

    /// True when what it brings of people is to be answered with an empty `<Response/>`.
    #[must_use]
    pub fn wants_twiml(&self) -> bool {
        self.kind.wants_twiml
    }

    /// True when what people write back comes to an address of its own, and is understood.
    pub(crate) fn hears_people_apart(&self) -> bool {
        matches!(&self.kind.people, People::Apart(calls) if (calls.come)(self))
    }

    /// True when what people write back comes to some address of ours, is understood, and can be believed.
    pub(crate) fn can_hear_people(&self) -> bool {
        let do_come = match &self.kind.people {
            People::Never => false,
            People::Apart(calls) => (calls.come)(self),
            People::WithReports(_) | People::OfTopic => true,
        };
        do_come && (self.kind.can_check)(&self.keys)
    }

    /// What people wrote, as it was brought to the address for that; the signature is checked.
    pub(crate) fn received(&self, call: &Call<'_>, now: Millis) -> Result<Vec<Received>, NotHeard> {
        let People::Apart(calls) = &self.kind.people else { return Err(NotHeard::Unexpected) };
        let check = self.kind.check_people.unwrap_or(self.kind.check);
        check(&self.keys, call, now)?;
        (calls.read)(self, call)
    }
}
