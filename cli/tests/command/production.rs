//! `otpost api` and `otpost worker` as processes of their own, on Postgres and Redis.

use otpost_shared::{Home, config, verification};
use otpost_testbed::{Bed, Kind};
use serde_json::{Value, json};

use crate::{
    program::{Place, Running, free_address},
    serve::Caller,
};

/// Long codes, which nothing else in an output looks like, and everything that can be logged.
const SANDBOX: &str = r#"
[chains]
sms = ["sandbox"]
[providers.sandbox]
kind = "sandbox"
[purposes.default]
code_length = 10
[log]
level = "trace"
format = "json"
"#;

const NUMBER: &str = "+12025559173";

/// The configuration of all processes of one test, with the addresses of API and worker.
async fn production() -> (Place, Caller, Caller) {
    let (api, worker) = (free_address(), free_address());
    let dir = tempfile::tempdir().expect("a folder");
    let text = Bed::config_text(Kind::Production, &dir, SANDBOX).await;
    std::fs::write(dir.path().join("otpost.toml"), text).expect("written");
    let place = Place::in_folder(dir)
        .set("OTPOST__SERVER__LISTEN", &api)
        .set("OTPOST__WORKER__LISTEN", &worker);
    (place, Caller::new(api, ""), Caller::new(worker, ""))
}

async fn code_of(place: &Place, id: &Value) -> String {
    let config = config::load(Some(&place.path().join("otpost.toml"))).expect("good");
    let home = Home::open(config).await.expect("a home");
    let id = id.as_str().expect("an id").parse().expect("an id");
    let row = verification::find(&home.db, id).await.expect("an answer").expect("a row");
    row.code(&home.keys).expect("a key").expect("a seed").as_str().to_owned()
}

/// Starts both before the tables are there, and makes them then.
fn start(place: &Place) -> [Running; 2] {
    let [api, worker] = [place.start(&["api"]), place.start(&["worker"])];
    for process in [&api, &worker] {
        process.stderr.line_with("waiting for the database: its tables are not up to date");
    }
    place.run(&["migrate"]).exits(0);
    api.stderr.line_with("the database is ready");
    worker.stderr.line_with("the worker is ready");
    [api, worker]
}

#[tokio::test]
async fn a_number_is_proven_by_processes_of_their_own() {
    let (place, mut api, probes) = production().await;
    let running = start(&place);
    let key = place.run(&["key", "create", "--json"]).exits(0).json();
    key["key"].as_str().expect("a key").clone_into(&mut api.key);

    let (status, created) = api.post("/v1/verifications", json!({ "to": NUMBER })).await;
    assert_eq!(status, 202, "{created}");
    let path = format!("/v1/verifications/{}", created["id"].as_str().expect("an id"));
    let shown = api.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    let attempt = &shown["messages"][0]["attempts"][0];
    assert_eq!((&attempt["provider"], &attempt["outcome"]), (&json!("sandbox"), &json!("ok")));
    let text = json!({ "to": NUMBER, "text": "sentinel-text" });
    let (status, sent) = api.post("/v1/messages", text).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/v1/messages/{}", sent["id"].as_str().expect("an id"));
    api.get_until(&path, |shown| shown["state"] == "sent").await;
    // The terminal stands under the same limits as the API.
    let limited = place.run(&["send", "--to", NUMBER, "--text", "x"]);
    limited.fails_with(&["the limit per recipient is used up"]);

    let token = &created["session_token"];
    let code = code_of(&place, &created["id"]).await;
    let check = |code: &str| json!({ "session_token": token, "code": code });
    let (status, _) = api.post("/v1/verifications/check", check("1")).await;
    assert_eq!(status, 422);
    let (status, checked) = api.post("/v1/verifications/check", check(&code)).await;
    assert_eq!(status, 200, "{checked}");
    let (status, _) = api.post("/v1/verifications/check", check(&code)).await;
    assert_eq!(status, 409);

    for caller in [&api, &probes] {
        let ready = caller.get_until("/readyz", |ready| ready["status"] == "ready").await;
        assert_eq!((&ready["database"], &ready["queue"]), (&json!("ok"), &json!("ok")));
        let (status, _) = caller.get("/inbox").await;
        assert_eq!(status, 404);
    }
    let (status, _) = probes.post("/v1/verifications", json!({ "to": NUMBER })).await;
    assert_eq!(status, 404, "a worker accepts nothing");
    let both = json!([{ "role": "api", "live": 1 }, { "role": "worker", "live": 1 }]);
    assert_eq!(place.run(&["status", "--json"]).exits(0).json()["processes"], both);

    // What they printed, at the finest level, holds nothing that is secret.
    let printed: Vec<String> = running
        .map(|process| process.terminate().exits(0))
        .map(|ended| ended.stdout + &ended.stderr)
        .into();
    let secrets = [
        &NUMBER[3..],
        &code,
        &token.as_str().expect("a token")[22..],
        &api.key[26..],
        &checked["receipt"].as_str().expect("a receipt")[22..],
        "sentinel-text",
    ];
    for output in printed {
        assert!(output.contains(r#""level":"DEBUG""#), "every level is printed: {output}");
        for secret in secrets {
            let line = output.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} was printed");
        }
    }
}

#[tokio::test]
async fn without_the_database_they_wait_and_can_be_stopped() {
    let (place, api, probes) = production().await;
    let place = place.set("OTPOST__DATABASE__URL", &"postgres://nobody@127.0.0.1:1/none");
    let start = |command| {
        let running = place.start(&[command]);
        running.stderr.line_with("waiting for the database: the database is unavailable");
        running
    };
    let running = [start("api"), start("worker")];
    for caller in [&api, &probes] {
        let (status, ready) = caller.get("/readyz").await;
        assert_eq!((status, &ready["status"]), (503, &json!("unavailable")));
    }
    for process in running {
        process.terminate().exits(0);
    }
    start("serve").terminate().exits(0);
}
