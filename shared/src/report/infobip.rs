//! What Infobip says: its statuses and errors, in answers and in reports.
//!
//! Source: infobip.com/docs/essentials/api-essentials/response-status-and-error-codes. What it calls
//! an address with that a message named is not signed: the proof in the address is all there is.

use serde::Deserialize;
use serde_json::Value;

use super::{Call, NotHeard, Reference, Report, Word, reference};
use crate::{
    outcome::{
        ErrorClass::{self, Account, Content, OptedOut, Recipient, Region, Sender, Transient},
        ErrorTable, class_of_code,
    },
    price::{self, Cost, Price},
};

/// `REJECTED_DUPLICATE_MESSAGE_ID`. The id is ours and the same in every attempt of a message, so an
/// earlier one got there. Whether it was sent is not said, nor whether rejected ids are remembered.
pub const DUPLICATE_ID: u32 = 23;

/// Statuses of the groups undeliverable, expired and rejected.
///
/// None is transient or throttled: a repeat would carry the same id and be rejected as a duplicate, so
/// that nobody would know any more that it was not sent.
pub const ERRORS: &ErrorTable = &[
    (6, 6, Region),      // network not covered or not set up
    (8, 8, Recipient),   // prefix or length
    (10, 10, OptedOut),  // do not disturb
    (11, 11, Sender),    // not registered
    (12, 12, Account),   // no credit
    (13, 13, Sender),    // blocklisted by the account
    (14, 14, OptedOut),  // blocklisted by the operator or the account
    (17, 17, Account),   // package expired
    (18, 18, Account),   // trial, To is not the registered number
    (19, 19, Region),    // no route
    (20, 20, Content),   // too many in an hour to this number
    (21, 21, Sender),    // system error
    (24, 25, Content),   // header, too long
    (51, 52, Recipient), // no To, prefix
    (87, 87, Region),    // fraud guard
    (100, 100, Sender),  // malformed, or the service is away
];

/// Errors behind a status that says no more than "not delivered". Answers to a send need not have
/// them. What is not here is about our sender or gets that class anyway.
pub const NETWORK_ERRORS: &ErrorTable = &[
    (1, 1, Recipient),       // unknown subscriber
    (9, 9, Recipient),       // illegal subscriber
    (11, 12, Recipient),     // no SMS in this subscription, illegal handset
    (345, 345, Region),      // operator not found
    (351, 352, Recipient),   // invalid, country code
    (355, 355, Content),     // too long
    (433, 433, Account),     // access denied
    (561, 561, Content),     // blocked by the operator
    (568, 569, Recipient),   // not provisioned for SMS, suspended
    (573, 573, OptedOut),    // short code blocked by its user
    (592, 592, Region),      // network not covered
    (603, 603, OptedOut),    // STOP
    (604, 604, Content),     // blocklist of the campaign
    (607, 607, Content),     // spam
    (608, 608, Region),      // fraud guard
    (629, 629, Recipient),   // cannot receive SMS
    (2050, 2050, OptedOut),  // do not disturb
    (2052, 2052, OptedOut),  // blocklisted
    (3041, 3041, Recipient), // deactivated
    (4099, 4099, Account),   // monthly limit
    (4103, 4104, Content),   // flooding
];

/// Handed to a carrier: waiting for what it says, on its way.
const WITH_CARRIER: [u32; 2] = [3, 7];

/// On the handset; the other statuses of its group are carriers that tell no more.
const ON_HANDSET: u32 = 5;

#[derive(Deserialize)]
struct Said {
    results: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    message_id: String,
    status: Status,
    /// Error 0 is none.
    error: Option<NetworkError>,
    #[serde(default)]
    message_count: Value,
    /// Of one SMS, in `pricePerMessage`.
    #[serde(default)]
    price: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    group_id: u32,
    id: u32,
}

#[derive(Deserialize)]
struct NetworkError {
    id: u32,
}

/// Infobip gathers reports for one address: here that is one message, perhaps with several words.
pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let of = reference(call)?;
    let said: Said = serde_json::from_slice(call.body)
        .map_err(|_| NotHeard::Malformed("the body is no list of results"))?;
    let id = of.message_id.to_string();
    let ours = said.results.iter().filter(|entry| entry.message_id == id);
    // One message, one report: the word that goes furthest.
    Ok(ours.filter_map(|entry| entry.report(of)).max_by_key(|report| report.word))
}

impl Entry {
    fn report(&self, of: Reference) -> Option<Report> {
        let word = match (self.status.group_id, self.status.id) {
            (1, id) if WITH_CARRIER.contains(&id) => Word::Sent,
            (3, ON_HANDSET) => Word::Delivered,
            (3, _) => Word::Sent,
            // It says nothing of the earlier attempt that did get there.
            (5, DUPLICATE_ID) => return None,
            (2 | 4 | 5, _) => Word::Undelivered,
            _ => return None,
        };
        let why = (word == Word::Undelivered).then(|| self.why());
        Some(Report {
            of,
            word,
            class: why.map(|(class, _)| class),
            code: why.map(|(_, code)| code.to_string()),
            cost: self.cost(),
        })
    }

    fn cost(&self) -> Cost {
        Cost {
            segments: price::segments(Some(&self.message_count)),
            price: Price::told(self.price.get("pricePerMessage"), self.price.get("currency")),
            is_per_segment: true,
        }
    }

    /// The class, and the code that says it: most statuses say no more than "not delivered".
    fn why(&self) -> (ErrorClass, u32) {
        let status = self.status.id;
        let error = self.error.as_ref().map(|error| error.id).filter(|error| *error != 0);
        match (class_of_code(ERRORS, status), error) {
            (Some(class), _) => (class, status),
            (None, Some(id)) => (class_of_code(NETWORK_ERRORS, id).unwrap_or(Transient), id),
            (None, None) => (Transient, status),
        }
    }
}

#[cfg(test)]
#[path = "infobip_tests.rs"]
mod tests;
