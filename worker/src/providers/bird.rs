//! `bird`: the SMS channel of the Bird API (`{region}.platform.bird.com/v1/sms/messages`).

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{Account, Recipient, Sender, Transient},
    queue::Lane,
    report::bird::{FAILURES, METADATA_KEY, cost, secret_bytes},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Net,
    error_table::{ErrorWords, class_of_word},
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    refused_field::MessageFields,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The name of a refusal, or else its type. Source: bird.com/docs/api, create-sms-message and
/// errors. Of the types only the one whose status does not say the same.
const REFUSALS: &ErrorWords = &[
    ("SMSInvalidRecipient", Recipient),
    ("SMSNoEligibleSender", Sender),
    ("SMSSenderNotConfigured", Sender),
    ("SMSUnsupportedFeature", Sender),
    ("SenderCategoryNotPermitted", Sender),
    ("misdirected_error", Account), // another region's key
];

const FIELDS: MessageFields = MessageFields { to: &["to"], text: &["text"] };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BirdConfig {
    /// A key of the workspace, `bk_…`.
    api_key: SecretText,
    /// The sender: a number with plus, a short code or a name that the workspace holds.
    from: String,
    /// Why other messages than codes are sent.
    #[serde(default)]
    category: Category,
    /// With which Bird signs what it calls the workspace's webhook with; the API checks it.
    signing_secret: Option<SecretText>,
    /// Where the workspace lives, if the key does not say it.
    region: Option<String>,
    /// For a test server, in place of the region.
    base_url: Option<String>,
}

/// Bird's word for the purpose of a message; codes are `authentication`.
#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Category {
    #[default]
    Transactional,
    Marketing,
    Service,
}

pub(super) struct Bird {
    client: Client,
    messages_url: Url,
    workspace_url: Url,
    api_key: SecretText,
    from: String,
    category: Category,
}

impl Bird {
    pub(super) fn new(name: &str, config: BirdConfig, net: &Net) -> Result<Self, ConfigError> {
        check_from(&config.from).map_err(|said| mistake(name, "from", said))?;
        let secret = config.signing_secret.as_ref();
        if secret.is_some_and(|secret| secret_bytes(secret.expose()).is_none()) {
            return Err(mistake(
                name,
                "signing_secret",
                "must be whsec_ and base64; or leave it out",
            ));
        }
        let base_url = base_url(name, &config)?;
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &base_url, "/v1/sms/messages")?,
            workspace_url: endpoint(name, &base_url, "/v1/workspace")?,
            api_key: config.api_key,
            from: config.from,
            category: config.category,
        })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let category = match out.lane {
            Lane::Otp => json!("authentication"),
            Lane::Bulk => json!(self.category),
        };
        let mut body = json!({
            "to": out.to.address(),
            "from": out.sender_or(&self.from),
            "text": out.text,
            "category": category,
            "metadata": { "message_id": out.message_id },
        });
        if let Some(reference) = out.report_reference() {
            body["metadata"][METADATA_KEY] = json!(reference);
        }
        self.client
            .post(self.messages_url.clone())
            .bearer_auth(self.api_key.expose())
            .header("Idempotency-Key", self.idempotency_key(out))
            .json(&body)
    }

    /// The same for every attempt of a message, so that a repeated one is answered with the first
    /// result. A key seen with another body is an error, and two sections of a configuration may
    /// be one workspace with two senders.
    fn idempotency_key(&self, out: &Outgoing) -> String {
        format!("{}/{}", out.message_id, out.sender_or(&self.from))
    }
}

/// A sender is a part of the idempotency key, which stands in a header.
fn check_from(from: &str) -> Result<(), &'static str> {
    let is_printable = from.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && !from.is_empty() { Ok(()) } else { Err("must be printable ASCII") }
}

