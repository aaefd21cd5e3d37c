//! `GET /v1/messages/batch/{id}`: how many of its messages are in which state.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    message::{self, batch},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::find;
use crate::{
    App,
    auth::Caller,
    error::{ApiError, Problem},
    query::NoParams,
    routes::PathId,
};

#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    id: String,
    created_at: String,
    /// Until then a repeat with its Idempotency-Key goes on with it.
    remembered_until: String,
    /// Recipients given so far, accepted or not.
    rows: i64,
    /// Those of them that have no message.
    refused: i64,
    /// How many messages are in each state. Those that the retention has removed are not counted.
    states: BTreeMap<String, i64>,
    /// True when none waits or is being sent.
    over: bool,
}

/// Shows a batch with the counts of its messages by state.
#[utoipa::path(
    get, path = "/v1/messages/batch/{id}", tag = "messages", operation_id = "show_batch",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The batch's id.")),
    responses(
        (status = 200, description = "The batch.", body = BatchView),
        (status = 404, description = "There is no such batch.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<BatchView>, ApiError> {
    caller.require(Scope::Send)?;
    let batch = find(&app, &caller, id).await?;
    let counted = batch::count_by_state(&app.home.db, &batch).await?;
    let count = |state: message::State| counted.get(state.as_str()).copied().unwrap_or(0);
    Ok(Json(BatchView {
        id: batch.id.to_string(),
        created_at: rfc3339(batch.created_at),
        remembered_until: rfc3339(batch.expires_at),
        rows: batch.size,
        refused: batch.refused(&counted),
        states: message::State::ALL.map(|s| (s.as_str().to_owned(), count(s))).into(),
        over: count(message::State::Queued) + count(message::State::Sending) == 0,
    }))
}
