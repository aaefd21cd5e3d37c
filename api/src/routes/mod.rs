//! The routes, one file per noun.

pub mod messages;
pub mod pages;
pub mod probes;
pub mod receipts;
pub mod timeline;
pub mod verifications;

use utoipa_axum::{router::OpenApiRouter, routes};

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
}
