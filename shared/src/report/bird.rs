//! What Bird says later of a message: its words, its codes, its signature.
//!
//! Sources: bird.com/docs, webhooks; the events and `SMSErrorCode` of Bird's own Python SDK;
//! standardwebhooks.com for the signature. Bird calls one address with all that a workspace sends:
//! each report carries back the metadata of its message, with the reference that we put there.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::Hmac;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use super::{
    Call, NotHeard, Reference, Report, Word, check_age, key,
    mac::{is_base64_of, mac},
};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{Account, Content, OptedOut, Recipient, Region, Sender, Transient},
        ErrorWords, class_of_word,
    },
    price::{self, Cost, Price},
};

/// Where the reference is in a message's metadata.
pub const METADATA_KEY: &str = "reference";

/// Why a message failed that was created.
pub const FAILURES: &ErrorWords = &[
    ("blocked_by_carrier", Content),
    ("blocked_by_fraud_protection", Region),
    ("blocked_by_recipient", OptedOut),
    ("content_rejected", Content),
    ("insufficient_balance", Account),
    ("invalid_destination", Recipient),
    ("landline_unreachable", Recipient),
    ("provider_unavailable", Transient),
    ("recipient_opted_out", OptedOut),
    ("sender_unregistered", Sender),
    ("unknown", Transient),
    ("unreachable", Transient),
];

/// Which of the signatures is the one of this secret: Bird signs with two while one replaces the
/// other.
const VERSION: &str = "v1";

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
}

/// The bytes of a secret as Bird shows it, `whsec_` and base64.
#[must_use]
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(secret.strip_prefix("whsec_")?).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// Without the secret nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let Some(secret) = key(keys, "signing_secret").and_then(secret_bytes) else {
        return Err(NotHeard::NotGenuine(
            "without signing_secret what bird signs cannot be checked; set it",
        ));
    };
    check_signature(&secret, call, now)
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let event: Event = serde_json::from_slice(call.body)
        .map_err(|_| NotHeard::Malformed("the body is no event"))?;
    let word = match event.kind.as_str() {
        "sms.sent" => Word::Sent,
        "sms.delivered" => Word::Delivered,
        "sms.expired" | "sms.failed" | "sms.rejected" | "sms.undelivered" => Word::Undelivered,
        // Accepted: known already. Others are about other things.
        _ => return Ok(None),
    };
    let text = |path: &str| event.data.pointer(path).and_then(Value::as_str);
    // The workspace may send more than we do.
    let Some(of) = text(&format!("/metadata/{METADATA_KEY}")).and_then(Reference::parse) else {
        return Ok(None);
    };
    let code = text("/error/code").filter(|_| word == Word::Undelivered);
    let class = (word == Word::Undelivered)
        .then(|| code.and_then(|code| class_of_word(FAILURES, code)).unwrap_or(Transient));
    let (code, cost) = (code.map(str::to_owned), cost(&event.data));
    Ok(Some(Report { of, word, class, code, cost }))
}

/// What a message says of its cost, in an answer and in an event: nothing, as long as it is not priced. An
/// event may tell the fees of others alone, and then its sum is not that of the message.
#[must_use]
pub fn cost(data: &Value) -> Cost {
    let whole = data.get("cost").filter(|cost| cost["transaction_amount"].is_string());
    let price = whole.and_then(|cost| Price::told(cost.get("amount"), cost.get("currency_code")));
    let segments = price::segments(data.pointer("/segments/count"));
    Cost { segments, price, is_per_segment: false }
}

/// Standard Webhooks: base64 of the HMAC-SHA256 over id, time and body, with dots between.
fn check_signature(secret: &[u8], call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let header = |name| call.header(name).ok_or(NotHeard::NotGenuine("it is not signed"));
    let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
    let given = header("webhook-signature")?;
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", call.body];
    let made = mac::<Hmac<Sha256>>(secret, &signed);
    let is_one = given
        .split(' ')
        .filter_map(|one| one.split_once(','))
        .any(|(version, one)| version == VERSION && is_base64_of(one, &made));
    if !is_one {
        return Err(NotHeard::NotGenuine("the signature is not bird's"));
    }
    check_age(Some(time), now)
}

#[cfg(test)]
#[path = "bird_tests.rs"]
mod tests;
