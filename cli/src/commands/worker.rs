//! `otpost worker`: sends.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use otpost_api::{App, observe, server};
use otpost_shared::{Home, config::ConfigError};
use tokio_util::sync::CancellationToken;

use crate::output::{Done, Failure};

pub async fn run(config: Option<&Path>) -> Done {
    let home = super::open(config).await?;
    let chain = otpost_worker::build_chain(&home)?;
    let stop = super::stop_signal()?;
    start_probes(&home, stop.clone()).await?;
    tokio::select! {
        ready = home.wait_until_ready(home.config.is_embedded()) => ready?,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    }
    tracing::info!("the worker is ready");
    let touching = home.clone();
    let touch = tokio::spawn(async move { touching.keep_in_touch("worker").await });
    let worked = otpost_worker::run(home.clone(), chain, stop).await;
    touch.abort();
    let _ = otpost_shared::process::mark_gone(&home.db, home.process_id).await;
    home.db.close().await;
    worked.map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}

/// Health and metrics, if an address is configured for them.
async fn start_probes(home: &Home, stop: CancellationToken) -> Result<(), Failure> {
    let metrics = observe::install_metrics().map_err(|e| Failure::new(e.to_string()))?;
    let address = &home.config.worker.listen;
    if address.is_empty() {
        return Ok(());
    }
    let address: SocketAddr = address.parse().map_err(|_| {
        ConfigError::new(
            "worker.listen",
            format!("{address:?} is no address such as \"127.0.0.1:9090\""),
        )
        .at(&home.config.source)
    })?;
    let listener = server::bind(address).await.map_err(|error| {
        Failure::new(format!(
            "cannot listen on {address}: {error}; set worker.listen to a free one"
        ))
    })?;
    let app = App { home: Arc::new(home.clone()), metrics };
    tokio::spawn(server::serve(listener, otpost_api::probes_router(app), stop));
    Ok(())
}
