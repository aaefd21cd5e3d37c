//! Delivery reports: what a provider says of an attempt afterwards, by calling us. One file per kind
//! of provider, with its words, its codes and the rule of its signature.
//!
//! | module | what lives there |
//! |---|---|
//! | [`reference`] | which attempt a report is about, and the proof that it was us who asked for it |
//! | [`bird`], [`infobip`], [`messagebird`], [`twilio`], [`vonage`], [`vonage_messages`] | what each of them says |
//! | [`fields`] | reading forms and queries |
//! | [`token`] | reading signatures that are a token |

pub mod bird;
mod fields;
pub mod infobip;
pub mod messagebird;
mod reference;
mod token;
pub mod twilio;
mod vonage;
pub mod vonage_messages;

use std::fmt;

pub use self::{reference::Reference, vonage::SIGNATURE_METHODS as VONAGE_SIGNATURE_METHODS};
use crate::{
    clock::Millis,
    config::ProviderSection,
    outcome::{ErrorClass, ErrorTable, class_of_code},
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

    fn query(&self) -> &str {
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
    let one = match section.kind.as_str() {
        "bird" => bird::read(&section.keys, call, now),
        "infobip" => return infobip::read(call),
        "messagebird" => messagebird::read(&section.keys, call, now),
        "twilio" => twilio::read(&section.keys, call),
        "vonage" => vonage::read(&section.keys, call, now),
        "vonage_messages" => vonage_messages::read(&section.keys, call, now),
        _ => Err(NotHeard::Unexpected),
    };
    one.map(Vec::from_iter)
}

/// True for providers that report when they are asked to, and whose reports can be believed.
#[must_use]
pub fn can_hear(section: &ProviderSection) -> bool {
    match section.kind.as_str() {
        "bird" => key(&section.keys, "signing_secret").is_some(),
        "infobip" | "vonage" => true,
        "messagebird" => key(&section.keys, "signing_key").is_some(),
        "twilio" => key(&section.keys, "auth_token").is_some(),
        "vonage_messages" => key(&section.keys, "signature_secret").is_some(),
        _ => false,
    }
}

/// The number that goes into the address for an attempt.
#[must_use]
pub fn number_in_address(section: &ProviderSection, number: i32) -> i32 {
    match section.kind.as_str() {
        // It knows a repeat by its key, and refuses one whose body is another.
        "bird" => Reference::LATEST,
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
