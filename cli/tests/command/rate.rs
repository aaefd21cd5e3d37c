//! A provider with a rate, as the operator sees it: who sends what, and the metrics.

use serde_json::json;

use crate::{
    breaker::metrics_with,
    program::{Place, free_address},
    serve,
};

const RATED: &str = r#"
[chains]
sms = ["primary", "backup"]
[providers.primary]
kind = "sandbox"
rate = "1/m"
[providers.backup]
kind = "sandbox"
"#;

#[tokio::test]
async fn what_a_rate_holds_back_is_counted() {
    let address = free_address();
    let place = Place::with(RATED).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    caller.get_until("/readyz", |ready| ready["status"] == "ready").await;
    for (n, by) in [(1, "primary"), (2, "backup"), (3, "backup")] {
        let to = format!("+12025550{n:03}");
        let (status, created) = caller.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(status, 202, "{created}");
        let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
        let shown = caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
        assert_eq!(shown["messages"][0]["attempts"][0]["provider"], by, "{shown}");
    }
    // To be at one's rate is no trouble.
    let ready = caller.get_until("/readyz", |ready| ready["status"] == "ready").await;
    assert_eq!(ready["providers"], "ok");
    let lines = [
        r#"otpost_rate_wait_seconds_count{provider="primary",lane="otp"} 1"#,
        r#"otpost_rate_refusals_total{provider="primary",lane="otp"} 2"#,
    ];
    metrics_with(&format!("http://{address}/metrics"), &lines).await;
    running.terminate().exits(0);
}
