//! What Plivo says later: its words, its error codes, its two signatures.
//!
//! Sources: plivo.com/docs, the pages "Message status callbacks", "Error codes" and "Signature
//! validation" of its messaging; for the newer signature, the official client for Python.

use hmac::Hmac;
use sha2::Sha256;

use super::{
    Call, NotHeard, Report, Word, class_of,
    fields::Fields,
    key,
    mac::{is_base64_of, mac},
    reference,
};
use crate::{
    outcome::{
        ErrorClass::{Account, Content, OptedOut, Recipient, Region, Sender, Transient},
        ErrorTable,
    },
    price::{self, Cost, Currency, Price},
};

/// `ErrorCode` of a report. An answer to a send has no codes.
const ERRORS: &ErrorTable = &[
    (10, 10, Content),     // refused by a carrier as it is
    (20, 20, Transient),   // network error
    (30, 30, Content),     // taken for spam
    (40, 40, Sender),      // invalid source
    (50, 50, Recipient),   // invalid destination
    (60, 60, Sender),      // loop
    (70, 70, Recipient),   // destination unavailable for good
    (80, 80, Transient),   // destination unavailable for the moment
    (90, 90, Region),      // no route
    (100, 100, Region),    // the network does not carry it
    (110, 110, Content),   // too long
    (200, 200, OptedOut),  // STOP
    (201, 201, Sender),    // from a toll-free number of the US to Canada
    (300, 300, Transient), // could not be handed on
    (420, 420, Transient), // expired
    (450, 450, Region),    // country barred
    (900, 900, Account),   // no credit
    (910, 910, Account),   // account disabled
    (1000, 1000, Transient),
];

/// Each signature's header, and the one with the nonce that is signed.
const V3: (&str, &str) = ("x-plivo-signature-v3", "x-plivo-signature-v3-nonce");
const V2: (&str, &str) = ("x-plivo-signature-v2", "x-plivo-signature-v2-nonce");

/// Without the token nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>) -> Result<(), NotHeard> {
    let Some(token) = key(keys, "auth_token") else {
        return Err(NotHeard::NotGenuine("without auth_token what plivo signs cannot be checked"));
    };
    check_signature(token, call, &Fields::of_form(call.body))
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let form = Fields::of_form(call.body);
    let of = reference(call)?;
    let status = form.first("Status").ok_or(NotHeard::Malformed("there is no Status"))?;
    let word = match status {
        "sent" => Word::Sent,
        "delivered" | "read" => Word::Delivered,
        "undelivered" | "failed" | "rejected" => Word::Undelivered,
        // Queued: known already.
        _ => return Ok(None),
    };
    // `000` is that of a message that arrived.
    let code = form.first("ErrorCode").filter(|code| code.bytes().any(|byte| byte != b'0'));
    let class = (word == Word::Undelivered).then(|| class_of(ERRORS, code));
    let (code, cost) = (code.map(str::to_owned), cost(&form));
    Ok(Some(Report { of, word, class, code, cost }))
}

/// In US dollars, as an account's credits are.
fn cost(form: &Fields) -> Cost {
    let price = form.first("TotalAmount").and_then(|amount| Price::parse(amount, Currency::USD));
    let segments = form.first("Units").and_then(price::count);
    Cost { segments, price, is_per_segment: false }
}

/// Where the newer signature is there, it decides. The older one, the only one that Plivo documents
/// for messages, covers neither query nor body.
fn check_signature(token: &str, call: &Call<'_>, form: &Fields) -> Result<(), NotHeard> {
    let (given, signed) = if let Some(given) = call.header(V3.0) {
        (given, call.header(V3.1).map(|nonce| format!("{}.{nonce}", newer_text(call, form))))
    } else if let Some(given) = call.header(V2.0) {
        (given, call.header(V2.1).map(|nonce| format!("{}{nonce}", without_query(call))))
    } else {
        return Err(NotHeard::NotGenuine("it is not signed"));
    };
    let signed = signed.ok_or(NotHeard::NotGenuine("the nonce of its signature is missing"))?;
    let made = mac::<Hmac<Sha256>>(token.as_bytes(), &[signed.as_bytes()]);
    // The newer header may hold several, one for each token that is good at the time.
    if given.split(',').any(|one| is_base64_of(one.trim(), &made)) {
        return Ok(());
    }
    Err(NotHeard::NotGenuine("the signature is not plivo's"))
}

/// The address with its query sorted, a full stop, and the names and values of the form, sorted.
fn newer_text(call: &Call<'_>, form: &Fields) -> String {
    let query = Fields::of_form(call.query().as_bytes());
    let query: Vec<_> =
        query.sorted().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let form: String = form.sorted().into_iter().flat_map(|(name, value)| [name, value]).collect();
    let mut text = without_query(call).to_owned();
    if !query.is_empty() || !form.is_empty() {
        text.push('?');
        text.push_str(&query.join("&"));
    }
    if !query.is_empty() && !form.is_empty() {
        text.push('.');
    }
    text.push_str(&form);
    text
}

fn without_query<'a>(call: &Call<'a>) -> &'a str {
    call.url.split_once('?').map_or(call.url, |(bare, _)| bare)
}

#[cfg(test)]
#[path = "plivo_tests.rs"]
mod tests;
