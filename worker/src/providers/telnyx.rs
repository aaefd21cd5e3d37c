//! `telnyx`: Telnyx Programmable Messaging, `POST /v2/messages`.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{
        ErrorClass::{self, Content, Recipient, Sender, Transient},
        class_of_code,
    },
    report::telnyx::{ERRORS, cost, public_key},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
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

/// Codes that are about some field of the request; which one stands beside them.
const FIELD_CODES: (u32, u32) = (10_000, 10_999);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TelnyxConfig {
    /// The key of API version 2, `KEY…`.
    api_key: SecretText,
    /// The sender: a number in E.164, a short code or a name.
    from: Option<String>,
    /// The messaging profile: picks the sender if there is no `from`; a name needs it.
    messaging_profile_id: Option<String>,
    /// The account's public key, with which the API checks the signatures of delivery reports.
    public_key: Option<String>,
    /// For a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_base_url() -> String {
    "https://api.telnyx.com".to_owned()
}

pub(super) struct Telnyx {
    client: Client,
    messages_url: Url,
    balance_url: Url,
    api_key: SecretText,
    from: Option<String>,
    messaging_profile_id: Option<String>,
}

impl Telnyx {
    pub(super) fn new(name: &str, config: TelnyxConfig, net: &Net) -> Result<Self, ConfigError> {
        let from = config.from.filter(|from| !from.is_empty());
        let profile = config.messaging_profile_id.filter(|id| !id.is_empty());
        if profile.is_none() && from.as_deref().is_none_or(is_name) {
            let rule = "set a number here, or messaging_profile_id; a name needs both";
            return Err(mistake(name, "from", rule));
        }
        if config.public_key.is_some_and(|key| public_key(&key).is_none()) {
            let rule = "must be the account's public key, 44 characters of base64; or leave it out";
            return Err(mistake(name, "public_key", rule));
        }
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &config.base_url, "/v2/messages")?,
            balance_url: endpoint(name, &config.base_url, "/v2/balance")?,
            api_key: config.api_key,
            from,
            messaging_profile_id: profile,
        })
    }

    /// The body is the same for every attempt of a message, as its idempotency key asks for.
    fn request(&self, out: &Outgoing) -> RequestBuilder {
        self.client
            .post(self.messages_url.clone())
            .bearer_auth(self.api_key.expose())
            .header("Idempotency-Key", out.message_id.to_string())
            .json(&NewMessage {
                to: out.to.address(),
                from: out.sender.as_deref().or(self.from.as_deref()),
                messaging_profile_id: self.messaging_profile_id.as_deref(),
                text: &out.text,
                webhook_url: out.report_to.as_deref(),
            })
    }
}

fn is_name(sender: &str) -> bool {
    sender.chars().any(char::is_alphabetic)
}

impl Provider for Telnyx {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        if self.messaging_profile_id.is_none() && is_name(sender) {
            return Err("must be a number, unless there is a messaging_profile_id for a name");
        }
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request =
                self.client.get(self.balance_url.clone()).bearer_auth(self.api_key.expose());
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Serialize)]
struct NewMessage<'a> {
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messaging_profile_id: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
}

#[derive(Deserialize)]
struct Created {
    data: Message,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    #[serde(default)]
    to: Vec<Addressee>,
    #[serde(default)]
    errors: Vec<Problem>,
    /// Among the rest what it costs. A repeat is answered with the first result, and its cost.
    #[serde(flatten)]
    rest: Value,
}

#[derive(Deserialize)]
struct Addressee {
    status: Option<String>,
}

#[derive(Deserialize)]
struct Problems {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    title: Option<String>,
    detail: Option<String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    /// A JSON pointer to the field.
    pointer: Option<String>,
}

impl Problem {
    /// The class by code; for a general code the field decides.
    fn class(&self, unlisted: ErrorClass) -> ErrorClass {
        let Ok(code) = self.code.parse() else {
            return unlisted;
        };
        let (first, last) = FIELD_CODES;
        match class_of_code(ERRORS, code) {
            Some(Sender) if (first..=last).contains(&code) => self.class_of_field(),
            Some(class) => class,
            None => unlisted,
        }
    }

    /// In doubt it is the sender, as then another provider is asked.
    fn class_of_field(&self) -> ErrorClass {
        let pointer = self.source.as_ref().and_then(|source| source.pointer.as_deref());
        match pointer.and_then(|pointer| pointer.rsplit('/').next()) {
            Some("to") => Recipient,
            Some("text") => Content,
            _ => Sender,
        }
    }

    /// A sentence with digits may name a number; the title never does.
    fn words(&self) -> Option<&str> {
        let is_free =
            |text: &&str| !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_digit());
        self.detail.as_deref().filter(is_free).or(self.title.as_deref())
    }

    fn outcome(&self, answer: &Answer, unlisted: ErrorClass) -> Outcome {
        answer.refused(self.class(unlisted), Some(self.code.clone()), self.words())
    }
}

fn read_answer(answer: &Answer) -> Outcome {
    if answer.is_success()
        && let Some(Created { data }) = answer.json()
        && !data.id.is_empty()
    {
        return created(answer, data);
    }
    first_problem(answer).map_or_else(
        || answer.unreadable(),
        |problem| problem.outcome(answer, class_of_status(answer.status)),
    )
}

fn first_problem(answer: &Answer) -> Option<Problem> {
    answer.json::<Problems>()?.errors.into_iter().next()
}

/// A created message may already have failed.
fn created(answer: &Answer, message: Message) -> Outcome {
    let failed = message
        .to
        .iter()
        .filter_map(|person| person.status.as_deref())
        .find(|status| matches!(*status, "sending_failed" | "delivery_failed" | "expired"));
    let Some(status) = failed else {
        return Outcome::accepted(Some(message.id)).costing(cost(&message.rest));
    };
    let mut outcome = message.errors.first().map_or_else(
        || answer.refused(Transient, None, Some(status)),
        |problem| problem.outcome(answer, Transient),
    );
    outcome.provider_message_id = Some(message.id);
    outcome
}

#[derive(Deserialize)]
struct BalanceAnswer {
    data: Balance,
}

#[derive(Deserialize)]
struct Balance {
    balance: String,
    currency: String,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let problem = first_problem(answer);
        let words = problem.as_ref().and_then(Problem::words);
        let words = words.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(format!("telnyx answered HTTP {}{words}", answer.status));
    }
    let BalanceAnswer { data } = answer.json().ok_or("telnyx's answer is not readable")?;
    Ok(format!("telnyx: credentials good, balance {} {}", data.balance, data.currency))
}

#[cfg(test)]
#[path = "telnyx_tests.rs"]
mod tests;
