//! Who calls: an API key becomes the tenant it may act for.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use otpost_shared::{
    Home,
    api_key::{ApiKey, Scope},
    db::DbError,
};
use utoipa::{
    Modify,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use uuid::Uuid;

use crate::{
    App,
    error::{ApiError, ErrorCode},
};

/// The holder of a valid API key.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant_id: Uuid,
    key: ApiKey,
}

impl Caller {
    /// By which changes are told apart.
    #[must_use]
    pub fn key_id(&self) -> Uuid {
        self.key.id
    }

    /// False once the key is revoked or expired, or its tenant disabled: for whoever is served for long.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn still_counts(&self, home: &Home) -> Result<bool, DbError> {
        home.api_keys.still_counts(&home.db, self.key.id, home.clock.now()).await
    }

    /// # Errors
    /// The key lacks the scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.key.may(scope) {
            return Ok(());
        }
        Err(ErrorCode::ScopeMissing.error().with("scope", scope.as_str()))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        find(&parts.headers, app).await?.ok_or_else(|| ErrorCode::Unauthorized.error())
    }
}

/// A caller with or without an API key; a wrong key is an error all the same.
#[derive(Clone, Debug)]
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<App> for MaybeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            Caller::from_request_parts(parts, app).await.map(|caller| Self(Some(caller)))
        } else {
            Ok(Self(None))
        }
    }
}

async fn find(headers: &HeaderMap, app: &App) -> Result<Option<Caller>, ApiError> {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, text)| text.trim());
    let Some(text) = text else { return Ok(None) };
    let key = app.home.api_keys.find(&app.home.db, text, app.home.clock.now()).await?;
    Ok(key.map(|key| Caller { tenant_id: key.tenant_id, key }))
}

/// Describes the credential in the API reference.
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, made with `otpost key create`."))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}
