//! Every status and body of these endpoints. What the original says in words, apps compare and show.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use otpost_shared::{admission::Refused, db::DbError};
use serde::{Serialize, Serializer};

use super::endpoint::{ALLOWED, About};
use crate::{
    error::{ApiError, ErrorCode},
    put_off::{PUT_OFF_MS, is_put_off, retry_after_secs},
};

pub(super) const VALID: &str = "Security code is valid.";
pub(super) const NOT_VALID: &str = "Security code is not valid";
pub(super) const EXPIRED: &str = "Security code has expired";
pub(super) const ALREADY_VERIFIED: &str = "Security code is already verified";
pub(super) const TOO_MANY: &str =
    "Too many failed verification attempts. Please request a new code.";

const NOT_SENT_TO: &str = "No code can be sent to this phone number.";
const NON_FIELD: &str = "non_field_errors";

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Body,
    retry_after_secs: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body {
    Token { session_token: String },
    Message { message: &'static str },
    Detail { detail: String },
    Errors(Errors),
    About(Box<About>),
}

/// By field, in the order in which they are told.
#[derive(Debug)]
struct Errors(Vec<(&'static str, String)>);

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, said)| (name, [said])))
    }
}

impl Answer {
    fn new(status: StatusCode, body: Body) -> Self {
        Self { status, body, retry_after_secs: None }
    }

    fn detail(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, Body::Detail { detail: detail.into() })
    }

    pub(super) fn registered(session_token: String) -> Self {
        Self::new(StatusCode::OK, Body::Token { session_token })
    }

    pub(super) fn verified() -> Self {
        Self::new(StatusCode::OK, Body::Message { message: VALID })
    }

    pub(super) fn described(about: About) -> Self {
        Self::new(StatusCode::OK, Body::About(Box::new(about)))
    }

    /// What is wrong with single fields.
    pub(super) fn fields(errors: Vec<(&'static str, String)>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Body::Errors(Errors(errors)))
    }

    /// What is wrong with all of them together.
    pub(super) fn refused(said: impl Into<String>) -> Self {
        Self::fields(vec![(NON_FIELD, said.into())])
    }

    pub(super) fn unreadable(said: impl Into<String>) -> Self {
        Self::detail(StatusCode::BAD_REQUEST, said)
    }

    pub(super) fn method(name: &str) -> Self {
        let said = format!("Method \"{name}\" not allowed.");
        Self::detail(StatusCode::METHOD_NOT_ALLOWED, said)
    }

    pub(super) fn media_type(name: &str) -> Self {
        let said = format!("Unsupported media type \"{name}\" in request.");
        Self::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, said)
    }

    /// Rounded up to whole seconds, at least one.
    pub(super) fn throttled(wait_ms: i64) -> Self {
        let secs = retry_after_secs(wait_ms);
        let unit = if secs == 1 { "second" } else { "seconds" };
        let said = format!("Request was throttled. Expected available in {secs} {unit}.");
        let answer = Self::detail(StatusCode::TOO_MANY_REQUESTS, said);
        Self { retry_after_secs: Some(secs), ..answer }
    }

    pub(super) fn put_off(wait_ms: i64) -> Self {
        let said = "Service temporarily unavailable, try again later.";
        let answer = Self::detail(StatusCode::SERVICE_UNAVAILABLE, said);
        Self { retry_after_secs: Some(retry_after_secs(wait_ms)), ..answer }
    }

    pub(super) fn failed() -> Self {
        Self::detail(StatusCode::INTERNAL_SERVER_ERROR, "A server error occurred.")
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

/// A body that could not be read to its end.
impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        match error.code() {
            ErrorCode::BodyTooLarge => {
                let said = "The request body is larger than 64 KiB.";
                Self::detail(StatusCode::PAYLOAD_TOO_LARGE, said)
            }
            _ => Self::unreadable("The request body ended before it was complete."),
        }
    }
}

impl From<DbError> for Answer {
    fn from(error: DbError) -> Self {
        if is_put_off(&error) { Self::put_off(PUT_OFF_MS) } else { Self::failed() }
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Limited { wait_ms, .. } => Self::throttled(wait_ms),
            Refused::DailyCap { until, now } => Self::throttled(until - now),
            Refused::Busy { wait_ms } => Self::put_off(wait_ms),
            Refused::Unavailable(error) => error.into(),
            // Which of these it is, a stranger need not know.
            Refused::CountryNotAllowed { .. } | Refused::CountryNotOfPurpose { .. } => {
                Self::fields(vec![("phone_number", NOT_SENT_TO.to_owned())])
            }
            Refused::UnknownPurpose { .. }
            | Refused::VariableMissing(_)
            | Refused::VariableReserved(_)
            | Refused::NotInText(_)
            | Refused::TextLength { .. }
            | Refused::TitleLength(_)
            | Refused::CodeLength { .. }
            | Refused::OwnCode { .. }
            | Refused::Step(_)
            | Refused::OfStep(_)
            | Refused::Channel(_)
            | Refused::NoTaker(_)
            | Refused::Suppressed
            | Refused::KeyReused
            | Refused::KeyInUse => {
                // No request can bring these about: they are mistakes of what is configured.
                tracing::error!(?refused, "compat.django cannot register numbers as configured");
                Self::failed()
            }
        }
    }
}
