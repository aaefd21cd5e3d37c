//! `otpost drill`: a provider is taken away, and what messages did meanwhile is told.

use otpost_shared::provider_state;
use otpost_testbed::{Bed, Kind, on_both_homes};
use serde_json::{Value, json};

use crate::{
    line::Line,
    program::{Place, free_address},
    serve::{self, Caller},
};

const TWO: &str = r#"
[chains]
sms = ["main", "backup"]
[providers.main]
kind = "sandbox"
[providers.backup]
kind = "sandbox"
"#;

/// A route beside the chain.
const ROUTED: &str = r#"
[chains]
sms = ["main", "backup"]
[providers.main]
kind = "sandbox"
[providers.backup]
kind = "sandbox"
[providers.third]
kind = "sandbox"
[[routes]]
countries = ["GB"]
chain = ["main", "third"]
"#;

#[tokio::test]
async fn a_chain_shows_that_it_holds_without_its_first_provider() {
    let address = free_address();
    let place = Place::with(TWO).set("OTPOST__SERVER__LISTEN", &address).migrated();
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
    let alone = Place::empty().migrated();
    alone.run(&["drill"]).fails_with(&["chains.sms has only console", "add one"]);
    let place = Place::with(TWO).migrated();
    let misused = place.run(&["drill", "mian"]).exits(2).stderr;
    assert!(misused.contains("\"mian\"") && misused.contains("main, backup"), "{misused}");
    let misused = place.run(&["drill", "--to", "hello"]).exits(2).stderr;
    assert!(misused.contains("--to: "), "{misused}");
}

#[tokio::test]
async fn each_route_needs_somebody_who_is_left() {
    let lonely = format!("{TWO}[[routes]]\ncountries = [\"GB\"]\nchain = [\"main\"]\n");
    let lonely = Place::with(&lonely).migrated();
    lonely.run(&["drill", "main"]).fails_with(&["routes[0].chain has only main", "add one"]);
    // The route does not name it, and the chain has another one.
    lonely.run(&["drill", "backup"]).fails_with(&["no worker lives"]);
}

/// A gateway that is given the bare code before one that takes any text.
const OF_CODES: &str = r#"
[recipients]
countries = ["*"]
[chains]
sms = ["codes", "texts"]
[providers.codes]
kind = "http"
url = "http://127.0.0.1:1/?to={to}&code={code}"
[providers.texts]
kind = "sandbox"
[providers.more]
kind = "sandbox"
"#;

#[tokio::test]
async fn who_takes_codes_only_is_nobody_for_other_messages() {
    let place = Place::with(OF_CODES).migrated();
    let said = ["chains.sms has only texts for messages that are no codes", "add one"];
    place.run(&["drill", "texts"]).fails_with(&said);
    // Codes and texts have others then.
    place.run(&["drill", "codes"]).fails_with(&["no worker lives"]);
    let texts = "[[routes]]\nlanes = [\"bulk\"]\nchain = [\"more\"]\n";
    let parted = Place::with(&format!("{OF_CODES}{texts}")).migrated();
    parted.run(&["drill", "texts"]).fails_with(&["no worker lives"]);
    let said = ["routes[0].chain has only more for messages that are no codes", "add one"];
    parted.run(&["drill", "more"]).fails_with(&said);

    let misused = place.run(&["drill", "codes", "--to", "+12025550143"]).exits(2).stderr;
    for part in ["--to: ", "chains.sms (texts)", "never to codes, which takes codes only"] {
        assert!(misused.contains(part), "{part:?} is not in {misused}");
    }
}

on_both_homes! {
    async fn the_others_of_a_route_must_work(bed, ROUTED) {
        let home = &bed.home;
        provider_state::mark_open(&home.db, "third", home.clock.now(), "it fails").await.expect("opened");
        let place = Place::in_folder(bed.dir);
        place.run(&["drill", "main"]).fails_with(&["routes[0].chain: nobody", "third has failed for"]);
        // It stands beside others elsewhere.
        place.run(&["drill", "backup"]).fails_with(&["no worker lives"]);
    }

    async fn without_its_database_nothing_is_taken_away(bed, TWO) {
        let nowhere = if bed.home.config.is_embedded() {
            "sqlite:///dev/null/otpost.db"
        } else {
            "postgres://nobody@127.0.0.1:1/none"
        };
        let place = Place::in_folder(bed.dir).set("OTPOST__DATABASE__URL", &nowhere);
        place.run(&["drill", "--secs", "1"]).fails_with(&["database"]);
        let states = provider_state::list(&bed.home.db).await.expect("an answer");
        assert!(states.iter().all(|state| state.drilled_until == 0), "{states:?}");
    }
}