fn base_url(name: &str, config: &BirdConfig) -> Result<String, ConfigError> {
    if let Some(base_url) = &config.base_url {
        return Ok(base_url.clone());
    }
    let region = config.region.as_deref().or_else(|| region_of_key(config.api_key.expose()));
    match region {
        Some(region) if is_region(region) => Ok(format!("https://{region}.platform.bird.com")),
        Some(_) => Err(mistake(name, "region", "must be lower-case letters and digits")),
        None => Err(mistake(name, "region", "must be set, as the key does not name one")),
    }
}

/// The `eu1` of `bk_eu1_…`.
fn region_of_key(key: &str) -> Option<&str> {
    let (region, _) = key.strip_prefix("bk_")?.split_once('_')?;
    is_region(region).then_some(region)
}

fn is_region(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty() && text.bytes().all(is_part)
}

impl Provider for Bird {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        check_from(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request =
                self.client.get(self.workspace_url.clone()).bearer_auth(self.api_key.expose());
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Deserialize)]
struct Message {
    id: String,
    status: Option<String>,
    last_error: Option<Failure>,
    /// Among the rest what it costs. A repeat is answered with the first result, and its cost.
    #[serde(flatten)]
    rest: Value,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
    description: Option<String>,
}

fn read_answer(answer: &Answer) -> Outcome {
    match answer.json::<Message>() {
        Some(message) if answer.is_success() && !message.id.is_empty() => created(answer, message),
        _ => refused(answer),
    }
}

/// A created message may already have failed.
fn created(answer: &Answer, message: Message) -> Outcome {
    let status = message.status.as_deref();
    if !matches!(status, Some("rejected" | "failed" | "undelivered" | "expired" | "canceled")) {
        return Outcome::accepted(Some(message.id)).costing(cost(&message.rest));
    }
    let (code, description) =
        message.last_error.map(|failure| (failure.code, failure.description)).unwrap_or_default();
    let class = code.as_deref().and_then(|code| class_of_word(FAILURES, code)).unwrap_or(Transient);
    let mut outcome = answer.refused(class, code, description.as_deref().or(status));
    outcome.provider_message_id = Some(message.id);
    outcome
}

fn refused(answer: &Answer) -> Outcome {
    let Some(error) = error_of(answer) else {
        return answer.unreadable();
    };
    let text = |field: &str| error.get(field).and_then(Value::as_str);
    let (name, message) = (text("name"), text("message"));
    let mut words = [name, text("type")].into_iter().flatten();
    let class = words.find_map(|word| class_of_word(REFUSALS, word));
    let class = class.unwrap_or_else(|| match answer.status {
        400 | 422 => FIELDS.class_of(refused_fields(&error)),
        status => class_of_status(status),
    });
    let told: Vec<&str> = [name, message].into_iter().flatten().collect();
    let detail = (!told.is_empty()).then(|| told.join(": "));
    answer.refused(class, text("code").map(str::to_owned), detail.as_deref())
}

/// The object under `error`, or the whole of a body that has none there.
fn error_of(answer: &Answer) -> Option<Value> {
    let body: Value = answer.json().filter(Value::is_object)?;
    Some(body.get("error").filter(|error| error.is_object()).unwrap_or(&body).clone())
}

/// One field in `param`, or several in `details`.
fn refused_fields(error: &Value) -> impl Iterator<Item = &str> {
    let details = error.get("details").and_then(Value::as_array);
    let params = details.into_iter().flatten().filter_map(|detail| detail.get("param"));
    error.get("param").into_iter().chain(params).filter_map(Value::as_str)
}

#[derive(Deserialize)]
struct Workspace {
    id: String,
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if answer.is_success() {
        let workspace: Workspace = answer.json().ok_or("bird's answer is not readable")?;
        return Ok(format!("bird: key good, workspace {}", workspace.id));
    }
    let error = error_of(answer).unwrap_or_default();
    let text = |field: &str| error.get(field).and_then(Value::as_str);
    if text("type") == Some("permission_error") {
        return Ok("bird: key known, but it may not read the workspace".to_owned());
    }
    let detail = text("message").map(|text| format!(": {text}")).unwrap_or_default();
    Err(format!("bird answered HTTP {}{detail}", answer.status))
}

#[cfg(test)]
#[path = "bird_tests.rs"]
mod tests;
