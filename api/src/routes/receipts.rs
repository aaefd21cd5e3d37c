//! `POST /v1/receipts/consume`: turns the proof of a success into its effect, once.

use axum::{Json, extract::State};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    verification::{self, ReceiptAnswer},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumeReceipt {
    /// As it was given out.
    receipt: String,
    /// The purpose the verification was made for.
    purpose: String,
    /// The subject, if the verification has one.
    #[serde(default)]
    subject: Option<String>,
    /// Accept the receipt of a test number.
    #[serde(default)]
    allow_test: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ConsumedReceipt {
    /// The verification's id.
    id: String,
    /// Masked.
    to: String,
    verified_at: String,
}

/// Uses a receipt up. It counts once, within ten minutes, for the purpose and subject it was
/// made for.
#[utoipa::path(
    post, path = "/v1/receipts/consume", tag = "receipts", operation_id = "consume_receipt",
    security(("api_key" = [])), request_body = ConsumeReceipt,
    responses(
        (status = 200, description = "It counted.", body = ConsumedReceipt),
        (status = 409, description = "It was used before.", body = Problem),
        (status = 410, description = "It is older than ten minutes.", body = Problem),
        (status = 422, description = "Not a receipt for this.", body = Problem),
    ),
)]
pub async fn consume(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<ConsumeReceipt>,
) -> Result<Json<ConsumedReceipt>, ApiError> {
    caller.require(Scope::Verify)?;
    let wire = body.value;
    let answer = verification::consume_receipt(
        &app.home,
        caller.tenant_id,
        &wire.receipt,
        &wire.purpose,
        wire.subject.as_deref(),
        wire.allow_test,
    )
    .await?;
    match answer {
        ReceiptAnswer::Consumed { id, to, verified_at } => {
            Ok(Json(ConsumedReceipt { id: id.to_string(), to, verified_at: rfc3339(verified_at) }))
        }
        ReceiptAnswer::AlreadyConsumed => Err(ErrorCode::ReceiptAlreadyConsumed.error()),
        ReceiptAnswer::Expired => Err(ErrorCode::ReceiptExpired.error()),
        ReceiptAnswer::OfTestNumber => Err(ErrorCode::ReceiptOfTestNumber.error()),
        ReceiptAnswer::NotValid => Err(ErrorCode::ReceiptNotValid.error()),
    }
}
