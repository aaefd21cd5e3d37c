//! The routes, one file per noun.

pub mod batches;
pub mod inbound;
pub mod messages;
pub mod pages;
pub mod probes;
pub mod receipts;
pub mod suppressions;
pub mod timeline;
pub mod verifications;

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::App;

pub(crate) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(verifications::create::create))
        .routes(routes!(verifications::check::check))
        .routes(routes!(verifications::show::show))
        .routes(routes!(verifications::resend::resend))
        .routes(routes!(verifications::cancel::cancel))
        .routes(routes!(receipts::consume))
        .routes(routes!(messages::create))
        .routes(routes!(messages::show))
        .merge(batches::router())
        .merge(suppressions::router())
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
