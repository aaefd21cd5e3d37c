//! `/v2/Services` and what is below it: what Twilio's libraries expect of Verify, over the same verifications
//! as `/v1`.
//!
//! | module | what lives there |
//! |---|---|
//! | `services`, `rate_limits`, `buckets` | settings: create, fetch, list, update, delete |
//! | `start`, `verifications`, `check` | codes: send, fetch, end, compare |
//! | `caller` | whose key it is, and which Service is meant |
//! | `form`, `page` | what a request brought; lists by pages |
//! | `fault` | every error: number, status, sentence |
//!
//! What differs from the original on purpose stands in `docs/twilio.md`.

mod buckets;
mod caller;
mod check;
mod fault;
mod form;
mod page;
mod rate_limits;
mod services;
mod start;
mod verifications;

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::Uri,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::FutureExt;
use otpost_shared::config::Config;

use self::fault::Fault;
use crate::App;

/// A little less than any request may take.
const PATIENCE: Duration = Duration::from_secs(9);

/// Not in the reference: the libraries know it.
pub(crate) fn router(path: &str) -> Router<App> {
    let below = Router::new()
        .route("/v2/Services", get(services::list).post(services::create))
        .route(
            "/v2/Services/{service}",
            get(services::fetch).post(services::update).delete(services::delete),
        )
        .route("/v2/Services/{service}/Verifications", post(start::start))
        .route(
            "/v2/Services/{service}/Verifications/{verification}",
            get(verifications::fetch).post(verifications::update),
        )
        .route("/v2/Services/{service}/VerificationCheck", post(check::check))
        .route(
            "/v2/Services/{service}/RateLimits",
            get(rate_limits::list).post(rate_limits::create),
        )
        .route(
            "/v2/Services/{service}/RateLimits/{limit}",
            get(rate_limits::fetch).post(rate_limits::update).delete(rate_limits::delete),
        )
        .route(
            "/v2/Services/{service}/RateLimits/{limit}/Buckets",
            get(buckets::list).post(buckets::create),
        )
        .route(
            "/v2/Services/{service}/RateLimits/{limit}/Buckets/{bucket}",
            get(buckets::fetch).post(buckets::update).delete(buckets::delete),
        )
        .method_not_allowed_fallback(async || Fault::method())
        .fallback(async |uri: Uri| Fault::not_found(uri.path()))
        .layer(middleware::from_fn(in_own_words));
    Router::new().nest(path, below)
}

/// The libraries take a problem document for another kind of error: so what fails around a handler is told as
/// what fails within.
async fn in_own_words(request: Request, next: Next) -> Response {
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a handler failed");
            Fault::failed().into_response()
        }
        Err(_) => Fault::late().into_response(),
    }
}

/// Where the Services are, for whoever follows an address.
fn services_url(config: &Config) -> String {
    format!("{}{}/v2/Services", config.public_url(), config.compat.twilio.path)
}
