//! What `messagebird` says later of a message: its words, its codes, its signature.
//!
//! Sources: developers.messagebird.com/api, SMS and verifying requests; docs.bird.com, SMS Platform
//! Extended Error Codes. A report is a call without a body, to an address that is one for all
//! messages here: what it is about stands in the `reference` that each message was given.

use jsonwebtoken::Algorithm;
use serde::Deserialize;

use super::{Call, NotHeard, Report, Word, check_age, fields::Fields, key, read_reference, token};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{self, OptedOut, Recipient, Transient},
        ErrorTable, ErrorWords, class_of_code,
    },
    price::{self, Cost, Currency, Price},
};

/// `statusErrorCode`, as far as it is about the number: those of "unknown subscriber".
pub const FAILURES: &ErrorTable = &[
    (1, 3, Recipient),  // unknown, also to its station or its centre
    (5, 5, Recipient),  // unidentified
    (9, 12, Recipient), // illegal, no SMS in this subscription, barred
];

/// `statusReason`, as far as it says more than that it failed.
const REASONS: &ErrorWords =
    &[("incorrect_number", Recipient), ("opted_out", OptedOut), ("unknown_subscriber", Recipient)];

/// The signature's header.
const SIGNATURE: &str = "messagebird-signature-jwt";

const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// Who issues the token.
const ISSUER: &str = "MessageBird";

/// A token that ended so long ago is still listened to: clocks differ.
const LEEWAY_SECS: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    /// From when on and until when the token holds, in seconds.
    nbf: i64,
    exp: i64,
    url_hash: String,
    /// Missing when there is no body.
    payload_hash: Option<String>,
}

/// Without the secret nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let Some(secret) = key(keys, "signing_key") else {
        return Err(NotHeard::NotGenuine(
            "without signing_key what messagebird signs cannot be checked; set it",
        ));
    };
    check_signature(secret, call, now)
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let fields = Fields::of_form(call.query().as_bytes());
    let of = read_reference(fields.first("reference"))?;
    let status = fields.first("status").ok_or(NotHeard::Malformed("there is no status"))?;
    let word = match status {
        "sent" | "buffered" => Word::Sent,
        "delivered" => Word::Delivered,
        "delivery_failed" | "expired" => Word::Undelivered,
        // Scheduled: known already.
        _ => return Ok(None),
    };
    let cost = cost(&fields);
    if word != Word::Undelivered {
        return Ok(Some(Report { of, word, class: None, code: None, cost }));
    }
    let code = fields.first("statusErrorCode").filter(|code| !matches!(*code, "" | "0"));
    let listed = fields.first("statusReason").and_then(listed);
    // What the code says goes before what the reason says.
    let class = code
        .and_then(|code| class_of_code(FAILURES, code.parse().ok()?))
        .or(listed.map(|(_, class)| class))
        .unwrap_or(Transient);
    let code = code.or(listed.map(|(reason, _)| reason)).map(str::to_owned);
    Ok(Some(Report { of, word, class: Some(class), code, cost }))
}

/// Named as in the answer, and as queries write what is inside of something.
fn cost(fields: &Fields) -> Cost {
    let currency = fields.first("price[currency]").and_then(Currency::parse);
    let amount = fields.first("price[amount]").zip(currency);
    let price = amount.and_then(|(amount, currency)| Price::parse(amount, currency));
    let segments = fields.first("messagePartCount").and_then(price::count);
    Cost { segments, price, is_per_segment: false }
}

/// Some write it with spaces.
fn listed(reason: &str) -> Option<(&'static str, ErrorClass)> {
    let reason = reason.replace(' ', "_").to_ascii_lowercase();
    REASONS.iter().find(|(known, _)| *known == reason).copied()
}

/// A token that names the hash of the whole address, and that of the body if there is one.
fn check_signature(secret: &str, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    let token = call.header(SIGNATURE).ok_or(NotHeard::NotGenuine("it is not signed"))?;
    let claims = token::claims::<Claims>(token, secret, &ALGORITHMS)
        .filter(|claims| claims.iss == ISSUER)
        .ok_or(NotHeard::NotGenuine("the signature is not messagebird's"))?;
    if !token::is_hash_of(&claims.url_hash, call.url.as_bytes()) {
        return Err(NotHeard::NotGenuine("another address was signed"));
    }
    let is_body = match &claims.payload_hash {
        Some(hash) => !call.body.is_empty() && token::is_hash_of(hash, call.body),
        None => call.body.is_empty(),
    };
    if !is_body {
        return Err(NotHeard::NotGenuine("another body was signed"));
    }
    check_age(Some(&claims.nbf.to_string()), now)?;
    let end = claims.exp.saturating_add(LEEWAY_SECS).saturating_mul(1_000);
    if now <= end { Ok(()) } else { Err(NotHeard::NotGenuine("its token has ended")) }
}

#[cfg(test)]
#[path = "messagebird_tests.rs"]
mod tests;
