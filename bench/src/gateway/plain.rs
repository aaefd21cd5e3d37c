//! A gateway of no brand: `to` and `text` as JSON, form or query, an `id` in return.

use hyper::{StatusCode, http::request::Parts};
use serde_json::Value;

use super::server::{Asked, Reply, form, fresh_id, is_authorized, json};

#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) token: String,
    authorization: String,
}

impl Default for Plain {
    fn default() -> Self {
        let token = "plain-token-of-the-bench".to_owned();
        Self { authorization: format!("Bearer {token}"), token }
    }
}

impl Plain {
    /// A request without any `Authorization` passes: some gateways only know their callers' address.
    pub(crate) fn read(&self, head: &Parts, body: &[u8]) -> Result<Asked, Box<Reply>> {
        let authorizes = head.headers.contains_key("authorization");
        if authorizes && !is_authorized(head, &self.authorization) {
            let refusal = r#"{"error":"unauthorized"}"#;
            return Err(Box::new(json(StatusCode::UNAUTHORIZED, refusal)));
        }
        let names = ["to", "from", "text"];
        let [to, from, text] = if let Ok(object) = serde_json::from_slice::<Value>(body) {
            names.map(|name| object[name].as_str().map(str::to_owned))
        } else {
            let query = head.uri.query().unwrap_or_default().as_bytes();
            form(if body.is_empty() { query } else { body }, names)
        };
        let (Some(to), Some(text)) = (to, text) else {
            let refusal = r#"{"error":"to and text are needed"}"#;
            return Err(Box::new(json(StatusCode::BAD_REQUEST, refusal)));
        };
        let to = format!("+{}", to.trim_start_matches('+').trim());
        let from = from.unwrap_or_default();
        Ok(Asked { to, from, text, report_to: None })
    }

    #[expect(
        clippy::unused_self,
        reason = "each dialect accepts in the same manner, this one says nothing of the account"
    )]
    pub(crate) fn accepted(&self) -> Reply {
        json(StatusCode::OK, &format!(r#"{{"id":"{}"}}"#, fresh_id()))
    }
}
