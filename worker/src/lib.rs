//! What the system does to the outside: takes due messages and hands them to providers.
//!
//! | module | what lives there |
//! |---|---|
//! | [`provider`], [`providers`] | what a gateway is; the gateways there are |
//! | [`chain`], `nobody_left` | which provider comes next, by error class and availability; why none does |
//! | [`routes`], `turns` | which providers a message may go to; waiting where that differs |
//! | [`breaker`], [`health`] | whether a provider may be called; the same known to all processes |
//! | [`regions`], `refusals` | countries that a provider refuses; accounts and senders, told in the log |
//! | [`tokens`], `line` | waiting for a provider's rate; who stands behind whom |
//! | [`choice`] | the chain's decision, with all that a call needs |
//! | [`courier`], `letter` | one message: composed, attempted, recorded; what it says |
//! | [`places`] | how many are with providers at the same time |
//! | `retry_after` | for how long whoever was called wants to be left alone |
//! | [`jobs`], [`backend`] | the job, and where apalis gets it from |
//! | [`fetch`], [`tidy`] | hints and due rows in; leases, deadlines and old rows out |
//! | [`silence`] | reports that stay away |
//! | [`sandbox`] | messages of sandboxes, into their inboxes |
//! | [`webhooks`] | events, posted to those who listen |
//! | `grace`, `attended` | how long a process that stops lets what is under way end; providers let go |

mod attended;
pub mod backend;
pub mod breaker;
pub mod chain;
pub mod choice;
pub mod courier;
pub mod fetch;
mod grace;
pub mod health;
pub mod jobs;
mod letter;
mod line;
mod nobody_left;
pub mod places;
pub mod provider;
pub mod providers;
mod refusals;
pub mod regions;
mod retry_after;
pub mod routes;
pub mod sandbox;
pub mod silence;
pub mod tidy;
pub mod tokens;
mod turns;
pub mod webhooks;

use std::{sync::Arc, time::Duration};

use apalis::{layers::WorkerBuilderExt, prelude::*};
use otpost_shared::{
    Home,
    config::{ConfigError, ProviderSection},
    queue::Lane,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    courier::Courier,
    grace::GRACE,
    jobs::send_message::{self, send_message},
    providers::Net,
    routes::Routes,
    tokens::Tokens,
};

/// Builds the chain of all providers that are in use, and the routes through it.
///
/// # Errors
/// A provider's section is wrong, or a route leads where nobody takes what comes; the error names the key.
pub fn build_chain(home: &Home) -> Result<chain::Chain, ConfigError> {
    let net = Net {
        inbox: Some(home.inbox.clone()),
        is_reachable: home.config.is_reachable(),
        home: Some(home.clone()),
        ..Net::default()
    };
    let mut links = Vec::new();
    let mut names = Vec::new();
    for (name, section) in home.config.providers_in_use() {
        let provider =
            providers::of_section(name, section, &net).map_err(|e| e.at(&home.config.source))?;
        let tokens = section.rate().map(|rate| Tokens::new(name, home.rates.meter(name, rate)));
        let (senders, tokens) = (section.senders.clone(), tokens.map(Arc::new));
        links.push(chain::Link { name: name.to_owned(), provider, senders, tokens });
        names.push(name);
    }
    let section = |place: usize| home.config.providers.get(names[place]);
    let takes_codes_only =
        |place: usize| section(place).is_some_and(ProviderSection::takes_codes_only);
    let routes = Routes::new(&home.config, &names, takes_codes_only);
    routes.check().map_err(|e| e.at(&home.config.source))?;
    Ok(chain::Chain::new(links, routes))
}

