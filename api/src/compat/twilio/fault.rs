//! Every error of these endpoints, in the form and with the numbers that Twilio's libraries know.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use otpost_shared::{
    admission::Refused, db::DbError, limits::Scope, secrets::SecretError,
    verify_service::StartRefused,
};
use serde::Serialize;

use crate::{
    error::{ApiError, ErrorCode},
    put_off::{PUT_OFF_MS, is_put_off, retry_after_secs},
};

const ALL_STARTS: &str = "Max send attempts reached";

/// An error on its way out.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: u16,
    message: String,
    retry_after_secs: Option<i64>,
}

#[derive(Serialize)]
struct Body {
    code: u16,
    message: String,
    more_info: String,
    status: u16,
}

impl Fault {
    fn new(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_secs: None }
    }

    /// Rounded up to whole seconds, at least one.
    fn after(self, wait_ms: i64) -> Self {
        Self { retry_after_secs: Some(retry_after_secs(wait_ms)), ..self }
    }

    /// A wrong key, a key under another name than its own, or none.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 20_003, "Authenticate")
    }

    /// A good key that may not do this.
    pub(super) fn forbidden() -> Self {
        let said = "Permission Denied: this API key lacks the scope verify";
        Self::new(StatusCode::FORBIDDEN, 20_003, said)
    }

    /// `path` is that of the request, below what stands before all of them.
    pub(super) fn not_found(path: &str) -> Self {
        let resource = path.strip_prefix("/v2").unwrap_or(path);
        let said = format!("The requested resource {resource} was not found");
        Self::new(StatusCode::NOT_FOUND, 20_404, said)
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, 20_004, "Method not allowed")
    }

    pub(super) fn parameter(name: &str, said: impl std::fmt::Display) -> Self {
        let said = format!("Invalid parameter `{name}`: {said}");
        Self::new(StatusCode::BAD_REQUEST, 60_200, said)
    }

    /// There are as many of these as there may be.
    pub(super) fn full(what: &str, most: i64) -> Self {
        let said = format!("Invalid parameter: there are {most} {what} already, delete some first");
        Self::new(StatusCode::BAD_REQUEST, 60_200, said)
    }

    pub(super) fn not_a_form() -> Self {
        let said = "Invalid parameter: send them as application/x-www-form-urlencoded";
        Self::new(StatusCode::BAD_REQUEST, 60_200, said)
    }

    /// Something that there is there and not here, or that this Service has not switched on.
    pub(super) fn feature(name: &str, said: &str) -> Self {
        let said = format!("Service does not support this feature: {name} {said}");
        Self::new(StatusCode::FORBIDDEN, 60_204, said)
    }

    fn no_purpose() -> Self {
        tracing::warn!("a Service stands on a purpose that is gone; `otpost doctor` names it");
        let said = "Service does not support this feature: the policy on which it stands is gone";
        Self::new(StatusCode::FORBIDDEN, 60_204, said)
    }

    pub(super) fn no_payment() -> Self {
        let said = "Amount and Payee are required: this Service is for payments";
        Self::new(StatusCode::BAD_REQUEST, 60_206, said)
    }

    pub(super) fn no_email() -> Self {
        let said = "No e-mail integration: name a provider in chains.email";
        Self::new(StatusCode::BAD_REQUEST, 60_217, said)
    }

    pub(super) fn no_recipient() -> Self {
        let said = "Either `To` or `VerificationSid` must be given";
        Self::new(StatusCode::BAD_REQUEST, 60_221, said)
    }

    pub(super) fn channel(name: &str) -> Self {
        let said = format!("Delivery channel disabled: {name}");
        Self::new(StatusCode::BAD_REQUEST, 60_223, said)
    }

    pub(super) fn checks_used_up() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 60_202, "Max check attempts reached")
    }

    fn starts_used_up(wait_ms: i64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 60_203, ALL_STARTS).after(wait_ms)
    }

    fn too_many(wait_ms: i64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 20_429, "Too many requests").after(wait_ms)
    }

    fn put_off(wait_ms: i64) -> Self {
        let said = "Service unavailable, try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 20_503, said).after(wait_ms)
    }

    /// The request, or its answer, took too long.
    pub(super) fn late() -> Self {
        Self::put_off(PUT_OFF_MS)
    }

    pub(super) fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 20_500, "Internal server error")
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = Body {
            code: self.code,
            message: self.message,
            more_info: format!("https://www.twilio.com/docs/errors/{}", self.code),
            status: self.status.as_u16(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"Otpost\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// A body that could not be read to its end.
impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let said = match error.code() {
            ErrorCode::BodyTooLarge => "Invalid parameter: the body is larger than 64 KiB",
            _ => "Invalid parameter: the body ended before it was complete",
        };
        Self::new(StatusCode::BAD_REQUEST, 60_200, said)
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        if is_put_off(&error) { Self::put_off(PUT_OFF_MS) } else { Self::failed() }
    }
}

