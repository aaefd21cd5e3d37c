//! Health and metrics: `/livez`, `/readyz`, `/metrics`.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use otpost_shared::{Home, db::DbError, provider_state};
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
    /// Which providers are left alone for now.
    providers: String,
    /// Which changed policies no longer fit the configuration.
    policies: String,
}

/// Without the database nothing can be accepted; without Redis everything can, a little slower,
/// and a provider that is left alone is gone round or waited for.
async fn readyz(State(app): State<App>) -> Response {
    let asked = tokio::time::timeout(Duration::from_secs(1), async {
        app.home.db.now().await?;
        match app.home.db.pending_migrations().await? {
            0 => Ok((in_trouble(&app.home).await?, passed_over(&app.home).await?)),
            n => Err(DbError::Unavailable(format!(
                "{n} migrations are missing; run `otpost migrate`"
            ))),
        }
    });
    let database = match asked.await {
        // A full disk lets itself be asked.
        Ok(Ok(known)) => app.home.accept_trouble().map_or(Ok(known), Err),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer within a second".to_owned()),
    };
    let queue = match &app.home.redis {
        None => Ok(()),
        Some(link) => link.ping().await.map_err(|down| {
            format!("{down}; hints and shared limits are off, everything else works")
        }),
    };
    let (database, providers, policies) = match database {
        Ok((providers, policies)) => (Ok(()), providers, policies),
        Err(error) => {
            let unknown = || Err("unknown while the database is away".to_owned());
            (Err(error), unknown(), unknown())
        }
    };
    let (code, status) = match (&database, &queue, &providers, &policies) {
        (Err(_), _, _, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        (Ok(()), Ok(()), Ok(()), Ok(())) => (StatusCode::OK, "ready"),
        (Ok(()), _, _, _) => (StatusCode::OK, "degraded"),
    };
    let word = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".into());
    let (database, queue) = (word(database), word(queue));
    let (providers, policies) = (word(providers), word(policies));
    let said = Json(Readiness { status, database, queue, providers, policies });
    if code == StatusCode::SERVICE_UNAVAILABLE {
        return (code, [(header::RETRY_AFTER, "2")], said).into_response();
    }
    (code, said).into_response()
}

/// The inner error names each provider in use that is left alone, without its words.
async fn in_trouble(home: &Home) -> Result<Result<(), String>, DbError> {
    let (states, now) = (provider_state::list(&home.db).await?, home.clock.now());
    let trouble = |(name, _)| {
        let state = states.iter().find(|state| state.name == name)?;
        Some(format!("{name} is {}", state.trouble(now)?))
    };
    let trouble: Vec<String> = home.config.providers_in_use().filter_map(trouble).collect();
    Ok(if trouble.is_empty() { Ok(()) } else { Err(trouble.join("; ")) })
}

/// The inner error names each changed policy that does not count.
async fn passed_over(home: &Home) -> Result<Result<(), String>, DbError> {
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    let troubles: Vec<String> = settings.troubles().iter().map(ToString::to_string).collect();
    Ok(if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) })
}

async fn metrics(State(app): State<App>) -> String {
    app.metrics.render()
}
