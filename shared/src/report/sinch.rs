//! What Sinch's SMS API says later: its words, its codes, its signature.
//!
//! Sources: developers.sinch.com/docs/sms, the pages "Delivery reports" and "Webhooks" of the API's
//! reference and "Error codes" of SMPP; for the signature, the official client for Python.

use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::{
    Call, NotHeard, Reference, Report, Word, check_age, class_of, key,
    mac::{is_base64_of, mac},
    reference,
};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::{self, Cost},
};

/// `code` of a report: from 400 those of this API, below them what a network said. Of the latter only
/// those stand here that Sinch's pages agree on and that say more than "not this time".
const ERRORS: &ErrorTable = &[
    (15, 15, Content),     // screened
    (60, 60, Sender),      // originator blocked
    (61, 61, Recipient),   // destination blocked
    (62, 62, Content),     // word blocked
    (64, 64, Throttled),   // quota
    (100, 100, Recipient), // subscriber not known to the SMSC
    (150, 152, Recipient), // unknown, barred, or without SMS
    (254, 255, OptedOut),  // on the person's own lists
    (300, 300, Recipient), // invalid destination
    (310, 312, Sender),    // invalid source
    (360, 360, Throttled), // queue full
    (402, 402, Region),    // no route
    (403, 404, Transient),
    (405, 405, Content),   // a parameter of the text without a value
    (406, 407, Transient), // expired in the queue, canceled
    (408, 408, Content),   // rejected by the SMSC, and would be again
    (410, 410, Sender),    // no default originator
    (411, 411, Content),   // too many parts
    (412, 412, Region),    // account not provisioned for it
    (413, 413, Account),   // blocked
];

const SIGNATURE: &str = "x-sinch-webhook-signature";
/// The headers that are signed after the body.
const NONCE: &str = "x-sinch-webhook-signature-nonce";
const TIMESTAMP: &str = "x-sinch-webhook-signature-timestamp";

/// Only accounts that sign have a secret for it.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    match key(keys, "signature_secret") {
        Some(secret) => check_signature(secret, call, now),
        None => Ok(()),
    }
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let of = reference(call)?;
    let said = call.json()?;
    let kind = said.get("type").and_then(Value::as_str);
    let statuses = match kind.ok_or(NotHeard::Malformed("there is no type"))? {
        "recipient_delivery_report_sms" => std::slice::from_ref(&said),
        "delivery_report_sms" => said
            .get("statuses")
            .and_then(Value::as_array)
            .ok_or(NotHeard::Malformed("there are no statuses"))?,
        // Not about a message of ours.
        _ => return Ok(None),
    };
    let mut heard = None;
    for status in statuses {
        let report = read_status(of, status)?;
        // One message goes to one number; a part of it that failed is not hidden by another.
        if report.as_ref().map(|new| new.word) > heard.as_ref().map(|old: &Report| old.word) {
            heard = report;
        }
    }
    Ok(heard)
}

fn read_status(of: Reference, status: &Value) -> Result<Option<Report>, NotHeard> {
    let said = status.get("status").and_then(Value::as_str);
    let said = said.ok_or(NotHeard::Malformed("there is no status"))?;
    let code = status.get("code").and_then(Value::as_u64).filter(|code| *code != 0);
    let code = code.map(|code| code.to_string());
    let (word, class) = match said.to_ascii_lowercase().as_str() {
        // Unknown: handed on, and nothing more was heard of it.
        "dispatched" | "unknown" => (Word::Sent, None),
        "delivered" => (Word::Delivered, None),
        // The number is not valid or has opted out: no case for another provider.
        "deleted" => (Word::Undelivered, Some(Recipient)),
        "aborted" | "cancelled" | "expired" | "failed" | "rejected" => {
            (Word::Undelivered, Some(class_of(ERRORS, code.as_deref())))
        }
        // Queued: known already.
        _ => return Ok(None),
    };
    // Not always there.
    let cost = Cost::of_segments(price::segments(status.get("number_of_message_parts")));
    Ok(Some(Report { of, word, class, code, cost }))
}

/// Base64 of HMAC-SHA256 under the account's secret, over body, nonce and time with full stops
/// between them.
fn check_signature(secret: &str, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let (Some(given), Some(nonce), Some(at)) =
        (call.header(SIGNATURE), call.header(NONCE), call.header(TIMESTAMP))
    else {
        return Err(NotHeard::NotGenuine("it is not signed"));
    };
    let signed = [call.body, b".", nonce.as_bytes(), b".", at.as_bytes()];
    if !is_base64_of(given, &mac::<Hmac<Sha256>>(secret.as_bytes(), &signed)) {
        return Err(NotHeard::NotGenuine("the signature is not sinch's"));
    }
    check_age(Some(at), now)
}

#[cfg(test)]
#[path = "sinch_tests.rs"]
mod tests;
