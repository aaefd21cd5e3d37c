//! A search for codes, tokens, keys and numbers in all that leaves the process or is kept outside
//! the database. It first finds what was planted.

use std::{
    io,
    sync::{Arc, Mutex},
};

use otpost_testbed::{Bed, Kind};
use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::{
    page::Page,
    service::{CHECK, CONSUME, MESSAGES, Service, VERIFICATIONS},
};

/// Long codes, which no timestamp or id looks like.
const TEN_DIGITS: &str = "[purposes.default]\ncode_length = 10\n[chains]\nemail = [\"console\"]\n\
    [page]\nenabled = true\nwork_bits = 0\nreturn_urls = [\"https://app.example.org\"]\n";
/// No other test sends to it.
const NUMBER: &str = "+12025559173";
/// Nor to this one, which is a link's.
const OF_PAGE: &str = "+12025559174";
/// Nor to this one.
const ADDRESS: &str = "Planted.Ann@mailbox.example";
const OWN_CODE: &str = "8264019573";
const PLANTED: &str = "planted-where-it-must-be-found";

/// Everything that is logged, at every level, by all of this process.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// Starts collecting, from this process's whole.
    fn start() -> Self {
        let logs = Self::default();
        let writer = logs.clone();
        // The one library that the command never lets speak: it writes numbers out.
        let filter = EnvFilter::new("trace,rlibphonenumber=off");
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .try_init()
            .expect("the first subscriber");
        logs
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

/// Every key of a Redis database, and every value.
async fn redis_text(connection: &mut MultiplexedConnection) -> String {
    let mut all = Vec::new();
    let keys: Vec<Vec<u8>> =
        redis::cmd("KEYS").arg("*").query_async(connection).await.expect("keys");
    for key in keys {
        let kind: String =
            redis::cmd("TYPE").arg(&key).query_async(connection).await.expect("a type");
        let mut command = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "list" => redis::cmd("LRANGE"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "zset" => redis::cmd("ZRANGE"),
            other => panic!("{other} is a type this search does not know"),
        };
        command.arg(&key);
        if matches!(kind.as_str(), "list" | "zset") {
            command.arg(0).arg(-1);
        }
        let value: redis::Value = command.query_async(connection).await.expect("a value");
        all.push(String::from_utf8_lossy(&key).into_owned());
        flatten(&value, &mut all);
    }
    all.join("\n")
}

fn flatten(value: &redis::Value, into: &mut Vec<String>) {
    match value {
        redis::Value::BulkString(bytes) => into.push(String::from_utf8_lossy(bytes).into_owned()),
        redis::Value::Array(items) | redis::Value::Set(items) => {
            for item in items {
                flatten(item, into);
            }
        }
        redis::Value::Map(pairs) => {
            for (name, item) in pairs {
                flatten(name, into);
                flatten(item, into);
            }
        }
        other => into.push(format!("{other:?}")),
    }
}

/// Calls with a secret in every wrong place; what was answered.
async fn provoke(service: &Service, secrets: &[&str], token: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    for secret in secrets {
        let digits: u64 = secret.trim_start_matches('+').parse().unwrap_or(7);
        for value in [json!(secret), json!(digits), json!([secret]), json!({ "x": secret })] {
            for (path, body) in [
                (VERIFICATIONS, json!({ "to": value })),
                (VERIFICATIONS, json!({ "to": format!("{secret}x") })),
                (VERIFICATIONS, json!({ "to": NUMBER, "code": value, "purpose": "none" })),
                (VERIFICATIONS, json!({ "to": NUMBER, "purpose": value })),
                (VERIFICATIONS, json!({ "to": NUMBER, "channel": value })),
                (VERIFICATIONS, json!({ "to": NUMBER, "variables": { "code": value } })),
                (VERIFICATIONS, json!({ "to": NUMBER, "variables": value })),
                (VERIFICATIONS, json!({ "to": NUMBER, "metadata": [value] })),
                (VERIFICATIONS, json!({ "to": NUMBER, "client_ip": value })),
                (VERIFICATIONS, json!({ "to": NUMBER, "unknown": value })),
                (CHECK, json!({ "session_token": value, "code": "1" })),
                (CHECK, json!({ "session_token": token, "code": format!("{secret}x") })),
                (CHECK, json!({ "session_token": token, "code": "1", "to": value })),
                (CHECK, json!({ "session_token": token, "code": [value] })),
                (CHECK, json!({ "session_token": token, "code": "1", "subject": value })),
                (CONSUME, json!({ "receipt": value, "purpose": value })),
                (MESSAGES, json!({ "to": value, "text": "" })),
                (MESSAGES, json!({ "to": NUMBER, "text": value, "channel": "fax" })),
            ] {
                bodies.push(service.post(path, &body).await.text);
            }
        }
        let broken = format!(r#"{{"to": "{secret}", {secret}"#);
        bodies.push(service.post_text(VERIFICATIONS, broken).await.text);
        let call = service.post(VERIFICATIONS, &json!({ "to": NUMBER })).by(secret);
        bodies.push(call.await.text);
        for path in [format!("{VERIFICATIONS}/{secret}"), format!("{MESSAGES}/{secret}")] {
            bodies.push(service.get(&path).await.text);
            bodies.push(service.call(Method::DELETE, &path).await.text);
        }
        bodies.push(service.get(&format!("/none/{secret}?q={secret}")).await.text);
    }
    bodies
}

/// A number of a link, sent to and guessed at; notes what was answered, and gives what nobody is to see.
async fn through_the_page(service: &Service, answers: &mut Vec<String>) -> [String; 5] {
    let body = json!({ "to": OF_PAGE, "subject": "sentinel-subject" });
    let page = Page::make_with(service, &body).await;
    answers.push(page.shown().await.is(200).text);
    let begun = page.create(&json!({})).await.is(200);
    let begun = page.begun(&begun).await;
    answers.push(page.check(&begun.handle, "1").await.refused(422, "code_incorrect").text);
    let again = json!({ "handle": begun.handle });
    answers.push(page.call("resend", &again).await.refused(429, "resend_too_early").text);
    answers.push(page.check(&begun.handle, &page.link).await.text);
    let known = [&OF_PAGE[3..], "sentinel-subject"].map(str::to_owned);
    let [number, subject] = known;
    [page.link, begun.handle, begun.code, number, subject]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_where_a_planted_one_is() {
    let logs = Logs::start();
    let bed = Bed::make(Kind::Production, TEN_DIGITS).await;
    let service = Service::start(&bed).await;
    let url = bed.home.config.queue.url.expose();
    let mut redis = redis::Client::open(url)
        .expect("a URL")
        .get_multiplexed_async_connection()
        .await
        .expect("the test's Redis");

    let body = json!({ "to": NUMBER, "client_ip": "203.0.113.9" });
    let answer = service.post(VERIFICATIONS, &body).once("sentinel-key").await.is(202);
    let id = answer.str("id").parse().expect("an id");
    let token = answer.str("session_token").to_owned();
    let code = service.code_of(id).await;
    let mut others = vec![service.show(id).await.text];
    others.push(service.check(&token, "1").await.refused(422, "code_incorrect").text);
    service.home.clock.advance(30_001);
    let resend = format!("{VERIFICATIONS}/{id}/resend");
    let by_token = json!({ "session_token": token });
    others.push(service.post(&resend, &by_token).by_nobody().await.is(202).text);
    others.push(service.post(&resend, &by_token).by_nobody().await.text);
    let text = json!({ "to": NUMBER, "text": "sentinel-text" });
    let sent = service.post(MESSAGES, &text).once("sentinel-key-2").await.is(202);
    others.push(service.get(&format!("{MESSAGES}/{}", sent.str("id"))).await.text);
    let email = json!({ "to": ADDRESS, "channel": "email" });
    let by_email = service.create_with(&email).await;
    others.push(service.show(by_email.id).await.text);
    others.push(service.post(VERIFICATIONS, &email).await.refused(429, "rate_limited").text);
    let letter = json!({
        "to": ADDRESS, "channel": "email", "title": "sentinel-title", "text": "sentinel-letter",
    });
    let sent = service.post(MESSAGES, &letter).once("sentinel-key-3").await.is(202);
    others.push(service.get(&format!("{MESSAGES}/{}", sent.str("id"))).await.text);
    let suppressed = service.post("/v1/suppressions", &json!({ "to": ADDRESS })).await;
    others.push(suppressed.is(201).text);
    service.home.clock.advance(30_001);
    let own = service.create_with(&json!({ "to": NUMBER, "code": OWN_CODE })).await;
    others.push(service.show(own.id).await.text);
    let given = [NUMBER, ADDRESS, &code, OWN_CODE, &token, &service.key];
    others.extend(provoke(&service, &given, &own.token).await);
    let checked = service.check(&own.token, OWN_CODE).await.is(200);
    let receipt = checked.str("receipt").to_owned();
    others.push(service.show(own.id).await.text);
    service.check(&token, &code).await.is(200);
    let of_page = through_the_page(&service, &mut others).await;
    for path in ["/readyz", "/livez", "/openapi.json", "/docs/"] {
        others.push(service.get(path).await.text);
    }

    tracing::info!(leak = PLANTED, "planted");
    metrics::counter!("otpost_test_planted_total", "leak" => PLANTED).increment(1);
    let () = redis::cmd("HSET")
        .arg(PLANTED)
        .arg("x")
        .arg(NUMBER)
        .query_async(&mut redis)
        .await
        .expect("planted");
    let metrics = service.get("/metrics").await.text;
    let planted = redis_text(&mut redis).await;
    assert!(planted.contains(PLANTED) && planted.contains(NUMBER), "{planted}");
    let () = redis::cmd("DEL").arg(PLANTED).query_async(&mut redis).await.expect("removed");
    let kept = redis_text(&mut redis).await;
    assert!(kept.contains("otpost:"), "the search sees what the service keeps: {kept}");
    let logs = logs.text();
    assert!(logs.contains(PLANTED) && metrics.contains(PLANTED));
    assert!(logs.contains("TRACE") && logs.contains("answered"), "all levels are collected");
    assert!(answer.text.contains(&token), "the search sees what is in a body");

    let secrets = [
        &NUMBER[1..],
        &NUMBER[3..],
        &code,
        OWN_CODE,
        &token,
        &token[22..],
        &own.token[22..],
        &service.key,
        &service.key[26..],
        &receipt[22..],
        "sentinel-key",
        "sentinel-text",
        "sentinel-title",
        "sentinel-letter",
        &by_email.code,
        &by_email.token,
        &by_email.token[22..],
        &ADDRESS[1..],
        "lanted.ann",
    ];
    let places =
        [("logs", logs), ("metrics", metrics), ("Redis", kept), ("answers", others.join("\n"))];
    for (place, text) in places {
        for secret in secrets.into_iter().chain(of_page.iter().map(String::as_str)) {
            let at = text.find(secret).map(|at| {
                let around = at.saturating_sub(200)..(at + 200).min(text.len());
                text.get(around).unwrap_or_default()
            });
            assert_eq!(at, None, "{secret} is in the {place}");
        }
    }
}
