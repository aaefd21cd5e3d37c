//! `sinch`: the Sinch SMS API, `/xms/v1/{service plan}/batches`, one message a batch.

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{Account, Region, Sender},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Net,
    error_table::{ErrorWords, class_of_word},
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    refusal::Refusal,
    sender::given,
    spelling::unknown_word,
};
use crate::provider::{Outcome, Outgoing, Provider};

const REGIONS: [&str; 5] = ["au", "br", "ca", "eu", "us"];

/// Accounts are made there unless one asks for another.
const DEFAULT_REGION: &str = "us";

const DELIVERY_REPORTS: [&str; 5] =
    ["full", "none", "per_recipient", "per_recipient_final", "summary"];

/// What is asked for together with an address to send it to: one report, the last.
const FINAL_REPORT: &str = "per_recipient_final";

/// The longest life of a message, which it also has without `expire_at`.
const LONGEST_LIFE: Duration = Duration::from_hours(72);

/// Sinch has no shortest life, but `expire_at` must not be past by its clock.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// Source: developers.sinch.com/docs/sms/api-reference/status-codes and the article "Common SMS
/// HTTP Statuses and Codes Explained" at community.sinch.com. Only 400 and 403 have codes.
const ERRORS: &ErrorWords = &[
    ("blocked_account", Account),
    // This kind of number is not served from this region; elsewhere it may be.
    ("illegal_number_type", Region),
    // The same, as an older edition of the documentation spells it.
    ("llegal_number_type", Region),
    // Reports were asked for and the plan has no address to send them to.
    ("missing_callback_url", Account),
    // A field is missing, too long or not in its form: a mistake of ours or of the sender.
    ("syntax_constraint_violation", Sender),
    ("syntax_invalid_json", Sender),
    ("syntax_invalid_parameter_format", Sender),
    ("unknown_campaign", Sender), // not the campaign of this sender
    ("unknown_group", Sender),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinchConfig {
    /// The service plan, from the dashboard.
    service_plan_id: String,
    /// The token of that plan.
    api_token: SecretText,
    /// The sender: a number, a short code or a name; without it, the plan's default one.
    from: Option<String>,
    /// Where the plan lives: `us`, `eu`, `au`, `br` or `ca`.
    region: Option<String>,
    /// Which reports Sinch sends: to us if it can reach us, else to the callback address of the plan.
    delivery_report: Option<String>,
    /// With which the account signs what it sends, if it does; the API checks it.
    signature_secret: Option<SecretText>,
    /// For a test server, in place of a region.
    base_url: Option<String>,
}

pub(super) struct Sinch {
    client: Client,
    batches_url: Url,
    check_url: Url,
    api_token: SecretText,
    from: Option<String>,
    delivery_report: Option<String>,
}

/// What is sent, one message of it.
#[derive(Serialize)]
struct Batch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    to: [&'a str; 1],
    body: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    client_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_report: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
}

impl Sinch {
    pub(super) fn new(name: &str, config: SinchConfig, net: &Net) -> Result<Self, ConfigError> {
        let plan = config.service_plan_id;
        if plan.is_empty() || !plan.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err(mistake(name, "service_plan_id", "must be letters and digits"));
        }
        if let Some(from) = &config.from {
            given(from).map_err(|said| mistake(name, "from", said))?;
        }
        if config.signature_secret.is_some_and(|secret| secret.expose().is_empty()) {
            return Err(mistake(name, "signature_secret", "must not be empty; leave it out"));
        }
        if let Some(word) = &config.delivery_report {
            check_word(name, "delivery_report", word, &DELIVERY_REPORTS)?;
        }
        let base_url = match (config.region, config.base_url) {
            (Some(_), Some(_)) => {
                return Err(mistake(name, "region", "set either this or base_url"));
            }
            (None, Some(url)) => url,
            (region, None) => {
                let region = region.as_deref().unwrap_or(DEFAULT_REGION);
                check_word(name, "region", region, &REGIONS)?;
                format!("https://{region}.sms.api.sinch.com")
            }
        };
        let path = format!("/xms/v1/{plan}/batches");
        Ok(Self {
            client: net.client(name)?,
            batches_url: endpoint(name, &base_url, &path)?,
            check_url: endpoint(name, &base_url, &format!("{path}?page_size=1"))?,
            api_token: config.api_token,
            from: config.from,
            delivery_report: config.delivery_report,
        })
    }

    fn request(&self, out: &Outgoing, now: SystemTime) -> RequestBuilder {
        let callback_url = out.report_to.as_deref();
        let final_report = callback_url.map(|_| FINAL_REPORT);
        let batch = Batch {
            from: out.sender.as_deref().or(self.from.as_deref()),
            to: [out.to.address()],
            body: &out.text,
            kind: "mt_text",
            client_reference: out.message_id.to_string(),
            expire_at: expire_at(out.validity, now),
            delivery_report: self.delivery_report.as_deref().or(final_report),
            callback_url,
        };
        self.client.post(self.batches_url.clone()).bearer_auth(self.api_token.expose()).json(&batch)
    }
}

fn check_word(name: &str, key: &str, word: &str, known: &[&str]) -> Result<(), ConfigError> {
    if known.contains(&word) {
        return Ok(());
    }
    Err(mistake(name, key, unknown_word(key, word, known)))
}

/// `None` if the message may live as long as Sinch lets it.
fn expire_at(validity: Duration, now: SystemTime) -> Option<String> {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    if validity >= LONGEST_LIFE {
        return None;
    }
    OffsetDateTime::from(now.checked_add(validity.max(SHORTEST_LIFE))?).format(&format).ok()
}

impl Provider for Sinch {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            call(self.request(out, SystemTime::now()))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request =
                self.client.get(self.check_url.clone()).bearer_auth(self.api_token.expose());
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

fn read_answer(answer: &Answer) -> Outcome {
    if answer.is_success() {
        return answer
            .json::<Created>()
            .filter(|batch| !batch.id.is_empty())
            .map_or_else(|| answer.unreadable(), |batch| Outcome::accepted(Some(batch.id)));
    }
    let Some(refusal) = refusal(answer) else {
        return answer.unreadable();
    };
    let class = refusal
        .code
        .as_deref()
        .and_then(|code| class_of_word(ERRORS, code))
        .unwrap_or_else(|| class_of_status(answer.status));
    answer.refused(class, refusal.code, refusal.text.as_deref())
}

/// `{code, text}`, or with some answers of 400 `{error: {status, message}}`.
fn refusal(answer: &Answer) -> Option<Refusal> {
    Refusal::read(answer, &["/code", "/error/status"], &["/text", "/error/message"])
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        return Err(refusal(answer).unwrap_or_default().check_failed("sinch", answer.status));
    }
    let listed = answer.json::<Value>();
    let is_a_list = |list: &Value| list.get("count").is_some() || list.get("batches").is_some();
    if !listed.as_ref().is_some_and(is_a_list) {
        return Err("sinch's answer is not readable".to_owned());
    }
    Ok("sinch: token good for the service plan".to_owned())
}

#[cfg(test)]
#[path = "sinch_tests.rs"]
mod tests;
