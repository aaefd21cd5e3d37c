//! `plivo`: the Plivo Message API, which tells refusals in sentences without codes.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{self, Account, Recipient, Region, Sender, Throttled, Unknown},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};

use super::{
    Net,
    error_table::ErrorWords,
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    sender::given,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `message_expiry`, in seconds; support.plivo.com, "Message Expiry".
const EXPIRY_SECS: (u64, u64) = (5, 10_799);

/// What a refusal says, in lower case. The numbered codes of Plivo stand in its reports only.
/// Source: plivo.com/docs, "API Response" and "Destination Number Validation"; support.plivo.com,
/// the questions on caller ids and on sufficient balance.
const ERRORS: &ErrorWords = &[
    ("is not a valid phone number", Recipient),
    ("caller id is not allowed", Sender),
    ("insufficient credit", Account),
    ("invalid_parameter", Sender),
    ("authentication_failed", Account),
    ("not_found", Account),
    ("rate_limit_exceeded", Throttled),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlivoConfig {
    /// The account, `MA…`, or a subaccount, `SA…`.
    auth_id: String,
    /// For sending, and for checking the signatures of delivery reports.
    auth_token: SecretText,
    /// The sender: a number, a short code or a name; either this or a powerpack.
    src: Option<String>,
    /// A powerpack, which picks the sender.
    powerpack_uuid: Option<String>,
    /// Whether Plivo keeps text and number in its logs.
    #[serde(default = "default_log")]
    log: bool,
    /// For a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_log() -> bool {
    true
}

fn default_base_url() -> String {
    "https://api.plivo.com".to_owned()
}

pub(super) struct Plivo {
    client: Client,
    message_url: Url,
    account_url: Url,
    auth_id: String,
    auth_token: SecretText,
    src: Option<String>,
    powerpack_uuid: Option<String>,
    log: bool,
}

impl Plivo {
    pub(super) fn new(name: &str, config: PlivoConfig, net: &Net) -> Result<Self, ConfigError> {
        let account = &config.auth_id;
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(mistake(name, "auth_id", "must be letters and digits"));
        }
        let src = config.src.filter(|src| !src.is_empty());
        let powerpack = config.powerpack_uuid.filter(|uuid| !uuid.is_empty());
        if src.is_some() == powerpack.is_some() {
            return Err(mistake(name, "src", "set either this or powerpack_uuid"));
        }
        let account_path = format!("/v1/Account/{account}/");
        let message_path = format!("{account_path}Message/");
        Ok(Self {
            client: net.client(name)?,
            message_url: endpoint(name, &config.base_url, &message_path)?,
            account_url: endpoint(name, &config.base_url, &account_path)?,
            auth_id: config.auth_id,
            auth_token: config.auth_token,
            src,
            powerpack_uuid: powerpack,
            log: config.log,
        })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let (shortest, longest) = EXPIRY_SECS;
        // A powerpack would pick one of its own, whatever the country has.
        let own = (self.src.as_deref(), self.powerpack_uuid.as_deref());
        let (src, powerpack_uuid) = out.sender.as_deref().map_or(own, |src| (Some(src), None));
        self.client
            .post(self.message_url.clone())
            .basic_auth(&self.auth_id, Some(self.auth_token.expose()))
            .json(&NewMessage {
                src,
                powerpack_uuid,
                dst: out.to.digits(),
                text: &out.text,
                kind: "sms",
                url: out.report_to.as_deref(),
                method: "POST",
                log: if self.log { "true" } else { "false" },
                trackable: false,
                message_expiry: out.validity.as_secs().clamp(shortest, longest),
            })
    }
}

impl Provider for Plivo {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer, out.to.digits()))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request = self
                .client
                .get(self.account_url.clone())
                .basic_auth(&self.auth_id, Some(self.auth_token.expose()));
            read_check(&call_check(request).await?)
        })
    }
}

/// What the official clients send; `method` is that of reports, and there without them too.
#[derive(Serialize)]
struct NewMessage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    powerpack_uuid: Option<&'a str>,
    dst: &'a str,
    text: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    method: &'a str,
    log: &'a str,
    trackable: bool,
    message_expiry: u64,
}

#[derive(Deserialize)]
struct Said {
    /// One id for each number the message went to.
    message_uuid: Option<Vec<String>>,
    error: Option<String>,
}

fn read_answer(answer: &Answer, to: &str) -> Outcome {
    let Some(Said { message_uuid, error }) = answer.json() else {
        return answer.unreadable();
    };
    let id = message_uuid.and_then(|ids| ids.into_iter().next());
    let id = id.filter(|id| answer.is_success() && !id.is_empty());
    let Some(text) = error.filter(|text| !text.is_empty()) else {
        return id.map_or_else(|| answer.unreadable(), |id| Outcome::accepted(Some(id)));
    };
    // Both at once say nothing certain.
    let class = if id.is_some() { Unknown } else { class_of(answer.status, &text, to) };
    let words = text.replace(to, "the number");
    let mut outcome = answer.refused(class, None, Some(&words));
    outcome.provider_message_id = id;
    outcome
}

/// A 403 to a message is what the official clients take for a country that is not enabled.
fn class_of(status: u16, text: &str, to: &str) -> ErrorClass {
    let lower = text.to_ascii_lowercase();
    let listed = ERRORS.iter().find(|(words, _)| lower.contains(words)).map(|(_, class)| *class);
    match listed {
        // Another number than the recipient's may be the sender's.
        Some(Recipient) if !text.contains(to) => Sender,
        Some(class) => class,
        None if status == 403 => Region,
        None => class_of_status(status),
    }
}

#[derive(Deserialize)]
struct AccountDetails {
    auth_id: String,
    /// In US dollars.
    cash_credits: Option<String>,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let said = answer.json::<Said>().and_then(|said| said.error);
        let words = said.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(format!("plivo answered HTTP {}{words}", answer.status));
    }
    let account: AccountDetails = answer.json().ok_or("plivo's answer is not readable")?;
    let credits = account.cash_credits.map(|usd| format!(", balance {usd} USD"));
    let credits = credits.unwrap_or_default();
    Ok(format!("plivo: credentials good, account {}{credits}", account.auth_id))
}

#[cfg(test)]
#[path = "plivo_tests.rs"]
mod tests;
