//! `GET /.well-known/jwks.json`: the public keys that receipts are verified with.

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::App;

/// Half of the time that a receipt counts: whoever keeps the keys so long has a new one before it signs, since
/// it stands last for a restart of all processes first.
const CACHED_FOR: &str = "public, max-age=300";

pub(crate) fn router() -> Router<App> {
    Router::new().route("/.well-known/jwks.json", get(jwks))
}

async fn jwks(State(app): State<App>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, CACHED_FOR)];
    (headers, Json(app.home.keys.jwks())).into_response()
}
