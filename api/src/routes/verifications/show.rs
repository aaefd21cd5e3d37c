//! `GET /v1/verifications/{id}`: the row, its messages and attempts in time order.

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    db::DbError,
    message, price,
    verification::{self, Status, Verification},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::known_id;
use crate::{
    App,
    auth::Caller,
    error::{ApiError, ErrorCode, Problem},
    query::NoParams,
    routes::{
        PathId,
        timeline::{self, MessageView, PriceView},
    },
};

#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationView {
    id: String,
    /// `pending`, `verified`, `locked`, `expired`, `canceled` or `failed`.
    status: &'static str,
    /// `sms`, `email`, `voice` or `whatsapp`.
    channel: String,
    purpose: String,
    /// The language that was asked for, if there are texts that serve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Masked.
    to: String,
    /// The second address that its steps go to, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    also_to: Option<String>,
    /// The address whose code came back, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    proved: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
    guesses_left: i32,
    resends: i32,
    /// True for a test number: nothing was sent.
    test: bool,
    /// True when it was made to look like one: nothing was sent.
    decoy: bool,
    /// True when its recipient was not to be sent to and whoever asked, without an API key, not to learn it:
    /// nothing was sent.
    withheld: bool,
    created_at: String,
    expires_at: String,
    resend_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// What all attempts cost together, one sum for each currency; left out while none has a price.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cost: Vec<PriceView>,
    messages: Vec<MessageView>,
}

/// Shows a verification with everything that was done for it.
#[utoipa::path(
    get, path = "/v1/verifications/{id}", tag = "verifications", operation_id = "show_verification",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The verification's id.")),
    responses(
        (status = 200, description = "The verification.", body = VerificationView),
        (status = 404, description = "There is no such verification.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<VerificationView>, ApiError> {
    caller.require(Scope::Verify)?;
    let home = &app.home;
    let row = verification::find(&home.db, known_id(id)?)
        .await?
        .filter(|row| row.tenant_id == caller.tenant_id)
        .ok_or_else(|| ErrorCode::VerificationNotFound.error())?;
    Ok(Json(view(home, row).await?))
}

/// Loads its messages and puts the whole together.
///
/// # Errors
/// The database does not answer, or the row's key is missing.
pub async fn view(home: &Home, row: Verification) -> Result<VerificationView, DbError> {
    let mut messages = Vec::new();
    for message in message::list_by_verification(&home.db, row.id).await? {
        let to = message.recipient(&home.keys)?.map(|to| to.masked());
        messages.push(timeline::view(home, message, to).await?);
    }
    let attempts = messages.iter().flat_map(|message| &message.attempts);
    let cost = price::totals(attempts.filter_map(|attempt| attempt.charge));
    let status = row.status(home.clock.now());
    let verified_at = row.finished_at.filter(|_| status == Status::Verified);
    Ok(VerificationView {
        id: row.id.to_string(),
        status: status.as_str(),
        to: row.recipient(&home.keys)?.masked(),
        also_to: row.other(&home.keys)?.map(|to| to.masked()),
        proved: verified_at.map(|_| row.proved(&home.keys)).transpose()?.map(|to| to.masked()),
        subject: row.subject(&home.keys)?,
        metadata: row.metadata(&home.keys)?,
        guesses_left: row.guesses_left(),
        resends: row.resends,
        test: row.is_test(),
        decoy: row.is_decoy() && !row.is_withheld(),
        withheld: row.is_withheld(),
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
        resend_at: rfc3339(row.resend_at),
        verified_at: verified_at.map(rfc3339),
        failure: row.failure,
        channel: row.channel,
        purpose: row.purpose,
        locale: row.locale,
        cost: cost.into_iter().map(PriceView::from).collect(),
        messages,
    })
}
