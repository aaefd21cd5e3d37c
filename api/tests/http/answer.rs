//! An answer as it arrived, held to what every answer of the API must keep.

use reqwest::{Response, header};
use serde_json::Value;

/// Status, headers and body of one answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: header::HeaderMap,
    pub text: String,
    /// Null where the body is not JSON.
    pub json: Value,
}

impl Answer {
    /// Reads an answer to its end. Every error must be a problem document.
    pub async fn read(response: Response) -> Self {
        let answer = Self::read_any(response).await;
        if answer.status >= 400 {
            answer.assert_problem();
        }
        answer
    }

    /// Reads an answer to its end, whatever it is.
    pub async fn read_any(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    fn assert_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let code = self.str("code");
        assert!(!code.is_empty() && !self.str("title").is_empty(), "{self:?}");
        assert_eq!(self.str("type"), format!("urn:otpost:error:{code}"));
        assert_eq!(self.json["status"], self.status);
        let waits = self.headers.get(header::RETRY_AFTER).map(|secs| {
            let secs: u64 = secs.to_str().expect("ASCII").parse().expect("whole seconds");
            assert!(secs >= 1, "{self:?}");
        });
        assert!(waits.is_some() || ![429, 503].contains(&self.status), "{self:?}");
        assert_eq!(self.status == 401, self.headers.contains_key(header::WWW_AUTHENTICATE));
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.str("code")), (status, code), "{}", self.text);
        self
    }

    /// The problem names this field.
    #[track_caller]
    pub fn names(self, field: &str) -> Self {
        assert_eq!(self.str("field"), field, "{}", self.text);
        self
    }

    /// The text of a member, or nothing.
    pub fn str(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    /// The text of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `Retry-After`, in seconds.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        self.header("retry-after").parse().expect("seconds")
    }
}
