//! Reading bodies and idempotency keys, with errors that name the field and the way out.

use std::{future::poll_fn, pin::Pin};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use hyper::body::Body;
use otpost_shared::{idempotency::IdempotencyKey, secrets::Keyring};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    App, MAX_BODY_BYTES,
    error::{ApiError, ErrorCode},
    query,
};

/// So much of a body that is too large is read and thrown away: a client that is still sending
/// when the connection closes would see it break, and not the answer.
const MAX_DRAINED_BYTES: usize = 8 * 1024 * 1024;

/// A JSON body as `T`, with its bytes, which an idempotency key stands for. Calls that have one take no
/// parameters besides.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        query::expect_none(request.uri())?;
        let json = is_json(request.headers());
        let bytes = read(request, MAX_BODY_BYTES).await?;
        if !json {
            return Err(ErrorCode::MediaTypeUnsupported.error());
        }
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

/// A JSON body that may be left out, of calls that take no parameters either.
#[derive(Debug)]
pub struct OptionalJsonBody<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        query::expect_none(request.uri())?;
        let json = is_json(request.headers());
        let bytes = read(request, MAX_BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self { value: T::default(), bytes });
        }
        if !json {
            return Err(ErrorCode::MediaTypeUnsupported.error());
        }
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    is_of_kind(headers, "application/json")
}

/// True when the body says that it is of this media type, whatever its parameters.
pub(crate) fn is_of_kind(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// Reads a whole body of at most `most` bytes.
pub(crate) async fn read(request: Request, most: usize) -> Result<Bytes, ApiError> {
    read_if(request, most, |_| Ok(())).await
}

/// The same, if `may_keep` lets it: it is asked with how many bytes there are, before more of them are kept.
pub(crate) async fn read_if(
    request: Request,
    most: usize,
    mut may_keep: impl FnMut(usize) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let told = told_length(&request).unwrap_or(0);
    let mut body = request.into_body();
    // Where the length is told, most bodies are not copied from a smaller buffer to a larger one. For those that
    // take more there may be no room.
    let (mut kept, mut length) = (Vec::with_capacity(told.min(most).min(MAX_BODY_BYTES)), 0);
    let mut refused = None;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| {
            ErrorCode::MalformedBody.detail("the body ended before it was complete")
        })?;
        // A frame that is no data is a trailer, which says nothing here.
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > most + MAX_DRAINED_BYTES {
            break;
        }
        if length > most || refused.is_some() {
            continue;
        }
        match may_keep(length) {
            Ok(()) => kept.extend_from_slice(&data),
            Err(error) => {
                kept = Vec::new();
                refused = Some(error);
            }
        }
    }
    if length > most {
        return Err(ErrorCode::BodyTooLarge.detail(format!("here it is {} KiB", most / 1024)));
    }
    refused.map_or_else(|| Ok(kept.into()), Err)
}

/// How long the body is, as far as that is told before it comes.
pub(crate) fn told_length(request: &Request) -> Option<usize> {
    usize::try_from(request.body().size_hint().exact()?).ok()
}

/// Reads one JSON object.
pub(crate) fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, ApiError> {
    // Serde would read an array field by field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ErrorCode::InvalidField.detail("send a JSON object, not an array"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let inner = error.inner();
        if !inner.is_data() {
            return not_json(inner);
        }
        let said = sentence(&inner.to_string());
        let field = match error.path().to_string() {
            whole if whole == "." => named_in(&said).map(str::to_owned),
            path => Some(path),
        };
        let failed = ErrorCode::InvalidField.detail(said);
        match field {
            Some(field) => failed.with("field", field),
            None => failed,
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    ErrorCode::MalformedBody.detail(format!("not JSON at line {line}, column {column}"))
}

/// The field of a message about the whole object: "missing field `to`".
fn named_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" field `")?;
    rest.split_once('`').map(|(name, _)| name)
}

/// Serde's message without the position, and without the value it may repeat.
fn sentence(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    match message.split_once("invalid type: ").or(message.split_once("invalid value: ")) {
        Some((_, rest)) => match rest.rsplit_once("expected ") {
            Some((_, ours)) if ours.starts_with("struct ") => "send a JSON object".to_owned(),
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
    /// A key of our own.
    pub(crate) fn of(key: String) -> Self {
        Self(Some(key))
    }

    /// The key, standing for this body at this address.
    #[must_use]
    pub fn for_request(
        &self,
        keys: &Keyring,
        address: &str,
        body: &[u8],
    ) -> Option<IdempotencyKey> {
        let key = self.0.as_deref()?;
        Some(IdempotencyKey::new(keys, key, &[address.as_bytes(), body]))
    }

    #[must_use]
    pub fn into_text(self) -> Option<String> {
        self.0
    }
}
