//! Reading bodies and idempotency keys, with errors that name the field and the way out.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use otpost_shared::idempotency::IdempotencyKey;
use serde::de::DeserializeOwned;

use crate::{
    App,
    error::{ApiError, ErrorCode},
};

/// A JSON body as `T`, with its bytes, which an idempotency key stands for.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ErrorCode::MediaTypeUnsupported.error());
        }
        let bytes = read(request, app).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct OptionalJsonBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let json = is_json(request.headers());
        let bytes = read(request, app).await?;
        if bytes.is_empty() {
            return Ok(Self { value: T::default(), bytes });
        }
        if !json {
            return Err(ErrorCode::MediaTypeUnsupported.error());
        }
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(request: Request, app: &App) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(failed)
            if failed.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            ErrorCode::BodyTooLarge.error()
        }
        _ => ErrorCode::MalformedBody.detail("the body ended before it was complete"),
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let reader = &mut serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let inner = error.inner();
        let place = format!("line {}, column {}", inner.line(), inner.column());
        if inner.is_data() {
            let field = error.path().to_string();
            let said = sentence(&inner.to_string());
            let failed = ErrorCode::InvalidField.detail(said);
            return if field == "." { failed } else { failed.with("field", field) };
        }
        ErrorCode::MalformedBody.detail(format!("not JSON at {place}"))
    })
}

/// Serde's message without the position, and without the value it may repeat.
fn sentence(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    match message.split_once("invalid type: ").or(message.split_once("invalid value: ")) {
        Some((_, rest)) => match rest.rsplit_once("expected ") {
            Some((_, expected)) => format!("wrong type: expected {expected}"),
            None => "wrong type".to_owned(),
        },
        None => message.to_owned(),
    }
}

/// The `Idempotency-Key` header, if there is one.
#[derive(Clone, Debug)]
pub struct IdempotencyHeader(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        value
            .to_str()
            .ok()
            .filter(|key| (1..=255).contains(&key.len()))
            .map(|key| Self(Some(key.to_owned())))
            .ok_or_else(|| ErrorCode::IdempotencyKeyInvalid.error())
    }
}

impl IdempotencyHeader {
    /// The key, standing for this body at this address.
    #[must_use]
    pub fn for_request(&self, address: &str, body: &[u8]) -> Option<IdempotencyKey> {
        self.0.as_deref().map(|key| IdempotencyKey::new(key, &[address.as_bytes(), b"\0", body]))
    }

    #[must_use]
    pub fn into_text(self) -> Option<String> {
        self.0
    }
}