impl From<SecretError> for Fault {
    fn from(error: SecretError) -> Self {
        DbError::from(error).into()
    }
}

impl From<StartRefused> for Fault {
    fn from(refused: StartRefused) -> Self {
        match refused {
            StartRefused::NoSuchLimit(name) => {
                Self::parameter("RateLimits", format!("this Service has no limit named {name:?}"))
            }
            StartRefused::Limited { wait_ms } => Self::too_many(wait_ms),
            StartRefused::Refused(refused) => refused.into(),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let blocked = |code, said| Self::new(StatusCode::FORBIDDEN, code, said);
        match refused {
            Refused::Limited { scope: Scope::Recipient, wait_ms } => Self::starts_used_up(wait_ms),
            Refused::Limited { wait_ms, .. } => Self::too_many(wait_ms),
            Refused::DailyCap { until, now } => Self::too_many(until - now),
            Refused::Busy { wait_ms } => Self::put_off(wait_ms),
            Refused::Unavailable(error) => error.into(),
            Refused::KeyInUse => {
                let said = "Too many concurrent requests for phone number";
                Self::new(StatusCode::TOO_MANY_REQUESTS, 60_212, said).after(1_000)
            }
            Refused::CountryNotAllowed { .. } => {
                blocked(60_605, "This destination is not allowed: see recipients.countries")
            }
            Refused::CountryNotOfPurpose { .. } => {
                blocked(60_605, "This destination is not allowed: see the policy of the Service")
            }
            Refused::OwnCode { .. } => Self::feature("CustomCode", "is not allowed by the policy"),
            Refused::Suppressed => blocked(60_410, "This recipient is not to be sent to"),
            Refused::VariableMissing(name) => {
                let said = format!("The text needs a substitution that was not sent: {name}");
                Self::new(StatusCode::BAD_REQUEST, 60_224, said)
            }
            Refused::NotInText(name) => {
                let said = format!("The text of a Service for payments must name {{{name}}}");
                Self::new(StatusCode::BAD_REQUEST, 60_224, said)
            }
            Refused::VariableReserved(name) => Self::parameter(
                "TemplateCustomSubstitutions",
                format!("{name} is filled in by the service"),
            ),
            Refused::TextLength { characters, most } => {
                let said = format!("the text may have {most} characters, and has {characters}");
                Self::parameter("TemplateCustomSubstitutions", said)
            }
            Refused::TitleLength(_) => {
                Self::parameter("CustomFriendlyName", "the title becomes too long")
            }
            Refused::Channel(channel) => Self::channel(channel.as_str()),
            // Policies can be taken away, and with them what a Service stands on.
            Refused::UnknownPurpose { .. } => Self::no_purpose(),
            Refused::CodeLength { .. }
            | Refused::Step(_)
            | Refused::OfStep(_)
            | Refused::NoTaker(_)
            | Refused::KeyReused => {
                // Nothing can bring these about: a start says how long its code is, its steps are those of a
                // policy and go where it goes, and its key stands for nothing else.
                tracing::error!(?refused, "a start was refused as none can be");
                Self::failed()
            }
        }
    }
}
