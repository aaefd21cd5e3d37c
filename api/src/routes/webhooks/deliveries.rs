//! What was delivered to an endpoint, and delivering it once more.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use otpost_shared::{api_key::Scope, webhook};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    find,
    wire::{DeliveryView, ListedDeliveries, ReplayEvents, ReplayedEvents},
};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
    routes::{DEFAULT_LIMIT, PathId, read_after, read_limit},
};

const STATES: [&str; 4] = ["queued", "sending", "delivered", "failed"];

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
    let state = query.state.as_deref();
    if state.is_some_and(|state| !STATES.contains(&state)) {
        return Err(ApiError::invalid("state", "state is queued, sending, delivered or failed"));
    }
    let page = webhook::list_deliveries(&app.home.db, of.id, state, before, limit).await?;
    Ok(Json(ListedDeliveries {
        deliveries: page.rows.into_iter().map(DeliveryView::from).collect(),
        next: page.next.map(|id| id.to_string()),
    }))
}

/// Posts one once more, from the first attempt on; one that waits for its next attempt at once.
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

/// Posts all that happened since a moment once more, as far as the endpoint takes it: also what was told while
/// it was disabled, or before it was made.
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
pub async fn replay_since(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    body: JsonBody<ReplayEvents>,
) -> Result<(StatusCode, Json<ReplayedEvents>), ApiError> {
    let of = find(&app, &caller, id).await?;
    let ReplayEvents { since, after } = body.value;
    let since = match (since.as_deref(), after) {
        (Some(text), None) => read_moment(text)?,
        (None, Some(_)) => 0,
        _ => return Err(ApiError::invalid("since", "send either since or after")),
    };
    let (db, now) = (&app.home.db, app.home.clock.now());
    let done = webhook::replay_since(db, caller.tenant_id, of.id, since, after, now).await?;
    let done = done.ok_or_else(|| ErrorCode::WebhookNotFound.error())?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedEvents { events: done.events, next: done.next })))
}

fn read_moment(text: &str) -> Result<i64, ApiError> {
    let said = "since must be a moment such as 2026-11-20T08:00:00Z";
    let moment =
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ApiError::invalid("since", said))?;
    Ok(moment.unix_timestamp() * 1_000 + i64::from(moment.millisecond()))
}
