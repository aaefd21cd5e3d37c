//! Messages that are not codes: create one, show one.

use std::net::IpAddr;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    message::{self, NewMessage, Title, longest_text},
    queue::Lane,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    PathId,
    timeline::{self, MessageView},
};
use crate::{
    App,
    auth::Caller,
    body::{IdempotencyHeader, JsonBody},
    channel,
    error::{ApiError, ErrorCode, Problem},
    language,
    query::NoParams,
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateMessage {
    /// A phone number, best as `+` and digits; with the channel `email` an e-mail address.
    #[schema(example = "+4915112345678")]
    to: String,
    /// At most 1600 characters; of an e-mail 10000.
    text: String,
    /// `sms` or `email`, as far as the configuration has a chain for it; `sms` if left out. Calls and
    /// WhatsApp are for codes alone.
    #[serde(default)]
    #[schema(example = "sms")]
    channel: Option<String>,
    /// What the subject line of an e-mail says, one line of at most 200 characters: needed with `email`,
    /// refused with `sms`.
    #[serde(default)]
    title: Option<String>,
    /// The language of the text (BCP 47), by which an e-mail is read aloud and translated; `texts.language`
    /// if left out. An SMS does not carry it.
    #[serde(default)]
    #[schema(example = "pt-BR")]
    locale: Option<String>,
    /// The person's address, for the limits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_ip: Option<IpAddr>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedMessage {
    id: String,
    /// `queued`; `canceled` for a test number.
    state: String,
    /// `sms` or `email`.
    channel: &'static str,
    /// Masked.
    to: String,
    /// It is not sent after this moment.
    deadline: String,
}

/// Sends one text that is not a code, as an SMS or an e-mail.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", operation_id = "create_message",
    security(("api_key" = [])), request_body = CreateMessage,
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key gets the first answer.")),
    responses(
        (status = 202, description = "Stored; the text is on its way.", body = CreatedMessage),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "Not stored; repeat with the same Idempotency-Key.", body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyHeader,
    body: JsonBody<CreateMessage>,
) -> Result<(StatusCode, Json<CreatedMessage>), ApiError> {
    caller.require(Scope::Send)?;
    let wire = body.value;
    let home = &app.home;
    let channel = channel::read_for(Lane::Bulk, &home.config.chains, wire.channel.as_deref())?;
    let most = longest_text(channel);
    if wire.text.is_empty() || wire.text.chars().count() > most {
        return Err(ApiError::invalid("text", format!("text must have 1 to {most} characters")));
    }
    let title = Title::of(channel, wire.title)
        .map_err(|error| ApiError::invalid("title", error.to_string()))?;
    let new = NewMessage {
        tenant_id: caller.tenant_id,
        to: home.read_recipient_of(caller.tenant_id, channel, &wire.to).await??,
        title,
        text: wire.text,
        language: language::read(wire.locale.as_deref())?,
        client: wire.client_ip,
        idempotency_key: key.for_request(&home.keys, "POST /v1/messages", &body.bytes),
    };
    let accepted = message::accept(home, new).await?;
    let created = CreatedMessage {
        id: accepted.id.to_string(),
        state: accepted.state,
        channel: accepted.channel.as_str(),
        to: accepted.to,
        deadline: rfc3339(accepted.deadline),
    };
    Ok((StatusCode::ACCEPTED, Json(created)))
}

/// Shows a message with its attempts.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages", operation_id = "show_message",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The message's id.")),
    responses(
        (status = 200, description = "The message.", body = MessageView),
        (status = 404, description = "There is no such message.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<MessageView>, ApiError> {
    caller.require(Scope::Send)?;
    let not_found = || ErrorCode::MessageNotFound.error();
    let id = id.0.ok_or_else(not_found)?;
    // A verification's messages are shown with it.
    let row = message::find(&app.home.db, id)
        .await?
        .filter(|row| row.tenant_id == caller.tenant_id && row.verification_id.is_none())
        .ok_or_else(not_found)?;
    let to = row.recipient(&app.home.keys)?.map(|to| to.masked());
    Ok(Json(timeline::view(&app.home, row, to).await?))
}
