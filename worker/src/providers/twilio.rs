//! `twilio`: Twilio Programmable Messaging, `Messages.json` of the 2010-04-01 API.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{
        ErrorClass::{self, Recipient, Sender, Transient},
        class_of_code,
    },
    price::{self, Cost},
    report::twilio::ERRORS,
};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Net,
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    sender::given,
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

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

pub(super) struct Twilio {
    client: Client,
    messages_url: Url,
    check_url: Url,
    user: String,
    password: SecretText,
    /// The form field that names the sender, and its value.
    sender: (&'static str, String),
}

impl Twilio {
    pub(super) fn new(name: &str, config: TwilioConfig, net: &Net) -> Result<Self, ConfigError> {
        let account = config.account_sid;
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(mistake(name, "account_sid", "must be letters and digits"));
        }
        if config.shared_key_secret.is_some_and(|secret| secret.expose().is_empty()) {
            return Err(mistake(name, "shared_key_secret", "must not be empty; leave it out"));
        }
        let sender = match (config.from, config.messaging_service_sid) {
            (Some(from), None) => ("From", from),
            (None, Some(service)) => ("MessagingServiceSid", service),
            _ => {
                let rule = "set either this or messaging_service_sid";
                return Err(mistake(name, "from", rule));
            }
        };
        let path = format!("/2010-04-01/Accounts/{account}");
        let messages_path = format!("{path}/Messages.json");
        let key = (config.api_key_sid, config.api_key_secret);
        // A standard API key may not read the account, but the account's messages.
        let (user, password, check_path) = match (config.auth_token, key) {
            (Some(token), (None, None)) => (account, token, format!("{path}.json")),
            // With both, the token is for what Twilio signs.
            (_, (Some(sid), Some(secret))) => (sid, secret, format!("{messages_path}?PageSize=1")),
            _ => {
                let rule = "set this, or both api_key_sid and api_key_secret, or all three";
                return Err(mistake(name, "auth_token", rule));
            }
        };
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &config.base_url, &messages_path)?,
            check_url: endpoint(name, &config.base_url, &check_path)?,
            user,
            password,
            sender,
        })
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
        self.client
            .post(self.messages_url.clone())
            .basic_auth(&self.user, Some(self.password.expose()))
            .form(&form)
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
        Box::pin(async {
            let request = self
                .client
                .get(self.check_url.clone())
                .basic_auth(&self.user, Some(self.password.expose()));
            read_check(&call_check(request).await?)
        })
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

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
    message: Option<String>,
}

fn read_answer(answer: &Answer) -> Outcome {
    if answer.is_success() {
        return answer
            .json::<Created>()
            .map_or_else(|| answer.unreadable(), |message| created(answer, message));
    }
    let Some(refusal) = answer.json::<Refusal>() else {
        return answer.unreadable();
    };
    let message = refusal.message.as_deref();
    let class = refusal.code.map_or_else(
        || class_of_status(answer.status),
        |code| {
            class_of_code(ERRORS, code)
                .unwrap_or_else(|| class_of_unlisted(answer.status, code, message.unwrap_or("")))
        },
    );
    let code = refusal.code.map(|code| code.to_string());
    answer.refused(class, code, message)
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

/// 30xxx is about delivery. 21xxx with 400 is about a parameter; the sentence names it in quotes,
/// and in doubt it is the sender, as then another provider is asked.
fn class_of_unlisted(status: u16, code: u32, message: &str) -> ErrorClass {
    match code {
        30_000..=30_999 => Transient,
        21_000..=21_999 if status == 400 => {
            if message.contains("'To'") && !message.contains("'From'") { Recipient } else { Sender }
        }
        _ => class_of_status(status),
    }
}

#[derive(Deserialize)]
struct AccountState {
    /// `active`, `suspended` or `closed`; absent in a list of messages.
    status: Option<String>,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let said = answer.json::<Refusal>();
        let detail = said.and_then(|refusal| refusal.message);
        let detail = detail.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(format!("twilio answered HTTP {}{detail}", answer.status));
    }
    let state = answer.json::<AccountState>().ok_or("twilio's answer is not readable")?;
    match state.status.as_deref() {
        Some("active") => Ok("twilio: credentials good, account active".to_owned()),
        None => Ok("twilio: API key good".to_owned()),
        Some(status) => Err(format!("the twilio account is {status}")),
    }
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
