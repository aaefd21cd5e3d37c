//! Which languages a request asks for.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use otpost_shared::texts::{Asked, Locale};

use crate::error::ApiError;

/// The `Accept-Language` header, if there is one that can be read.
#[derive(Clone, Debug)]
pub struct AcceptLanguage(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for AcceptLanguage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        Ok(Self((!lines.is_empty()).then(|| lines.join(","))))
    }
}

impl AcceptLanguage {
    /// The languages that are wanted, the one of the body's `locale` before those of the header.
    ///
    /// # Errors
    /// `locale` is no language. What is wrong in the header is passed over.
    pub(crate) fn asked(&self, locale: Option<&str>) -> Result<Asked, ApiError> {
        Ok(Asked::new(read(locale)?, self.0.as_deref()))
    }
}

/// Reads the `locale` of a body.
///
/// # Errors
/// It is no language.
pub(crate) fn read(locale: Option<&str>) -> Result<Option<Locale>, ApiError> {
    let Some(text) = locale else { return Ok(None) };
    Locale::parse(text).map(Some).ok_or_else(|| {
        let said = "locale must be a language, such as \"en\" or \"pt-BR\"";
        ApiError::invalid("locale", said)
    })
}
