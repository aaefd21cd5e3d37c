//! `otpost suppression`: add, list, remove, beside a service that runs.

use serde_json::json;

use crate::{
    program::free_address,
    serve::{place_at, serve},
};

#[tokio::test]
async fn a_recipient_is_kept_back_until_that_is_removed() {
    let address = free_address();
    let place = place_at(address);
    let (running, caller) = serve(&place, address);
    let empty = place.run(&["suppression", "list"]).exits(0).stdout;
    assert!(empty.contains("otpost suppression add"), "{empty}");

    let added = place.run(&["suppression", "add", "+12025550143", "--json"]).exits(0).json();
    let id = added["id"].as_str().expect("an id");
    let text = json!({ "to": "+12025550143", "text": "A parcel." });
    let (status, refused) = caller.post("/v1/messages", text.clone()).await;
    assert_eq!((status, &refused["code"]), (403, &json!("recipient_suppressed")));
    let said = place.run(&["send", "--to", "+12025550143", "--text", "A parcel.", "--no-wait"]);
    said.fails_with(&["not to be sent to", "otpost suppression list"]);

    let listed = place.run(&["suppression", "list"]).exits(0).stdout;
    let line = listed.lines().find(|line| line.contains(id)).expect("listed");
    assert!(line.contains("+1********43") && line.contains("manual"), "{line}");
    assert!(!listed.contains("12025550143"), "{listed}");
    let other = place.run(&["suppression", "list", "--to", "+12025550144", "--json"]);
    assert_eq!(other.exits(0).json(), json!([]));
    place.run(&["suppression", "add", "12"]).fails_with(&["number"]);

    place.run(&["suppression", "remove", id]).exits(0);
    place.run(&["suppression", "remove", id]).fails_with(&["no such suppression"]);
    let (status, _) = caller.post("/v1/messages", text).await;
    assert_eq!(status, 202);
    running.terminate().exits(0);
}
