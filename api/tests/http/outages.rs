//! What is answered while the database or Redis is away.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use otpost_shared::{
    Home,
    api_key::{self, Scope},
    config,
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, Kind};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use crate::service::{
    BATCHES, CHECK, CONSUME, Created, MESSAGES, Service, VERIFICATIONS, make_key, number,
};

/// Nobody listens here.
pub const CLOSED: &str = "127.0.0.1:1";
/// The slowest answer while the database is away.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// An address that takes connections and never says a word, for as long as the listener lives.
pub async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

async fn open(dir: &TempDir, text: &str) -> Home {
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, text).expect("written");
    Home::open(config::load(Some(&path)).expect("a good configuration")).await.expect("a home")
}

/// An API whose Postgres is said to be at `address`.
pub async fn without_database(dir: &TempDir, address: &str) -> Service {
    without_database_but(dir, address, "").await
}

/// The same with more in its configuration.
pub async fn without_database_but(dir: &TempDir, address: &str, more: &str) -> Service {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let text = format!(
        "[database]\nurl = \"postgres://nobody@{address}/none\"\n\
         [secrets]\nkeys = [\"k1:{key}\"]\nhash_keys = [\"h1:{key}\"]\n{more}"
    );
    let home = open(dir, &text).await;
    let (_, key) = api_key::generate(DEFAULT_TENANT, "k", &Scope::ALL, 0);
    Service::serve(&home, key.to_string()).await
}

/// Every call that needs the database.
fn calls() -> Vec<(Method, String, Value)> {
    let token = "A".repeat(64);
    let own = format!("{VERIFICATIONS}/{}", Uuid::now_v7());
    let by_token = json!({ "session_token": token });
    vec![
        (Method::POST, VERIFICATIONS.into(), json!({ "to": number(1) })),
        (Method::POST, CHECK.into(), json!({ "session_token": token, "code": "123456" })),
        (Method::GET, own.clone(), json!({})),
        (Method::POST, format!("{own}/resend"), by_token.clone()),
        (Method::POST, format!("{own}/cancel"), by_token),
        (Method::POST, CONSUME.into(), json!({ "receipt": token, "purpose": "default" })),
        (Method::POST, MESSAGES.into(), json!({ "to": number(1), "text": "hello" })),
        (Method::GET, format!("{MESSAGES}/{}", Uuid::now_v7()), json!({})),
        (
            Method::POST,
            BATCHES.into(),
            json!({ "text": "hello", "messages": [{ "to": number(1) }] }),
        ),
        (Method::GET, format!("{BATCHES}/{}", Uuid::now_v7()), json!({})),
        (Method::GET, format!("{BATCHES}/{}/messages", Uuid::now_v7()), json!({})),
        (Method::POST, "/try/verifications".into(), json!({ "to": number(1) })),
    ]
}

async fn answers_without(address: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let service = Arc::new(without_database(&dir, address).await);
    let mut running = JoinSet::new();
    for (method, path, body) in calls() {
        let service = Arc::clone(&service);
        running.spawn(async move {
            let started = Instant::now();
            let mut call = service.call(method, &path).json(&body).once("k");
            if path.ends_with("resend") || path.ends_with("cancel") {
                call = call.by_nobody();
            }
            let answer = call.await.refused(503, "unavailable");
            assert!(started.elapsed() < PATIENCE, "{path} took {:?}", started.elapsed());
            assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
        });
    }
    running.spawn(async move {
        // Probes are not problem documents, and a key that is none needs no database.
        assert_eq!(service.get("/livez").await.is(200).text, "ok\n");
        let ready = service.get("/readyz").any().await.is(503);
        assert_eq!(ready.str("status"), "unavailable");
        assert!(ready.str("database").len() > 10, "{}", ready.text);
        service.post(VERIFICATIONS, &json!({})).by("x").await.refused(401, "unauthorized");
    });
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_said_in_time() {
    answers_without(CLOSED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_said_in_time() {
    let (_listener, address) = silent().await;
    answers_without(&address).await;
}

/// Everything works without Redis, and readiness says that it is away.
async fn works_without_redis(address: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let text = Bed::config_text(Kind::Production, &dir, "").await;
    let lines = text.lines().map(|line| {
        if line.starts_with("url = \"redis:") {
            format!("url = \"redis://{address}\"\n")
        } else if line.starts_with("patience_ms") {
            String::new()
        } else {
            format!("{line}\n")
        }
    });
    let home = open(&dir, &lines.collect::<String>()).await;
    home.migrate().await.expect("tables");
    home.set_clock().await.expect("a clock");
    let (_, key) = make_key(&home, DEFAULT_TENANT, &Scope::ALL).await;
    let service = Service::serve(&home, key).await;
    let Created { id, token, code } = service.create(1).await;
    // Limits are counted all the same.
    let again = service.post(VERIFICATIONS, &json!({ "to": number(1) })).await;
    again.refused(429, "rate_limited");
    let ready = service.get("/readyz").await.is(200);
    assert_eq!((ready.str("status"), ready.str("database")), ("degraded", "ok"));
    assert!(ready.str("queue").contains("Redis is not available"), "{}", ready.text);
    service.home.clock.advance(30_001);
    service.post(&format!("{VERIFICATIONS}/{id}/resend"), &json!({})).await.is(202);
    service.check(&token, &code).await.is(200);
    service.post(MESSAGES, &json!({ "to": number(1), "text": "hello" })).await.is(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_is_accepted() {
    works_without_redis(CLOSED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_redis_that_hangs_everything_is_accepted() {
    let (_listener, address) = silent().await;
    works_without_redis(&address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_missing_are_no_readiness() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = Bed::config_text(Kind::Production, &dir, "").await;
    let home = open(&dir, &text).await;
    let (_, key) = api_key::generate(DEFAULT_TENANT, "k", &Scope::ALL, 0);
    let service = Service::serve(&home, key.to_string()).await;
    let ready = service.get("/readyz").any().await.is(503);
    assert!(ready.str("database").contains("otpost migrate"), "{}", ready.text);
    let body = json!({ "to": number(1) });
    service.post(VERIFICATIONS, &body).await.refused(503, "unavailable");
    home.migrate().await.expect("tables");
    assert_eq!(service.get("/readyz").await.is(200).str("database"), "ok");
}