/// Works until `stop` is cancelled, then lets what is in flight come to its end.
///
/// # Errors
/// The worker framework failed.
pub async fn run(home: Home, chain: chain::Chain, stop: CancellationToken) -> Result<(), String> {
    for of in chain.routes().for_codes_alone() {
        tracing::warn!("{of}: {}", routes::CODES_ALONE);
    }
    let chain = Arc::new(chain);
    let ended = CancellationToken::new();
    let grace = grace::end(&stop);
    let attended = attended::attend(&chain);
    let in_step = keep_in_step(&home, &chain, &stop, &ended).await;
    let courier = Arc::new(Courier::new(home.clone(), Arc::clone(&chain), stop.clone()));
    let asking = ask_for_tokens(&chain, &ended);
    let tidying = tokio::spawn(tidy::run(home.clone(), Arc::clone(&chain), stop.clone()));
    let purging = tokio::spawn(tidy::run_purge(home.clone(), stop.clone()));
    let listening = tokio::spawn(silence::run(home.clone(), stop.clone()));
    let playing = tokio::spawn(sandbox::run(home.clone(), stop.clone()));
    let posting = tokio::spawn(webhooks::run(home.clone(), stop.clone()));
    let mut monitor = Monitor::new().shutdown_timeout(GRACE).should_restart(|_, error| {
        tracing::error!(%error, "a worker ended and is started again");
        true
    });
    let mut releases = Vec::new();
    for lane in Lane::ALL {
        let (backend, jobs) = backend::channel();
        let fetching = fetch::spawn(&home, &courier, lane, &jobs, &stop);
        releases.push(tokio::spawn(release(home.clone(), backend.clone(), fetching, stop.clone())));
        let courier = Arc::clone(&courier);
        monitor = monitor.register(move |_| {
            WorkerBuilder::new(format!("{}-{}", send_message::NAME, lane.as_str()).as_str())
                .backend(backend.clone())
                .data(Arc::clone(&courier))
                .parallelize(tokio::spawn)
                .catch_panic()
                .build(send_message)
        });
    }
    let stopped = stop.clone();
    let signal = async move {
        stopped.cancelled().await;
        Ok(())
    };
    let result = monitor.run_with_signal(signal).await.map_err(|e| e.to_string());
    // It may have ended by itself: then nothing else goes on either.
    stop.cancel();
    for release in releases {
        let _ = release.await;
    }
    let _ = tidying.await;
    let _ = purging.await;
    let _ = listening.await;
    let _ = playing.await;
    let _ = posting.await;
    let until = grace.await.unwrap_or_else(|_| Instant::now());
    attended::let_go(attended, until).await;
    ended.cancel();
    let _ = in_step.await;
    for task in asking {
        let _ = task.await;
    }
    result
}

/// One task for each rate.
fn ask_for_tokens(chain: &chain::Chain, ended: &CancellationToken) -> Vec<JoinHandle<()>> {
    let rated = chain.links().iter().filter_map(|link| link.tokens.clone());
    let run = |tokens: Arc<Tokens>| {
        let until = ended.clone();
        tokio::spawn(async move { tokens.run(&until).await })
    };
    rated.map(run).collect()
}

/// Learns how the providers are before the first call, and goes on until `ended` is cancelled: what is
/// in flight when the process is told to stop is still noted.
async fn keep_in_step(
    home: &Home,
    chain: &chain::Chain,
    stop: &CancellationToken,
    ended: &CancellationToken,
) -> JoinHandle<()> {
    let health = Arc::clone(chain.health());
    while let Err(error) = health.step(&home.db).await {
        tracing::warn!(%error, "waiting for what is known of the providers");
        let pause = tokio::time::sleep(Duration::from_millis(250));
        if stop.run_until_cancelled(pause).await.is_none() {
            break;
        }
    }
    let (home, until) = (home.clone(), ended.clone());
    tokio::spawn(async move { health.keep_in_step(&home, &until).await })
}

/// Puts back, as soon as the process is told to stop, what was fetched and not started.
async fn release(
    home: Home,
    backend: backend::JobBackend,
    fetching: Vec<JoinHandle<()>>,
    stop: CancellationToken,
) {
    stop.cancelled().await;
    for task in fetching {
        let _ = task.await;
    }
    backend.release_unstarted(&home).await;
}
