//! `otpost tenant`: make, list, show, disable, enable, beside a service that runs.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    program::{Place, free_address},
    serve::{Caller, place_at, serve},
};

#[test]
fn tenants_are_made_and_told_apart() {
    let place = Place::empty().migrated();
    let made = place.run(&["tenant", "create", "shop", "--json"]).exits(0).json();
    assert_eq!((&made["name"], &made["sandbox"]), (&json!("shop"), &json!(false)));
    let made = place.run(&["tenant", "create", "ci", "--sandbox"]).exits(0);
    assert!(made.stderr.contains("otpost key create --tenant ci"), "{made:?}");
    place.run(&["tenant", "create", "ci"]).fails_with(&["there is a tenant \"ci\""]);
    place.run(&["tenant", "create", "My Shop"]).exits(2);
    let listed = place.run(&["tenant", "list", "--json"]).exits(0).json();
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|t| &t["name"]).collect();
    assert_eq!(names, [&json!("ci"), &json!("default"), &json!("shop")]);
    assert!(place.run(&["tenant", "list"]).exits(0).stdout.contains("sandbox"));
    place.run(&["tenant", "show", "nobody"]).fails_with(&["there is no tenant \"nobody\""]);

    let key = place.run(&["key", "create", "--tenant", "ci", "--json"]).exits(0).json();
    assert!(key["key"].as_str().is_some_and(|key| key.starts_with("otp_sandbox_")), "{key}");
    let key = place.run(&["key", "create", "--tenant", "shop"]).exits(0);
    assert!(
        !key.stdout.contains("sandbox") && key.stderr.contains("verify send manage events."),
        "{key:?}"
    );
    let listed = place.run(&["key", "list", "--tenant", "ci", "--json"]).exits(0).json();
    assert_eq!(listed[0]["scopes"], json!(["verify", "send", "manage", "events", "inbox"]));
    let wrong = place.run(&["key", "create", "--tenant", "shop", "--scope", "inbox"]).exits(2);
    assert!(wrong.stderr.contains("is no sandbox"), "{wrong:?}");
    let shown = place.run(&["tenant", "show", "ci"]).exits(0).stdout;
    assert!(shown.contains("sandbox") && shown.contains("1 that are not revoked"), "{shown}");
}

#[tokio::test]
async fn a_disabled_tenants_keys_are_refused_within_a_second() {
    let address = free_address();
    let place = place_at(address);
    let (running, first) = serve(&place, address);
    place.run(&["tenant", "create", "shop"]).exits(0);
    let key = place.run(&["key", "create", "--tenant", "shop", "--json"]).exits(0).json();
    let shop = Caller::new(address, key["key"].as_str().expect("a key"));
    let (status, _) = shop.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    assert_eq!(status, 202);
    place.run(&["tenant", "disable", "shop"]).exits(0);
    let disabled = Instant::now();
    let status = loop {
        let (status, _) = shop.get("/v1/verifications/x").await;
        if status == 401 || disabled.elapsed() > Duration::from_secs(1) {
            break status;
        }
    };
    assert_eq!(status, 401, "within a second");
    let (status, _) = first.get("/v1/verifications/x").await;
    assert_eq!(status, 404, "the other tenant's key still works");
    place.run(&["tenant", "disable", "shop"]).fails_with(&["disabled already"]);
    let shown = place.run(&["tenant", "show", "shop", "--json"]).exits(0).json();
    assert!(shown["disabled_at"].is_string() && shown["keys"] == json!(1), "{shown}");
    place.run(&["tenant", "enable", "shop"]).exits(0);
    place.run(&["tenant", "enable", "shop"]).fails_with(&["not disabled"]);
    let _ = shop.get_until("/v1/policies", |_| true).await;
    running.terminate().exits(0);
}
