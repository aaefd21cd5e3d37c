//! `POST /v1/messages/batch`: the whole as JSON here, line by line in [`super::stream`].

use std::time::Duration;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use otpost_shared::{
    api_key::Scope,
    message::batch::{self, BatchText, Filling, NewBatch, SLICE, TextError},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Room,
    outcome::{BatchRow, RowOutcome, Tally, read_row},
    room::Permit,
    stream,
};
use crate::{
    App,
    auth::Caller,
    body::{self, IdempotencyHeader},
    error::{ApiError, ErrorCode, Problem},
    observe::OwnTime,
    put_off::PUT_OFF_MS,
    query::Params,
};

/// Most recipients of one JSON body.
const ROWS: usize = 10_000;
/// The largest JSON body.
const MAX_JSON_BYTES: usize = 8 * 1024 * 1024;
/// The caller waits at most this long for a body that has arrived to be stored.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBatch<'a> {
    /// At most 1600 characters, with `{name}` where a variable goes.
    #[schema(example = "Hi {name}, your parcel is here.")]
    text: String,
    /// 1 to 10,000 recipients.
    #[serde(borrow)]
    #[schema(value_type = Vec<BatchRow>)]
    messages: Vec<&'a RawValue>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedBatch {
    id: String,
    #[serde(flatten)]
    tally: Tally,
    /// One for each recipient, in their order.
    results: Vec<RowOutcome>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreateQuery {
    /// `refused` leaves the accepted and repeated rows out of the answer.
    #[serde(default)]
    #[param(inline)]
    pub(super) outcomes: Outcomes,
}

/// Which outcomes are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcomes {
    #[default]
    All,
    Refused,
}

impl Outcomes {
    pub(super) fn wants(self, row: &RowOutcome) -> bool {
        self == Self::All || row.is_refused()
    }
}

