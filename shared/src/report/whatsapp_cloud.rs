//! What Meta says of a WhatsApp message: its error codes, in answers and in reports, its words, its
//! signature, and the question that it asks before it calls an address.
//!
//! Sources: developers.facebook.com/documentation/business-messaging/whatsapp, the pages on error codes,
//! webhooks and the reference of `statuses`; the lists of codes that several of Meta's partners publish.
//! Meta calls one address with all that an app is subscribed to: each report carries back a text of the
//! message, with the reference that we put there.

use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::{
    Call, NotHeard, Reference, Report, Word, class_of, fields::Fields, hearer::Hearer, key,
    mac::mac,
};
use crate::{
    inbound::{moment, received::Received},
    outcome::{
        ErrorClass::{Account, Recipient, Region, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::Cost,
    secrets::{hex, same_bytes},
};

/// Where the reference is in a message and in what is said of it.
pub const CALLBACK_KEY: &str = "biz_opaque_callback_data";

/// What is not here, its status tells.
pub const ERRORS: &ErrorTable = &[
    (0, 0, Account), // no such user of the app
    (1, 2, Transient),
    (3, 3, Account),           // no permission
    (4, 4, Throttled),         // calls of the app
    (10, 10, Account),         // permission taken away
    (33, 33, Sender),          // our number is gone
    (100, 100, Sender),        // a parameter
    (190, 190, Account),       // token not valid any more
    (200, 299, Account),       // permissions
    (368, 368, Account),       // blocked for breaking a policy
    (80007, 80007, Throttled), // calls of the account
    (130_429, 130_429, Throttled),
    (130_497, 130_497, Region), // our account may not write to people there
    (131_000, 131_000, Transient),
    (131_008, 131_009, Sender), // a parameter
    (131_016, 131_016, Transient),
    (131_021, 131_021, Recipient), // our own number
    (131_026, 131_026, Recipient), // not on WhatsApp, or cannot get it
    (131_030, 131_030, Account),   // a test number, To not on its list
    (131_031, 131_031, Account),   // locked
    (131_042, 131_042, Account),   // payment
    (131_047, 131_048, Sender),    // not a template, our number restricted as spam
    (131_051, 131_051, Sender),    // type of message
    (131_056, 131_056, Throttled), // too many to this person
    (132_000, 132_001, Sender),    // template: parameters, not there in this language
    (132_012, 132_012, Sender),    // template: form of a parameter
    (132_015, 132_016, Sender),    // template: paused, disabled
];

pub(super) const SIGNATURE: &str = "x-hub-signature-256";

/// Of what Meta asks with, before the token is looked at.
const LONGEST_CHALLENGE: usize = 256;

/// Without the secret nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>) -> Result<(), NotHeard> {
    let secret = key(keys, "app_secret").ok_or(NotHeard::NotGenuine(
        "without app_secret what meta signs cannot be checked; set it",
    ))?;
    let given = call.header(SIGNATURE).ok_or(NotHeard::NotGenuine("it is not signed"))?;
    let made = hex(&mac::<Hmac<Sha256>>(secret.as_bytes(), &[call.body]));
    let is_same = given
        .strip_prefix("sha256=")
        .is_some_and(|given| same_bytes(given.to_ascii_lowercase().as_bytes(), made.as_bytes()));
    if is_same { Ok(()) } else { Err(NotHeard::NotGenuine("the signature is not meta's")) }
}

/// What Meta wants to hear when it asks whether an address is ours; none when it asks nothing.
pub(super) fn handshake(keys: &toml::Table, call: &Call<'_>) -> Option<Result<String, NotHeard>> {
    let query = Fields::of_form(call.query().as_bytes());
    if !call.body.is_empty() || query.first("hub.mode") != Some("subscribe") {
        return None;
    }
    let given = query.first("hub.verify_token").unwrap_or_default();
    let is_ours = key(keys, "verify_token")
        .is_some_and(|token| same_bytes(token.as_bytes(), given.as_bytes()));
    if !is_ours {
        return Some(Err(NotHeard::NotGenuine("its token is not the verify_token of the section")));
    }
    let challenge = query.first("hub.challenge").unwrap_or_default();
    let is_plain = challenge.bytes().all(|byte| byte.is_ascii_graphic());
    Some(if is_plain && (1..=LONGEST_CHALLENGE).contains(&challenge.len()) {
        Ok(challenge.to_owned())
    } else {
        Err(NotHeard::Malformed("there is no hub.challenge"))
    })
}

/// Meta gathers what it has to say: many reports may come with one call.
pub(super) fn read(call: &Call<'_>) -> Result<Vec<Report>, NotHeard> {
    let told = call.json()?;
    Ok(values(&told).flat_map(|value| items(value, "statuses")).filter_map(report).collect())
}

/// What people wrote to the section's numbers, and not to others of the app.
pub(super) fn received(of: &Hearer, call: &Call<'_>) -> Result<Vec<Received>, NotHeard> {
    let told = call.json()?;
    let to_us = |value: &&Value| {
        text(value, "/metadata/phone_number_id").is_some_and(|number| is_of(of, number))
    };
    let written = values(&told).filter(to_us).flat_map(|value| items(value, "messages"));
    let texts = written.filter(|message| text(message, "/type") == Some("text"));
    // One that does not say whom it is from is no reason to refuse all that comes with it.
    let read = |message: &Value| {
        let one = Received::new(text(message, "/from"), text(message, "/text/body")).ok()?;
        Some(one.written_at(text(message, "/timestamp").and_then(moment::of_seconds)))
    };
    Ok(texts.filter_map(read).collect())
}

/// True for the number that sends, and for those that send to single countries.
fn is_of(of: &Hearer, number: &str) -> bool {
    key(&of.keys, "phone_number_id") == Some(number)
        || of.senders.by_country().any(|(_, sender)| sender == number)
}

/// The changes that are about messages.
fn values(told: &Value) -> impl Iterator<Item = &Value> {
    let changes = items(told, "entry").flat_map(|entry| items(entry, "changes"));
    let of_messages = changes.filter(|change| text(change, "/field") == Some("messages"));
    of_messages.filter_map(|change| change.get("value"))
}

fn report(status: &Value) -> Option<Report> {
    let word = match text(status, "/status")? {
        "sent" => Word::Sent,
        "delivered" | "read" => Word::Delivered,
        "failed" => Word::Undelivered,
        _ => return None,
    };
    // The app may send more than we do.
    let of = status.get(CALLBACK_KEY)?.as_str().and_then(Reference::parse)?;
    let is_over = word == Word::Undelivered;
    let code = status.pointer("/errors/0/code").filter(|_| is_over).and_then(Value::as_u64);
    let code = code.map(|code| code.to_string());
    let class = is_over.then(|| class_of(ERRORS, code.as_deref()));
    // It tells by which model it is billed, and no amount.
    Some(Report { of, word, class, code, cost: Cost::default() })
}

fn items<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(of: &'a Value, pointer: &str) -> Option<&'a str> {
    of.pointer(pointer)?.as_str()
}

#[cfg(test)]
#[path = "whatsapp_cloud_tests.rs"]
mod tests;