fn is_away(ready: &Value) -> bool {
    ready["providers"].as_str().is_some_and(|said| said.contains("drill"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_half_way_is_waited_for() {
    let (dir, probes) = (tempfile::tempdir().expect("a folder"), free_address());
    let text = Bed::config_text(Kind::Production, &dir, TWO).await;
    let place = Place::with(&text).set("OTPOST__WORKER__LISTEN", &probes);
    place.run(&["migrate"]).exits(0);
    let worker = place.start(&["worker"]);
    let lives = json!([{ "role": "worker", "live": 1 }]);
    let status = || place.run(&["status", "--json"]).json();
    assert!((0..100).any(|_| status()["processes"] == lives), "{}", status());

    // The drill alone loses it.
    let url = text.lines().find_map(|line| line.strip_prefix("url = \"postgres://"));
    let (user, rest) = url.and_then(|url| url.split_once('@')).expect("a user");
    let (server, database) = rest.split_once('/').expect("a database");
    let line = Line::lay(server).await;
    let url = format!("postgres://{user}@{}/{}", line.address, database.trim_end_matches('"'));
    let elsewhere = Place::with(&text).set("OTPOST__DATABASE__URL", &url);
    let drill = elsewhere.start(&["drill", "main", "--secs", "600"]);
    let caller = Caller::new(probes, "");
    caller.get_until("/readyz", is_away).await;
    line.cut().await;
    drill.signal("INT");
    drill.stderr.line_with("trying again");
    assert!(is_away(&caller.get("/readyz").await.1), "nobody could give it back");

    line.mend();
    let told = drill.end().exits(1).stdout;
    assert!(told.contains("nothing was shown"), "{told}");
    let (_, ready) = caller.get("/readyz").await;
    assert_eq!(ready["providers"], "ok", "{ready}");
    worker.terminate().exits(0);
}

#[tokio::test]
async fn who_interrupts_it_gets_the_provider_back_at_once() {
    let address = free_address();
    let place = Place::with(TWO).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve::serve(&place, address);
    let drill = place.start(&["drill", "main", "--secs", "600"]);
    caller.get_until("/readyz", is_away).await;
    let told = drill.interrupt().exits(1).stdout;
    assert!(told.contains("nothing was shown"), "{told}");
    let (_, ready) = caller.get("/readyz").await;
    assert_eq!(ready["providers"], "ok", "{ready}");
    running.terminate().exits(0);
}

#[tokio::test]
async fn texts_that_go_elsewhere_show_nothing() {
    let routes = "[providers.london]\nkind = \"sandbox\"\n[[routes]]\ncountries = [\"DE\", \"IE\"]\n\
                  lanes = [\"otp\"]\nchain = [\"london\", \"backup\"]\n[[routes]]\n\
                  prefixes = [\"+1202555019\"]\nchain = [\"london\", \"backup\"]\n";
    let address = free_address();
    let place = Place::with(&format!("{TWO}{routes}[recipients]\ncountries = [\"*\"]\n"))
        .set("OTPOST__SERVER__LISTEN", &address)
        .migrated();
    // Those of the drill are no codes.
    for (to, masked) in [("+491713920001", "+49"), ("+12025550143", "+1*")] {
        let misused = place.run(&["drill", "london", "--to", to]).exits(2).stderr;
        for part in ["--to: ", masked, "chains.sms (main, backup)", "never to london"] {
            assert!(misused.contains(part), "{part:?} is not in {misused}");
        }
        assert!(!misused.contains(to), "{misused}");
    }
    let misused = place.run(&["drill", "main", "--to", "+12025550190"]).exits(2).stderr;
    assert!(misused.contains("routes[1].chain (london, backup)"), "{misused}");

    // One that only stands in for another is not called while that one works.
    let (running, _caller) = serve::serve(&place, address);
    let args = ["drill", "backup", "--secs", "1", "--to", "+12025550143"];
    let told = place.run(&args).exits(1).stdout;
    assert!(told.contains("No message would have gone to backup"), "{told}");
    let told = place.run(&[&args[..], &["--json"]].concat()).exits(1).json();
    assert_eq!((&told["passed"], &told["away"]["sent_by"]), (&json!(false), &json!({ "main": 1 })));
    running.terminate().exits(0);
}
