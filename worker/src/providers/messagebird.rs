//! `messagebird`: the SMS API of Bird's Connectivity Platform, once called like this provider
//! (`rest.messagebird.com/messages`).

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{self, Account, Recipient, Sender, Throttled, Transient, Unknown},
    price::{self, Cost, Price},
    report::messagebird::FAILURES,
};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Net,
    error_table::{ErrorTable, class_of_code},
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    refused_field::MessageFields,
    sender::given,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// Source: developers.messagebird.com/api, and the error codes in the vendor's own C# SDK.
const ERRORS: &ErrorTable = &[
    (2, 2, Account), // access key
    // A parameter is missing or invalid; which one may say it better, see `class_of`.
    (9, 10, Sender),
    (20, 20, Account), // not found: a wrong address
    (21, 21, Sender),  // bad request
    (25, 25, Account), // no balance
    (98, 98, Account), // no such API: a wrong address
    (99, 99, Transient),
    (100, 100, Transient), // service unavailable
    (101, 101, Unknown),   // duplicate entry
];

const FIELDS: MessageFields = MessageFields { to: &["recipient", "recipients"], text: &["body"] };

/// In the refusal of a number that a new account may not send to yet.
const TRIAL: &str = "test period";

/// Keys that start so are for testing: all is accepted and nothing is sent.
const TEST_KEY: &str = "test_";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageBirdConfig {
    /// An access key, from the dashboard under Developers.
    access_key: SecretText,
    /// The sender: a number in digits or a name of up to 11 characters.
    originator: String,
    /// With which the account signs its calls; the API checks the delivery reports.
    signing_key: Option<SecretText>,
    /// For a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_base_url() -> String {
    "https://rest.messagebird.com".to_owned()
}

pub(super) struct MessageBird {
    client: Client,
    messages_url: Url,
    balance_url: Url,
    authorization: HeaderValue,
    originator: String,
    is_test: bool,
}

impl MessageBird {
    pub(super) fn new(
        name: &str,
        config: MessageBirdConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        given(&config.originator).map_err(|said| mistake(name, "originator", said))?;
        if config.signing_key.is_some_and(|key| key.expose().is_empty()) {
            return Err(mistake(name, "signing_key", "must not be empty; leave it out"));
        }
        let key = config.access_key.expose();
        if key.is_empty() {
            return Err(mistake(name, "access_key", "must not be empty"));
        }
        let mut authorization = HeaderValue::from_str(&format!("AccessKey {key}"))
            .map_err(|_| mistake(name, "access_key", "must be printable ASCII"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &config.base_url, "/messages")?,
            balance_url: endpoint(name, &config.base_url, "/balance")?,
            authorization,
            is_test: key.starts_with(TEST_KEY),
            originator: config.originator,
        })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let mut body = json!({
            "originator": out.sender_or(&self.originator),
            "recipients": out.to.digits(),
            "body": out.text,
            // The default spoils what is outside GSM-7.
            "datacoding": "auto",
            "validity": out.validity.as_secs().max(1),
            "reference": out.message_id,
        });
        if let (Some(url), Some(reference)) = (&out.report_to, out.report_reference()) {
            // What becomes of a query in it is not documented, and that reports carry the reference
            // back is.
            body["reportUrl"] = json!(url.split_once('?').map_or(url.as_str(), |(url, _)| url));
            body["reference"] = json!(reference);
        }
        self.authorized(self.client.post(self.messages_url.clone()))
            .header(CONTENT_TYPE, "application/json; charset=UTF-8")
            .json(&body)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(ACCEPT, "application/json").header(AUTHORIZATION, self.authorization.clone())
    }
}

impl Provider for MessageBird {
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
            let request = self.authorized(self.client.get(self.balance_url.clone()));
            let state = read_check(&call_check(request).await?)?;
            Ok(if self.is_test { format!("{state}; a test key, nothing is sent") } else { state })
        })
    }
}

/// A created message, or the errors that stand there instead of one.
#[derive(Deserialize)]
struct Body {
    errors: Option<Vec<Problem>>,
    id: Option<String>,
    #[serde(default)]
    recipients: Value,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<u32>,
    description: Option<String>,
    parameter: Option<String>,
}

fn read_answer(answer: &Answer) -> Outcome {
    let Some(body) = answer.json::<Body>() else {
        return answer.unreadable();
    };
    let problems = body.errors.unwrap_or_default();
    if let Some(outcome) = refused(answer, &problems) {
        return outcome;
    }
    match body.id {
        Some(id) if answer.is_success() && !id.is_empty() => created(answer, id, &body.recipients),
        _ => answer.unreadable(),
    }
}

/// Of several errors the one that lets another provider try, if there is one.
fn refused(answer: &Answer, problems: &[Problem]) -> Option<Outcome> {
    let told = problems
        .iter()
        .find(|problem| class_of(answer.status, problem) != Recipient)
        .or(problems.first())?;
    let code = told.code.map(|code| code.to_string());
    Some(answer.refused(class_of(answer.status, told), code, told.description.as_deref()))
}

fn class_of(status: u16, problem: &Problem) -> ErrorClass {
    if status == 429 {
        return Throttled;
    }
    let listed = problem.code.and_then(|code| class_of_code(ERRORS, code));
    let class = listed.unwrap_or_else(|| class_of_status(status));
    if class != Sender {
        return class;
    }
    if problem.description.as_deref().is_some_and(|text| text.contains(TRIAL)) {
        return Account;
    }
    FIELDS.class_of(problem.parameter.as_deref())
}

/// A created message may already have failed for its one recipient.
fn created(answer: &Answer, id: String, recipients: &Value) -> Outcome {
    let text = |field: &str| recipients.pointer(&format!("/items/0/{field}"))?.as_str();
    if !matches!(text("status"), Some("delivery_failed" | "expired")) {
        return Outcome::accepted(Some(id)).costing(cost(recipients));
    }
    let code = recipients.pointer("/items/0/statusErrorCode").and_then(Value::as_u64);
    let class = code
        .and_then(|code| class_of_code(FAILURES, u32::try_from(code).ok()?))
        .unwrap_or(Transient);
    let code = code.map(|code| code.to_string());
    let mut outcome = answer.refused(class, code, text("statusReason"));
    outcome.provider_message_id = Some(id);
    outcome
}

/// That of the one recipient.
fn cost(recipients: &Value) -> Cost {
    let at = |field: &str| recipients.pointer(&format!("/items/0/{field}"));
    Cost {
        segments: price::segments(at("messagePartCount")),
        price: Price::told(at("price/amount"), at("price/currency")),
        is_per_segment: false,
    }
}

#[derive(Deserialize)]
struct Balance {
    /// `prepaid` or `postpaid`.
    payment: String,
    /// `credits` or a currency.
    #[serde(rename = "type")]
    unit: String,
    amount: f64,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let problems = answer.json::<Body>().and_then(|body| body.errors).unwrap_or_default();
        let detail = problems.into_iter().find_map(|problem| problem.description);
        let detail = detail.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(format!("messagebird answered HTTP {}{detail}", answer.status));
    }
    let Balance { payment, unit, amount } =
        answer.json().ok_or("messagebird's answer is not readable")?;
    Ok(format!("messagebird: access key good, balance {amount:.2} {unit}, {payment}"))
}

#[cfg(test)]
#[path = "messagebird_tests.rs"]
mod tests;
