//! The routes, one file per noun.

pub mod batches;
pub mod events;
pub mod first_start;
pub mod inbound;
pub mod inbox;
pub mod jwks;
pub mod messages;
pub mod pages;
pub mod policies;
pub mod probes;
pub mod receipts;
pub mod suppressions;
pub mod templates;
pub mod timeline;
pub mod verifications;
pub mod webhooks;

use std::{convert::Infallible, str::FromStr};

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{App, error::ApiError};

pub(crate) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(verifications::create::create))
        .routes(routes!(verifications::check::check))
        .routes(routes!(verifications::show::show))
        .routes(routes!(verifications::live::watch))
        .routes(routes!(verifications::resend::resend))
        .routes(routes!(verifications::cancel::cancel))
        .routes(routes!(receipts::consume))
        .routes(routes!(messages::create))
        .routes(routes!(messages::show))
        .routes(routes!(pages::create))
        .merge(batches::router())
        .merge(suppressions::router())
        .merge(policies::router())
        .merge(templates::router())
        .merge(inbox::router())
        .merge(webhooks::router())
        .routes(routes!(events::list))
}

/// Rows of a page when nothing else is asked for, and the most that can be.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1_000;

fn read_limit(limit: Option<&str>) -> Result<Option<usize>, ApiError> {
    let Some(text) = limit else { return Ok(None) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.map(Some).ok_or_else(|| ApiError::invalid("limit", "limit must be 1 to 1000"))
}

/// Where the page before ended, as it said itself.
fn read_after<T: FromStr>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    text.map(|text| text.parse().map_err(|_| wrong_after())).transpose()
}

fn wrong_after() -> ApiError {
    ApiError::invalid("after", "after must be next of the page before")
}

/// The id in a path; none when it is of no form that an id has.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Option<Uuid>);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<Uuid>::from_request_parts(parts, state).await;
        Ok(Self(id.ok().map(|Path(id)| id)))
    }
}

/// The name in a path; empty, and so nobody's, when it is no text that a name can be.
#[derive(Clone, Debug)]
pub struct PathName(pub String);

impl PathName {
    /// Postgres takes no NUL, and nobody writes a name with another control character.
    fn of(text: String) -> Self {
        Self(if text.contains(char::is_control) { String::new() } else { text })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self::of(name.map(|Path(name)| name).unwrap_or_default()))
    }
}
