//! A provider that fails, as the operator sees it: log, readiness, metrics, `otpost doctor`.

use std::time::Instant;

use serde_json::json;

use crate::{
    program::{Place, free_address},
    serve,
};

const FAILING: &str = r#"
[chains]
sms = ["primary", "backup"]
[providers.primary]
kind = "sandbox"
outcome = "transient"
[providers.backup]
kind = "sandbox"
"#;

/// The metrics once they hold these lines, within ten seconds.
pub async fn metrics_with(url: &str, lines: &[&str]) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let started = Instant::now();
    loop {
        let text = client.get(url).send().await.expect("an answer").text().await.expect("a text");
        if lines.iter().all(|line| text.lines().any(|l| l == *line)) {
            return;
        }
        assert!(started.elapsed().as_secs() < 10, "{lines:?} are not in {text}");
    }
}

#[tokio::test]
async fn an_open_breaker_is_seen_everywhere() {
    let address = free_address();
    let place = Place::with(FAILING).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    let ready = caller.get_until("/readyz", |ready| ready["status"] == "ready").await;
    assert_eq!(ready["providers"], "ok");
    place.run(&["doctor"]).exits(0);
    for n in 0..15 {
        let to = format!("+12025550{n:03}");
        let (status, created) = caller.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(status, 202, "{created}");
        let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
        caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    }
    let line = running.stderr.line_with("the provider fails and is left alone");
    assert!(line.contains("WARN") && line.contains("primary") && line.contains("transient"));
    let ready = caller.get_until("/readyz", |ready| ready["status"] == "degraded").await;
    let providers = ready["providers"].as_str().expect("a sentence");
    assert!(providers.starts_with("primary is open for "), "{ready}");
    let lines = [
        r#"otpost_provider_state{provider="backup"} 0"#,
        r#"otpost_provider_state{provider="primary"} 2"#,
        r#"otpost_provider_openings_total{provider="primary"} 1"#,
    ];
    metrics_with(&format!("http://{address}/metrics"), &lines).await;
    let report = place.run(&["doctor"]).exits(1);
    let line = report.stdout.lines().find(|line| line.contains("calls to primary"));
    let line = line.expect("a finding");
    assert!(
        line.starts_with("BAD  ") && line.contains("failed, the last with transient"),
        "{line}"
    );
    running.terminate().exits(0);
}

#[tokio::test]
async fn a_country_that_a_provider_refuses_is_seen() {
    let address = free_address();
    let refusing = FAILING.replace("\"transient\"", "\"region\"");
    let place = Place::with(&refusing).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    for n in 0..7 {
        let to = format!("+12025550{n:03}");
        let (status, created) = caller.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(status, 202, "{created}");
        let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
        caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    }
    let line = running.stderr.line_with("the provider refuses a country");
    assert!(line.contains("primary") && line.contains("US") && line.contains("otp"), "{line}");
    let lines = [
        r#"otpost_attempts_total{provider="primary",outcome="region"} 5"#,
        r#"otpost_attempts_total{provider="backup",outcome="ok"} 7"#,
        r#"otpost_provider_region_state{provider="primary",country="US",lane="otp"} 1"#,
        r#"otpost_provider_region_openings_total{provider="primary",country="US",lane="otp"} 1"#,
    ];
    metrics_with(&format!("http://{address}/metrics"), &lines).await;
    let started = Instant::now();
    loop {
        let listed = place.run(&["status"]).exits(0).stdout;
        if listed.contains("provider  primary refuses codes to US: region") {
            break;
        }
        assert!(started.elapsed().as_secs() < 10, "it is not in {listed}");
    }
    let report = place.run(&["doctor"]).exits(0);
    let line = report.stdout.lines().find(|line| line.contains("calls to primary"));
    let line = line.expect("a finding");
    assert!(line.starts_with("note ") && line.contains("refuses codes to US"), "{line}");
    running.terminate().exits(0);
}

#[tokio::test]
async fn wrong_credentials_are_told_at_the_first_call() {
    let address = free_address();
    let alone = "[chains]\nsms = [\"primary\"]\n[providers.primary]\nkind = \"sandbox\"\n\
                 outcome = \"account\"\n";
    let place = Place::with(alone).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    let (status, created) = caller.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    assert_eq!(status, 202, "{created}");
    let line = running.stderr.line_with("the provider refuses the account");
    assert!(line.contains("WARN") && line.contains("mend providers.primary"), "{line}");
    let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
    caller.get_until(&path, |shown| shown["messages"][0]["state"] == "failed").await;
    let said = place.run(&["status"]).exits(0).stdout;
    assert!(said.contains("provider  primary: in use; its last call failed "), "{said}");
    assert!(said.contains(" ago: account") && said.contains(": 0 sent, 1 failed"), "{said}");
    let json = place.run(&["status", "--json"]).exits(0).json();
    assert_eq!(json["providers"][0]["last_call_failed"]["class"], "account", "{json}");
    let ended = running.terminate().exits(0);
    assert!(!ended.stderr.contains("2025550143"), "{ended:?}");
}
