//! What stops a start, and the sentence it stops with.

use std::net::TcpListener;

use crate::program::Place;

/// Every command that reads the configuration.
const COMMANDS: [&[&str]; 9] = [
    &[],
    &["serve"],
    &["api"],
    &["worker"],
    &["migrate"],
    &["key", "list"],
    &["send", "--to", "+12025550143", "--text", "x"],
    &["status"],
    &["purge"],
];

#[test]
fn a_mistake_names_file_line_and_the_nearest_spelling() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n\n[worker]\notp_concurency = 3\n";
    let place = Place::with(text);
    for args in COMMANDS {
        place.run(args).fails_with(&[
            "otpost.toml:5: worker.otp_concurency: ",
            "did you mean \"worker.otp_concurrency\"?",
        ]);
    }
    assert!(!place.path().join("otpost-data").exists(), "a mistake leaves nothing behind");
}

#[test]
fn each_kind_of_mistake_is_told() {
    for (text, parts) in [
        ("[server", &["otpost.toml:1: not valid TOML"][..]),
        ("[server]\nlisten = 8080", &["otpost.toml:2: server.listen: "]),
        ("[log]\n\nlevel = \"inof\"", &["otpost.toml:3: log.level: \"inof\"", "error, warn, info"]),
        ("[log]\nlevel = \"info,otpost_api=loud\"", &["otpost.toml:2: log.level: "]),
        ("[log]\nformat = \"xml\"", &["otpost.toml:2: log.format: ", "json"]),
        ("[chains]\nsms = [\"a\"]", &["otpost.toml:2: chains.sms: ", "[providers.a]"]),
        (
            "[providers.console]\nkind = \"console\"\nprnt = false",
            &["otpost.toml:3: providers.console.prnt: ", "did you mean \"print\"?"],
        ),
        (
            "[providers.console]\nkind = \"console\"\nbrst = 5",
            &["otpost.toml:3: providers.console.brst: ", "did you mean \"burst\"?"],
        ),
        ("[providers.console]\nrate = \"50/sec\"", &["otpost.toml:2: providers.console.rate: "]),
        (
            "[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"twilio\"",
            &["recipients.default_region: must name your country"],
        ),
        ("[database]\nurl = \"postgres://h/d\"", &["secrets.keys: needed with Postgres"]),
        ("[queue]\nurl = \"amqp://h\"", &["otpost.toml:2: queue.url: ", "redis://"]),
        (
            "[providers.console]\nfallback_after_secs = 20",
            &["providers.console.fallback_after_secs: needs delivery reports", "public_url"],
        ),
        (
            "[recipients]\ndefault_region = \"US\"\n[chains]\nsms = [\"a\"]\n\
             [providers.a]\nkind = \"smpp\"\nfallback_after_secs = 20",
            &["providers.a.fallback_after_secs: needs another provider"],
        ),
        (
            "[providers.console]\nfallback_after_secs = 3",
            &["providers.console.fallback_after_secs: must be 5 to 300"],
        ),
        (
            "[secrets]\nkeys = [\"k1:c2hvcnQ=\"]\nhash_keys = [\"h1:c2hvcnQ=\"]",
            &["otpost.toml:2: secrets.keys: ", "32 bytes"],
        ),
    ] {
        let failed = Place::with(text).run(&["serve"]).fails_with(parts);
        assert!(failed.stdout.is_empty(), "{failed:?}");
        assert!(!failed.stderr.contains("c2hvcnQ"), "a key is not repeated: {failed:?}");
    }
}

#[test]
fn the_environment_is_held_to_the_same() {
    let wrong = Place::empty().set("OTPOST__SERVER__LISTNE", &"127.0.0.1:1");
    wrong.run(&["serve"]).fails_with(&[
        "environment variable OTPOST__SERVER__LISTNE: server.listne: ",
        "did you mean \"server.listen\"?",
    ]);
    let routes = Place::empty().set("OTPOST__ROUTES", &"[{ chain = [\"console\", \"x\"] }]");
    routes.run(&["serve"]).fails_with(&[
        "environment variable OTPOST__ROUTES: routes[0].chain: there is no [providers.x]",
    ]);
    let missing = Place::empty().set("OTPOST__DATABASE__URL_FILE", &"/nowhere/at/all");
    missing.run(&["serve"]).fails_with(&["OTPOST__DATABASE__URL_FILE", "/nowhere/at/all"]);
    let unread = Place::empty().set("OTPOST_CONFIG", &"none.toml");
    unread.run(&["serve"]).fails_with(&["cannot read none.toml"]);
    Place::empty().run(&["--config", "none.toml"]).fails_with(&["cannot read none.toml"]);
}

#[test]
fn a_taken_address_names_the_key_to_change() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let place = Place::empty().set("OTPOST__SERVER__LISTEN", &address);
    for command in ["serve", "api"] {
        place
            .run(&[command])
            .fails_with(&[&address.to_string(), "set server.listen to a free one"]);
    }
    let worker = Place::empty().set("OTPOST__WORKER__LISTEN", &address);
    worker.run(&["worker"]).fails_with(&[&address.to_string(), "set worker.listen to a free one"]);
    // The key of the first start was not used up by a start that failed.
    let first = place.run(&["key", "list", "--json"]).exits(0);
    assert_eq!(first.json(), serde_json::json!([]));
}

#[test]
fn a_folder_that_cannot_be_used_is_said() {
    let place = Place::empty();
    std::fs::write(place.path().join("otpost-data"), "a file").expect("written");
    place.run(&["serve"]).fails_with(&["data.dir", "otpost-data"]);
}
