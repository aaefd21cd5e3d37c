//! A running API and its caller: keys, calls, and what a call has left behind.

use std::{
    future::IntoFuture,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use otpost_api::{App, observe, server, topics::Topics};
use otpost_shared::{
    Home,
    api_key::{self, ApiKey, Scope},
    message,
    queue::Lane,
    retention::Kind,
    tenant::{self, DEFAULT_TENANT, Tenant},
    verification,
};
use otpost_testbed::Bed;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Answer;

pub const VERIFICATIONS: &str = "/v1/verifications";
pub const CHECK: &str = "/v1/verifications/check";
pub const MESSAGES: &str = "/v1/messages";
pub const BATCHES: &str = "/v1/messages/batch";
pub const CONSUME: &str = "/v1/receipts/consume";

/// A valid US number that differs for every `n` below ten thousand.
pub fn number(n: u32) -> String {
    format!("+1202555{n:04}")
}

/// The recorder is one per process.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| observe::install_metrics().expect("the first recorder")).clone()
}

/// A key's text, as its holder got it.
pub async fn make_key(home: &Home, tenant_id: Uuid, scopes: &[Scope]) -> (ApiKey, String) {
    let (key, text) = api_key::generate(tenant_id, "test", scopes, home.clock.now());
    api_key::insert(&home.db, &key).await.expect("stored");
    (key, text.to_string())
}

/// A served API, until dropped.
#[derive(Debug)]
pub struct Service {
    pub home: Home,
    pub address: SocketAddr,
    /// May do everything for the default tenant.
    pub key: String,
    client: Client,
    stop: CancellationToken,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A verification as its creator holds it, with the code its person holds.
#[derive(Debug)]
pub struct Created {
    pub id: Uuid,
    pub token: String,
    pub code: String,
}

impl Service {
    pub async fn start(bed: &Bed) -> Self {
        Self::start_with(bed, Topics::default()).await
    }

    /// With a way of the test's own to those who sign reports.
    pub async fn start_with(bed: &Bed, topics: Topics) -> Self {
        Self::start_as(bed, topics, observe::PATIENCE).await
    }

    /// With another patience with handlers.
    pub async fn start_impatient(bed: &Bed, patience: Duration) -> Self {
        Self::start_as(bed, Topics::default(), patience).await
    }

