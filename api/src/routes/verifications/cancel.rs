//! `POST /v1/verifications/{id}/cancel`: calls a verification off.

use axum::{Json, extract::State};
use otpost_shared::verification::{self, CancelAnswer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{authorised, known_id, over};
use crate::{
    App,
    auth::MaybeCaller,
    body::OptionalJsonBody,
    error::{ApiError, ErrorCode, Problem},
    routes::PathId,
};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelVerification {
    /// Instead of an API key, for calls from a browser.
    #[serde(default)]
    session_token: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CanceledVerification {
    id: String,
    /// `canceled`.
    status: &'static str,
}

/// Calls a pending verification off: its code no longer counts, and unsent messages stay unsent.
#[utoipa::path(
    post, path = "/v1/verifications/{id}/cancel", tag = "verifications", operation_id = "cancel_verification",
    security(("api_key" = []), ()), request_body = Option<CancelVerification>,
    params(("id" = String, Path, description = "The verification's id.")),
    responses(
        (status = 200, description = "Canceled, now or before.", body = CanceledVerification),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "The database does not answer.", body = Problem),
    ),
)]
pub async fn cancel(
    State(app): State<App>,
    id: PathId,
    caller: MaybeCaller,
    body: OptionalJsonBody<CancelVerification>,
) -> Result<Json<CanceledVerification>, ApiError> {
    let token = body.value.session_token;
    let row = authorised(&app, &caller, known_id(id)?, token.as_deref()).await?;
    let (id, now) = (row.id, app.home.clock.now());
    let answer = verification::cancel(&app.home.db, row.tenant_id, id, now).await?;
    match answer {
        // Asking twice is as good as once.
        CancelAnswer::Canceled | CancelAnswer::Over(verification::Status::Canceled) => {
            Ok(Json(CanceledVerification { id: id.to_string(), status: "canceled" }))
        }
        CancelAnswer::Over(status) => Err(over(status)),
        CancelAnswer::NotFound => Err(ErrorCode::VerificationNotFound.error()),
    }
}
