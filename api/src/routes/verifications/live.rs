//! `GET /v1/verifications/{id}/events`: one verification, watched. Each event is the whole of how it stands, so
//! that whoever missed some has missed nothing.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    db::DbError,
    message,
    verification::{self, Status, Verification},
};
use serde::Serialize;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    known_id,
    views::{View, Views},
};
use crate::{
    App,
    auth::Caller,
    error::{ApiError, ErrorCode, Problem},
    query::NoParams,
    routes::PathId,
    server::Stopping,
};

/// From one look at the row to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Then the client comes again, and goes on where it was.
const LONGEST: Duration = Duration::from_mins(15);
/// A comment that keeps proxies from closing a silent connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
static VIEWS: LazyLock<Views> = LazyLock::new(Views::default);

/// How a verification stands.
#[derive(Debug, Hash, Serialize, ToSchema)]
pub struct LiveVerification {
    id: String,
    /// `pending`, `verified`, `locked`, `expired`, `canceled` or `failed`.
    status: &'static str,
    guesses_left: i32,
    resends: i32,
    resend_at: String,
    expires_at: String,
    /// Oldest first.
    messages: Vec<LiveMessage>,
}

#[derive(Debug, Hash, Serialize, ToSchema)]
pub struct LiveMessage {
    id: String,
    channel: String,
    /// `queued`, `sending`, `sent`, `delivered`, `undelivered`, `failed`, `unknown`, `expired` or `canceled`.
    state: String,
}

impl LiveVerification {
    /// None when there is no such verification of this tenant.
    async fn read(home: &Home, tenant_id: Uuid, id: Uuid) -> Result<Option<Self>, DbError> {
        let find = || verification::find(&home.db, id);
        let Some(mut row) = find().await?.filter(|row| row.tenant_id == tenant_id) else {
            return Ok(None);
        };
        // What ends it calls its messages off in the same commit: both are of one moment, or read again.
        let at = home.clock.now();
        let said = |row: &Verification| (row.status(at), row.resends);
        let messages = loop {
            let messages = message::list_by_verification(&home.db, id).await?;
            match find().await? {
                None => return Ok(None),
                Some(now) if said(&now) == said(&row) => break messages,
                Some(now) => row = now,
            }
        };
        let messages = messages.into_iter().map(|message| LiveMessage {
            id: message.id.to_string(),
            channel: message.channel,
            state: message.state,
        });
        Ok(Some(Self {
            id: id.to_string(),
            status: row.status(at).as_str(),
            guesses_left: row.guesses_left(),
            resends: row.resends,
            resend_at: rfc3339(row.resend_at),
            expires_at: rfc3339(row.expires_at),
            messages: messages.collect(),
        }))
    }

    /// The id of the event that says so: the same as long as nothing changes.
    fn digest(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    fn is_over(&self) -> bool {
        self.status != Status::Pending.as_str()
    }
}

/// Watches a verification: an event at once, and whenever its status, its guesses or a message of it changes,
/// until it is over. `Last-Event-ID` leaves out what is known.
#[utoipa::path(
    get, path = "/v1/verifications/{id}/events", tag = "verifications",
    operation_id = "watch_verification", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The verification's id."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen."),
    ),
    responses(
        (status = 200, description = "Server-sent events named `verification`.", body = LiveVerification, content_type = "text/event-stream"),
        (status = 204, description = "It is over, and that is known: do not come again."),
        (status = 404, description = "There is no such verification.", body = Problem),
        (status = 503, description = "Too many are being watched, by this tenant or by all, or the database does not answer.", body = Problem),
    ),
)]
pub async fn watch(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
    headers: HeaderMap,
    stopping: Stopping,
) -> Result<Response, ApiError> {
    caller.require(Scope::Verify)?;
    let id = known_id(id)?;
    let first = LiveVerification::read(&app.home, caller.tenant_id, id).await?;
    let first = first.ok_or_else(|| ErrorCode::VerificationNotFound.error())?;
    let known = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    if first.is_over() && known == Some(first.digest().as_str()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch::open(&app.home, caller, id, known, stopping)?;
    let events = stream::unfold(watch, Watch::next);
    let comments = KeepAlive::new().interval(COMMENT_EVERY).text("still watching");
    Ok(Sse::new(events).keep_alive(comments).into_response())
}

fn looks() -> Interval {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// One client that watches.
struct Watch {
    home: Home,
    caller: Caller,
    id: Uuid,
    /// What it has seen last.
    known: Option<String>,
    looks: Interval,
    until: Instant,
    stop: CancellationToken,
    is_over: bool,
    _view: View,
}

impl Watch {
    fn open(
        home: &Home,
        caller: Caller,
        id: Uuid,
        known: Option<&str>,
        stopping: Stopping,
    ) -> Result<Self, ApiError> {
        let view = VIEWS.take(caller.tenant_id)?;
        Ok(Self {
            home: home.clone(),
            caller,
            id,
            known: known.map(str::to_owned),
            looks: looks(),
            until: Instant::now() + LONGEST,
            stop: stopping.0,
            is_over: false,
            _view: view,
        })
    }

    /// None when it is no longer there, or no longer for this caller.
    async fn look(&self) -> Result<Option<LiveVerification>, DbError> {
        if !self.caller.still_counts(&self.home).await? {
            return Ok(None);
        }
        LiveVerification::read(&self.home, self.caller.tenant_id, self.id).await
    }

    /// None ends the stream.
    async fn next(mut self) -> Option<(Result<Event, axum::Error>, Self)> {
        while !self.is_over && Instant::now() < self.until {
            self.stop.run_until_cancelled(self.looks.tick()).await?;
            let stands = match self.look().await {
                Ok(Some(stands)) => stands,
                Ok(None) => return None,
                // It is looked at again.
                Err(_) => continue,
            };
            let digest = stands.digest();
            self.is_over = stands.is_over();
            if self.known.as_ref() != Some(&digest) {
                let event = Event::default().event("verification").id(&digest);
                let event = event.retry(LOOK_EVERY).json_data(&stands);
                self.known = Some(digest);
                return Some((event, self));
            }
        }
        None
    }
}
