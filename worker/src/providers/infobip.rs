//! `infobip`: the Infobip SMS API, `/sms/3/messages` at the account's own address. It answers 200
//! to a message it rejects too and says in the body what became of it.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{
        ErrorClass::{self, Unknown},
        class_of_code,
    },
    price::{self, Cost},
    report::infobip::{DUPLICATE_ID, ERRORS, NETWORK_ERRORS},
};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Net,
    http_call::{Answer, call, call_check},
    http_status::{REFUSED, class_of_status},
    mistake,
    net::endpoint,
    refusal::Refusal,
    sender::given,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `validityPeriod`. What is longer Infobip cuts to 48 hours itself.
const VALIDITY_SECS: (u64, u64) = (1, 172_800);

/// Reports of a message that does not exist. Asking for those of others would use them up, since
/// each is given out once.
const CHECK_PATH: &str = "/sms/3/reports?messageId=otpost-check&limit=1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InfobipConfig {
    /// The account's own address, `https://….api.infobip.com`.
    base_url: String,
    /// An API key that may send SMS.
    api_key: SecretText,
    /// The sender: a number in digits or a registered name.
    from: String,
}

pub(super) struct Infobip {
    client: Client,
    messages_url: Url,
    check_url: Url,
    authorization: HeaderValue,
    from: String,
}

impl Infobip {
    pub(super) fn new(name: &str, config: InfobipConfig, net: &Net) -> Result<Self, ConfigError> {
        given(&config.from).map_err(|said| mistake(name, "from", said))?;
        let key = config.api_key.expose();
        let mut authorization = HeaderValue::from_str(&format!("App {key}"))
            .ok()
            .filter(|_| !key.is_empty())
            .ok_or_else(|| mistake(name, "api_key", "must be letters, digits and hyphens"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: net.client(name)?,
            messages_url: endpoint(name, &config.base_url, "/sms/3/messages")?,
            check_url: endpoint(name, &config.base_url, CHECK_PATH)?,
            authorization,
            from: config.from,
        })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let (shortest, longest) = VALIDITY_SECS;
        let validity = out.validity.as_secs().clamp(shortest, longest);
        let mut message = json!({
            "sender": out.sender_or(&self.from),
            "destinations": [{"to": out.to.digits(), "messageId": out.message_id}],
            "content": {"text": out.text},
            "options": {"validityPeriod": {"amount": validity, "timeUnit": "SECONDS"}},
        });
        if let Some(url) = &out.report_to {
            let delivery = json!({"url": url});
            // Infobip can report in XML as well.
            message["webhooks"] = json!({"delivery": delivery, "contentType": "application/json"});
        }
        let body = json!({"messages": [message]});
        self.authorized(self.client.post(self.messages_url.clone())).json(&body)
    }

    /// Infobip can answer in XML as well.
    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, self.authorization.clone()).header(ACCEPT, "application/json")
    }
}

impl Provider for Infobip {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let own_id = out.message_id.to_string();
            call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer, own_id))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request = self.authorized(self.client.get(self.check_url.clone()));
            read_check(&call_check(request).await?)
        })
    }
}

#[derive(Deserialize)]
struct Taken {
    messages: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    message_id: Option<String>,
    status: Status,
    /// Error 0 is none.
    error: Option<NetworkError>,
    /// How many SMS it is; the price is in reports alone.
    #[serde(default)]
    details: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    group_id: u32,
    id: u32,
    name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct NetworkError {
    id: u32,
    name: Option<String>,
    description: Option<String>,
}

fn read_answer(answer: &Answer, own_id: String) -> Outcome {
    if !answer.is_success() {
        return refused_request(answer);
    }
    let taken = answer.json::<Taken>().map(|taken| taken.messages).unwrap_or_default();
    let [message] = taken.as_slice() else {
        return answer.unreadable();
    };
    let id = message.message_id.clone().filter(|id| !id.is_empty());
    match (message.status.group_id, message.status.id, id) {
        (5, DUPLICATE_ID, _) => Outcome {
            code: Some(DUPLICATE_ID.to_string()),
            provider_message_id: Some(own_id),
            // The earlier attempt counts.
            cost: Cost::of_segments(Some(0)),
            ..Outcome::refused(Unknown, None, "an earlier attempt of this message got there")
        },
        // Accepted, pending, delivered.
        (0 | 1 | 3, _, Some(id)) => {
            let segments = price::segments(message.details.get("messageCount"));
            Outcome::accepted(Some(id)).costing(Cost::of_segments(segments))
        }
        // Undeliverable, expired, rejected.
        (2 | 4 | 5, _, _) => refused(answer, message),
        _ => answer.unreadable(),
    }
}

/// Whether the error is permanent is not asked: whatever it is, our repeat would be a duplicate.
fn refused(answer: &Answer, message: &Entry) -> Outcome {
    let status = &message.status;
    let error = message.error.as_ref().filter(|error| error.id != 0);
    let class: Option<ErrorClass> = class_of_code(ERRORS, status.id)
        .or_else(|| error.and_then(|error| class_of_code(NETWORK_ERRORS, error.id)));
    let words = [
        status.name.as_deref(),
        status.description.as_deref(),
        error.and_then(|error| error.name.as_deref()),
        error.and_then(|error| error.description.as_deref()),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let words = (!words.is_empty()).then(|| words.join(", "));
    answer.refused(class.unwrap_or(REFUSED), Some(status.id.to_string()), words.as_deref())
}

/// The request as a whole was refused.
fn refused_request(answer: &Answer) -> Outcome {
    let Some(refusal) = refusal(answer) else {
        return answer.unreadable();
    };
    let violation =
        Refusal::read(answer, &["/violations/0/property"], &["/violations/0/violation"])
            .unwrap_or_default();
    let words: Vec<String> =
        [refusal.text, violation.code, violation.text].into_iter().flatten().collect();
    let words = (!words.is_empty()).then(|| words.join(", "));
    answer.refused(class_of_status(answer.status), refusal.code, words.as_deref())
}

/// The newer and the older shape of an error.
fn refusal(answer: &Answer) -> Option<Refusal> {
    Refusal::read(
        answer,
        &["/errorCode", "/requestError/serviceException/messageId"],
        &["/description", "/requestError/serviceException/text"],
    )
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        return Err(refusal(answer).unwrap_or_default().check_failed("infobip", answer.status));
    }
    let reports = answer.json::<Value>();
    if !reports.as_ref().and_then(|body| body.get("results")).is_some_and(Value::is_array) {
        return Err("infobip's answer is not readable".to_owned());
    }
    Ok("infobip: API key good for sending SMS".to_owned())
}

#[cfg(test)]
#[path = "infobip_tests.rs"]
mod tests;
