//! Delivery reports: what a provider says of an attempt afterwards, by calling us. One file per kind
//! of provider, with its words, its codes and the rule of its signature.
//!
//! | module | what lives there |
//! |---|---|
//! | [`reference`] | which attempt a report is about, and the proof that it was us who asked for it |
//! | [`by_id`] | the same for providers that name a message by their own id alone |
//! | [`bird`], [`infobip`], [`messagebird`], [`plivo`], [`sinch`], [`telnyx`], [`twilio`], [`vonage`], [`vonage_messages`] | what each of them says |
//! | [`http`] | what a gateway says of which the configuration tells how to read it |
//! | [`aws_sms`] | what its events say, and how they come |
//! | [`sns`] | the signed messages of a topic |
//! | [`fields`], [`mac`], [`token`] | reading forms and queries; keyed hashes; signatures that are a token |

pub mod aws_sms;
pub mod bird;
pub mod by_id;
pub(crate) mod fields;
mod http;
pub mod infobip;
mod mac;
pub mod messagebird;
mod plivo;
mod reference;
mod sinch;
mod sns;
pub mod telnyx;
mod token;
pub mod twilio;
pub(crate) mod vonage;
pub mod vonage_messages;

use std::fmt;

use serde_json::Value;

pub use self::{
    aws_sms::{CONTEXT_KEY as AWS_CONTEXT_KEY, Heard, TopicMessage},
    http::{HttpReports, currency_mistake},
    reference::Reference,
    sns::{Certificate, Topic},
    vonage::SIGNATURE_METHODS as VONAGE_SIGNATURE_METHODS,
};
use crate::{
    clock::Millis,
    config::ProviderSection,
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

/// Reads what a provider calls us with, and checks its signature. Empty when it says nothing that
/// matters, such as that a message is queued there.
///
/// # Errors
/// The call is not the provider's, or not of its form.
pub fn hear(
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Result<Vec<Report>, NotHeard> {
    check(section, call, now)?;
    let one = match section.kind.as_str() {
        "bird" => bird::read(call),
        "http" => http::read(&section.keys, call),
        "infobip" => return infobip::read(call),
        "messagebird" => messagebird::read(call),
        "plivo" => plivo::read(call),
        "sinch" => sinch::read(call),
        "telnyx" => telnyx::read(call),
        "twilio" => twilio::read(call),
        "vonage" => vonage::read(call),
        "vonage_messages" => vonage_messages::read(call),
        _ => Err(NotHeard::Unexpected),
    };
    one.map(Vec::from_iter)
}

/// For providers that report by way of a topic, in place of [`hear`]: what its messages are signed
/// with must be fetched before they can be heard. None for other providers.
///
/// # Errors
/// It is not the topic's, or not of its form.
#[must_use]
pub fn of_topic(
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Option<Result<TopicMessage, NotHeard>> {
    (section.kind == "aws_sms").then(|| aws_sms::read(&section.keys, call, now))
}

/// True for providers that report when they are asked to, and whose reports can be believed.
#[must_use]
pub fn can_hear(section: &ProviderSection) -> bool {
    match section.kind.as_str() {
        "aws_sms" => aws_sms::topic(&section.keys).is_some(),
        "bird" => key(&section.keys, "signing_secret").is_some(),
        "http" => HttpReports::of(&section.keys).is_some(),
        "infobip" | "vonage" => true,
        "messagebird" => key(&section.keys, "signing_key").is_some(),
        "plivo" => key(&section.keys, "auth_token").is_some(),
        "sinch" => key(&section.keys, "delivery_report") != Some("none"),
        "telnyx" => key(&section.keys, "public_key").is_some(),
        "twilio" => twilio::can_check(&section.keys),
        "vonage_messages" => key(&section.keys, "signature_secret").is_some(),
        _ => false,
    }
}

/// True for providers that bring their reports over connections that a worker holds: they need no address
/// of ours.
#[must_use]
pub fn come_by_themselves(section: &ProviderSection) -> bool {
    section.kind == "smpp"
}

/// Checks the provider's own signature, as far as its section has what that takes.
///
/// # Errors
/// The call is not the provider's, or providers of this kind do not call.
pub(crate) fn check(
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Result<(), NotHeard> {
    let keys = &section.keys;
    match section.kind.as_str() {
        "bird" => bird::check(keys, call, now),
        "http" => http::check(keys, call),
        // It signs nothing; the address is the proof.
        "infobip" => Ok(()),
        "messagebird" => messagebird::check(keys, call, now),
        "plivo" => plivo::check(keys, call),
        "sinch" => sinch::check(keys, call, now),
        "telnyx" => telnyx::check(keys, call, now),
        "twilio" => twilio::check(keys, call),
        "vonage" => vonage::check(keys, call, now),
        "vonage_messages" => vonage_messages::check(keys, call, now),
        _ => Err(NotHeard::Unexpected),
    }
}

/// The number that goes into the address for an attempt.
#[must_use]
pub fn number_in_address(section: &ProviderSection, number: i32) -> i32 {
    match section.kind.as_str() {
        // It knows a repeat by its key, and refuses one whose body is another.
        "bird" | "telnyx" => Reference::LATEST,
        _ => number,
    }
}

/// True for providers that call one address with all that an account sends: what is not ours is no
/// mistake there, and they stop calling who refuses too much.
#[must_use]
pub fn hears_of_others(section: &ProviderSection) -> bool {
    section.kind == "bird"
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
    let at = signed_at.and_then(|text| text.parse::<i64>().ok());
    match at.map(|secs| now.saturating_sub(secs.saturating_mul(1_000)).saturating_abs()) {
        Some(age) if age <= WINDOW_MS => Ok(()),
        _ => Err(NotHeard::NotGenuine("it is older than five minutes, or says no time")),
    }
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
