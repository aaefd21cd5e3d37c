//! Tests of applications: a sandbox behind `otpost api` and `otpost worker`, and `otpost inbox`.

use otpost_testbed::{Bed, Kind};
use serde_json::{Value, json};

use crate::{
    program::{Place, free_address},
    serve::{Caller, place_at, serve},
};

/// A gateway where nobody listens, and long codes, which nothing else in an output looks like.
const NOBODY: &str = r#"
[recipients]
countries = ["US"]
[chains]
sms = ["gateway"]
[providers.gateway]
kind = "http"
url = "http://127.0.0.1:1/?p={to}&t={text}"
[purposes.default]
code_length = 10
[log]
level = "trace"
format = "json"
"#;

const NUMBER: &str = "+12025559173";

#[tokio::test]
async fn a_sandbox_is_shared_by_processes_of_their_own() {
    let (address, worker) = (free_address(), free_address());
    let dir = tempfile::tempdir().expect("a folder");
    let text = Bed::config_text(Kind::Production, &dir, NOBODY).await;
    std::fs::write(dir.path().join("otpost.toml"), text).expect("written");
    let place = Place::in_folder(dir)
        .set("OTPOST__SERVER__LISTEN", &address)
        .set("OTPOST__WORKER__LISTEN", &worker);
    place.run(&["migrate"]).exits(0);
    place.run(&["inbox"]).fails_with(&["otpost tenant create ci --sandbox"]);
    place.run(&["tenant", "create", "ci", "--sandbox"]).exits(0);
    let key = place.run(&["key", "create", "--tenant", "ci", "--json"]).exits(0).json();
    let running = [place.start(&["api"]), place.start(&["worker"])];
    running[0].stderr.line_with("the database is ready");
    running[1].stderr.line_with("the worker is ready");
    let api = Caller::new(address, key["key"].as_str().expect("a key"));

    let none = place.run(&["inbox", "--to", NUMBER, "--wait", "1"]);
    none.fails_with(&["no message to +12025559173 came within 1 s", "--tenant ci"]);
    let path = "/v1/inbox?wait=30&to=%2B12025559173";
    let creating = api.post("/v1/verifications", json!({ "to": NUMBER }));
    let ((status, page), (_, created)) = tokio::join!(api.get(path), creating);
    assert_eq!(status, 200, "{page}");
    let code = page["messages"][0]["code"].as_str().expect("a code").to_owned();
    assert_eq!(page["messages"][0]["verification_id"], created["id"]);
    // A shell script needs no more than this.
    let printed = place.run(&["inbox", "--to", NUMBER, "--wait", "10", "--code"]).exits(0);
    assert_eq!(printed.stdout, format!("{code}\n"));
    let listed = place.run(&["inbox", "--tenant", "ci", "--json"]).exits(0).json();
    assert_eq!((&listed[0]["code"], &listed[1]), (&json!(code), &Value::Null));
    let body = json!({ "session_token": created["session_token"], "code": code });
    let (status, checked) = api.post("/v1/verifications/check", body).await;
    assert_eq!(status, 200, "{checked}");
    let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
    api.get_until(&path, |shown| shown["messages"][0]["state"] == "delivered").await;
    place.run(&["inbox", "--tenant", "default"]).fails_with(&["is no sandbox"]);
    let spent = place.run(&["spend", "--json"]).exits(0).json();
    assert_eq!(spent["rows"], json!([]));

    for ended in running.map(|process| process.terminate().exits(0)) {
        let printed = ended.stdout + &ended.stderr;
        for secret in [&NUMBER[3..], code.as_str()] {
            let line = printed.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} was printed");
        }
    }
}

#[tokio::test]
async fn the_inbox_of_the_service_that_runs_here_is_read_too() {
    let address = free_address();
    let place = place_at(address);
    place.run(&["inbox"]).fails_with(&["there is no database"]);
    let (running, caller) = serve(&place, address);
    let empty = place.run(&["inbox"]).exits(0);
    assert!(empty.stdout.contains("POST /v1/verifications"), "{empty:?}");
    place.run(&["inbox", "--code"]).fails_with(&["there is no code"]);
    let following = place.start(&["inbox", "--follow"]);
    let (status, _) = caller.post("/v1/verifications", json!({ "to": NUMBER })).await;
    assert_eq!(status, 202);
    let code = place.run(&["inbox", "--wait", "10", "--to", "+1 202 555 9173", "--code"]).exits(0);
    let code = code.stdout.trim();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    running.stdout.line_with(code);
    following.stdout.line_with(code);
    let ended = following.interrupt().exits(0);
    assert!(ended.stdout.contains("SMS to +12025559173"), "{ended:?}");
    let listed = place.run(&["inbox", "--json"]).exits(0).json();
    assert_eq!((&listed[0]["to"], &listed[0]["code"]), (&json!(NUMBER), &json!(code)));
    place.run(&["inbox", "--to", "12"]).exits(2);
    // A sandbox beside it has an inbox of its own.
    place.run(&["tenant", "create", "ci", "--sandbox"]).exits(0);
    let beside = place.run(&["inbox", "--tenant", "ci"]).exits(0);
    assert!(beside.stdout.contains("No message yet"), "{beside:?}");
    running.terminate().exits(0);
    place.run(&["inbox"]).fails_with(&["no service answers", "otpost"]);
}
