//! `otpost key`: create, list, revoke, beside a service that runs.

use serde_json::json;
use uuid::Uuid;

use crate::{
    program::{Place, free_address},
    serve::{Caller, place_at, serve},
};

#[tokio::test]
async fn a_key_works_from_its_making_to_its_end() {
    let address = free_address();
    let place = place_at(address);
    let (running, first) = serve(&place, address);

    let made = place.run(&["key", "create", "--name", "shop", "--scope", "verify", "--json"]);
    let made = made.exits(0).json();
    let (id, text) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    let shop = Caller::new(address, text);
    let (status, _) = shop.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    assert_eq!(status, 202);
    let (status, refused) =
        shop.post("/v1/messages", json!({ "to": "+12025550143", "text": "x" })).await;
    assert_eq!((status, &refused["scope"]), (403, &json!("send")));

    assert_eq!((&made["tenant"], &made["scopes"]), (&json!("default"), &json!(["verify"])));

    let listed = place.run(&["key", "list", "--json"]).exits(0);
    assert!(!listed.stdout.contains(text) && !listed.stdout.contains("otp_"), "{listed:?}");
    let listed = listed.json();
    assert_eq!(listed.as_array().expect("a list").len(), 2, "the first start made one");
    assert_eq!((&listed[1]["id"], &listed[1]["name"]), (&json!(id), &json!("shop")));
    assert_eq!(
        (&listed[1]["scopes"], &listed[1]["revoked_at"]),
        (&json!(["verify"]), &json!(null))
    );

    let gone = place.run(&["key", "revoke", id, "--json"]).exits(0).json();
    assert_eq!(gone["id"], json!(id));
    let revoked = std::time::Instant::now();
    let (status, refused) = loop {
        let answer = shop.get("/v1/verifications/x").await;
        if answer.0 == 401 || revoked.elapsed() > std::time::Duration::from_secs(1) {
            break answer;
        }
    };
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")), "within a second");
    let (status, _) = first.get("/v1/verifications/x").await;
    assert_eq!(status, 404, "the other key still works");
    place.run(&["key", "revoke", id]).fails_with(&["no such key that is still valid"]);
    let listed = place.run(&["key", "list", "--json"]).exits(0).json();
    assert_eq!(listed[1]["revoked_at"], gone["revoked_at"]);
    assert!(gone["revoked_at"].is_string(), "{gone}");
    let listed = place.run(&["key", "list"]).exits(0).stdout;
    let line = listed.lines().find(|line| line.contains(id)).expect("listed");
    assert!(!line.ends_with(" -"), "{line}");

    let printed = place.run(&["key", "jwks"]).exits(0).json();
    assert_eq!(printed["keys"][0]["kty"], json!("OKP"), "{printed}");
    let (status, served) = first.get("/.well-known/jwks.json").await;
    assert_eq!((status, served), (200, printed));
    running.terminate().exits(0);
}

#[test]
fn a_key_is_made_only_where_there_is_a_database() {
    let place = Place::empty();
    let file = place.path().canonicalize().expect("a folder").join("otpost-data/otpost.db");
    let said = format!("there is no database at {}; run this where", file.display());
    for args in [
        &["key", "create"][..],
        &["key", "jwks"],
        &["status"],
        &["send", "--to", "+12025550143", "--text", "x", "--no-wait"],
    ] {
        place.run(args).fails_with(&[&said, "--config", "otpost migrate"]);
    }
    assert!(!place.path().join("otpost-data").exists(), "nothing is made");
    let place = place.migrated();
    assert!(place.run(&["key", "list"]).exits(0).stdout.contains("otpost key create"));
    // What a shell puts into a variable is the key and nothing else.
    let made = place.run(&["key", "create"]).exits(0);
    assert!(made.stdout.starts_with("otp_") && made.stdout.trim_end().len() == 68, "{made:?}");
    assert!(made.stderr.contains("not shown again") && !made.stderr.contains("otp_"), "{made:?}");
    for args in [
        &["key", "create", "--tenant", "nobody"][..],
        &["key", "list", "--tenant", "nobody"],
        &["key", "revoke", &Uuid::now_v7().to_string(), "--tenant", "nobody"],
    ] {
        place.run(args).fails_with(&["there is no tenant \"nobody\""]);
    }
    place.run(&["key", "revoke", &Uuid::now_v7().to_string()]).fails_with(&["otpost key list"]);
}
