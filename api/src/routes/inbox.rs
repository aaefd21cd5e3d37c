//! `/v1/inbox`: what people would have received from a sandbox tenant. Read it, wait for it, clear it.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    Home,
    api_key::Scope,
    channel::Channel,
    clock::rfc3339,
    db::{DbError, with_one_patience},
    listing::Listing,
    recipient::Recipient,
    sandbox::inbox::{self, Received, Wanted},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{DEFAULT_LIMIT, read_after, read_limit, wrong_after};
use crate::{
    App,
    auth::Caller,
    error::{ApiError, ErrorCode, Problem},
    observe::OwnTime,
    query::{Params, plus_restored},
    server::Stopping,
};

/// Seconds that a call may wait for a message.
const LONGEST_WAIT: u64 = 30;
/// Between two looks while a call waits.
const LOOK_AGAIN: Duration = Duration::from_millis(150);
/// Calls of a process that look again and again at the same time; others wait for their turn.
static LOOKERS: Semaphore = Semaphore::const_new(64);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, clear))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// Only messages to this number or e-mail address, a plus in it as `%2B`.
    to: Option<String>,
    /// Only messages by `sms`, `email`, `voice` or `whatsapp`.
    channel: Option<String>,
    /// `id` of a message: only those that came after it.
    since: Option<String>,
    /// `next` of the page before, which came after this one.
    after: Option<String>,
    /// Seconds, at most 30: while there is no such message, the call waits for one.
    #[param(value_type = Option<u64>)]
    wait: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClearQuery {
    /// Only messages to this number or e-mail address, a plus in it as `%2B`.
    to: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReceivedMessage {
    /// Its place in the inbox.
    #[schema(example = "17")]
    id: String,
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_id: Option<String>,
    /// In full: it is nobody's.
    #[schema(example = "+12025550143")]
    to: String,
    channel: &'static str,
    /// The subject line of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// What the person would have read, or heard.
    text: String,
    /// The code in it, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    at: String,
}

impl From<Received> for ReceivedMessage {
    fn from(received: Received) -> Self {
        let content = received.content;
        Self {
            id: received.number.to_string(),
            message_id: received.message_id.to_string(),
            verification_id: received.verification_id.map(|id| id.to_string()),
            to: content.to,
            channel: received.channel.as_str(),
            title: content.title,
            text: content.text,
            code: content.code,
            at: rfc3339(received.at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct InboxPage {
    /// Newest first.
    messages: Vec<ReceivedMessage>,
    /// `after` of the next page, with older ones; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Shows what people would have received from this sandbox, newest first; with `wait`, as soon as there is
/// something.
#[utoipa::path(
    get, path = "/v1/inbox", tag = "inbox", operation_id = "list_inbox",
    security(("api_key" = [])), params(InboxQuery),
    responses(
        (status = 200, description = "A page; empty when nothing came in time.", body = InboxPage),
        (status = 403, description = "The key's tenant is no sandbox, or the key may not read it.", body = Problem),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    time: OwnTime,
    Stopping(stop): Stopping,
    query: Result<Params<InboxQuery>, ApiError>,
) -> Result<Json<InboxPage>, ApiError> {
    let Params(query) = query?;
    let (home, tenant_id) = (&app.home, caller.tenant_id);
    authorize(home, &caller).await?;
    let wanted = Wanted {
        to: read_to(home, tenant_id, query.to.as_deref()).await?,
        channel: query.channel.as_deref().map(read_channel).transpose()?,
        since: read_since(query.since.as_deref())?,
        before: read_before(query.after.as_deref())?,
    };
    let wait = read_wait(query.wait.as_deref())?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    time.keep();
    let (home, tenant_id) = (&app.home, caller.tenant_id);
    let look = || inbox::list(home, tenant_id, &wanted, limit + 1, home.clock.now());
    let found = wait_for(wait, &stop, look).await?;
    let page = Listing::of(found, limit, |last| last.number.to_string());
    let messages = page.rows.into_iter().map(Into::into).collect();
    Ok(Json(InboxPage { messages, next: page.next }))
}

/// Removes what is in this sandbox's inbox, so that a test begins with an empty one.
#[utoipa::path(
    delete, path = "/v1/inbox", tag = "inbox", operation_id = "clear_inbox",
    security(("api_key" = [])), params(ClearQuery),
    responses(
        (status = 204, description = "It is empty."),
        (status = 403, description = "The key's tenant is no sandbox, or the key may not clear it.", body = Problem),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn clear(
    State(app): State<App>,
    caller: Caller,
    query: Result<Params<ClearQuery>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let Params(query) = query?;
    authorize(&app.home, &caller).await?;
    let to = read_to(&app.home, caller.tenant_id, query.to.as_deref()).await?;
    inbox::clear(&app.home, caller.tenant_id, to.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose tenant has no inbox is told that, and not that the key lacks a scope for it.
async fn authorize(home: &Home, caller: &Caller) -> Result<(), ApiError> {
    if !home.is_sandbox(caller.tenant_id).await? {
        return Err(ErrorCode::SandboxOnly.error());
    }
    caller.require(Scope::Inbox)
}

/// Looks until there is something, the time is over or the process is told to stop. Each look has a patience of
/// its own.
async fn wait_for<T, L: Future<Output = Result<Vec<T>, DbError>>>(
    wait: Duration,
    stop: &CancellationToken,
    look: impl Fn() -> L,
) -> Result<Vec<T>, DbError> {
    let look = || with_one_patience(look());
    let until = Instant::now() + wait;
    let found = look().await?;
    if !found.is_empty() || wait.is_zero() {
        return Ok(found);
    }
    // Nobody closes it: without a place the time is over, and a last look is taken.
    let _place = stop.run_until_cancelled(timeout_at(until, LOOKERS.acquire())).await;
    loop {
        let found = look().await?;
        if !found.is_empty() || stop.is_cancelled() || Instant::now() >= until {
            return Ok(found);
        }
        let again = until.min(Instant::now() + LOOK_AGAIN);
        let _ = stop.run_until_cancelled(sleep_until(again)).await;
    }
}

async fn read_to(
    home: &Home,
    tenant_id: Uuid,
    to: Option<&str>,
) -> Result<Option<Recipient>, ApiError> {
    let Some(to) = to else { return Ok(None) };
    Ok(Some(home.read_recipient(tenant_id, &plus_restored(to)).await??))
}

fn read_channel(text: &str) -> Result<Channel, ApiError> {
    let said = "channel is sms, email, voice or whatsapp";
    Channel::parse(text).ok_or_else(|| ApiError::invalid("channel", said))
}

fn read_since(text: Option<&str>) -> Result<i64, ApiError> {
    let Some(text) = text else { return Ok(0) };
    let place = text.parse().ok().filter(|place| *place >= 0);
    let said = "since must be the id of a message in the inbox";
    place.ok_or_else(|| ApiError::invalid("since", said))
}

fn read_before(after: Option<&str>) -> Result<Option<i64>, ApiError> {
    match read_after(after)? {
        Some(place) if place < 0 => Err(wrong_after()),
        place => Ok(place),
    }
}

fn read_wait(text: Option<&str>) -> Result<Duration, ApiError> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    let secs = text.parse().ok().filter(|secs| *secs <= LONGEST_WAIT);
    let secs = secs.ok_or_else(|| ApiError::invalid("wait", "wait must be 0 to 30 seconds"))?;
    Ok(Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicU32, Ordering},
    };

    use otpost_shared::db::detached;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn each_look_has_a_patience_of_its_own() {
        // One of both would be longer than a request has.
        let slow = Duration::from_millis(1_300);
        let look = || {
            detached(async move {
                sleep(slow).await;
                Ok(Vec::<()>::new())
            })
        };
        let stop = CancellationToken::new();
        let waiting = wait_for(slow, &stop, look);
        assert_eq!(with_one_patience(waiting).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn who_waits_keeps_no_process_from_its_end() {
        let (began, stop) = (Instant::now(), CancellationToken::new());
        stop.cancel();
        let longest = Duration::from_secs(LONGEST_WAIT);
        let found = wait_for(longest, &stop, || ready(Ok(Vec::<()>::new()))).await;
        assert_eq!(found, Ok(Vec::new()));
        assert!(began.elapsed() < longest);
    }

    #[tokio::test]
    async fn whoever_waits_looks_until_there_is_something() {
        for (there_at, wait_secs) in [(1, 0), (1, 25), (3, 25)] {
            let looks = AtomicU32::new(0);
            let look = async || {
                let n = looks.fetch_add(1, Ordering::Relaxed) + 1;
                Ok(if n < there_at { Vec::new() } else { vec![n] })
            };
            let found =
                wait_for(Duration::from_secs(wait_secs), &CancellationToken::new(), look).await;
            assert_eq!(found, Ok(vec![there_at]));
        }
    }

    #[tokio::test]
    async fn without_a_wait_one_look_is_taken() {
        let looks = AtomicU32::new(0);
        let look = async || {
            looks.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::<()>::new())
        };
        assert_eq!(wait_for(Duration::ZERO, &CancellationToken::new(), look).await, Ok(Vec::new()));
        assert_eq!(looks.into_inner(), 1);
    }
}
