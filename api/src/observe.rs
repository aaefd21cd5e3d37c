//! What is seen of a request from outside: a metric, a log line, a time-out, and never a panic.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use otpost_shared::db::with_one_patience;

use crate::error::ErrorCode;

/// Reading a request and answering it take at most this long, if the handler doesn't keep
/// [`OwnTime`].
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often what was measured is folded into the histograms.
const UPKEEP: Duration = Duration::from_secs(5);

const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Starts collecting metrics, once per process.
///
/// # Errors
/// Metrics are being collected already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .install_recorder()?;
    // Histograms pile up until somebody asks, and perhaps nobody ever does.
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Counts and times a request by its route, never by its address: that may hold an id.
pub async fn observe(
    State(patience): State<Duration>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let own = OwnTime::default();
    request.extensions_mut().insert(own.clone());
    let work = AssertUnwindSafe(with_one_patience(next.run(request))).catch_unwind();
    let response = match in_time(work, patience, &own).await {
        // The reference page's own answer to a file it does not have.
        Some(Ok(response)) if is_bare_not_found(&response) => {
            ErrorCode::RouteNotFound.error().into_response()
        }
        Some(Ok(response)) => response,
        Some(Err(_)) => {
            // What it said may quote the request; where it was stands in a line of its own.
            tracing::error!(http.route = route, "a handler failed");
            ErrorCode::Internal.error().into_response()
        }
        None => ErrorCode::RequestTimeout.error().into_response(),
    };
    let status = response.status().as_u16();
    let took = started.elapsed();
    let labels = [
        ("method", method_label(&method).to_owned()),
        ("route", route.clone()),
        ("status", status.to_string()),
    ];
    metrics::counter!("otpost_requests_total", &labels).increment(1);
    metrics::histogram!("otpost_request_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    tracing::debug!(http.method = %method, http.route = route, http.status = status, ?took, "answered");
    response
}

/// None when the time is over; dropping the work then ends it, as a client's going away does.
async fn in_time<T>(work: impl Future<Output = T>, patience: Duration, own: &OwnTime) -> Option<T> {
    let mut work = pin!(work);
    match tokio::time::timeout(patience, &mut work).await {
        Ok(done) => Some(done),
        Err(_) if own.0.load(Ordering::Acquire) => Some(work.await),
        Err(_) => None,
    }
}

/// Comes with each request, for a handler that cannot be ended half-way.
#[derive(Clone, Debug, Default)]
pub struct OwnTime(Arc<AtomicBool>);

impl OwnTime {
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    /// From here on the handler bounds its time by itself.
    pub(crate) fn keep(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnTime {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

fn is_bare_not_found(response: &Response) -> bool {
    response.status() == StatusCode::NOT_FOUND
        && !response.headers().contains_key(header::CONTENT_TYPE)
}

/// The method, if it is one: callers may send any word, and each would become a metric.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