/// Sends one text to many recipients.
///
/// Each recipient is accepted or refused by itself. As `application/x-ndjson` the first line is
/// `{"text": …}` and each further line one recipient, up to a million; the answer then comes
/// line by line, and ends with a line of the totals.
#[utoipa::path(
    post, path = "/v1/messages/batch", tag = "messages", operation_id = "create_batch",
    security(("api_key" = [])),
    request_body(content((CreateBatch = "application/json"), (String = "application/x-ndjson"))),
    params(
        CreateQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key goes on where the first call ended."),
    ),
    responses(
        (status = 200, description = "Each recipient is stored or refused.", content(
            (CreatedBatch = "application/json"), (String = "application/x-ndjson"),
        )),
        (status = "4XX", description = "Refused as a whole, with a code that says why.", body = Problem),
        (status = 503, description = "Not all of it is stored; repeat with the same Idempotency-Key.", body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyHeader,
    query: Result<Params<CreateQuery>, ApiError>,
    Extension(room): Extension<Room>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.require(Scope::Send)?;
    let outcomes = query?.0.outcomes;
    let asked = Asked { app, caller, key: key.into_text(), outcomes };
    if body::is_json(request.headers()) {
        take(asked, request, room.for_whole().await?).await
    } else if is_lines(request.headers()) {
        let permit = room.for_stream(asked.caller.tenant_id).await?;
        stream::create(asked, request.into_body(), permit).await
    } else {
        Err(ErrorCode::MediaTypeUnsupported.detail("or many lines as application/x-ndjson"))
    }
}

/// Who asks for what, besides the body.
#[derive(Debug)]
pub(super) struct Asked {
    app: App,
    caller: Caller,
    key: Option<String>,
    pub(super) outcomes: Outcomes,
}

impl Asked {
    pub(super) async fn open(&self, text: BatchText) -> Result<batch::Filling, ApiError> {
        let new = NewBatch { tenant_id: self.caller.tenant_id, text, key: self.key.clone() };
        Ok(batch::open(&self.app.home, new).await?)
    }
}

/// The answer, with where its batch is found.
pub(super) fn located(id: Uuid, answer: impl IntoResponse) -> Response {
    ([(header::LOCATION, format!("/v1/messages/batch/{id}"))], answer).into_response()
}

async fn take(asked: Asked, request: Request, permit: Permit) -> Result<Response, ApiError> {
    let time = OwnTime::of(&request);
    let bytes = body::read(request, MAX_JSON_BYTES).await?;
    time.keep();
    let (text, rows) = parse(&bytes)?;
    let filling = asked.open(text).await?;
    let (id, outcomes, has_key) = (filling.batch().id, asked.outcomes, asked.key.is_some());
    // A task of its own: ended half-way, it would have stored rows that nobody knows of.
    let filled = tokio::spawn(async move {
        let filled = fill(filling, rows, outcomes).await;
        drop(permit);
        filled
    });
    match in_time(filled, PATIENCE).await {
        Ok(created) => Ok(located(id, Json(created))),
        Err(error) => Err(unfinished(error, id, has_key)),
    }
}

/// What has been filled, or unavailable when it goes on for longer than the patience.
async fn in_time(
    filled: JoinHandle<Result<CreatedBatch, ApiError>>,
    patience: Duration,
) -> Result<CreatedBatch, ApiError> {
    match tokio::time::timeout(patience, filled).await {
        Ok(Ok(filled)) => filled,
        Ok(Err(panic)) => {
            tracing::error!(%panic, "a batch failed");
            Err(ErrorCode::Internal.error())
        }
        Err(_) => Err(ErrorCode::Unavailable.error()),
    }
}

/// The error of a batch of which a part may be stored.
fn unfinished(error: ApiError, id: Uuid, has_key: bool) -> ApiError {
    let error = match error.code() {
        ErrorCode::Unavailable if has_key => ErrorCode::Unavailable
            .detail("a part of it may be stored: repeat it with the same Idempotency-Key")
            .retry_after_ms(PUT_OFF_MS),
        ErrorCode::Unavailable => ErrorCode::Unavailable
            .detail(format!(
                "a part of it may be stored: see /v1/messages/batch/{id} before you repeat it, \
                 because without an Idempotency-Key that part would be sent again"
            ))
            .retry_after_ms(PUT_OFF_MS),
        _ => error,
    };
    error.with("batch", id.to_string())
}

async fn fill(
    mut filling: Filling,
    rows: Vec<Bytes>,
    wanted: Outcomes,
) -> Result<CreatedBatch, ApiError> {
    let id = filling.batch().id.to_string();
    let mut created = CreatedBatch { id, tally: Tally::default(), results: Vec::new() };
    let mut note = |outcomes: Vec<batch::Outcome>| {
        for row in outcomes.into_iter().map(RowOutcome::from) {
            created.tally.count(&row);
            created.results.extend(wanted.wants(&row).then_some(row));
        }
    };
    for slice in rows.chunks(SLICE) {
        let slice = slice.to_vec();
        note(filling.push(move || slice.into_iter().map(|row| read_row(&row))).await?);
    }
    note(filling.settle().await?);
    Ok(created)
}

/// The text, and each row as it stands in the body.
fn parse(bytes: &Bytes) -> Result<(BatchText, Vec<Bytes>), ApiError> {
    let wire: CreateBatch<'_> = body::parse(bytes)?;
    if wire.messages.is_empty() || wire.messages.len() > ROWS {
        let said = format!("messages must have 1 to {ROWS} recipients");
        return Err(ApiError::invalid("messages", said));
    }
    let rows = wire.messages.iter().map(|raw| bytes.slice_ref(raw.get().as_bytes())).collect();
    Ok((parse_text(&wire.text)?, rows))
}

pub(super) fn parse_text(text: &str) -> Result<BatchText, ApiError> {
    BatchText::parse(text).map_err(|error: TextError| ApiError::invalid("text", error.to_string()))
}

fn is_lines(headers: &HeaderMap) -> bool {
    let kinds = ["application/x-ndjson", "application/ndjson", "application/jsonl"];
    kinds.iter().any(|kind| body::is_of_kind(headers, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_says_what_it_is() {
        let never = tokio::spawn(std::future::pending());
        let late = in_time(never, Duration::ZERO).await.expect_err("late");
        let id = Uuid::now_v7();
        let said = unfinished(late, id, false);
        assert_eq!(said.code(), ErrorCode::Unavailable);
        assert!(said.said().contains(&format!("see /v1/messages/batch/{id}")));
        let kept = unfinished(ErrorCode::Internal.error(), id, true);
        assert_eq!(kept.code(), ErrorCode::Internal);
    }
}
