//! `otpost drill`: a provider is taken away, and what messages did meanwhile is told.

use serde_json::json;

use crate::{
    program::{Place, free_address},
    serve,
};

const TWO: &str = r#"
[chains]
sms = ["main", "backup"]
[providers.main]
kind = "sandbox"
[providers.backup]
kind = "sandbox"
"#;

#[tokio::test]
async fn a_chain_shows_that_it_holds_without_its_first_provider() {
    let address = free_address();
    let place = Place::with(TWO).set("OTPOST__SERVER__LISTEN", &address);
    place.run(&["drill", "--secs", "1"]).fails_with(&["no worker lives", "otpost serve"]);
    let (running, caller) = serve::serve(&place, address);
    let nothing = place.run(&["drill", "--secs", "1"]).exits(1).stdout;
    assert!(nothing.contains("nothing was shown") && nothing.contains("--to"), "{nothing}");

    let args = ["drill", "main", "--secs", "2", "--to", "+12025550143", "--to", "+12025550144"];
    let told = place.run(&[&args[..], &["--json"]].concat()).exits(0).json();
    assert_eq!((&told["provider"], &told["passed"]), (&json!("main"), &json!(true)), "{told}");
    assert_eq!(told["away"]["sent_by"], json!({ "backup": 2 }), "{told}");
    assert_eq!((&told["away"]["not_sent"], &told["waiting"]), (&json!(0), &json!(0)), "{told}");
    assert_eq!(told["away"]["calls_kept_back"], json!(2), "{told}");
    assert_eq!(told["texts"]["accepted"], json!(2), "{told}");

    // It is given back: the next code goes to it.
    let (_, created) = caller.post("/v1/verifications", json!({ "to": "+12025550145" })).await;
    let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
    let shown = caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    assert_eq!(shown["messages"][0]["attempts"][0]["provider"], "main", "{shown}");
    assert_eq!(shown["messages"][0]["attempts"][0]["outcome"], "ok", "{shown}");
    running.terminate().exits(0);
}

#[tokio::test]
async fn a_drill_never_becomes_an_outage() {
    let alone = Place::empty();
    alone.run(&["drill"]).fails_with(&["only console", "add one"]);
    let place = Place::with(TWO);
    let misused = place.run(&["drill", "mian"]).exits(2).stderr;
    assert!(misused.contains("\"mian\"") && misused.contains("main, backup"), "{misused}");
    let misused = place.run(&["drill", "--to", "hello"]).exits(2).stderr;
    assert!(misused.contains("--to: "), "{misused}");
}
