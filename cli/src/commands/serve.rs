//! `otpost serve`: API and worker in one process.

use std::{path::Path, process::ExitCode, sync::Arc};

use otpost_api::{App, observe, server};
use otpost_shared::{
    Home,
    api_key::{self, Scope},
    tenant::DEFAULT_TENANT,
};
use zeroize::Zeroizing;

use crate::output::{Done, Failure, say};

pub async fn run(config: Option<&Path>) -> Done {
    let home = super::open(config).await?;
    let chain = otpost_worker::build_chain(&home)?;
    let metrics = observe::install_metrics().map_err(|e| Failure::new(e.to_string()))?;
    let stop = super::stop_signal()?;
    let listener = super::listen(&home).await?;
    let app = App { home: Arc::new(home.clone()), metrics };
    let serving = tokio::spawn(server::serve(listener, otpost_api::router(app), stop.clone()));
    // The embedded database is there already; another one may take its time to answer, and
    // requests are answered 503 meanwhile.
    tokio::select! {
        ready = home.wait_until_ready(true) => ready?,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    }
    super::warn_of_ended_test_numbers(&home);
    let first_key = create_first_key(&home).await?;
    greet(&home, first_key.as_ref().map(|key| key.as_str()));
    let touching = home.clone();
    let touch = tokio::spawn(async move { touching.keep_in_touch("serve").await });
    let worked = otpost_worker::run(home.clone(), chain, stop).await;
    let _ = serving.await;
    touch.abort();
    let _ = otpost_shared::process::mark_gone(&home.db, home.process_id).await;
    home.db.close().await;
    worked.map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}

/// An API key, if there has never been one.
async fn create_first_key(home: &Home) -> Result<Option<Zeroizing<String>>, Failure> {
    if !api_key::list(&home.db, DEFAULT_TENANT).await?.is_empty() {
        return Ok(None);
    }
    let now = home.clock.now();
    let (key, text) = api_key::generate(DEFAULT_TENANT, "first", &Scope::LIVE, now);
    api_key::insert(&home.db, &key).await?;
    Ok(Some(text))
}

fn greet(home: &Home, first_key: Option<&str>) {
    let url = home.config.public_url();
    say!("Otpost listens on {url}");
    if home.config.has_inbox() {
        say!("  try it in the browser   {url}/");
        say!("  messages as they leave  {url}/inbox");
    }
    say!("  API reference           {url}/docs/");
    match first_key {
        Some(key) => {
            say!("\nYour API key, shown this once:\n\n  export OTPOST_KEY={key}\n");
            say!("Send a code:\n");
            say!("  curl {url}/v1/verifications -H \"Authorization: Bearer $OTPOST_KEY\" \\");
            say!("    -H 'Content-Type: application/json' -d '{{\"to\": \"+12025550143\"}}'\n");
        }
        None => say!("  a new API key           otpost key create"),
    }
}
