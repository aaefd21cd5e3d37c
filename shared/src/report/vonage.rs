//! What Vonage's SMS API says later: its words, its error codes, its signature.
//!
//! Sources: the delivery receipts of developer.vonage.com's SMS guide, and its page on signing
//! messages.

use hmac::Hmac;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{
    Call, NotHeard, Report, Word, check_age, class_of, fields::Fields, is_signed_within, key,
    mac::mac, reference,
};
use crate::{
    clock::Millis,
    outcome::{
        ErrorClass::{Content, OptedOut, Recipient, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::{Cost, Currency, Price},
    secrets::{hex, same_bytes},
};

/// `err-code` of a delivery receipt.
const ERRORS: &ErrorTable = &[
    (1, 2, Transient),   // unknown; absent for the moment
    (3, 5, Recipient),   // absent for good, barred, ported away
    (6, 6, Content),     // refused as spam
    (7, 8, Transient),   // handset busy, network error
    (9, 9, OptedOut),    // the person asked not to receive
    (10, 10, Content),   // not deliverable as it is
    (11, 14, Recipient), // no route, destination unknown, age not verified, number barred
    (15, 15, Recipient), // the recipient's own funds
    (16, 16, Throttled),
    (50, 53, Content), // filtered
    (54, 54, Sender),  // refused by regulation
    (99, 99, Transient),
];

/// How an account may sign: HMACs, or the plain hash of older accounts.
pub const SIGNATURE_METHODS: [&str; 5] = ["md5", "md5hash", "sha1", "sha256", "sha512"];

/// What people write is brought again for so long, and may be signed with the time of the first try. Whoever
/// brought an old one would have to know the key of its address. A report has five minutes as elsewhere: it
/// could be put to the address of another attempt, which is not signed.
const PEOPLE_WINDOW_MS: i64 = 86_400_000;

pub(super) fn check(keys: &toml::Table, call: &Call<'_>, now: Millis) -> Result<(), NotHeard> {
    match signed(keys, call)? {
        Some(fields) => check_age(fields.first("timestamp"), now),
        None => Ok(()),
    }
}

/// The same for what people write.
pub(super) fn check_people(
    keys: &toml::Table,
    call: &Call<'_>,
    now: Millis,
) -> Result<(), NotHeard> {
    let Some(fields) = signed(keys, call)? else { return Ok(()) };
    if is_signed_within(PEOPLE_WINDOW_MS, fields.first("timestamp"), now) {
        return Ok(());
    }
    Err(NotHeard::NotGenuine("it is older than a day, or says no time"))
}

/// What is signed, once that has been checked; none of accounts that do not sign, which have no secret for it.
fn signed(keys: &toml::Table, call: &Call<'_>) -> Result<Option<Fields>, NotHeard> {
    let Some(secret) = key(keys, "signature_secret") else { return Ok(None) };
    let method = key(keys, "signature_method").unwrap_or("sha256");
    let fields = Fields::of_call(call)?;
    check_signature(secret, method, &fields)?;
    Ok(Some(fields))
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let fields = Fields::of_call(call)?;
    let of = reference(call)?;
    let status = fields.first("status").ok_or(NotHeard::Malformed("there is no status"))?;
    let word = match status {
        "buffered" => Word::Sent,
        "delivered" => Word::Delivered,
        "expired" | "failed" | "rejected" => Word::Undelivered,
        // Accepted: known already. Unknown: says nothing.
        _ => return Ok(None),
    };
    let code = fields.first("err-code").filter(|code| *code != "0");
    let class = (word == Word::Undelivered).then(|| class_of(ERRORS, code));
    let (code, cost) = (code.map(str::to_owned), cost(&fields));
    Ok(Some(Report { of, word, class, code, cost }))
}

/// Each part of a text has a report of its own. In euros, as an account's balance is.
fn cost(fields: &Fields) -> Cost {
    let price = fields.first("price").and_then(|amount| Price::parse(amount, Currency::EUR));
    Cost { segments: None, price, is_per_segment: true }
}

/// All parameters but `sig`, sorted, as `&name=value` with `&` and `=` in values as underscores;
/// their HMAC under the account's secret in hexadecimal, or the plain MD5 of both together.
fn check_signature(secret: &str, method: &str, fields: &Fields) -> Result<(), NotHeard> {
    let given = fields.first("sig").ok_or(NotHeard::NotGenuine("it is not signed"))?;
    let mut signed = String::new();
    // What we put into the address ourselves is no parameter of theirs.
    let ours = ["sig", super::REFERENCE, crate::inbound::KEY];
    let theirs = fields.sorted().into_iter().filter(|(name, _)| !ours.contains(name));
    for (name, value) in theirs {
        signed.push('&');
        signed.push_str(name);
        signed.push('=');
        signed.push_str(&value.replace(['&', '='], "_"));
    }
    let (secret, text) = (secret.as_bytes(), signed.as_bytes());
    let made = match method {
        "md5hash" => Md5::digest([text, secret].concat()).to_vec(),
        "md5" => mac::<Hmac<Md5>>(secret, &[text]),
        "sha1" => mac::<Hmac<Sha1>>(secret, &[text]),
        "sha512" => mac::<Hmac<Sha512>>(secret, &[text]),
        _ => mac::<Hmac<Sha256>>(secret, &[text]),
    };
    if !same_bytes(hex(&made).as_bytes(), given.to_ascii_lowercase().as_bytes()) {
        return Err(NotHeard::NotGenuine("the signature is not vonage's"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "vonage_tests.rs"]
mod tests;
