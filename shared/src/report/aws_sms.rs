//! What AWS End User Messaging says of a text message: its events, which come by way of an SNS topic.
//!
//! Source: docs.aws.amazon.com/sms-voice/latest/userguide, "Event types for SMS, MMS, and voice" and
//! "Example event data".

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Brought, Call, NotHeard, Reference, Report, Word, key,
    sns::{Certificate, Said, Topic, Unchecked},
};
use crate::{
    clock::Millis,
    inbound::{self, received},
    outcome::ErrorClass::{self, Content, OptedOut, Recipient, Region, Transient, Unknown},
    price::{self, Cost, Currency, Price},
};

/// What an event carries our reference under, in the context that was sent with the message.
pub const CONTEXT_KEY: &str = "report";

/// What the type of an event means; others, such as that it is queued, say nothing new.
const EVENTS: &[(&str, Word, Option<ErrorClass>)] = &[
    ("TEXT_SENT", Word::Sent, None),
    ("TEXT_SUCCESSFUL", Word::Sent, None), // the carrier has it
    ("TEXT_DELIVERED", Word::Delivered, None),
    ("TEXT_BLOCKED", Word::Undelivered, Some(OptedOut)), // by the device, or for this recipient
    ("TEXT_CARRIER_BLOCKED", Word::Undelivered, Some(Content)), // taken for malicious or abusive
    ("TEXT_CARRIER_UNREACHABLE", Word::Undelivered, Some(Transient)),
    ("TEXT_INVALID", Word::Undelivered, Some(Recipient)),
    ("TEXT_INVALID_MESSAGE", Word::Undelivered, Some(Content)),
    ("TEXT_PROTECT_BLOCKED", Word::Undelivered, Some(Region)), // by the account's own rules
    ("TEXT_SPAM", Word::Undelivered, Some(Content)),
    ("TEXT_TTL_EXPIRED", Word::Undelivered, Some(Transient)),
    ("TEXT_UNKNOWN", Word::Undelivered, Some(Unknown)), // also when no carrier said anything
    ("TEXT_UNREACHABLE", Word::Undelivered, Some(Transient)), // switched off, out of reach
];

/// A message of the topic, to be heard once the certificate it names has been fetched.
#[derive(Debug)]
pub struct TopicMessage(Unchecked);

/// What a message of the topic is good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Brought(Brought),
    /// The topic sends reports once this address has been called.
    Subscribing(String),
    /// It sends none any more.
    Unsubscribed,
}

/// The topic of a section of kind `aws_sms` that listens to one.
pub(super) fn topic(keys: &toml::Table) -> Option<Topic> {
    key(keys, "topic_arn").and_then(Topic::parse)
}

pub(super) fn read(
    keys: &toml::Table,
    call: &Call<'_>,
    now: Millis,
) -> Result<TopicMessage, NotHeard> {
    let topic = topic(keys).ok_or(NotHeard::Unexpected)?;
    Unchecked::read(&topic, call, now).map(TopicMessage)
}

impl TopicMessage {
    /// Where the certificate is: on a host of SNS itself, over https.
    #[must_use]
    pub fn certificate_url(&self) -> &str {
        self.0.certificate_url()
    }

    /// Checks the signature and reads what is signed.
    ///
    /// # Errors
    /// It is not the topic's, or not of the form of an event.
    pub fn hear(self, certificate: &Certificate, now: Millis) -> Result<Heard, NotHeard> {
        let at = self.0.published_at();
        Ok(match self.0.check(certificate, now)? {
            Said::Notification(text) => {
                let mut brought = read_notification(&text)?;
                brought.written.iter_mut().for_each(|one| one.at = at);
                Heard::Brought(brought)
            }
            Said::Subscribing(url) => Heard::Subscribing(url),
            Said::Unsubscribed => Heard::Unsubscribed,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "eventType")]
    kind: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    total_message_parts: Value,
    #[serde(default)]
    total_message_price: Value,
    /// What the carrier wants besides.
    #[serde(default)]
    total_carrier_fee: Value,
}

impl Event {
    /// In US dollars.
    fn cost(&self) -> Cost {
        let usd = |amount| Price::parse(&price::decimal(amount)?, Currency::USD);
        let fee = usd(&self.total_carrier_fee).map_or(0, |fee| fee.micros);
        let price = usd(&self.total_message_price)
            .map(|price| Price { micros: price.micros.saturating_add(fee), ..price });
        let segments = price::segments(Some(&self.total_message_parts));
        Cost { segments, price, is_per_segment: false }
    }
}

/// Reads what stands in a message: an event of a text message, or what somebody wrote to a number.
///
/// # Errors
/// It is neither, or an event with a reference that we never gave.
pub fn read_notification(text: &str) -> Result<Brought, NotHeard> {
    if let Some(one) = received::aws_sms(text) {
        return Ok(inbound::persons(vec![one]));
    }
    Ok(Brought { reports: Vec::from_iter(read_event(text)?), ..Brought::default() })
}

/// Reads one event. None for one that says nothing new, or is not of a message of ours.
fn read_event(text: &str) -> Result<Option<Report>, NotHeard> {
    let event: Event = serde_json::from_str(text)
        .map_err(|_| NotHeard::Malformed("the message is no event of a text message"))?;
    let row = EVENTS.iter().find(|(kind, ..)| *kind == event.kind);
    let (Some((_, word, class)), Some(of)) = (row, event.context.get(CONTEXT_KEY)) else {
        return Ok(None);
    };
    let of = Reference::parse(of)
        .ok_or(NotHeard::NotGenuine("the event does not say which message it is about"))?;
    let cost = event.cost();
    let code = class.map(|_| event.kind);
    Ok(Some(Report { of, word: *word, class: *class, code, cost }))
}

#[cfg(test)]
#[path = "aws_sms_tests.rs"]
mod tests;
