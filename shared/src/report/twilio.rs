//! What Twilio says: its error codes, in answers and in reports, its words, its signature.
//!
//! Sources: twilio.com/docs/api/errors; for the signature, the pages "webhooks-security" and
//! "webhook-shared-keys" under twilio.com/docs/usage/webhooks, and the official clients.

use std::collections::BTreeSet;

use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{
    Call, NotHeard, Report, Word, class_of,
    fields::Fields,
    key,
    mac::{is_base64_of, mac},
    reference,
};
use crate::{
    outcome::{
        ErrorClass::{Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::Cost,
    secrets::hex,
};

/// Twilio adds finer codes now and then: whoever reads them needs a rule for those not listed.
pub const ERRORS: &ErrorTable = &[
    (20003, 20003, Account),   // credentials
    (20005, 20005, Account),   // account not active
    (20429, 20429, Throttled), // too many requests
    (20500, 20500, Transient),
    (20503, 20503, Transient),
    (21211, 21211, Recipient), // invalid To
    (21212, 21212, Sender),    // invalid From
    (21214, 21214, Recipient), // To not reachable
    (21217, 21217, Recipient), // To not valid
    (21401, 21401, Recipient),
    (21407, 21407, Recipient),
    (21408, 21408, Region),    // region not enabled
    (21602, 21602, Content),   // no body
    (21603, 21603, Sender),    // no From
    (21604, 21604, Recipient), // no To
    (21605, 21605, Content),   // too long
    (21606, 21606, Sender),    // From cannot send SMS
    (21608, 21608, Account),   // trial account, To not verified
    (21610, 21610, OptedOut),
    (21611, 21611, Throttled), // queue of this sender full
    (21612, 21612, Sender),    // no route from this sender, perhaps from another
    (21614, 21614, Recipient), // not a mobile number
    (21617, 21618, Content),   // too long, not allowed
    (21635, 21635, Recipient), // landline
    (21659, 21661, Sender),    // From not ours, or cannot send SMS
    (21701, 21705, Sender),    // messaging service
    (21730, 21730, Transient), // maintenance
    (30001, 30001, Throttled), // queue overflow
    (30002, 30002, Account),   // suspended
    (30003, 30003, Transient), // handset unreachable
    (30004, 30004, OptedOut),  // blocked by the recipient
    (30005, 30006, Recipient), // unknown handset, landline
    (30007, 30007, Content),   // filtered by a carrier
    (30008, 30008, Transient),
    (30010, 30010, Account),   // price above the limit
    (30011, 30011, Region),    // MMS only
    (30017, 30017, Transient), // carrier network congestion
    (30022, 30023, Throttled), // carrier rate, daily cap
    (30024, 30024, Sender),
    (30027, 30027, Throttled), // daily cap of the brand
    (30032, 30032, Sender),    // toll-free number unverified
    (30034, 30035, Sender),    // number without 10DLC campaign
    (30410, 30410, Transient), // carrier time-out
    (30450, 30450, Region),    // blocked by geography or fraud guard
    (60605, 60605, Region),
    (63038, 63038, Account), // daily cap of the account
];

/// The signature's header.
const SIGNATURE: &str = "x-twilio-signature";
/// `key=…,algorithm=…`: there when a shared key was signed with, and not the account's token.
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
/// Where a call without a form names the hash of its body.
const BODY_HASH: &str = "bodySHA256";

/// Without the secret nothing of theirs is believed.
pub(super) fn check(keys: &toml::Table, call: &Call<'_>) -> Result<(), NotHeard> {
    if is_signed(&Signs::of(keys, call)?, call, &Fields::of_form(call.body)) {
        Ok(())
    } else {
        Err(NotHeard::NotGenuine("the signature is not twilio's"))
    }
}

pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let form = Fields::of_form(call.body);
    let of = reference(call)?;
    let field = |name: &str, old: &str| form.first(name).or_else(|| form.first(old));
    let status = field("MessageStatus", "SmsStatus")
        .ok_or(NotHeard::Malformed("there is no MessageStatus"))?;
    let word = match status {
        "sent" => Word::Sent,
        "delivered" | "read" => Word::Delivered,
        "undelivered" | "failed" | "canceled" => Word::Undelivered,
        // Accepted, scheduled, queued, sending: known already.
        _ => return Ok(None),
    };
    let code = form.first("ErrorCode").filter(|code| !code.is_empty());
    let class = (word == Word::Undelivered).then(|| class_of(ERRORS, code));
    // It tells a price only to those who ask for the message later.
    let (code, cost) = (code.map(str::to_owned), Cost::default());
    Ok(Some(Report { of, word, class, code, cost }))
}

/// True with a secret for one of the ways in which Twilio signs.
pub(super) fn can_check(keys: &toml::Table) -> bool {
    ["auth_token", "shared_key_secret"].iter().any(|name| key(keys, name).is_some())
}

/// What a call is signed with.
struct Signs<'a> {
    secret: &'a [u8],
    hash: fn(&[u8], &[&[u8]]) -> Vec<u8>,
}

