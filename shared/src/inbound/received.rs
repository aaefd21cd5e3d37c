//! What people write, as each kind of provider brings it.

use serde_json::Value;

use super::moment;
use crate::{
    clock::Millis,
    report::{Call, NotHeard, fields::Fields},
};

/// One message, as it was brought.
pub(crate) struct Received {
    pub(super) from: String,
    pub(super) text: String,
    /// When it was written, or came to the provider.
    pub(super) at: Option<Millis>,
    /// The provider's own name for it, where its times do not tell.
    pub(super) id: Option<String>,
}

impl Received {
    /// A picture alone has no text.
    pub(crate) fn new(from: Option<&str>, text: Option<&str>) -> Result<Self, NotHeard> {
        let from = from.ok_or(NotHeard::Malformed("it does not say whom it is from"))?;
        Ok(Self {
            from: from.to_owned(),
            text: text.unwrap_or_default().to_owned(),
            at: None,
            id: None,
        })
    }

    /// The same, written at this moment as far as it is known.
    pub(crate) fn written_at(self, at: Option<Millis>) -> Self {
        Self { at, ..self }
    }

    /// The same, with the name by which it is known when it is brought again.
    pub(crate) fn named(self, id: Option<&str>) -> Self {
        Self { id: id.filter(|id| !id.is_empty()).map(str::to_owned), ..self }
    }
}

type Heard = Result<Vec<Received>, NotHeard>;

/// Of kinds that bring one in a form, under these names.
pub(crate) fn of_form(call: &Call<'_>, [from, text, id]: [&str; 3]) -> Heard {
    Ok(vec![one_of(&Fields::of_form(call.body), [from, text, id])?])
}

/// What AWS publishes in a topic when somebody writes; none when that is something else.
///
/// Source: docs.aws.amazon.com/sms-voice/latest/userguide, "Two-way SMS messaging".
pub(crate) fn aws_sms(published: &str) -> Option<Received> {
    let told: Value = serde_json::from_str(published).ok()?;
    one_in(&told, "/originationNumber", "/messageBody").ok()
}

/// Sources: bird.com/products/sms/two-way; the event `sms.received` of Bird's own Python SDK.
pub(crate) fn bird(call: &Call<'_>) -> Heard {
    let told = call.json()?;
    let is_text = text(&told, "/type") == Some("sms.received");
    let one = || one_in(&told, "/data/from", "/data/text");
    only_if(is_text, || Ok(one()?.written_at(moment_in(&told, "/timestamp"))))
}

pub(crate) fn infobip(call: &Call<'_>) -> Heard {
    let told = call.json()?;
    let results = told.pointer("/results").and_then(Value::as_array);
    let results = results.ok_or(NotHeard::Malformed("there are no results"))?;
    // One that does not say whom it is from is no reason to refuse the others.
    let read = |one: &Value| {
        let received = one_in(one, "/from", "/text").ok()?;
        Some(received.written_at(moment_in(one, "/receivedAt")))
    };
    Ok(results.iter().filter_map(read).collect())
}

/// Source: the vendor's guides for `Forward to URL` in the flow of a number. Its older API calls the text
/// `payload`.
pub(crate) fn messagebird(call: &Call<'_>) -> Heard {
    let fields = Fields::of_call(call)?;
    let text = fields.first("body").or_else(|| fields.first("payload"));
    let at = fields.first("createdDatetime").and_then(moment::of_field);
    Ok(vec![Received::new(fields.first("originator"), text)?.written_at(at)])
}

pub(crate) fn sinch(call: &Call<'_>) -> Heard {
    let told = call.json()?;
    let is_text = text(&told, "/type") == Some("mo_text");
    let one = || one_in(&told, "/from", "/body");
    only_if(is_text, || Ok(one()?.written_at(moment_in(&told, "/received_at"))))
}

pub(crate) fn telnyx(call: &Call<'_>) -> Heard {
    let told = call.json()?;
    let is_text = text(&told, "/data/event_type") == Some("message.received");
    let one = || one_in(&told, "/data/payload/from/phone_number", "/data/payload/text");
    only_if(is_text, || Ok(one()?.written_at(moment_in(&told, "/data/payload/received_at"))))
}

/// Source: developer.vonage.com, "Inbound SMS": its times say when Vonage began to bring it, not when it was
/// written.
pub(crate) fn vonage(call: &Call<'_>) -> Heard {
    Ok(vec![one_of(&Fields::of_call(call)?, ["msisdn", "text", "messageId"])?])
}

pub(crate) fn vonage_messages(call: &Call<'_>) -> Heard {
    let told = call.json()?;
    let is_text = text(&told, "/channel") == Some("sms");
    let one = || one_in(&told, "/from", "/text");
    only_if(is_text, || Ok(one()?.written_at(moment_in(&told, "/timestamp"))))
}

/// Calls about other things come to the same address.
fn only_if(is_text: bool, read: impl FnOnce() -> Result<Received, NotHeard>) -> Heard {
    is_text.then(read).transpose().map(Vec::from_iter)
}

fn one_of(fields: &Fields, names: [&str; 3]) -> Result<Received, NotHeard> {
    let [from, text, id] = names.map(|name| fields.first(name));
    Ok(Received::new(from, text)?.named(id))
}

fn one_in(told: &Value, from: &str, body: &str) -> Result<Received, NotHeard> {
    Received::new(text(told, from), text(told, body))
}

fn moment_in(told: &Value, pointer: &str) -> Option<Millis> {
    text(told, pointer).and_then(moment::of_rfc3339)
}

fn text<'a>(told: &'a Value, pointer: &str) -> Option<&'a str> {
    told.pointer(pointer)?.as_str()
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
