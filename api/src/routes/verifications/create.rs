//! `POST /v1/verifications`: sends a code.

use std::net::IpAddr;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    policy::DEFAULT_PURPOSE,
    queue::Lane,
    secrets::Code,
    verification::{self, Accepted, NewVerification, Variables},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::steps::{self, Step};
use crate::{
    App,
    auth::Caller,
    body::{IdempotencyHeader, JsonBody},
    channel,
    error::{ApiError, Problem},
    language::AcceptLanguage,
};

/// Longest subject, in bytes.
pub(crate) const SUBJECT: usize = 255;
/// Largest metadata and variables, in bytes of JSON.
const METADATA: usize = 4_096;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVerification {
    /// A phone number, best as `+` and digits (a national one needs a default region); with the channel
    /// `email` an e-mail address, such as `ann@example.org`.
    #[schema(example = "+4915112345678")]
    pub(crate) to: String,
    /// `sms`, `email`, `voice` or `whatsapp`, as far as the configuration has a chain for it; `sms` if left
    /// out. With `voice` the number is called and the code read out.
    #[serde(default)]
    #[schema(example = "sms")]
    pub(crate) channel: Option<String>,
    /// Which policy applies; `default` if left out.
    #[serde(default)]
    pub(crate) purpose: Option<String>,
    /// Whom this is about in your system. If sent, it must be sent again at check.
    #[serde(default)]
    pub(crate) subject: Option<String>,
    /// Values for the placeholders of the purpose's texts.
    #[serde(default)]
    pub(crate) variables: Variables,
    /// The person's language (BCP 47, such as `pt-BR`). Without one, or where there are no texts in it, the
    /// header `Accept-Language` counts, then the tenant's language, then that of the configuration.
    #[serde(default)]
    #[schema(example = "pt-BR")]
    pub(crate) locale: Option<String>,
    /// A JSON object of your own, given back by show.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// The person's address, for the limits; your own server's is never limited.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "203.0.113.9")]
    pub(crate) client_ip: Option<IpAddr>,
    /// A code of your own instead of a generated one, where the purpose's policy allows it.
    #[serde(default)]
    pub(crate) code: Option<String>,
    /// What follows by itself while nobody gives the code back: at most three steps, each some time after
    /// the one before, or at once when that one fails. Left out, those of the purpose's policy follow; `[]`
    /// means none.
    #[serde(default)]
    pub(crate) then: Option<Vec<Step>>,
    /// You know that nobody is to be written to, because there is no such account say, and want an answer that
    /// cannot be told from another: nothing is sent, and no code is right.
    #[serde(default)]
    pub(crate) decoy: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedVerification {
    id: String,
    /// Give it to the person's browser or app: it is needed at check.
    session_token: String,
    /// `pending`.
    status: &'static str,
    /// `sms`, `email`, `voice` or `whatsapp`.
    channel: &'static str,
    /// Masked.
    to: String,
    expires_at: String,
    /// From when on a resend is possible.
    resend_at: String,
}

/// Sends a code to a number or an e-mail address. The answer means that it is stored, not that it has arrived.
#[utoipa::path(
    post, path = "/v1/verifications", tag = "verifications", operation_id = "create_verification",
    security(("api_key" = [])), request_body = CreateVerification,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key gets the first answer."),
        ("Accept-Language" = Option<String>, Header, description = "The person's languages, best passed on as the browser sent it."),
    ),
    responses(
        (status = 202, description = "Stored; the code is on its way.", body = CreatedVerification),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "Not stored; repeat with the same Idempotency-Key.", body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyHeader,
    languages: AcceptLanguage,
    body: JsonBody<CreateVerification>,
) -> Result<(StatusCode, Json<CreatedVerification>), ApiError> {
    caller.require(Scope::Verify)?;
    let mut new = parse(&app.home, caller.tenant_id, &languages, body.value).await?;
    new.idempotency_key = key.for_request(&app.home.keys, "POST /v1/verifications", &body.bytes);
    let accepted = verification::accept(&app.home, new).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted.into())))
}

/// Turns the wire's texts into domain values.
pub(crate) async fn parse(
    home: &Home,
    tenant_id: Uuid,
    languages: &AcceptLanguage,
    wire: CreateVerification,
) -> Result<NewVerification, ApiError> {
    let channel = channel::read_for(Lane::Otp, &home.config.chains, wire.channel.as_deref())?;
    let too_long = |field: &str, most: usize| {
        ApiError::invalid(field, format!("{field} may have at most {most} bytes"))
    };
    if wire.subject.as_ref().is_some_and(|subject| subject.len() > SUBJECT) {
        return Err(too_long("subject", SUBJECT));
    }
    if wire.metadata.as_ref().is_some_and(|m| json_len(m) > METADATA) {
        return Err(too_long("metadata", METADATA));
    }
    if json_len(&wire.variables) > METADATA {
        return Err(too_long("variables", METADATA));
    }
    let locale = languages.asked(wire.locale.as_deref())?;
    let to = home.read_recipient_of(tenant_id, channel, &wire.to).await??;
    let then = match wire.then {
        Some(then) => Some(steps::read(home, tenant_id, &to, then).await?),
        None => None,
    };
    let code = wire.code.map(|text| {
        Code::normalised(&text).ok_or_else(|| ApiError::invalid("code", "code must be digits"))
    });
    Ok(NewVerification {
        tenant_id,
        to,
        channel,
        purpose: wire.purpose.unwrap_or_else(|| DEFAULT_PURPOSE.into()),
        subject: wire.subject,
        variables: wire.variables,
        metadata: wire.metadata.map(serde_json::Value::Object),
        locale,
        client: wire.client_ip,
        code: code.transpose()?,
        then,
        decoy: wire.decoy,
        idempotency_key: None,
    })
}

/// How large a value is as JSON.
pub(crate) fn json_len(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

impl From<Accepted> for CreatedVerification {
    fn from(accepted: Accepted) -> Self {
        Self {
            id: accepted.id.to_string(),
            session_token: accepted.session_token,
            status: "pending",
            channel: accepted.channel.as_str(),
            to: accepted.to,
            expires_at: rfc3339(accepted.expires_at),
            resend_at: rfc3339(accepted.resend_at),
        }
    }
}
