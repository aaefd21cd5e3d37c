//! What the system accepts: HTTP in, domain calls out, problem documents back.
//!
//! | module | what lives there |
//! |---|---|
//! | [`routes`] | one file per noun: wire structs and handlers |
//! | `compat` | endpoints that answer as other software does |
//! | [`error`], `put_off` | every public error code, its status and its sentence; how long who is put off waits |
//! | `hosted` | the page on which people say their number and give back the code |
//! | [`auth`], [`client`] | who calls; from which address |
//! | [`body`], `channel`, [`language`] | reading JSON, idempotency keys and wishes, with errors that name the field |
//! | [`query`] | reading query strings, with errors that name the parameter |
//! | [`csv`] | tables for spreadsheets |
//! | [`server`] | the listener, its time-outs, the graceful end |
//! | [`topics`] | reports that come signed with a certificate |
//! | [`observe`] | metrics and one log line per request |

pub mod auth;
pub mod body;
mod channel;
pub mod client;
mod compat;
pub mod csv;
pub mod error;
mod hosted;
pub mod language;
pub mod observe;
mod put_off;
pub mod query;
mod routes;
pub mod server;
pub mod topics;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use otpost_shared::Home;
use tower_http::cors::CorsLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

pub use crate::routes::{
    batches::ListedMessage, timeline::view as message_view,
    verifications::show::view as verification_view,
};
use crate::{auth::BearerScheme, error::ErrorCode, topics::Topics};

/// The largest body a request may have.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What handlers share; cloned for every request.
#[derive(Clone, Debug)]
pub struct App {
    pub home: Arc<Home>,
    pub metrics: PrometheusHandle,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Otpost",
        description = "Proves that a person holds a phone number or an e-mail address, and sends SMS. \
            Every error is a problem document (RFC 9457) with a stable `code`."
    ),
    modifiers(&BearerScheme),
)]
struct Reference;

/// The reference of the API, generated from the handlers.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api_router().split_for_parts().1
}

fn api_router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Reference::openapi()).merge(routes::api())
}

/// Everything an API process answers.
pub fn router(app: App) -> Router {
    router_with(app, Topics::default(), observe::PATIENCE)
}

/// The same with another way to those who sign reports, and another patience with handlers.
pub fn router_with(app: App, topics: Topics, patience: Duration) -> Router {
    let (api, reference) = api_router().split_for_parts();
    let origins = &app.home.config.server.cors_origins;
    let api = if origins.is_empty() { api } else { api.layer(cors(origins)) };
    let mut router = api
        .merge(SwaggerUi::new("/docs").url("/openapi.json", reference))
        .merge(routes::inbound::router(topics, app.home.config.database.connections))
        .merge(routes::jwks::router())
        .merge(routes::probes::router());
    let django = &app.home.config.compat.django;
    if django.enabled {
        let surface = compat::django::router(&django.path);
        let surface = if origins.is_empty() { surface } else { surface.layer(cors(origins)) };
        router = router.merge(surface);
    }
    let twilio = &app.home.config.compat.twilio;
    if twilio.enabled {
        router = router.merge(compat::twilio::router(&twilio.path));
    }
    if app.home.config.page.enabled {
        router = router.merge(hosted::router());
    }
    if app.home.config.has_inbox() {
        router = router.merge(routes::first_start::router());
    }
    finish(router, app, patience)
}

/// Lets pages of the configured origins call without an API key, which no page should hold.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE, HeaderName::from_static("idempotency-key")])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_hours(1))
}

/// What a worker process answers: its probes.
pub fn probes_router(app: App) -> Router {
    finish(routes::probes::router(), app, observe::PATIENCE)
}

fn finish(router: Router<App>, app: App, patience: Duration) -> Router {
    router
        .route("/favicon.ico", get(|| async { axum::http::StatusCode::NO_CONTENT }))
        .fallback(|| async { ErrorCode::RouteNotFound.error() })
        .method_not_allowed_fallback(|| async { ErrorCode::MethodNotAllowed.error() })
        .layer(middleware::from_fn_with_state(patience, observe::observe))
        .with_state(app)
}
