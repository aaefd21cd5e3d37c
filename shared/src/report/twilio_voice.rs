//! What Twilio says of a call: its error codes, in answers and in reports, and how a call ended. It signs
//! them as it signs the reports of messages.
//!
//! Sources: twilio.com/docs/api/errors, whose list can be had as JSON; the page "call-resource" under
//! twilio.com/docs/voice/api.

use super::{Call, NotHeard, Report, Word, class_of, fields::Fields, reference};
use crate::{
    outcome::{
        ErrorClass::{Account, Recipient, Region, Sender, Throttled, Transient},
        ErrorTable,
    },
    price::Cost,
};

/// What is not here is told from its number, its status and its sentence.
pub const ERRORS: &ErrorTable = &[
    (10001, 10002, Account),   // account not active, on trial
    (10004, 10004, Throttled), // too many calls at the same time
    (13214, 13214, Sender),    // caller id not valid
    (13223, 13223, Recipient), // format of the number
    (13224, 13224, Region),    // not supported, or no carrier gets there now
    (13225, 13225, Region),    // on Twilio's block list
    (13227, 13227, Region),    // country not enabled
    (20003, 20003, Account),   // credentials
    (20005, 20006, Account),   // account not active, access denied
    (20010, 20010, Account),   // calls disabled
    (20429, 20429, Throttled), // too many requests
    (20500, 20500, Transient),
    (20503, 20503, Transient),
    (21201, 21202, Recipient), // no To, a premium number
    (21203, 21203, Region),    // calls abroad not enabled
    (21210, 21210, Sender),    // From not verified
    (21211, 21211, Recipient), // invalid To
    (21212, 21213, Sender),    // invalid From, no From
    (21214, 21214, Recipient), // To not reachable
    (21215, 21216, Region),    // country not enabled, on Twilio's block list
    (21217, 21217, Recipient), // To not valid
    (21219, 21219, Account),   // trial account, To not verified
];

/// Twilio calls back when a call is over. Answered is delivered, whoever answered: machines are not told
/// from people.
pub(super) fn read(call: &Call<'_>) -> Result<Option<Report>, NotHeard> {
    let form = Fields::of_form(call.body);
    let of = reference(call)?;
    let status = form.first("CallStatus").ok_or(NotHeard::Malformed("there is no CallStatus"))?;
    let word = match status {
        "completed" => Word::Delivered,
        "busy" | "no-answer" | "failed" | "canceled" => Word::Undelivered,
        // Queued, initiated, ringing, in progress: not over yet.
        _ => return Ok(None),
    };
    let is_over = word == Word::Undelivered;
    let error = form.first("ErrorCode").filter(|code| !code.is_empty());
    // Nobody was there, or not now: somebody else, or another way, may get through.
    let class = is_over.then(|| class_of(ERRORS, error));
    let code = is_over.then(|| error.unwrap_or(status).to_owned());
    // It tells how long the call was, and its price only to those who ask later.
    Ok(Some(Report { of, word, class, code, cost: Cost::default() }))
}

#[cfg(test)]
#[path = "twilio_voice_tests.rs"]
mod tests;
