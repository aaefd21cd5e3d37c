//! `vonage`: the Vonage SMS API (`rest.nexmo.com/sms/json`), which answers 200 to everything and
//! says in the body, part by part, what became of it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{
        self, Account, Content, Recipient, Sender, Throttled, Transient, Unknown,
    },
    price::{Cost, Currency, Price, decimal},
    report::VONAGE_SIGNATURE_METHODS as SIGNATURE_METHODS,
    segments::{Encoding, Segments},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Net,
    error_table::{ErrorTable, class_of_code},
    http_call::{Answer, call, call_check},
    http_status::REFUSED,
    mistake,
    net::endpoint,
    sender::given,
    spelling::unknown_word,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `ttl`, in milliseconds: 20 seconds to a week.
const TTL_MS: (u128, u128) = (20_000, 604_800_000);

const ACCEPTED: &str = "0";

/// Source: developer.vonage.com/api-errors/sms.
const ERRORS: &ErrorTable = &[
    (1, 1, Throttled),
    // A parameter is missing or invalid: a mistake of ours or of the configured sender.
    (2, 3, Sender),
    (4, 4, Account),     // credentials
    (5, 5, Transient),   // internal error
    (6, 6, Recipient),   // unroutable
    (7, 7, Recipient),   // barred
    (8, 8, Account),     // account barred
    (9, 9, Account),     // no balance
    (10, 10, Throttled), // too many binds
    (11, 11, Account),   // account not enabled for this API
    (12, 12, Content),   // too long
    (14, 14, Account),   // signature
    (15, 15, Sender),    // sender not allowed
    (22, 22, Sender),    // network code
    (23, 23, Sender),    // callback
    (29, 29, Account),   // demo account, number not listed
    (32, 32, Account),   // signature and secret both sent
    (33, 33, Recipient), // deactivated
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VonageConfig {
    api_key: String,
    api_secret: SecretText,
    /// The sender: a number in digits or a name of up to 11 characters.
    from: String,
    /// With which the account signs delivery receipts, if it does; the API checks them.
    signature_secret: Option<SecretText>,
    /// One of [`SIGNATURE_METHODS`]; `sha256` when it is left out.
    signature_method: Option<String>,
    /// For another region or a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_base_url() -> String {
    "https://rest.nexmo.com".to_owned()
}

pub(super) struct Vonage {
    client: Client,
    send_url: Url,
    balance_url: Url,
    api_key: String,
    api_secret: SecretText,
    from: String,
}

impl Vonage {
    pub(super) fn new(name: &str, config: VonageConfig, net: &Net) -> Result<Self, ConfigError> {
        given(&config.from).map_err(|said| mistake(name, "from", said))?;
        if config.signature_secret.is_some_and(|secret| secret.expose().is_empty()) {
            return Err(mistake(name, "signature_secret", "must not be empty; leave it out"));
        }
        if let Some(method) = &config.signature_method
            && !SIGNATURE_METHODS.contains(&method.as_str())
        {
            let said = unknown_word("signature method", method, &SIGNATURE_METHODS);
            return Err(mistake(name, "signature_method", said));
        }
        Ok(Self {
            client: net.client(name)?,
            send_url: endpoint(name, &config.base_url, "/sms/json")?,
            balance_url: endpoint(name, &config.base_url, "/account/get-balance")?,
            api_key: config.api_key,
            api_secret: config.api_secret,
            from: config.from,
        })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let (shortest, longest) = TTL_MS;
        let ttl = out.validity.as_millis().clamp(shortest, longest).to_string();
        let reference = out.message_id.to_string();
        let mut form = vec![
            ("from", out.sender_or(&self.from)),
            ("to", out.to.digits()),
            ("text", &out.text),
            ("ttl", &ttl),
            ("client-ref", &reference),
        ];
        form.extend(out.report_to.as_deref().map(|url| ("callback", url)));
        if Segments::of(&out.text).encoding == Encoding::Ucs2 {
            form.push(("type", "unicode"));
        }
        self.client
            .post(self.send_url.clone())
            .basic_auth(&self.api_key, Some(self.api_secret.expose()))
            .form(&form)
    }
}

impl Provider for Vonage {
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
                .get(self.balance_url.clone())
                .basic_auth(&self.api_key, Some(self.api_secret.expose()));
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Deserialize)]
struct Parts {
    messages: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    /// Text by the specification; a number would mean the same.
    status: Value,
    #[serde(rename = "message-id")]
    message_id: Option<String>,
    #[serde(rename = "error-text")]
    error_text: Option<String>,
    /// In the account's currency, which is EUR.
    #[serde(rename = "message-price", default)]
    price: Value,
}

impl Part {
    fn code(&self) -> String {
        match &self.status {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn price(&self) -> Option<Price> {
        Price::parse(&decimal(&self.price)?, Currency::EUR)
    }
}

fn read_answer(answer: &Answer) -> Outcome {
    let parts = match answer.json::<Parts>() {
        Some(Parts { messages }) if answer.is_success() && !messages.is_empty() => messages,
        _ => return answer.unreadable(),
    };
    let id = parts.iter().find_map(|part| part.message_id.clone());
    let Some(failed) = parts.iter().find(|part| part.code() != ACCEPTED) else {
        return Outcome::accepted(id).costing(cost(&parts));
    };
    let code = failed.code();
    let text = failed.error_text.as_deref();
    if parts.iter().any(|part| part.code() == ACCEPTED) {
        // The person gets a piece of the text: neither sent nor safe to send again here.
        let mut outcome = answer.refused(Unknown, Some(code), text).costing(cost(&parts));
        outcome.provider_message_id = id;
        return outcome;
    }
    let class = class_of_status_text(&code);
    let mut outcome = answer.refused(class, Some(code), text);
    outcome.retry_after = text.and_then(wait_in).or(outcome.retry_after);
    outcome
}

/// Each part is an SMS; they are priced one by one, and those that were refused cost nothing.
fn cost(parts: &[Part]) -> Cost {
    let accepted = || parts.iter().filter(|part| part.code() == ACCEPTED);
    let micros: Option<i64> = accepted().map(|part| Some(part.price()?.micros)).sum();
    Cost {
        segments: u16::try_from(accepted().count()).ok(),
        price: micros.map(|micros| Price { micros, currency: Currency::EUR }),
        is_per_segment: false,
    }
}

fn class_of_status_text(code: &str) -> ErrorClass {
    code.parse().ok().and_then(|code| class_of_code(ERRORS, code)).unwrap_or(REFUSED)
}

/// The milliseconds in "Throughput Rate Exceeded - please wait [ 250 ] and retry".
fn wait_in(text: &str) -> Option<Duration> {
    let (_, after) = text.split_once('[')?;
    let (digits, _) = after.split_once(']')?;
    let ms: u32 = digits.trim().parse().ok()?;
    Some(Duration::from_millis(ms.into()))
}

#[derive(Deserialize)]
struct Balance {
    value: f64,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    match answer.json::<Balance>() {
        Some(balance) if answer.is_success() => {
            Ok(format!("vonage: credentials good, balance {:.2} EUR", balance.value))
        }
        _ => Err(format!("vonage answered HTTP {}", answer.status)),
    }
}

#[cfg(test)]
#[path = "vonage_tests.rs"]
mod tests;
