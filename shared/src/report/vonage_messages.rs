//! What Vonage's Messages API says: its error codes, in answers and in reports, its words, its
//! signature.
//!
//! Sources: developer.vonage.com/api-errors/messages; the pages there on status callbacks and on
//! signed webhooks.

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::{Call, NotHeard, Report, Word, check_age, class_of, key, reference, token};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::{self, Cost, Price},
};

/// What stands behind the `#` of an error's `type`.
pub const ERRORS: &ErrorTable = &[
    (1000, 1000, Throttled),
    (1010, 1022, Sender), // a parameter; which one may say it better, see `class_of`
    (1030, 1030, Transient),
    (1040, 1040, Recipient), // for example an unknown prefix
    (1050, 1050, Recipient), // barred
    (1060, 1080, Account),   // barred, no balance, not enabled
    (1090, 1090, Content),   // too long
    (1100, 1100, Transient),
    (1110, 1110, Account), // signature
    (1120, 1130, Sender),  // sender not allowed, lifetime
    (1140, 1140, Account), // facility not enabled
    (1150, 1150, Sender),
    (1160, 1160, Account),   // trial account, number not listed
    (1170, 1170, Recipient), // invalid number
    (1180, 1180, Transient), // absent
    (1190, 1190, Recipient), // gone
    (1200, 1200, Recipient), // portability
    (1210, 1210, Content),   // anti-spam
    (1220, 1230, Transient), // busy, network
    (1240, 1240, OptedOut),
    (1241, 1241, Throttled), // too many to this number
    (1250, 1251, Region),    // no route
    (1260, 1280, Recipient), // unreachable, age, blocked by the carrier
    (1282, 1282, Content),   // blocked by the carrier for its content
    (1290, 1290, Recipient), // no funds
    (1330, 1331, Transient), // unknown, carrier not answering
    (1360, 1360, Transient), // too late
    (1400, 1420, Sender),    // channel, its parameters, sender
    (1430, 1430, Recipient), // invalid number
    (1440, 1450, Sender),    // type, reference
    (1460, 1460, Throttled), // daily cap
    (1470, 1473, Region),    // blocked by fraud guard
    (1480, 1482, Sender),    // registration missing
    (1483, 1483, OptedOut),  // no consent
    (1484, 1484, Sender),    // regulation
];

/// Who issues the token.
const ISSUER: &str = "Vonage";

#[derive(Deserialize)]
struct Claims {
    iss: String,
    /// In seconds.
    iat: i64,
    /// Of the body.
    payload_hash: String,
}

#[derive(Deserialize)]
struct Said {
    status: String,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    sms: Value,
}

/// Without the secret nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let Some(secret) = key(keys, "signature_secret") else {
        return Err(NotHeard::NotGenuine(
            "without signature_secret what vonage signs cannot be checked; set it",
        ));
    };
    check_signature(secret, call, now)
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let of = reference(call)?;
    let said: Said = serde_json::from_slice(call.body)
        .map_err(|_| NotHeard::Malformed("the body is no status of a message"))?;
    let word = match said.status.as_str() {
        "submitted" => Word::Sent,
        "delivered" | "read" => Word::Delivered,
        "rejected" | "undeliverable" => Word::Undelivered,
        _ => return Ok(None),
    };
    let code = code(&said.error);
    let class = (word == Word::Undelivered).then(|| class_of(ERRORS, code.as_deref()));
    let cost = Cost {
        segments: price::segments(said.sms.get("count_total")),
        price: Price::told(said.usage.get("price"), said.usage.get("currency")),
        is_per_segment: false,
    };
    Ok(Some(Report { of, word, class, code, cost }))
}

/// A token in place of a password, which names the hash of the body.
fn check_signature(secret: &str, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let given = call.header("authorization").and_then(|value| value.split_once(' '));
    let Some((_, token)) = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")) else {
        return Err(NotHeard::NotGenuine("it is not signed"));
    };
    let claims = token::claims::<Claims>(token, secret, &[Algorithm::HS256])
        .filter(|claims| claims.iss == ISSUER)
        .ok_or(NotHeard::NotGenuine("the signature is not vonage's"))?;
    if !token::is_hash_of(&claims.payload_hash, call.body) {
        return Err(NotHeard::NotGenuine("another body was signed"));
    }
    check_age(Some(&claims.iat.to_string()), now)
}

/// Behind the `#` of the error's type, which is an address; or else its title, where that is one.
fn code(error: &Value) -> Option<String> {
    let kind = error.get("type").and_then(Value::as_str).and_then(|kind| kind.rsplit_once('#'));
    if let Some((_, code)) = kind.filter(|(_, code)| !code.is_empty()) {
        return Some(code.to_owned());
    }
    let title = error.get("title")?;
    let number = title.as_u64().or_else(|| title.as_str()?.parse().ok());
    number.map(|code| code.to_string())
}

#[cfg(test)]
#[path = "vonage_messages_tests.rs"]
mod tests;