impl<'a> Signs<'a> {
    /// The account's token and HMAC-SHA1, unless the call says otherwise.
    fn of(keys: &'a toml::Table, call: &Call<'_>) -> Result<Self, NotHeard> {
        let Some(settings) = call.header(SETTINGS).filter(|text| !text.is_empty()) else {
            let token = key(keys, "auth_token").ok_or(NotHeard::NotGenuine(
                "without auth_token what twilio signs cannot be checked; set it beside the API key",
            ))?;
            return Ok(Self { secret: token.as_bytes(), hash: mac::<Hmac<Sha1>> });
        };
        let secret = key(keys, "shared_key_secret").ok_or(NotHeard::NotGenuine(
            "it is signed with a shared key of twilio's webhook rules; set shared_key_secret",
        ))?;
        let hash = match algorithm(settings).to_ascii_uppercase().as_str() {
            "HMAC_SHA1" => mac::<Hmac<Sha1>>,
            "HMAC_SHA256" => mac::<Hmac<Sha256>>,
            _ => return Err(NotHeard::NotGenuine("twilio's way of signing it is not known here")),
        };
        Ok(Self { secret: secret.as_bytes(), hash })
    }
}

fn algorithm(settings: &str) -> &str {
    let mut pairs = settings.split(',').filter_map(|pair| pair.split_once('='));
    let named = pairs.find(|(name, value)| name.trim() == "algorithm" && !value.trim().is_empty());
    named.map_or("HMAC_SHA1", |(_, value)| value.trim())
}

/// Base64 of the hash over the address and, sorted by name, each name of the form followed by its
/// values. Twilio signs the address with or without the port; of a body that is no form it signs the
/// hash, as a part of the address.
fn is_signed(signs: &Signs<'_>, call: &Call<'_>, form: &Fields) -> bool {
    let Some(given) = call.header(SIGNATURE) else { return false };
    let query = Fields::of_form(call.query().as_bytes());
    let mut signed = String::new();
    if let Some(hash) = query.first(BODY_HASH) {
        if !hash.eq_ignore_ascii_case(&hex(&Sha256::digest(call.body))) {
            return false;
        }
    } else {
        // The same name with the same value counts once.
        for (name, value) in BTreeSet::from_iter(form.sorted()) {
            signed.push_str(name);
            signed.push_str(value);
        }
    }
    spellings(call.url).iter().any(|url| {
        let text = [url.as_bytes(), signed.as_bytes()];
        is_base64_of(given, &(signs.hash)(signs.secret, &text))
    })
}

/// The address with the port, and without it where it is the usual one.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    match host.strip_suffix(usual) {
        Some(bare) => all.push(format!("{scheme}://{bare}{path}")),
        None if !has_port(host) => all.push(format!("{scheme}://{host}{usual}{path}")),
        None => {}
    }
    all
}

fn has_port(host: &str) -> bool {
    let after = host.rsplit_once(':').map(|(_, port)| port);
    after.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
