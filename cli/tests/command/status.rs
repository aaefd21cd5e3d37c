//! `otpost status`: what is there, and what became of one thing.

use serde_json::json;
use uuid::Uuid;

use crate::{
    program::{Place, free_address},
    serve::{place_at, serve},
};

#[tokio::test]
async fn what_became_of_a_code_is_told_attempt_by_attempt() {
    let address = free_address();
    let place = place_at(address)
        .set("OTPOST__PROVIDERS__CONSOLE__PRICES__CURRENCY", &"EUR")
        .set("OTPOST__PROVIDERS__CONSOLE__PRICES__US", &"0.0075");
    let (running, caller) = serve(&place, address);
    let (_, created) = caller.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    let id = created["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/verifications/{id}");
    let shown = caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;

    let told = place.run(&["status", &id]).exits(0).stdout;
    for part in ["pending", "+1********43", "1. console after ", ": ok in "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains(", 1 segment, about 0.0075 EUR\n"), "{told}");
    assert!(told.ends_with("together about 0.0075 EUR\n"), "{told}");
    assert!(!told.contains("12025550143"), "{told}");
    let message = shown["messages"][0]["id"].as_str().expect("an id");
    let told = place.run(&["status", message]).exits(0).stdout;
    assert!(told.starts_with(&format!("message {message}: sent")), "{told}");
    let json = place.run(&["status", &id, "--json"]).exits(0).json();
    assert_eq!(json["messages"], shown["messages"]);
    let attempt = &json["messages"][0]["attempts"][0];
    let price = json!({ "amount": "0.0075", "currency": "EUR", "estimated": true });
    assert_eq!((&attempt["segments"], &attempt["price"]), (&json!(1), &price));
    assert_eq!(json["cost"], json!([price]));
    let nobody = Uuid::nil().to_string();
    place.run(&["status", &nobody]).fails_with(&["no verification, message or batch"]);
    let all = place.run(&["status"]).exits(0).stdout;
    assert!(all.contains("provider  console: in use"), "{all}");
    running.terminate().exits(0);
}

#[tokio::test]
async fn what_is_sent_to_nobody_is_told() {
    let address = free_address();
    let number = r#"[{ number = "+15550001111", code = "246810", until = "2999-01-31" }]"#;
    let place = place_at(address).set("OTPOST__RECIPIENTS__TEST_NUMBERS", &number);
    let (running, caller) = serve(&place, address);
    for (body, said) in [
        (json!({ "to": "+15550001111" }), "  test number: nothing is sent\n"),
        (json!({ "to": "+12025550143", "decoy": true }), "  decoy: nothing is sent"),
        (json!({ "to": "+12025550144", "subject": "ann-7" }), "  subject  there is one"),
    ] {
        let (_, created) = caller.post("/v1/verifications", body).await;
        let told = place.run(&["status", created["id"].as_str().expect("an id")]).exits(0).stdout;
        assert!(told.contains(said) && !told.contains("ann-7"), "{told}");
    }
    running.terminate().exits(0);
}

#[test]
fn what_is_no_id_is_told_what_one_looks_like() {
    let place = Place::empty();
    let looks = "looks like 01a1f812-6ec7-85f6-89e6-86c800000000; ";
    for (command, what, source) in [
        (&["status", "nonsense"][..], "an id ", "`otpost send` prints"),
        (&["status", "--batch", "nonsense"], "a batch's id ", "`otpost send --to-file` prints it"),
        (&["key", "revoke", "nonsense"], "a key's id ", "`otpost key list` shows it"),
        (&["suppression", "remove", "x"], "a suppression's id ", "`otpost suppression list`"),
    ] {
        let said = place.run(command).exits(2).stderr;
        for part in [&format!("{what}{looks}"), source] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("character"), "the parser's own words: {said}");
    }
}
