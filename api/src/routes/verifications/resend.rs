//! `POST /v1/verifications/{id}/resend`: sends the code again.

use std::net::IpAddr;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    Home,
    channel::Channel,
    clock::rfc3339,
    queue::Lane,
    verification::{self, ResendAnswer, ResendRequest, Resent, Terms},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{authorised, known_id, over};
use crate::{
    App,
    auth::MaybeCaller,
    body::{IdempotencyHeader, OptionalJsonBody},
    channel,
    client::ClientAddress,
    error::{ApiError, ErrorCode, Problem},
    routes::PathId,
};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendVerification {
    /// Instead of an API key, for calls from a browser.
    #[serde(default)]
    session_token: Option<String>,
    /// Another way than the first one, as far as it reaches an address of this verification: with `voice`
    /// its number is called.
    #[serde(default)]
    #[schema(example = "voice")]
    channel: Option<String>,
    /// The person's address, for the limits; only with an API key.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
}

impl ResendVerification {
    /// None when it goes the way of the first one.
    fn channel(&self, home: &Home) -> Result<Option<Channel>, ApiError> {
        let read = |asked| channel::read_for(Lane::Otp, &home.config.chains, Some(asked));
        self.channel.as_deref().map(read).transpose()
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ResentVerification {
    id: String,
    /// `pending`.
    status: &'static str,
    /// `sms`, `email`, `voice` or `whatsapp`.
    channel: &'static str,
    /// Masked.
    to: String,
    /// Unchanged by a resend.
    expires_at: String,
    resend_at: String,
}

/// Sends the code again. Guesses and expiry stay as they are.
#[utoipa::path(
    post, path = "/v1/verifications/{id}/resend", tag = "verifications", operation_id = "resend_verification",
    security(("api_key" = []), ()), request_body = Option<ResendVerification>,
    params(
        ("id" = String, Path, description = "The verification's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key gets the first answer."),
    ),
    responses(
        (status = 202, description = "Stored; the code is on its way again.", body = ResentVerification),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "Not stored; repeat with the same Idempotency-Key.", body = Problem),
    ),
)]
pub async fn resend(
    State(app): State<App>,
    id: PathId,
    caller: MaybeCaller,
    ClientAddress(address): ClientAddress,
    key: IdempotencyHeader,
    body: OptionalJsonBody<ResendVerification>,
) -> Result<(StatusCode, Json<ResentVerification>), ApiError> {
    let wire = body.value;
    let row = authorised(&app, &caller, known_id(id)?, wire.session_token.as_deref()).await?;
    // With an API key the connection is the customer's server, which is never limited.
    let client = if caller.0.is_some() { wire.client_ip } else { Some(address) };
    let path = format!("POST /v1/verifications/{}/resend", row.id);
    let request = ResendRequest {
        tenant_id: row.tenant_id,
        id: row.id,
        channel: wire.channel(&app.home)?,
        client,
        idempotency_key: key.for_request(&app.home.keys, &path, &body.bytes),
    };
    // Whoever has no API key is not to learn who opted out.
    let terms = Terms { hides_opt_outs: caller.0.is_none(), ..Terms::default() };
    let resent = run(&app.home, request, &terms).await?;
    Ok((StatusCode::ACCEPTED, Json(resent.into())))
}

pub(crate) async fn run(
    home: &Home,
    request: ResendRequest,
    terms: &Terms<'_>,
) -> Result<Resent, ApiError> {
    match verification::resend_on_terms(home, request, terms).await? {
        ResendAnswer::Resent(resent) => Ok(resent),
        ResendAnswer::TooEarly { resend_at } => Err(ErrorCode::ResendTooEarly
            .error()
            .with("resend_at", rfc3339(resend_at))
            .retry_at(resend_at, home.clock.now())),
        ResendAnswer::Over(status) => Err(over(status)),
        ResendAnswer::NotFound => Err(ErrorCode::VerificationNotFound.error()),
    }
}

impl From<Resent> for ResentVerification {
    fn from(resent: Resent) -> Self {
        Self {
            id: resent.id.to_string(),
            status: "pending",
            channel: resent.channel.as_str(),
            to: resent.to,
            expires_at: rfc3339(resent.expires_at),
            resend_at: rfc3339(resent.resend_at),
        }
    }
}
