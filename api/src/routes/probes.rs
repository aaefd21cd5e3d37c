//! Health and metrics: `/livez`, `/readyz`, `/metrics`.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use otpost_shared::db::DbError;
use serde::Serialize;

use crate::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

#[derive(Debug, Serialize)]
struct Readiness {
    /// `ready`, `degraded` (works, but something is missing) or `unavailable`.
    status: &'static str,
    database: String,
    queue: String,
}

/// Without the database nothing can be accepted; without Redis everything can, a little slower.
async fn readyz(State(app): State<App>) -> Response {
    let asked = tokio::time::timeout(Duration::from_secs(1), async {
        app.home.db.now().await?;
        match app.home.db.pending_migrations().await? {
            0 => Ok(()),
            n => Err(DbError::Unavailable(format!(
                "{n} migrations are missing; run `otpost migrate`"
            ))),
        }
    });
    let database = match asked.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer within a second".to_owned()),
    };
    let queue = match &app.home.redis {
        None => Ok(()),
        Some(link) => link.ping().await.map_err(|down| {
            format!("{down}; hints and shared limits are off, everything else works")
        }),
    };
    let (code, status) = match (&database, &queue) {
        (Err(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        (Ok(()), Err(_)) => (StatusCode::OK, "degraded"),
        (Ok(()), Ok(())) => (StatusCode::OK, "ready"),
    };
    let word = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".into());
    let said = Json(Readiness { status, database: word(database), queue: word(queue) });
    if code == StatusCode::SERVICE_UNAVAILABLE {
        return (code, [(header::RETRY_AFTER, "2")], said).into_response();
    }
    (code, said).into_response()
}

async fn metrics(State(app): State<App>) -> String {
    app.metrics.render()
}
