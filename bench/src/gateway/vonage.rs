//! Vonage's SMS API: always 200, the truth is in `messages[].status`.

use hyper::{Method, StatusCode, http::request::Parts};
use serde_json::json as object;

use super::server::{Asked, Reply, basic, form, fresh_id, is_authorized, json};

/// The account this gateway knows.
#[derive(Debug)]
pub(crate) struct Vonage {
    pub(crate) api_key: String,
    pub(crate) api_secret: String,
    authorization: String,
}

impl Default for Vonage {
    fn default() -> Self {
        let (api_key, api_secret) = ("be9c4000".to_owned(), "VonageSecretOfBench".to_owned());
        Self { authorization: basic(&api_key, &api_secret), api_key, api_secret }
    }
}

impl Vonage {
    pub(crate) fn read(&self, head: &Parts, body: &[u8]) -> Result<Asked, Box<Reply>> {
        if head.uri.path() != "/sms/json" {
            return Err(Box::new(self.balance(head)));
        }
        if head.method != Method::POST {
            return Err(Box::new(json(StatusCode::METHOD_NOT_ALLOWED, "{}")));
        }
        let names = ["to", "from", "text", "api_key", "api_secret", "callback"];
        let [to, from, text, key, secret, report_to] = form(body, names);
        let in_form = key.as_deref() == Some(&self.api_key)
            && secret.as_deref() == Some(self.api_secret.as_str());
        if !in_form && !is_authorized(head, &self.authorization) {
            return Err(Box::new(error(4, "Bad Credentials")));
        }
        let missing = |name: &str| Box::new(error(2, &format!("Missing {name} param")));
        let to = to.ok_or_else(|| missing("to"))?;
        let from = from.ok_or_else(|| missing("from"))?;
        let text = text.ok_or_else(|| missing("text"))?;
        if !to.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Box::new(error(3, "Invalid to param")));
        }
        let to = format!("+{to}");
        Ok(Asked { to, from, text, report_to })
    }

    fn balance(&self, head: &Parts) -> Reply {
        if is_authorized(head, &self.authorization) {
            return json(StatusCode::OK, r#"{"value":12.34,"autoReload":false}"#);
        }
        json(
            StatusCode::UNAUTHORIZED,
            r#"{"error-code":"401","error-code-label":"authentication failed"}"#,
        )
    }

    #[expect(
        clippy::unused_self,
        reason = "each dialect accepts in the same manner, this one says nothing of the account"
    )]
    pub(crate) fn accepted(&self, asked: &Asked) -> Reply {
        let body = object!({"message-count": "1", "messages": [{
            "to": asked.to.trim_start_matches('+'), "message-id": fresh_id(), "status": "0",
            "remaining-balance": "3.14159265", "message-price": "0.03330000", "network": "310090",
        }]});
        json(StatusCode::OK, &body.to_string())
    }
}

pub(crate) fn error(status: u32, text: &str) -> Reply {
    let body = object!({"message-count": "1",
        "messages": [{"status": status.to_string(), "error-text": text}]});
    json(StatusCode::OK, &body.to_string())
}
