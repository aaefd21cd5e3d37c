//! `vonage_messages`: the SMS channel of the Vonage Messages API (`api.nexmo.com/v1/messages`).

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{
        ErrorClass::{self, Account, Sender, Throttled},
        class_of_code,
    },
    report::vonage_messages::ERRORS,
};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Net,
    error_table::{ErrorWords, class_of_word},
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    refused_field::MessageFields,
    sender::given,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `ttl`: 20 seconds to a week.
const TTL_SECS: (u64, u64) = (20, 604_800);

const TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// What stands behind the `#` of an error's `type` in all of Vonage's APIs. Source:
/// developer.vonage.com/api-errors.
const GENERIC: &ErrorWords = &[
    ("account-suspended", Account),
    ("forbidden", Account),
    ("invalid-api-key", Account),
    ("invalid-params", Sender),
    ("invalid-signature", Account),
    ("jwt-expired", Account),
    ("jwt-revoked", Account),
    ("low-balance", Account),
    ("not-found", Account),
    ("rate-limit", Throttled),
    ("throttled", Throttled),
    ("unauthorized", Account),
    ("unprovisioned", Account),
];

const FIELDS: MessageFields = MessageFields { to: &["to"], text: &["text"] };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VonageMessagesConfig {
    /// An application; either this and its key, or the account's key and secret.
    application_id: Option<String>,
    /// The application's private key, in PEM.
    private_key: Option<SecretText>,
    /// The account's key and secret.
    api_key: Option<String>,
    api_secret: Option<SecretText>,
    /// The sender: a number in digits or a name of up to 11 characters.
    from: String,
    /// With which the account signs its calls; the API checks the delivery reports.
    signature_secret: Option<SecretText>,
    /// For another region or a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_base_url() -> String {
    "https://api.nexmo.com".to_owned()
}

enum Credentials {
    Application(Application),
    Account { key: String, secret: SecretText },
}

struct Application {
    id: String,
    key: EncodingKey,
}

/// What an application says of itself with each request.
#[derive(Serialize)]
struct Claims<'a> {
    application_id: &'a str,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

impl Application {
    fn token(&self, now: SystemTime, jti: Uuid) -> Result<String, jsonwebtoken::errors::Error> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (iat, exp) = (now.as_secs(), (now + TOKEN_LIFETIME).as_secs());
        let claims = Claims { application_id: &self.id, iat, exp, jti };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
    }
}

impl Credentials {
    fn new(name: &str, config: &mut VonageMessagesConfig) -> Result<Self, ConfigError> {
        let application = (config.application_id.take(), config.private_key.take());
        let account = (config.api_key.take(), config.api_secret.take());
        match (application, account) {
            ((Some(id), Some(pem)), (None, None)) => {
                let wrong = |_| mistake(name, "private_key", "must be an RSA private key in PEM");
                let key = EncodingKey::from_rsa_pem(pem.expose().as_bytes()).map_err(wrong)?;
                let application = Application { id, key };
                // What is in the armour is looked at only now.
                application.token(SystemTime::UNIX_EPOCH, Uuid::nil()).map_err(wrong)?;
                Ok(Self::Application(application))
            }
            ((None, None), (Some(key), Some(secret))) => Ok(Self::Account { key, secret }),
            _ => {
                let rule = "set either this and private_key, or api_key and api_secret";
                Err(mistake(name, "application_id", rule))
            }
        }
    }

    /// A path that only reads, and that these credentials may read.
    fn check_path(&self) -> &'static str {
        match self {
            Self::Application(_) => "/v1/users?page_size=1",
            Self::Account { .. } => "/v2/applications?page_size=1",
        }
    }

    fn authorize(
        &self,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, jsonwebtoken::errors::Error> {
        Ok(match self {
            Self::Application(application) => {
                request.bearer_auth(application.token(SystemTime::now(), Uuid::now_v7())?)
            }
            Self::Account { key, secret } => request.basic_auth(key, Some(secret.expose())),
        })
    }
}

pub(super) struct VonageMessages {
    client: Client,
    messages_url: Url,
    check_url: Url,
    credentials: Credentials,
    from: String,
}

