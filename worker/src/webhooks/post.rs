//! One delivery: what is posted, and what the answer means. Any 2xx takes it; nothing else does.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use otpost_shared::{
    Home,
    clock::{Millis, rfc3339},
    config::Webhooks,
    db::DbError,
    event::{self, Said},
    webhook::{self, Answer, Due, Target},
};
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect, retry,
};
use serde::Serialize;

use super::resolver::Vetted;
use crate::retry_after::retry_after;

/// From the first byte to the last.
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// So much of an answer is read, and nothing of it is kept.
const LONGEST_BODY: usize = 64 * 1024;
/// Characters of what is noted of a failure.
const LONGEST_ERROR: usize = 200;

/// Posts to endpoints, and to nothing else.
#[derive(Debug)]
pub(super) struct Poster {
    /// Made for the first post: most have no endpoint, and nothing of it to keep.
    client: OnceLock<Client>,
    rules: Webhooks,
}

/// What is posted, as Standard Webhooks has it.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a Said,
}

/// All that one request needs.
struct Letter {
    id: String,
    timestamp_secs: i64,
    signatures: String,
    body: Vec<u8>,
}

impl Poster {
    pub(super) fn new(rules: Webhooks) -> Self {
        Self { client: OnceLock::new(), rules }
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = self.make()?;
        Ok(self.client.get_or_init(|| made))
    }

    /// It follows no redirect, takes no proxy from the environment, and repeats nothing by itself.
    fn make(&self) -> Result<Client, reqwest::Error> {
        Client::builder()
            .dns_resolver(Arc::new(Vetted::new(self.rules.allow_private)))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(super::AT_ONCE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .user_agent(concat!("otpost/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// Posts once, and says what it means.
    pub(super) async fn post(&self, home: &Home, due: &Due) -> Answer {
        let posts = due.delivery.posts;
        let put_off = |error: String| Answer::NotPosted {
            error: cut(&error),
            retry_at: webhook::retry_at(posts, home.clock.now(), rand::random()),
        };
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return put_off(format!("there is no HTTP client: {error}")),
        };
        match write(home, due, home.clock.now()).await {
            Ok(Some(letter)) => {
                let tried = self.send(client, due, letter).await;
                tried.answer(posts, home.clock.now(), rand::random())
            }
            Ok(None) => {
                let error = "the event has been removed meanwhile".to_owned();
                Answer::NotPosted { error, retry_at: None }
            }
            Err(error) => put_off(format!("it could not be put together: {error}")),
        }
    }

    async fn send(&self, client: &Client, due: &Due, letter: Letter) -> Tried {
        // The configuration may have changed since it was made; and of an address without a name nobody asks.
        let target = match Target::parse(&due.webhook.url, self.rules) {
            Ok(target) => target,
            Err(said) => return Tried::failed(&format!("its address {said}")),
        };
        let request = client
            .post(target.into_url())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", letter.id)
            .header("webhook-timestamp", letter.timestamp_secs)
            .header("webhook-signature", letter.signatures)
            .body(letter.body);
        match request.send().await {
            Ok(response) => Tried::answered(response).await,
            Err(error) => Tried::failed(&in_words(&error)),
        }
    }
}

/// None when the event is no longer there.
async fn write(home: &Home, due: &Due, now: Millis) -> Result<Option<Letter>, DbError> {
    let Some(event) = event::find(&home.db, due.delivery.event_id).await? else { return Ok(None) };
    let said = event::say(home, std::slice::from_ref(&event)).await?;
    let Some(said) = said.first() else { return Ok(None) };
    let body = Body { kind: &event.kind, timestamp: rfc3339(event.at), data: said };
    let body = serde_json::to_vec(&body).map_err(|e| DbError::Broken(e.to_string()))?;
    // The same for each endpoint, and each time: by it a receiver knows what it has had.
    let (id, timestamp_secs) = (event.id.to_string(), now / 1_000);
    let secrets = due.webhook.secrets(&home.keys, now)?;
    let signatures = secrets.iter().map(|secret| secret.sign(&id, timestamp_secs, &body));
    let signatures = signatures.collect::<Vec<_>>().join(" ");
    Ok(Some(Letter { id, timestamp_secs, signatures, body }))
}

/// What one request met.
#[derive(Debug)]
enum Tried {
    Answered { status: StatusCode, wait: Option<Duration> },
    Failed(String),
}

impl Tried {
    fn failed(error: &str) -> Self {
        Self::Failed(cut(error))
    }

    async fn answered(mut response: Response) -> Self {
        let status = response.status();
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = header.and_then(|text| retry_after(text, SystemTime::now()));
        // To its end, if that is near: the connection can then be used again.
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > LONGEST_BODY {
                break;
            }
        }
        Self::Answered { status, wait }
    }

    fn answer(self, posts: i32, now: Millis, jitter: f64) -> Answer {
        let retry_at = webhook::retry_at(posts, now, jitter);
        let (status, wait) = match self {
            Self::Failed(error) => return Answer::Refused { status: None, error, retry_at },
            Self::Answered { status, wait } => (status, wait),
        };
        let asked = wait.map(|wait| now + i64::try_from(wait.as_millis()).unwrap_or(0));
        let retry_at = retry_at.map(|at| asked.map_or(at, |asked| asked.max(at)));
        if status.is_success() {
            return Answer::Taken { status: status.as_u16() };
        }
        if status == StatusCode::GONE {
            return Answer::Gone { retry_at };
        }
        let aside = if status.is_redirection() { ", and redirects are not followed" } else { "" };
        let error = format!("it answered {}{aside}", status.as_u16());
        Answer::Refused { status: Some(status.as_u16()), error, retry_at }
    }
}

fn cut(error: &str) -> String {
    error.chars().take(LONGEST_ERROR).collect()
}

/// The cause at the end of the chain. The outer errors name the address, which may hold a secret.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut cause: Option<&dyn Error> = error.source();
    let mut text = "failed".to_owned();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    let what = if error.is_connect() { "not connected" } else { "no answer" };
    format!("{what}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_client_before_the_first_post() {
        let poster =
            Poster::new(Webhooks { allow_http: false, allow_private: false, most_per_tenant: 1 });
        assert!(poster.client.get().is_none());
        let made: *const Client = poster.client().expect("a client");
        assert!(std::ptr::eq(made, poster.client().expect("the same")));
    }
}
