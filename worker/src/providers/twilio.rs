//! `twilio`: Twilio Programmable Messaging, `Messages.json` of the 2010-04-01 API.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{ErrorClass::Transient, class_of_code},
    price::{self, Cost},
    report::twilio::ERRORS,
};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Net,
    http_call::{Answer, call},
    mistake,
    sender::given,
    twilio_account::{Keys, Resource, default_base_url, refused},
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `ValidityPeriod`.
const VALIDITY_SECS: (u64, u64) = (1, 36_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TwilioConfig {
    /// The account, `AC…`.
    account_sid: String,
    /// The account's token: for sending, unless there is an API key, and for checking the signatures
    /// of delivery reports.
    auth_token: Option<SecretText>,
    /// The secret of a shared key, if the account's webhook rules have reports signed with one.
    shared_key_secret: Option<SecretText>,
    /// An API key, `SK…`, and its secret: revocable without changing the account's token.
    api_key_sid: Option<String>,
    api_key_secret: Option<SecretText>,
    /// The sender: a number in E.164 or a name; either this or a messaging service.
    from: Option<String>,
    /// A messaging service, `MG…`, which picks the sender.
    messaging_service_sid: Option<String>,
    /// For an edge location or a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

pub(super) struct Twilio {
    messages: Resource,
    /// The form field that names the sender, and its value.
    sender: (&'static str, String),
}

impl Twilio {
    pub(super) fn new(name: &str, config: TwilioConfig, net: &Net) -> Result<Self, ConfigError> {
        let sender = match (config.from, config.messaging_service_sid) {
            (Some(from), None) => ("From", from),
            (None, Some(service)) => ("MessagingServiceSid", service),
            _ => {
                let rule = "set either this or messaging_service_sid";
                return Err(mistake(name, "from", rule));
            }
        };
        let keys = Keys {
            account_sid: config.account_sid,
            auth_token: config.auth_token,
            shared_key_secret: config.shared_key_secret,
            api_key_sid: config.api_key_sid,
            api_key_secret: config.api_key_secret,
            base_url: config.base_url,
        };
        Ok(Self { messages: Resource::new(name, "Messages", keys, net)?, sender })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let (shortest, longest) = VALIDITY_SECS;
        let validity = out.validity.as_secs().clamp(shortest, longest).to_string();
        // A service would pick one of its own, whatever the country has.
        let own = (self.sender.0, self.sender.1.as_str());
        let sender = out.sender.as_deref().map_or(own, |sender| ("From", sender));
        let mut form = vec![
            ("To", out.to.address()),
            sender,
            ("Body", &out.text),
            ("ValidityPeriod", &validity),
        ];
        form.extend(out.report_to.as_deref().map(|url| ("StatusCallback", url)));
        self.messages.create(&form)
    }
}

impl Provider for Twilio {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.messages.check("twilio"))
    }
}

/// A message resource, or what stands there instead of one.
#[derive(Deserialize)]
struct Created {
    sid: String,
    status: Option<String>,
    error_code: Option<u32>,
    error_message: Option<String>,
    /// Text; `0` when a messaging service has yet to pick the sender. The price beside it is null, and
    /// stands there only once the message has been billed.
    #[serde(default)]
    num_segments: Value,
}

fn read_answer(answer: &Answer) -> Outcome {
    if !answer.is_success() {
        return refused(answer, ERRORS);
    }
    answer.json::<Created>().map_or_else(|| answer.unreadable(), |message| created(answer, message))
}

/// A created message may already have failed.
fn created(answer: &Answer, message: Created) -> Outcome {
    if !matches!(message.status.as_deref(), Some("failed" | "undelivered" | "canceled")) {
        let segments = price::segments(Some(&message.num_segments));
        return Outcome::accepted(Some(message.sid)).costing(Cost::of_segments(segments));
    }
    let code = message.error_code.unwrap_or_default();
    let class = class_of_code(ERRORS, code).unwrap_or(Transient);
    let code = message.error_code.map(|code| code.to_string());
    let mut outcome = answer.refused(class, code, message.error_message.as_deref());
    outcome.provider_message_id = Some(message.sid);
    outcome
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