impl VonageMessages {
    pub(super) fn new(
        name: &str,
        mut config: VonageMessagesConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        given(&config.from).map_err(|said| mistake(name, "from", said))?;
        if config.signature_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
            return Err(mistake(name, "signature_secret", "must not be empty; leave it out"));
        }
        let credentials = Credentials::new(name, &mut config)?;
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &config.base_url, "/v1/messages")?,
            check_url: endpoint(name, &config.base_url, credentials.check_path())?,
            credentials,
            from: config.from,
        })
    }

    fn request(&self, out: &Outgoing) -> Result<RequestBuilder, jsonwebtoken::errors::Error> {
        let (shortest, longest) = TTL_SECS;
        let mut body = json!({
            "channel": "sms",
            "message_type": "text",
            "to": out.to.digits(),
            "from": out.sender_or(&self.from),
            "text": out.text,
            "ttl": out.validity.as_secs().clamp(shortest, longest),
            "client_ref": out.message_id,
        });
        if let Some(url) = &out.report_to {
            body["webhook_url"] = json!(url);
            // Else the account's settings decide how it is written.
            body["webhook_version"] = json!("v1");
        }
        Ok(self.credentials.authorize(self.client.post(self.messages_url.clone()))?.json(&body))
    }
}

impl Provider for VonageMessages {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Ok(request) = self.request(out) else {
                return Outcome::refused(Account, None, "the token could not be signed");
            };
            call(request).await.map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request = self
                .credentials
                .authorize(self.client.get(self.check_url.clone()))
                .map_err(|_| "vonage_messages: the token could not be signed")?;
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Deserialize)]
struct Accepted {
    message_uuid: String,
}

/// What Vonage says instead, in the form of RFC 9457.
#[derive(Deserialize)]
struct Problem {
    /// An address; the code stands behind its `#`.
    #[serde(rename = "type")]
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    invalid_parameters: Option<Vec<InvalidParameter>>,
}

#[derive(Deserialize)]
struct InvalidParameter {
    name: Option<String>,
}

impl Problem {
    fn code(&self) -> Option<&str> {
        let (_, code) = self.kind.as_deref()?.rsplit_once('#')?;
        (!code.is_empty()).then_some(code)
    }
}

fn read_answer(answer: &Answer) -> Outcome {
    if let Some(accepted) = answer.json::<Accepted>()
        && answer.is_success()
        && !accepted.message_uuid.is_empty()
    {
        return Outcome::accepted(Some(accepted.message_uuid));
    }
    let Some(problem) = answer.json::<Problem>() else {
        return answer.unreadable();
    };
    let class = class_of(answer.status, &problem);
    let detail = problem.detail.as_deref().or(problem.title.as_deref());
    answer.refused(class, problem.code().map(str::to_owned), detail)
}

fn class_of(status: u16, problem: &Problem) -> ErrorClass {
    // Vonage's own example of a 429 has the code of a missing parameter.
    if status == 429 {
        return Throttled;
    }
    let listed = problem.code().and_then(|code| match code.parse() {
        Ok(number) => class_of_code(ERRORS, number),
        Err(_) => class_of_word(GENERIC, code),
    });
    let class = listed.unwrap_or_else(|| class_of_status(status));
    if class != Sender {
        return class;
    }
    let refused = problem.invalid_parameters.iter().flatten();
    FIELDS.class_of(refused.map(|parameter| parameter.name.as_deref().unwrap_or_default()))
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if answer.is_success() {
        let list = answer.json::<Map<String, Value>>();
        let good = list.map(|_| "vonage_messages: credentials good".to_owned());
        return good.ok_or_else(|| "vonage's answer is not readable".to_owned());
    }
    let problem = answer.json::<Problem>();
    let detail = problem.and_then(|problem| problem.detail.or(problem.title));
    let detail = detail.map(|text| format!(": {text}")).unwrap_or_default();
    Err(format!("vonage_messages answered HTTP {}{detail}", answer.status))
}

#[cfg(test)]
#[path = "vonage_messages_tests.rs"]
mod tests;
