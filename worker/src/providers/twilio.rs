//! `twilio`: Twilio Programmable Messaging, `Messages.json` of the 2010-04-01 API.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{
        self, Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient,
    },
};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::{
    Net,
    error_table::{ErrorTable, class_of_code},
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `ValidityPeriod`.
const VALIDITY_SECS: (u64, u64) = (1, 36_000);

/// Source: twilio.com/docs/api/errors. Twilio adds finer codes now and then, hence
/// [`class_of_unlisted`].
const ERRORS: &ErrorTable = &[
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
    (21612, 21612, Recipient), // no route from this sender
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TwilioConfig {
    /// The account, `AC…`.
    account_sid: String,
    /// The account's token; either this or an API key.
    auth_token: Option<SecretText>,
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
            (None, (Some(sid), Some(secret))) => {
                (sid, secret, format!("{messages_path}?PageSize=1"))
            }
            _ => {
                let rule = "set either this or both api_key_sid and api_key_secret";
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
        let form = [
            ("To", out.to.e164()),
            (self.sender.0, &self.sender.1),
            ("Body", &out.text),
            ("ValidityPeriod", &validity),
        ];
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
        return Outcome::accepted(Some(message.sid));
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
