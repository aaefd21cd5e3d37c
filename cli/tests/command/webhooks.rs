//! `otpost webhook` and `otpost events`, beside a service that runs, and a receiver that answers as it is told.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use axum::{Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

use crate::{
    program::{Place, free_address},
    serve::{place_at, serve},
};

/// Answers with this status, until the test ends.
async fn receiver(status: Arc<AtomicU16>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let answer = move || async move {
        StatusCode::from_u16(status.load(Ordering::Relaxed)).expect("a status")
    };
    let router = Router::new().route("/hook", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn development(place: Place) -> Place {
    place.set("OTPOST__WEBHOOKS__ALLOW_HTTP", &true).set("OTPOST__WEBHOOKS__ALLOW_PRIVATE", &true)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_tried_and_watched() {
    let status = Arc::new(AtomicU16::new(200));
    let url = receiver(Arc::clone(&status)).await;
    let address = free_address();
    let place = development(place_at(address));
    let (running, caller) = serve(&place, address);
    let made = place.run(&["webhook", "create", &url, "--type", "verification", "--json"]);
    let made = made.exits(0).json();
    let id = made["id"].as_str().expect("an id");
    assert!(made["secret"].as_str().is_some_and(|text| text.starts_with("whsec_")), "{made}");
    let tested = place.run(&["webhook", "test", id]).exits(0);
    assert_eq!(tested.stdout, "Taken (200).\n");

    status.store(503, Ordering::Relaxed);
    let refused = place.run(&["webhook", "test", id, "--json"]).exits(1).json();
    assert_eq!((&refused["last_status"], &refused["state"]), (&json!(503), &json!("queued")));
    let listed = place.run(&["webhook", "list"]).exits(0).stdout;
    assert!(listed.contains("failing since") && listed.contains(&url), "{listed}");
    let doctor = place.run(&["doctor"]).exits(0).stdout;
    assert!(doctor.contains(&format!("webhook {id}")), "{doctor}");

    let (code, created) = caller.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    assert_eq!(code, 202, "{created}");
    let path = format!("/v1/webhooks/{id}/deliveries");
    caller
        .get_until(&path, |page| page["deliveries"].as_array().is_some_and(|rows| rows.len() == 3))
        .await;
    let events = place.run(&["events", "--type", "verification", "--json"]).exits(0).json();
    assert_eq!(events[0]["data"]["verification_id"], created["id"]);
    let printed = place.run(&["events"]).exits(0).stdout;
    assert!(
        printed.contains("verification.created") && printed.contains("+1********43"),
        "{printed}"
    );

    status.store(200, Ordering::Relaxed);
    let replayed = place.run(&["webhook", "replay", id, "--since", "1h", "--json"]).exits(0).json();
    assert!(replayed["events"].as_u64().is_some_and(|events| events >= 3), "{replayed}");
    let delivered = |page: &Value| {
        let rows = page["deliveries"].as_array().expect("a list");
        rows.iter().all(|row| row["state"] == "delivered")
    };
    caller.get_until(&path, delivered).await;
    let shown = place.run(&["webhook", "show", id]).exits(0).stdout;
    assert!(shown.contains("well") && shown.contains("delivered"), "{shown}");
    let one = place.run(&["webhook", "show", id, "--json"]).exits(0).json();
    let delivery = one["deliveries"][0]["id"].as_str().expect("an id");
    place.run(&["webhook", "replay", id, "--delivery", delivery]).exits(0);

    let rotated = place.run(&["webhook", "rotate", id]).exits(0);
    assert!(rotated.stdout.starts_with("whsec_"), "{rotated:?}");
    assert!(!made["secret"].as_str().is_some_and(|old| rotated.stdout.contains(old)));
    caller.get_until(&path, delivered).await;
    place.run(&["webhook", "disable", id]).exits(0);
    place.run(&["webhook", "test", id]).fails_with(&["disabled"]);
    // It waits now, and what came of it the last time is shown with when it is due.
    place.run(&["webhook", "replay", id, "--delivery", delivery]).exits(0);
    let waits = place.run(&["webhook", "show", id, "--json"]).exits(0).json();
    let next = waits["deliveries"][0]["next_at"].as_str().expect("a moment");
    let shown = place.run(&["webhook", "show", id]).exits(0).stdout;
    let line = shown.lines().find(|line| line.starts_with(delivery)).expect("a line");
    assert!(line.contains(next) && line.contains("  200  "), "{shown}");
    place.run(&["webhook", "enable", id]).exits(0);
    place.run(&["webhook", "delete", id]).exits(0);
    place.run(&["webhook", "delete", id]).fails_with(&["otpost webhook list"]);
    assert_eq!(place.run(&["webhook", "list", "--json"]).exits(0).json(), json!([]));
    running.terminate().exits(0);
}

#[test]
fn what_cannot_be_done_says_why() {
    let place = Place::empty().migrated();
    let said = place.run(&["webhook", "create", "http://example.org/"]);
    said.fails_with(&["must be https", "webhooks.allow_http"]);
    let said = place.run(&["webhook", "create", "https://127.1/"]);
    said.fails_with(&["public", "webhooks.allow_private"]);
    assert!(place.run(&["webhook", "list"]).exits(0).stdout.contains("otpost webhook create"));
    assert!(place.run(&["events"]).exits(0).stdout.contains("events.log"));
    assert_eq!(place.run(&["events", "--json"]).exits(0).json(), json!([]));
    place.run(&["events", "--tenant", "nobody"]).fails_with(&["nobody"]);
}
