//! What Telnyx says: its error codes, in answers and in reports, its words, its signature.
//!
//! Sources: developers.telnyx.com, the pages "API error codes" and "Messaging error code reference",
//! and "Receiving webhooks for messaging" for the words and the signature.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use super::{Call, NotHeard, Report, Word, check_age, class_of, key, reference};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{
            Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient, Unknown,
        },
        ErrorTable,
    },
    price::{self, Cost, Price},
};

/// Those of `sender` between 10000 and 10999 are about some field of the request: which one stands
/// beside them in an answer.
pub const ERRORS: &ErrorTable = &[
    (10000, 10004, Sender),    // a field is invalid or missing
    (10005, 10005, Account),   // no such address
    (10006, 10006, Sender),    // messaging profile id
    (10007, 10007, Transient), // unexpected error
    (10008, 10008, Unknown),   // timed out on their side
    (10009, 10010, Account),   // credentials, permissions
    (10011, 10011, Throttled),
    (10012, 10012, Unknown), // duplicate: perhaps the echo of an earlier try
    (10013, 10029, Sender),
    (10030, 10030, Account), // method
    (10031, 10034, Sender),
    (10035, 10035, Account),   // locked by Telnyx
    (10036, 10037, Transient), // busy, unavailable
    (10038, 10039, Account),   // account level
    (20001, 20009, Account),   // key, user
    (20012, 20017, Account),   // inactive, blocked, unverified
    (20100, 20100, Account),   // funds
    (40001, 40001, Recipient), // landline, not routable
    (40002, 40002, Content),   // spam filter
    (40003, 40003, Sender),    // number blocked for spam
    (40004, 40006, Transient), // refused, expired, carrier down
    (40007, 40007, Sender),    // loop
    (40008, 40008, Transient), // carrier did not accept
    (40009, 40009, Content),
    (40010, 40010, Sender),    // 10DLC
    (40011, 40011, Throttled), // carrier rate
    (40012, 40012, Recipient),
    (40013, 40013, Sender),
    (40014, 40014, Transient), // expired in the queue
    (40015, 40015, Content),   // Telnyx's spam filter
    (40016, 40016, Throttled), // carrier rate of the campaign
    (40017, 40017, Content),
    (40018, 40018, Throttled),
    (40019, 40019, Sender),
    (40020, 40020, Region),   // codes blocked for a day, taken for fraud
    (40100, 40159, Sender),   // number not enabled for messages
    (40300, 40300, OptedOut), // STOP
    (40301, 40301, Region),   // not from this kind of number to that one
    (40302, 40304, Content),
    (40305, 40308, Sender),
    (40309, 40309, Region), // country not allowed in the profile
    (40310, 40310, Recipient),
    (40311, 40314, Account), // profile secret, profile or messaging disabled
    (40315, 40315, Sender),  // number of bad repute
    (40316, 40317, Content),
    (40318, 40318, Throttled), // queue full
    (40319, 40319, Region),
    (40320, 40321, Sender),
    (40322, 40322, Content),
    (40323, 40327, Sender),
    (40328, 40328, Content),
    (40329, 40330, Sender),  // toll-free number
    (40331, 40331, Account), // no country allowed in the profile
    (40333, 40333, Account), // spend limit of the profile
];

/// The signature's header, and the one with the time that is signed with the body.
const SIGNATURE: &str = "telnyx-signature-ed25519";
const TIMESTAMP: &str = "telnyx-timestamp";

/// The account's key, as the portal shows it; none when it is not of that form.
#[must_use]
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// Without the key nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let Some(public_key) = key(keys, "public_key").and_then(public_key) else {
        return Err(NotHeard::NotGenuine(
            "without public_key what telnyx signs cannot be checked; the portal shows it beside the \
             API keys",
        ));
    };
    check_signature(&public_key, call, now)
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let of = reference(call)?;
    let event = call.json()?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let kind =
        text("/data/event_type").ok_or(NotHeard::Malformed("there is no data.event_type"))?;
    let word = match kind {
        "message.sent" => Word::Sent,
        "message.finalized" => {
            let status = text("/data/payload/to/0/status")
                .ok_or(NotHeard::Malformed("there is no data.payload.to.status"))?;
            match status {
                // The last word of a carrier that does not say whether it arrived.
                "sent" | "delivery_unconfirmed" => Word::Sent,
                "delivered" | "read" => Word::Delivered,
                "delivery_failed" | "sending_failed" | "expired" => Word::Undelivered,
                _ => return Ok(None),
            }
        }
        // Not about a message of ours, or known already.
        _ => return Ok(None),
    };
    let code = text("/data/payload/errors/0/code").filter(|code| !code.is_empty());
    let class = (word == Word::Undelivered).then(|| class_of(ERRORS, code));
    let cost = event.pointer("/data/payload").map(cost).unwrap_or_default();
    Ok(Some(Report { of, word, class, code: code.map(str::to_owned), cost }))
}

/// What a message says of its cost, in an answer and in a report: nothing, as long as that is not known.
#[must_use]
pub fn cost(message: &Value) -> Cost {
    let at = |pointer: &str| message.pointer(pointer);
    Cost {
        segments: price::segments(at("/parts")),
        price: Price::told(at("/cost/amount"), at("/cost/currency")),
        is_per_segment: false,
    }
}

/// Ed25519 under the account's key, over the time, a vertical bar and the body.
fn check_signature(public_key: &[u8], call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let (Some(signature), Some(at)) = (call.header(SIGNATURE), call.header(TIMESTAMP)) else {
        return Err(NotHeard::NotGenuine("it is not signed"));
    };
    let signed = [at.as_bytes(), b"|", call.body].concat();
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    let is_good = BASE64.decode(signature).is_ok_and(|made| key.verify(&signed, &made).is_ok());
    if !is_good {
        return Err(NotHeard::NotGenuine("the signature is not telnyx's"));
    }
    check_age(Some(at), now)
}

#[cfg(test)]
#[path = "telnyx_tests.rs"]
mod tests;
