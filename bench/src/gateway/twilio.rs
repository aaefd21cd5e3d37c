//! Twilio's Messages resource, as its published API describes it.

use hyper::{Method, StatusCode, http::request::Parts};
use serde_json::json as object;

use super::server::{Asked, Reply, basic, form, fresh_id, is_authorized, json, status_of};

/// The account this gateway knows.
#[derive(Debug)]
pub(crate) struct Twilio {
    pub(crate) account_sid: String,
    pub(crate) auth_token: String,
    authorization: String,
    account_path: String,
}

impl Default for Twilio {
    fn default() -> Self {
        let account_sid = "AC0123456789abcdef0123456789abcdef".to_owned();
        let auth_token = "twilio-token-of-the-bench".to_owned();
        Self {
            authorization: basic(&account_sid, &auth_token),
            account_path: format!("/2010-04-01/Accounts/{account_sid}"),
            account_sid,
            auth_token,
        }
    }
}

impl Twilio {
    pub(crate) fn read(&self, head: &Parts, body: &[u8]) -> Result<Asked, Box<Reply>> {
        if !is_authorized(head, &self.authorization) {
            return Err(Box::new(error(401, 20003, "Authenticate")));
        }
        match head.uri.path().strip_prefix(&self.account_path) {
            Some("/Messages.json") if head.method == Method::POST => read_message(body),
            Some(".json") if head.method == Method::GET => Err(Box::new(self.account())),
            _ => Err(Box::new(error(404, 20404, "The requested resource was not found"))),
        }
    }

    pub(crate) fn accepted(&self, asked: &Asked) -> Reply {
        const WHEN: &str = "Fri, 01 Jan 2027 00:00:00 +0000";
        let (sid, account) = (format!("SM{}", fresh_id()), &self.account_sid);
        let body = object!({
            "sid": sid, "account_sid": account, "api_version": "2010-04-01", "body": asked.text,
            "date_created": WHEN, "date_sent": null, "date_updated": WHEN,
            "direction": "outbound-api", "error_code": null, "error_message": null,
            "from": asked.from, "messaging_service_sid": null, "num_media": "0",
            "num_segments": "1", "price": null, "price_unit": "USD", "status": "queued",
            "subresource_uris": {}, "to": asked.to,
            "uri": format!("{}/Messages/{sid}.json", self.account_path),
        });
        json(StatusCode::CREATED, &body.to_string())
    }

    fn account(&self) -> Reply {
        let body = object!({"sid": self.account_sid, "status": "active", "type": "Full",
            "friendly_name": "bench"});
        json(StatusCode::OK, &body.to_string())
    }
}

fn read_message(body: &[u8]) -> Result<Asked, Box<Reply>> {
    let names = ["To", "From", "MessagingServiceSid", "Body", "StatusCallback"];
    let [to, from, service, text, report_to] = form(body, names);
    let missing = |code, what| Box::new(error(400, code, what));
    let to = to.ok_or_else(|| missing(21604, "A 'To' phone number is required."))?;
    let from =
        from.or(service).ok_or_else(|| missing(21603, "A 'From' phone number is required."))?;
    let text = text.ok_or_else(|| missing(21602, "Message body is required."))?;
    if !to.starts_with('+') {
        return Err(missing(21211, "The 'To' number is not a valid phone number."));
    }
    Ok(Asked { to, from, text, report_to })
}

pub(crate) fn error(status: u16, code: u32, message: &str) -> Reply {
    let body = object!({"code": code, "message": message, "status": status,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}")});
    json(status_of(status), &body.to_string())
}
