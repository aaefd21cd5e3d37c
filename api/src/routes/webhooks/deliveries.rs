//! What was delivered to an endpoint, and delivering it once more.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    webhook::{self, Delivery, DeliveryState, ReplayFrom},
};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::find;
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
    routes::{DEFAULT_LIMIT, PathId, read_after, read_limit},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Only those that are `queued`, `sending`, `delivered` or `failed`.
    state: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    id: String,
    /// The `webhook-id` that the receiver sees.
    event_id: String,
    /// `queued`, `sending`, `delivered` or `failed`.
    state: String,
    /// How often it was posted.
    attempts: i32,
    /// The HTTP status of the last post, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i32>,
    /// Why the last post was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    created_at: String,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id.to_string(),
            event_id: row.event_id.to_string(),
            state: row.state().as_str().to_owned(),
            next_at: row.next_at().map(rfc3339),
            attempts: row.posts,
            last_status: row.last_status,
            last_error: row.last_error,
            last_at: row.last_at.map(rfc3339),
            created_at: rfc3339(row.created_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedDeliveries {
    deliveries: Vec<DeliveryView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists what was posted to an endpoint or is to be, the newest first.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    operation_id = "list_webhook_deliveries", security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint's id."), DeliveriesQuery),
    responses(
        (status = 200, description = "A page.", body = ListedDeliveries),
        (status = 404, description = "There is no such endpoint.", body = Problem),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    query: Result<Params<DeliveriesQuery>, ApiError>,
) -> Result<Json<ListedDeliveries>, ApiError> {
    caller.require(Scope::Events)?;
    let Params(query) = query?;
    let of = find(&app, &caller, id).await?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let before = read_after(query.after.as_deref())?.unwrap_or(Uuid::max());
    let state = query.state.as_deref().map(read_state).transpose()?;
    let page = webhook::list_deliveries(&app.home.db, of.id, state, before, limit).await?;
    Ok(Json(ListedDeliveries {
        deliveries: page.rows.into_iter().map(DeliveryView::from).collect(),
        next: page.next.map(|id| id.to_string()),
    }))
}

/// Posts one once more, from the beginning; one that waits to be tried again, at once.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{delivery_id}/replay", tag = "webhooks",
    operation_id = "replay_webhook_delivery", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The endpoint's id."),
        ("delivery_id" = String, Path, description = "The delivery's id."),
    ),
    responses(
        (status = 202, description = "It is on its way.", body = DeliveryView),
        (status = 404, description = "There is no such endpoint or delivery.", body = Problem),
    ),
)]
pub async fn replay(
    State(app): State<App>,
    caller: Caller,
    path: Result<Path<(Uuid, Uuid)>, PathRejection>,
    _: NoParams,
) -> Result<(StatusCode, Json<DeliveryView>), ApiError> {
    let (id, delivery_id) = path.map_or((None, None), |Path((id, of))| (Some(id), Some(of)));
    let of = find(&app, &caller, PathId(id)).await?;
    let not_found = || ErrorCode::DeliveryNotFound.error();
    let delivery_id = delivery_id.ok_or_else(not_found)?;
    let (db, now) = (&app.home.db, app.home.clock.now());
    let row = webhook::replay(db, of.id, delivery_id, now).await?.ok_or_else(not_found)?;
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayEvents {
    /// Events from this moment on (RFC 3339).
    #[serde(default)]
    #[schema(example = "2026-11-20T08:00:00Z")]
    since: Option<String>,
    /// Events after this place instead: `next` of the call before, or of `GET /v1/events`.
    #[serde(default)]
    after: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedEvents {
    /// How many are on their way.
    events: usize,
    /// There are more events to look at, even when none of these was taken: repeat with it as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Posts all that happened since a moment once more, as far as the endpoint takes it: also what was told while
/// it was disabled, or before it was made. One call looks at 10,000 events at most.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", operation_id = "replay_webhook",
    security(("api_key" = [])), request_body = ReplayEvents,
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 202, description = "They are on their way.", body = ReplayedEvents),
        (status = 404, description = "There is no such endpoint.", body = Problem),
        (status = 422, description = "A field is missing or of the wrong form.", body = Problem),
    ),
)]
pub async fn replay_from(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    body: JsonBody<ReplayEvents>,
) -> Result<(StatusCode, Json<ReplayedEvents>), ApiError> {
    let of = find(&app, &caller, id).await?;
    let ReplayEvents { since, after } = body.value;
    let from = match (since.as_deref(), after) {
        (Some(text), None) => ReplayFrom::Moment(read_moment(text)?),
        (None, Some(place)) => ReplayFrom::Place(place),
        _ => return Err(ApiError::invalid("since", "send either since or after")),
    };
    let (db, now) = (&app.home.db, app.home.clock.now());
    let done = webhook::replay_from(db, caller.tenant_id, of.id, from, now).await?;
    let done = done.ok_or_else(|| ErrorCode::WebhookNotFound.error())?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedEvents { events: done.events, next: done.next })))
}

fn read_state(text: &str) -> Result<DeliveryState, ApiError> {
    let said = "state is queued, sending, delivered or failed";
    DeliveryState::parse(text).ok_or_else(|| ApiError::invalid("state", said))
}

fn read_moment(text: &str) -> Result<i64, ApiError> {
    let said = "since must be a moment such as 2026-11-20T08:00:00Z";
    let moment =
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ApiError::invalid("since", said))?;
    Ok(moment.unix_timestamp() * 1_000 + i64::from(moment.millisecond()))
}
