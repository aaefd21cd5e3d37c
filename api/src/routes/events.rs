//! `/v1/events`: what happened, in order, for those who ask.

use axum::{Json, extract::State};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    event::{self, Event, Filter, Said},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{DEFAULT_LIMIT, read_after, read_limit};
use crate::{
    App,
    auth::Caller,
    error::{ApiError, Problem},
    query::Params,
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// `next` of the answer before; left out, from the oldest that is kept.
    #[param(value_type = Option<i64>)]
    after: Option<String>,
    /// Types such as `verification.verified` or groups such as `message`, separated by commas.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// The `webhook-id` of its deliveries.
    id: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: Said,
}

impl EventView {
    fn new(event: Event, said: Said) -> Self {
        Self {
            id: event.id.to_string(),
            timestamp: rfc3339(event.at),
            kind: event.kind,
            data: said,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedEvents {
    events: Vec<EventView>,
    /// `after` of the next question, also when there is nothing more for now.
    next: i64,
    /// False when all there is has been read; then ask again in a while.
    has_more: bool,
}

/// Lists events in the order in which they were committed: what was read once never changes, and nothing comes
/// in before it.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "list_events",
    security(("api_key" = [])), params(EventsQuery),
    responses(
        (status = 200, description = "A page. With `type` it may be short although more follow.", body = ListedEvents),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Params<EventsQuery>, ApiError>,
) -> Result<Json<ListedEvents>, ApiError> {
    caller.require(Scope::Events)?;
    let Params(query) = query?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let after = read_after(query.after.as_deref())?.unwrap_or(0);
    let kinds = query.kind.as_deref().unwrap_or_default();
    let filter = Filter::parse(kinds.split(',').filter(|word| !word.is_empty()))
        .map_err(|error| ApiError::invalid("type", error.to_string()))?;
    let page = event::list(&app.home.db, caller.tenant_id, after, &filter, limit).await?;
    let said = event::say(&app.home, &page.events).await?;
    let events = page.events.into_iter().zip(said);
    Ok(Json(ListedEvents {
        events: events.map(|(event, said)| EventView::new(event, said)).collect(),
        next: page.next,
        has_more: page.has_more,
    }))
}
