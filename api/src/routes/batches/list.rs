//! `GET /v1/messages/batch/{id}/messages`: its messages with their reasons, page by page or as CSV.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    message::{
        Message,
        batch::{self, Batch, Which},
    },
    secrets::SecretError,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{csv, find};
use crate::{
    App,
    auth::Caller,
    error::{ApiError, Problem},
    query::Params,
    routes::{DEFAULT_LIMIT, PathId, read_after, read_limit, wrong_after},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// A state, or `not_sent` for `failed`, `undelivered`, `expired` and `unknown` together.
    state: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 1000, otherwise 100. CSV comes whole unless it is given.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedMessages {
    messages: Vec<ListedMessage>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedMessage {
    /// Which recipient of the batch, counted from 0.
    pub index: u32,
    pub id: String,
    pub state: String,
    /// Masked.
    pub to: String,
    /// The class of the answer that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

impl ListedMessage {
    /// # Errors
    /// Its recipient cannot be opened.
    pub fn of(home: &Home, message: Message) -> Result<Self, SecretError> {
        Ok(Self {
            index: batch::index_of(message.id),
            id: message.id.to_string(),
            to: message.recipient(&home.keys)?.map(|to| to.masked()).unwrap_or_default(),
            state: message.state,
            failure_class: message.failure_class,
            failure: message.failure,
            created_at: rfc3339(message.created_at),
            finished_at: message.finished_at.map(rfc3339),
        })
    }
}

/// Which part of a batch is asked for.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) batch: Batch,
    pub(super) which: Which,
    /// The message before the first.
    pub(super) after: Uuid,
    pub(super) limit: Option<usize>,
}

/// Lists the messages of a batch, in the order of its recipients.
#[utoipa::path(
    get, path = "/v1/messages/batch/{id}/messages", tag = "messages",
    operation_id = "list_batch_messages", security(("api_key" = [])),
    params(("id" = String, Path, description = "The batch's id."), ListQuery),
    responses(
        (status = 200, description = "A page; with `Accept: text/csv`, a table.", content(
            (ListedMessages = "application/json"), (String = "text/csv"),
        )),
        (status = 404, description = "There is no such batch.", body = Problem),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    query: Result<Params<ListQuery>, ApiError>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.require(Scope::Send)?;
    let batch = find(&app, &caller, id).await?;
    let part = part(batch, &query?.0)?;
    if wants_csv(&headers) {
        return csv::answer(app.home, part).await;
    }
    let limit = part.limit.unwrap_or(DEFAULT_LIMIT);
    let page = batch::list(&app.home.db, &part.batch, part.which, part.after, limit).await?;
    let messages = page.messages.into_iter().map(|m| ListedMessage::of(&app.home, m));
    let messages = messages.collect::<Result<_, _>>()?;
    Ok(Json(ListedMessages { messages, next: page.next.map(|id| id.to_string()) }).into_response())
}

fn part(batch: Batch, query: &ListQuery) -> Result<Part, ApiError> {
    let which = match query.state.as_deref() {
        None => Which::All,
        Some(text) => Which::parse(text).ok_or_else(|| {
            ApiError::invalid("state", format!("state is one of {}", Which::names()))
        })?,
    };
    let after = match read_after(query.after.as_deref())? {
        None => batch.id,
        Some(after) if batch::is_within(batch.id, after) => after,
        Some(_) => return Err(wrong_after()),
    };
    Ok(Part { batch, which, after, limit: read_limit(query.limit.as_deref())? })
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        accept
            .split(',')
            .filter_map(|kind| kind.split(';').next())
            .any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
    })
}
