//! The HTTP calls: paths, bodies, and what is read from the answers.

use serde_json::{Value, json};

use crate::{error::Result, http::Answer};

pub(crate) const START: &str = "/v1/verifications";
/// The list of hints in Redis.
pub(crate) const HINTS: &str = "otpost:hints:otp:v1";
pub(crate) const CHECK: &str = "/v1/verifications/check";
/// One text that is not a code.
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const LIVE: &str = "/livez";
pub(crate) const READY: &str = "/readyz";
/// Many of them: one line with the text, then one a recipient.
pub(crate) const BATCH: &str = "/v1/messages/batch";
/// Who is not to be sent to.
pub(crate) const SUPPRESSIONS: &str = "/v1/suppressions";
/// The code of a refusal for that reason.
pub(crate) const SUPPRESSED: &str = "recipient_suppressed";
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// Without any digit, so that it is never taken for a code.
pub(crate) const TEXT: &str = "Hello {name}, this week everything in our shop is half price.";

pub(crate) fn path_of(id: &str) -> String {
    format!("{START}/{id}")
}

/// Whether somebody is not to be sent to.
pub(crate) fn suppressions_path(to: &str) -> String {
    format!("{SUPPRESSIONS}?to={}", to.replace('+', "%2B"))
}

/// The inbox of the `console` provider.
pub(crate) fn inbox_path(to: &str) -> String {
    format!("/inbox.json?to={}", to.replace('+', "%2B"))
}

pub(crate) fn create_body(to: &str) -> String {
    format!(r#"{{"to":"{to}"}}"#)
}

/// With a purpose of its own.
pub(crate) fn create_body_for(to: &str, purpose: &str) -> String {
    format!(r#"{{"to":"{to}","purpose":"{purpose}"}}"#)
}

/// What a message says that is not a code, and goes to one person.
pub(crate) const OFFER: &str = "An offer from the bench";

/// A message that is not a code.
pub(crate) fn message_body(to: &str) -> String {
    format!(r#"{{"to":"{to}","text":"{OFFER}"}}"#)
}

/// Where a provider is to bring what people write back, as `otpost doctor --json` says.
pub(crate) fn reply_address(doctor: &Value, provider: &str) -> Option<String> {
    let is_it = |found: &&Value| found["what"] == format!("replies to {provider}");
    let found = doctor["findings"].as_array()?.iter().find(is_it)?;
    found["said"].as_str().map(str::to_owned)
}

/// One text to many.
pub(crate) fn batch_body(recipients: &[String]) -> String {
    let messages: Vec<Value> =
        recipients.iter().map(|to| json!({ "to": to, "variables": { "name": "all" } })).collect();
    json!({ "text": TEXT, "messages": messages }).to_string()
}

/// What stands in the list of hints for a message.
pub(crate) fn hint(id: &str) -> Vec<u8> {
    let digits: Vec<u8> = id.bytes().filter(|byte| *byte != b'-').collect();
    let pairs = digits.chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

pub(crate) fn send_body(to: &str, name: &str) -> String {
    json!({"to": to, "text": TEXT.replace("{name}", name)}).to_string()
}

/// The first line of a streamed batch.
pub(crate) fn text_ndjson() -> String {
    format!("{{\"text\":\"{TEXT}\"}}\n")
}

pub(crate) fn recipient_ndjson(to: &str, name: &str) -> String {
    format!("{{\"to\":\"{to}\",\"variables\":{{\"name\":\"{name}\"}}}}\n")
}

/// A line of a file for `otpost send --to-file`, whose first line names the columns; none for the
/// names.
pub(crate) fn recipient_csv(recipient: Option<(&str, &str)>) -> String {
    let (to, name) = recipient.unwrap_or(("to", "name"));
    format!("{to},{name}\n")
}

pub(crate) fn check_body(session_token: &str, code: &str) -> String {
    json!({"session_token": session_token, "code": code}).to_string()
}

/// The parts of a `202` that a client needs later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) session_token: String,
}

impl Accepted {
    pub(crate) fn read(answer: &Answer) -> Result<Self> {
        if answer.status != 202 {
            let (status, text) = (answer.status, answer.text());
            return Err(format!("a verification was answered with {status}: {text}").into());
        }
        let body = answer.json();
        let field = |name: &str| body[name].as_str().map(str::to_owned);
        match (field("id"), field("session_token")) {
            (Some(id), Some(session_token)) => Ok(Self { id, session_token }),
            _ => Err(format!("a 202 without id or session_token: {body}").into()),
        }
    }
}

/// The stable `code` of a problem+json answer, empty if there is none.
pub(crate) fn refusal(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

/// The code in a text: its longest run of at least four digits.
pub(crate) fn code_in(text: &str) -> Option<&str> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter(|run| run.len() >= 4)
        .max_by_key(|run| run.len())
}

/// The code of the newest message in an inbox answer.
pub(crate) fn code_of(inbox: &Value) -> Option<String> {
    let newest = inbox.as_array()?.first()?;
    code_in(newest["text"].as_str()?).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_longest_run_of_digits() {
        assert_eq!(code_in("Your code is 012345, good for 10 minutes."), Some("012345"));
        assert_eq!(code_in("G-4711 is your code"), Some("4711"));
        assert_eq!(code_in("no code in 10 words"), None);
    }

    #[test]
    fn doctor_names_an_address_for_each_provider() {
        let said = |what: &str, said: &str| json!({"what": what, "good": true, "said": said});
        let told = json!({"findings": [
            said("replies to vonage", "https://codes.example/v"),
            said("replies to twilio", "https://codes.example/t?key=k"),
        ]});
        let found = reply_address(&told, "twilio");
        assert_eq!(found.as_deref(), Some("https://codes.example/t?key=k"));
        assert_eq!(reply_address(&told, "plivo"), None);
    }

    #[test]
    fn an_inbox_is_newest_first() {
        let inbox = json!([{"text": "Your code is 222222"}, {"text": "Your code is 111111"}]);
        assert_eq!(code_of(&inbox).as_deref(), Some("222222"));
    }
}