    async fn start_as(bed: &Bed, topics: Topics, patience: Duration) -> Self {
        if let Some(link) = &bed.home.redis {
            // A first connection that took long would leave Redis alone for a second.
            while link.ping().await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        let (_, key) = make_key(&bed.home, DEFAULT_TENANT, &Scope::ALL).await;
        Self::serve_as(&bed.home, key, topics, patience).await
    }

    /// Serves a home that may not have a database.
    pub async fn serve(home: &Home, key: String) -> Self {
        Self::serve_as(home, key, Topics::default(), observe::PATIENCE).await
    }

    async fn serve_as(home: &Home, key: String, topics: Topics, patience: Duration) -> Self {
        let stop = CancellationToken::new();
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = App { home: Arc::new(home.clone()), metrics: metrics() };
        let router = otpost_api::router_with(app, topics, patience);
        let serving = tokio::spawn(server::serve(listener, router, stop.clone()));
        let client = Client::builder().no_proxy().build().expect("a client");
        let serving = Mutex::new(Some(serving));
        Self { home: home.clone(), address, key, client, stop, serving }
    }

    /// Tells the server to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the server's end.
    pub async fn stopped(&self) {
        let serving = self.serving.lock().expect("no panic").take().expect("not awaited before");
        serving.await.expect("no panic");
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = format!("http://{}{path}", self.address);
        Call { request: self.client.request(method, url), key: Some(self.key.clone()) }
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// With a body that calls itself JSON.
    pub fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Call {
        self.call(Method::POST, path).raw("application/json", body)
    }

    /// Creates a verification of [`number`] `n`.
    pub async fn create(&self, n: u32) -> Created {
        self.create_with(&json!({ "to": number(n) })).await
    }

    pub async fn create_with(&self, body: &Value) -> Created {
        let answer = self.post(VERIFICATIONS, body).await.is(202);
        let id = answer.str("id").parse().expect("an id");
        let token = answer.str("session_token").to_owned();
        Created { id, token, code: self.code_of(id).await }
    }

    /// The code as the worker would derive it.
    pub async fn code_of(&self, id: Uuid) -> String {
        let row = verification::find(&self.home.db, id).await.expect("an answer").expect("a row");
        row.code(&self.home.keys).expect("a key").expect("a seed").as_str().to_owned()
    }

    pub async fn check(&self, token: &str, code: &str) -> Answer {
        self.post(CHECK, &json!({ "session_token": token, "code": code })).await
    }

    pub async fn show(&self, id: Uuid) -> Answer {
        self.get(&format!("{VERIFICATIONS}/{id}")).await
    }

    /// A key of a second tenant.
    pub async fn foreign_key(&self) -> String {
        let created_at = self.home.clock.now();
        let id = Uuid::now_v7();
        let tenant = Tenant::new(id, id.to_string(), created_at);
        tenant::insert_if_missing(&self.home.db, &tenant).await.expect("stored");
        make_key(&self.home, id, &Scope::ALL).await.1
    }

    /// What lies in the database and the queue.
    pub async fn stored(&self) -> Stored {
        let db = &self.home.db;
        let count = async |kind: Kind| kind.count_before(db, i64::MAX).await.expect("an answer");
        Stored {
            codes: message::count_waiting(db, Lane::Otp, 1_000).await.expect("an answer"),
            texts: message::count_waiting(db, Lane::Bulk, 1_000).await.expect("an answer"),
            records: count(Kind::IdempotencyKeys).await,
            budgets: count(Kind::GuessBudgets).await,
            hints: self.hints().await,
        }
    }

    async fn hints(&self) -> usize {
        if self.home.redis.is_none() {
            return self.home.queue.waiting().await.expect("memory");
        }
        // On a connection of its own: the service's gives up early, and then for a second.
        let client = redis::Client::open(self.home.config.queue.url.expose()).expect("a URL");
        let mut connection =
            client.get_multiplexed_async_connection().await.expect("the test's Redis");
        let mut count = redis::cmd("LLEN");
        count.arg("otpost:hints:otp:v1").query_async(&mut connection).await.expect("a count")
    }

    /// How many verifications are pending; ends them in order to count them.
    pub async fn end_pending(&self) -> u64 {
        verification::mark_expired(&self.home.db, i64::MAX, 1_000).await.expect("an answer")
    }
}

/// Counts of what calls leave behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Messages that wait, by lane.
    pub codes: i64,
    pub texts: i64,
    /// Idempotency keys remembered.
    pub records: u64,
    /// Recipients with wrong guesses.
    pub budgets: u64,
    pub hints: usize,
}

/// A request in the making, with the service's key unless told otherwise; sent by `.await`.
#[derive(Debug)]
pub struct Call {
    request: RequestBuilder,
    key: Option<String>,
}

impl Call {
    pub fn by(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// Without an API key.
    pub fn by_nobody(self) -> Self {
        Self { key: None, ..self }
    }

    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { request: self.request.header(name, value.as_ref()), ..self }
    }

    /// With an idempotency key.
    pub fn once(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub fn raw(self, kind: &str, body: impl Into<reqwest::Body>) -> Self {
        let request = self.request.header("content-type", kind).body(body);
        Self { request, ..self }
    }

    /// A body that does not say what it is.
    pub fn bare(self, body: &'static str) -> Self {
        Self { request: self.request.body(body), ..self }
    }

    /// For answers that need not be problem documents when they are errors.
    pub async fn any(self) -> Answer {
        let request = match self.key {
            Some(key) => self.request.bearer_auth(key),
            None => self.request,
        };
        Answer::read_any(request.send().await.expect("an answer")).await
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let request = match self.key {
            Some(key) => self.request.bearer_auth(key),
            None => self.request,
        };
        Box::pin(async move { Answer::read(request.send().await.expect("an answer")).await })
    }
}
