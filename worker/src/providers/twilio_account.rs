//! An account at Twilio: what its APIs for messages and for calls share of credentials and answers.

use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::{
        ErrorClass::{self, Recipient, Sender, Transient},
        ErrorTable, class_of_code,
    },
};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::{
    Net,
    http_call::{Answer, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
};
use crate::provider::Outcome;

/// Where the API is, unless a section says otherwise.
pub(super) fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

/// The keys that sections of both kinds have, as they stand there.
pub(super) struct Keys {
    pub(super) account_sid: String,
    pub(super) auth_token: Option<SecretText>,
    pub(super) shared_key_secret: Option<SecretText>,
    pub(super) api_key_sid: Option<String>,
    pub(super) api_key_secret: Option<SecretText>,
    pub(super) base_url: String,
}

/// One resource of the account, such as its calls, with what it is asked with.
pub(super) struct Resource {
    client: Client,
    url: Url,
    check_url: Url,
    pub(super) user: String,
    password: SecretText,
}

impl Resource {
    /// `resource` is its name in the address, such as `Calls`.
    pub(super) fn new(
        name: &str,
        resource: &str,
        keys: Keys,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        let account = keys.account_sid;
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(mistake(name, "account_sid", "must be letters and digits"));
        }
        if keys.shared_key_secret.is_some_and(|secret| secret.expose().is_empty()) {
            return Err(mistake(name, "shared_key_secret", "must not be empty; leave it out"));
        }
        let path = format!("/2010-04-01/Accounts/{account}");
        let own_path = format!("{path}/{resource}.json");
        let key = (keys.api_key_sid, keys.api_key_secret);
        // A standard API key may not read the account, but what the account has sent.
        let (user, password, check_path) = match (keys.auth_token, key) {
            (Some(token), (None, None)) => (account, token, format!("{path}.json")),
            // With both, the token is for what Twilio signs.
            (_, (Some(sid), Some(secret))) => (sid, secret, format!("{own_path}?PageSize=1")),
            _ => {
                let rule = "set this, or both api_key_sid and api_key_secret, or all three";
                return Err(mistake(name, "auth_token", rule));
            }
        };
        Ok(Self {
            client: net.client(name)?,
            url: endpoint(name, &keys.base_url, &own_path)?,
            check_url: endpoint(name, &keys.base_url, &check_path)?,
            user,
            password,
        })
    }

    /// The request that makes one.
    pub(super) fn create(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.authorized(self.client.post(self.url.clone())).form(form)
    }

    /// Asks whether the credentials are good; `kind` begins the sentence.
    pub(super) async fn check(&self, kind: &str) -> Result<String, String> {
        let request = self.authorized(self.client.get(self.check_url.clone()));
        read_check(kind, &call_check(request).await?)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.user, Some(self.password.expose()))
    }
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
    message: Option<String>,
}

/// What an answer says that is no success.
pub(super) fn refused(answer: &Answer, table: &ErrorTable) -> Outcome {
    let Some(refusal) = answer.json::<Refusal>() else {
        return answer.unreadable();
    };
    let message = refusal.message.as_deref();
    let class = refusal.code.map_or_else(
        || class_of_status(answer.status),
        |code| {
            class_of_code(table, code)
                .unwrap_or_else(|| class_of_unlisted(answer.status, code, message.unwrap_or("")))
        },
    );
    let code = refusal.code.map(|code| code.to_string());
    answer.refused(class, code, message)
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
    /// `active`, `suspended` or `closed`; absent in a list of what was sent.
    status: Option<String>,
}

pub(super) fn read_check(kind: &str, answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let said = answer.json::<Refusal>();
        let detail = said.and_then(|refusal| refusal.message);
        let detail = detail.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(format!("twilio answered HTTP {}{detail}", answer.status));
    }
    let state = answer.json::<AccountState>().ok_or("twilio's answer is not readable")?;
    match state.status.as_deref() {
        Some("active") => Ok(format!("{kind}: credentials good, account active")),
        None => Ok(format!("{kind}: API key good")),
        Some(status) => Err(format!("the twilio account is {status}")),
    }
}
