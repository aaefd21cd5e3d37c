//! `infobip`: the Infobip SMS API, `/sms/3/messages` at the account's own address. It answers 200
//! to a message it rejects too and says in the body what became of it.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{self, Account, Content, OptedOut, Recipient, Region, Sender, Unknown},
};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Net,
    error_table::{ErrorTable, class_of_code},
    http_call::{Answer, call, call_check},
    http_status::{REFUSED, class_of_status},
    mistake,
    net::endpoint,
    refusal::Refusal,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// The range of `validityPeriod`. What is longer Infobip cuts to 48 hours itself.
const VALIDITY_SECS: (u64, u64) = (1, 172_800);

/// Reports of a message that does not exist. Asking for those of others would use them up, since
/// each is given out once.
const CHECK_PATH: &str = "/sms/3/reports?messageId=otpost-check&limit=1";

/// `REJECTED_DUPLICATE_MESSAGE_ID`. The id is ours and the same in every attempt of a message, so an
/// earlier one got there. Whether it was sent is not said, nor whether rejected ids are remembered.
const DUPLICATE_ID: u32 = 23;

/// Statuses of the groups undeliverable, expired and rejected. Source:
/// infobip.com/docs/essentials/api-essentials/response-status-and-error-codes.
///
/// None is transient or throttled: a repeat would carry the same id and be rejected as a duplicate, so
/// that nobody would know any more that it was not sent.
const ERRORS: &ErrorTable = &[
    (6, 6, Region),      // network not covered or not set up
    (8, 8, Recipient),   // prefix or length
    (10, 10, OptedOut),  // do not disturb
    (11, 11, Sender),    // not registered
    (12, 12, Account),   // no credit
    (13, 13, Sender),    // blocklisted by the account
    (14, 14, OptedOut),  // blocklisted by the operator or the account
    (17, 17, Account),   // package expired
    (18, 18, Account),   // trial, To is not the registered number
    (19, 19, Region),    // no route
    (20, 20, Content),   // too many in an hour to this number
    (21, 21, Sender),    // system error
    (24, 25, Content),   // header, too long
    (51, 52, Recipient), // no To, prefix
    (87, 87, Region),    // fraud guard
    (100, 100, Sender),  // malformed, or the service is away
];

/// Errors behind a status that says no more than "not delivered". Answers to a send need not have
/// them. Same source; what is not here is about our sender or gets that class anyway.
const NETWORK_ERRORS: &ErrorTable = &[
    (1, 1, Recipient),       // unknown subscriber
    (9, 9, Recipient),       // illegal subscriber
    (11, 12, Recipient),     // no SMS in this subscription, illegal handset
    (345, 345, Region),      // operator not found
    (351, 352, Recipient),   // invalid, country code
    (355, 355, Content),     // too long
    (433, 433, Account),     // access denied
    (561, 561, Content),     // blocked by the operator
    (568, 569, Recipient),   // not provisioned for SMS, suspended
    (573, 573, OptedOut),    // short code blocked by its user
    (592, 592, Region),      // network not covered
    (603, 603, OptedOut),    // STOP
    (604, 604, Content),     // blocklist of the campaign
    (607, 607, Content),     // spam
    (608, 608, Region),      // fraud guard
    (629, 629, Recipient),   // cannot receive SMS
    (2050, 2050, OptedOut),  // do not disturb
    (2052, 2052, OptedOut),  // blocklisted
    (3041, 3041, Recipient), // deactivated
    (4099, 4099, Account),   // monthly limit
    (4103, 4104, Content),   // flooding
];

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
        if config.from.is_empty() {
            return Err(mistake(name, "from", "must not be empty"));
        }
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
        let body = json!({"messages": [{
            "sender": self.from,
            "destinations": [{"to": out.to.digits(), "messageId": out.message_id}],
            "content": {"text": out.text},
            "options": {"validityPeriod": {"amount": validity, "timeUnit": "SECONDS"}},
        }]});
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
            ..Outcome::refused(Unknown, None, "an earlier attempt of this message got there")
        },
        // Accepted, pending, delivered.
        (0 | 1 | 3, _, Some(id)) => Outcome::accepted(Some(id)),
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
