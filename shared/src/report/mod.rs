//! Delivery reports: what a provider says of an attempt afterwards, by calling us. One file per kind
//! of provider, with its words, its codes and the rule of its signature.
//!
//! | module | what lives there |
//! |---|---|
//! | [`kind`] | what is known of each kind, in one table |
//! | [`hearer`] | hearing one provider |
//! | [`reference`] | which attempt a report is about, and the proof that it was us who asked for it |
//! | [`by_id`] | the same for providers that name a message by their own id alone |
//! | [`bird`], [`infobip`], [`messagebird`], [`plivo`], [`sinch`], [`telnyx`], [`twilio`], [`twilio_voice`], [`vonage`], [`vonage_messages`], [`whatsapp_cloud`] | what each of them says |
//! | [`http`] | what a gateway says of which the configuration tells how to read it |
//! | [`aws_sms`] | what its events say, and how they come |
//! | [`sns`] | the signed messages of a topic |
//! | [`fields`], [`mac`], [`token`] | reading forms and queries; keyed hashes; signatures that are a token |

pub mod aws_sms;
pub mod bird;
pub mod by_id;
pub(crate) mod fields;
mod hearer;
mod http;
pub mod infobip;
pub(crate) mod kind;
mod mac;
pub mod messagebird;
mod plivo;
mod reference;
mod sinch;
mod sns;
pub mod telnyx;
#[cfg(test)]
mod test_calls;
mod token;
pub mod twilio;
pub mod twilio_voice;
mod vonage;
pub mod vonage_messages;
pub mod whatsapp_cloud;

use std::fmt;

use serde_json::Value;

pub use self::{
    aws_sms::{CONTEXT_KEY as AWS_CONTEXT_KEY, Heard, TopicMessage},
    hearer::Hearer,
    http::{HttpInbound, HttpReports, currency_mistake, place_of_code},
    kind::is_known as is_known_kind,
    reference::Reference,
    sns::{Certificate, Topic},
    vonage::SIGNATURE_METHODS as VONAGE_SIGNATURE_METHODS,
};
use crate::{
    clock::Millis,
    inbound::Written,
    outcome::{ErrorClass, ErrorTable, class_of_code},
    price::Cost,
};

/// The part of the address that holds the [`Reference`].
const REFERENCE: &str = "of";

/// A signed call is listened to for so long.
const WINDOW_MS: i64 = 300_000;

/// A provider's call as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The address as the provider knows it: the public one, with its query.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub(crate) fn json(&self) -> Result<Value, NotHeard> {
        serde_json::from_slice(self.body).map_err(|_| NotHeard::Malformed("the body is not JSON"))
    }

    pub(crate) fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }
}

/// How far a message got; only forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Handed on, to a carrier for example.
    Sent,
    Delivered,
    /// It will not arrive any more.
    Undelivered,
}

impl Word {
    /// The word used in the database, the API and the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
        }
    }

    /// Reads what [`Word::as_str`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Sent, Self::Delivered, Self::Undelivered]
            .into_iter()
            .find(|word| word.as_str() == text)
    }
}

/// What one report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub of: Reference,
    pub word: Word,
    /// Why it was not delivered.
    pub class: Option<ErrorClass>,
    /// The provider's own code for that.
    pub code: Option<String>,
    /// What it took and costs, as far as the report tells.
    pub cost: Cost,
}

/// What one call brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Brought {
    pub reports: Vec<Report>,
    /// What people wrote, from kinds that bring it to the same address.
    pub written: Vec<Written>,
    /// How many wrote whose numbers cannot be read.
    pub unreadable: u32,
}

/// Why a call is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHeard {
    /// Providers of this kind do not report.
    Unexpected,
    /// It lacks the provider's signature, or ours, or it is too old.
    NotGenuine(&'static str),
    /// The provider's own form is not kept.
    Malformed(&'static str),
}

impl fmt::Display for NotHeard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unexpected => "a provider of this kind sends no reports",
            Self::NotGenuine(why) | Self::Malformed(why) => why,
        })
    }
}

/// The text of the [`Reference`] in an address that we gave for a report.
#[must_use]
pub fn reference_text(url: &str) -> Option<&str> {
    let (_, query) = url.rsplit_once('?')?;
    query.strip_prefix(REFERENCE)?.strip_prefix('=')
}

/// The attempt the called address names.
fn reference(call: &Call<'_>) -> Result<Reference, NotHeard> {
    let query = fields::Fields::of_form(call.query().as_bytes());
    read_reference(query.first(REFERENCE))
}

/// The attempt that we gave a provider the reference of.
fn read_reference(text: Option<&str>) -> Result<Reference, NotHeard> {
    text.and_then(Reference::parse)
        .ok_or(NotHeard::NotGenuine("it does not say which message it is about"))
}

/// Checks the time that a call was signed with, in seconds since 1970.
fn check_age(signed_at: Option<&str>, now: Millis) -> Result<(), NotHeard> {
    if is_signed_within(WINDOW_MS, signed_at, now) {
        return Ok(());
    }
    Err(NotHeard::NotGenuine("it is older than five minutes, or says no time"))
}

/// True when it was signed no longer ago than that, and no further ahead than any call may be.
fn is_signed_within(window_ms: i64, signed_at: Option<&str>, now: Millis) -> bool {
    let at = signed_at.and_then(|text| text.parse::<i64>().ok());
    let age = at.map(|secs| now.saturating_sub(secs.saturating_mul(1_000)));
    age.is_some_and(|age| (-WINDOW_MS..=window_ms).contains(&age))
}

/// Why it was not delivered; whoever says nothing that we know may do better another time.
fn class_of(table: &ErrorTable, code: Option<&str>) -> ErrorClass {
    let code = code.and_then(|code| code.parse().ok());
    code.and_then(|code| class_of_code(table, code)).unwrap_or(ErrorClass::Transient)
}

/// A text of a provider's section.
fn key<'a>(keys: &'a toml::Table, name: &str) -> Option<&'a str> {
    keys.get(name)?.as_str().filter(|text| !text.is_empty())
}
