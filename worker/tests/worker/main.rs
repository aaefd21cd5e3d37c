//! The worker as a whole: real database, real queue, real sockets, gateways that misbehave.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod breaker;
mod codes_only;
mod decoys;
mod delivery;
mod drills;
mod email;
mod gateway;
mod languages;
mod rates;
mod recovery;
mod regions;
mod replies;
mod reports;
mod routes;
mod sandbox;
#[cfg(feature = "smpp")]
mod smpp;
mod smtp;
mod suppressions;
mod voice;
mod webhooks;
mod workflow;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use otpost_shared::{
    Home,
    attempt::{self, Attempt},
    channel::Channel,
    message::{self, Message},
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    texts::Asked,
    verification::{self, Accepted, NewVerification, Variables},
};
use otpost_worker::{health::Health, tokens::Tokens};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Nothing in these tests takes longer than this unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A worker that runs until it is dropped or stopped.
struct Worker {
    health: Arc<Health>,
    tokens: Option<Arc<Tokens>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), String>>,
}

impl Worker {
    fn start(home: &Home) -> Self {
        let chain = otpost_worker::build_chain(home).expect("a chain");
        let (health, stop) = (Arc::clone(chain.health()), CancellationToken::new());
        let tokens = chain.links()[0].tokens.clone();
        let task = tokio::spawn(otpost_worker::run(home.clone(), chain, stop.clone()));
        Self { health, tokens, stop, task }
    }

    /// True when messages wait because of the first provider's rate.
    fn is_used_up(&self) -> bool {
        self.tokens.as_ref().is_some_and(|tokens| tokens.is_used_up())
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("a clean end");
    }
}

async fn accept(home: &Home, n: u32) -> Accepted {
    accept_for(home, &format!("+1202555{n:04}")).await
}

/// A code for this number.
async fn accept_for(home: &Home, to: &str) -> Accepted {
    accept_by(home, Channel::Sms, to).await
}

async fn accept_by(home: &Home, channel: Channel, to: &str) -> Accepted {
    let to = Recipient::parse(to, None).expect("a valid number");
    verification::accept(home, request(channel, to)).await.expect("accepted")
}

/// What asks for a code, with nothing said that need not be.
fn request(channel: Channel, to: Recipient) -> NewVerification {
    NewVerification {
        tenant_id: DEFAULT_TENANT,
        to,
        channel,
        purpose: "default".into(),
        subject: None,
        variables: Variables::new(),
        metadata: None,
        locale: Asked::default(),
        client: None,
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    }
}

/// The message of a verification once it has ended.
async fn ended(home: &Home, verification: Uuid) -> Message {
    let wait = async {
        loop {
            let rows = message::list_by_verification(&home.db, verification).await;
            let row = rows.expect("an answer").pop().expect("one message");
            if row.finished_at.is_some() {
                return row;
            }
            pause().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the message ends")
}

async fn timeline(home: &Home, message: Uuid) -> Vec<String> {
    let attempts = attempt::list_by_message(&home.db, message).await.expect("an answer");
    let line = |a: &Attempt| {
        let outcome = a.outcome().map_or("running", otpost_shared::outcome::ErrorClass::as_str);
        format!("{} {outcome}", a.provider)
    };
    attempts.iter().map(line).collect()
}

/// What the metrics of this process say; nothing is counted before they are asked for the first time.
fn metrics() -> String {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || PrometheusBuilder::new().install_recorder().expect("the first recorder");
    HANDLE.get_or_init(install).render()
}

/// Looks until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !so().await {
            pause().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not so: {what}"));
}

/// Between two looks at the same thing.
async fn pause() {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    ticks.tick().await;
    ticks.tick().await;
}
