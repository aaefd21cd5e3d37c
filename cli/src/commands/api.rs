//! `otpost api`: accepts, checks, shows.

use std::{path::Path, process::ExitCode, sync::Arc};

use otpost_api::{App, observe, server};

use crate::output::{Done, Failure};

pub async fn run(config: Option<&Path>) -> Done {
    let home = super::open(config).await?;
    if home.redis.is_none() {
        tracing::warn!(
            "queue.url is \"memory\": separate workers get no hints and find messages a second later"
        );
    }
    let metrics = observe::install_metrics().map_err(|e| Failure::new(e.to_string()))?;
    let stop = super::stop_signal()?;
    let listener = super::listen(&home).await?;
    tracing::info!(address = %home.config.server.listen, "the API listens");
    let ready = home.clone();
    let touch = tokio::spawn(async move {
        // Requests are answered 503 meanwhile.
        match ready.wait_until_ready(ready.config.is_embedded()).await {
            Ok(()) => {
                tracing::info!("the database is ready");
                super::warn_of_ended_test_numbers(&ready);
            }
            Err(error) => tracing::error!(%error, "the database cannot be used"),
        }
        ready.keep_in_touch("api").await;
    });
    let app = App { home: Arc::new(home.clone()), metrics };
    server::serve(listener, otpost_api::router(app), stop).await;
    touch.abort();
    let _ = otpost_shared::process::mark_gone(&home.db, home.process_id).await;
    home.db.close().await;
    Ok(ExitCode::SUCCESS)
}
