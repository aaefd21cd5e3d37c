//! What was spent, as the operator sees it: the sums, and the metrics.

use serde_json::{Value, json};

use crate::{
    breaker::metrics_with,
    program::{Place, free_address},
    serve,
};

const PRICED: &str = r#"
[chains]
sms = ["primary"]
[providers.primary]
kind = "sandbox"
[providers.primary.prices]
currency = "EUR"
US = "0.0075"
"*" = "0.08"
"#;

/// What its rows say of one key; a row is of one day, and the test may run at midnight.
fn told<'a>(spent: &'a Value, key: &str) -> Vec<&'a str> {
    let rows = spent["rows"].as_array().expect("rows");
    let mut told: Vec<&str> = rows.iter().filter_map(|row| row[key].as_str()).collect();
    told.sort_unstable();
    told.dedup();
    told
}

#[tokio::test]
async fn what_was_spent_is_summed_and_counted() {
    let address = free_address();
    let place = Place::with(PRICED).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    let said = place.run(&["spend"]).exits(0).stdout;
    assert!(said.contains("no message ended"), "{said}");
    let nothing = place.run(&["spend", "--json"]).exits(0).json();
    assert_eq!((&nothing["rows"], &nothing["totals"]), (&json!([]), &json!([])));

    for (n, country) in [(1, "+12025550"), (2, "+4915112345")] {
        let to = format!("{country}{n:03}");
        let (status, created) = caller.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(status, 202, "{created}");
        let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
        caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    }
    let long = "x".repeat(161);
    place.run(&["send", "--to", "+12025550143", "--text", &long]).exits(0);

    let spent = place.run(&["spend", "--json"]).exits(0).json();
    let together = json!([{
        "attempts": 3, "segments": 4, "currency": "EUR", "amount": "0.1025",
        "estimated_amount": "0.1025",
    }]);
    assert_eq!(spent["totals"], together);
    assert_eq!(told(&spent, "provider"), ["primary"]);
    for (by, groups) in [("tenant", &["default"][..]), ("lane", &["bulk", "otp"][..])] {
        let spent = place.run(&["spend", "--by", by, "--since", "1h", "--json"]).exits(0).json();
        assert_eq!((told(&spent, by), &spent["totals"]), (groups.to_vec(), &together));
    }
    let said = place.run(&["spend"]).exits(0).stdout;
    assert!(said.contains("0.1025 EUR, of which 0.1025 is estimated"), "{said}");

    let lines = [
        r#"otpost_attempt_segments_total{provider="primary"} 4"#,
        r#"otpost_attempt_price_micros_total{provider="primary",currency="EUR",basis="estimated"} 102500"#,
    ];
    metrics_with(&format!("http://{address}/metrics"), &lines).await;
    running.terminate().exits(0);
}
