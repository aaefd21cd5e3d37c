//! `POST /v1/verifications/check`: is this the code?

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    secrets::{Code, Handle},
    verification::{self, CheckAnswer, CheckRequest},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::over;
use crate::{
    App,
    auth::Caller,
    body::{IdempotencyHeader, JsonBody},
    error::{ApiError, ErrorCode, Problem},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckVerification {
    pub(crate) session_token: String,
    /// As the person typed it; spaces, hyphens and digits of other scripts are understood.
    #[schema(example = "123456")]
    pub(crate) code: String,
    /// The number or e-mail address, if you want it compared too.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// The subject, if one was sent at create.
    #[serde(default)]
    pub(crate) subject: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedVerification {
    id: String,
    /// `verified`.
    status: &'static str,
    /// Proof of this success, usable once within ten minutes: a compact JWS, which the keys of
    /// `/.well-known/jwks.json` verify. A verification gives one: where its code counts again, it is left out
    /// from the second time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<String>,
    /// The address whose code it was, masked.
    to: String,
    /// Of the first time.
    verified_at: String,
}

/// Checks a code. A wrong one costs a guess; the right one counts once, unless the policy of its purpose is
/// reusable.
#[utoipa::path(
    post, path = "/v1/verifications/check", tag = "verifications", operation_id = "check_verification",
    security(("api_key" = [])), request_body = CheckVerification,
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeat of the successful check with the same key gets the same receipt.")),
    responses(
        (status = 200, description = "The code is right.", body = CheckedVerification),
        (status = 404, description = "No such session token, or bound to something else.", body = Problem),
        (status = 409, description = "Verified before.", body = Problem),
        (status = 410, description = "Expired, canceled or failed.", body = Problem),
        (status = 422, description = "The code is not right; `guesses_left` says how many remain.", body = Problem),
        (status = 423, description = "All guesses are used.", body = Problem),
        (status = 429, description = "Too many wrong guesses for this recipient today.", body = Problem),
        (status = 503, description = "The database does not answer in time; repeat with the same Idempotency-Key.", body = Problem),
    ),
)]
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyHeader,
    body: JsonBody<CheckVerification>,
) -> Result<Json<CheckedVerification>, ApiError> {
    caller.require(Scope::Verify)?;
    let answer = run(&app.home, caller.tenant_id, key, body.value).await?;
    Ok(Json(answer))
}

pub(crate) async fn run(
    home: &Home,
    tenant_id: Uuid,
    key: IdempotencyHeader,
    wire: CheckVerification,
) -> Result<CheckedVerification, ApiError> {
    let code = Code::normalised(&wire.code)
        .ok_or_else(|| ErrorCode::CodeMalformed.error().with("field", "code"))?;
    let to = match &wire.to {
        Some(to) => Some(home.read_recipient(tenant_id, to).await??),
        None => None,
    };
    let Some(token) = Handle::parse(&wire.session_token) else {
        return Err(not_found());
    };
    let request = CheckRequest {
        tenant_id,
        token,
        code,
        to,
        subject: wire.subject,
        idempotency_key: key.into_text(),
    };
    match verification::check(home, request).await? {
        CheckAnswer::Verified { id, receipt, to, at } => Ok(CheckedVerification {
            id: id.to_string(),
            status: "verified",
            receipt: Some(receipt),
            to,
            verified_at: rfc3339(at),
        }),
        CheckAnswer::VerifiedAgain { id, to, at } => Ok(CheckedVerification {
            id: id.to_string(),
            status: "verified",
            receipt: None,
            to,
            verified_at: rfc3339(at),
        }),
        CheckAnswer::Incorrect { guesses_left } => {
            Err(ErrorCode::CodeIncorrect.error().with("guesses_left", guesses_left))
        }
        CheckAnswer::Over(status) => Err(over(status)),
        CheckAnswer::BudgetSpent { until } => {
            Err(ErrorCode::GuessBudgetSpent.error().retry_at(until, home.clock.now()))
        }
        CheckAnswer::NotFound => Err(not_found()),
    }
}

/// The same whatever the cause: which of them it is would be told to whoever tries.
fn not_found() -> ApiError {
    ErrorCode::VerificationNotFound
        .detail("unknown session_token, or another `subject` or `to` than at create")
}
