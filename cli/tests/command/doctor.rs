//! `otpost doctor`: good, and each way of being broken.

use otpost_testbed::{Bed, Kind};
use serde_json::Value;

use crate::{
    program::{Place, free_address},
    serve::serve,
};

/// The findings that are not good, as `what: said`.
fn bad(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    let bad = findings.iter().filter(|finding| finding["good"] == false);
    bad.map(|finding| format!("{}: {}", finding["what"], finding["said"])).collect()
}

#[tokio::test]
async fn what_is_good_is_said_to_be() {
    let empty = Place::empty();
    let file = empty.path().canonicalize().expect("a folder").join("otpost-data/otpost.db");
    let at = file.to_str().expect("a path");
    let missing = empty.run(&["doctor", "--json"]).exits(1).json();
    let [missing] = &bad(&missing)[..] else { panic!("{missing}") };
    assert!(missing.contains(&format!("there is no database at {at}")), "{missing}");
    let empty = empty.migrated();
    let report = empty.run(&["doctor"]).exits(0);
    assert!(report.stdout.contains(&format!("tables are up to date, at {at}")), "{report:?}");
    for part in ["configuration", "keys", "database", "clock", "redis", "provider console"] {
        let line = report.stdout.lines().find(|line| line.contains(part)).expect("a line");
        assert!(line.starts_with("ok "), "{line}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let text = Bed::config_text(Kind::Production, &dir, "").await;
    let place = Place::with(&text);
    let report = place.run(&["doctor", "--json"]).exits(1).json();
    let [missing] = &bad(&report)[..] else { panic!("{report}") };
    assert!(missing.starts_with("\"database\"") && missing.contains("run `otpost migrate`"));
    place.run(&["status"]).fails_with(&["run `otpost migrate`"]);
    place.run(&["migrate"]).exits(0);
    place.run(&["migrate"]).exits(0);
    let report = place.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!((&report["good"], bad(&report)), (&Value::Bool(true), Vec::new()));
}

#[tokio::test]
async fn a_rate_is_told_as_it_was_understood() {
    let rated = "[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"sandbox\"\nrate = \"90/1m\"\n";
    let place = Place::with(rated).migrated();
    let report = place.run(&["doctor"]).exits(0);
    let line = report.stdout.lines().find(|line| line.contains("rate of a")).expect("a line");
    assert!(line.starts_with("ok ") && line.contains("90/m and 1 at once, by this one process"));
    let line = place.run(&["status"]).exits(0);
    assert!(line.stdout.contains("rate      a: at most 90/m, counted in each process"), "{line:?}");
    let dir = tempfile::tempdir().expect("a folder");
    let place = Place::with(&Bed::config_text(Kind::Production, &dir, rated).await);
    place.run(&["migrate"]).exits(0);
    let report = place.run(&["doctor"]).exits(0);
    assert!(report.stdout.contains("90/m and 1 at once, all workers together"), "{report:?}");
    let status = place.run(&["status", "--json"]).exits(0).json();
    let reading = &status["rates"][0];
    assert_eq!((&reading["provider"], &reading["rate"]), (&"a".into(), &"90/m".into()));
    assert_eq!((&reading["left"], &reading["otp_wait_ms"]), (&1.0.into(), &0.into()));
}

#[tokio::test]
async fn a_test_number_that_is_none_any_more_is_named() {
    let address = free_address();
    let number = "{ number = \"+15550001111\", code = \"246810\", until = \"2020-01-31\" }";
    let place = Place::with(&format!("[recipients]\ntest_numbers = [{number}]\n"))
        .set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve(&place, address);
    let said = "test number +1********11 ended 2020-01-31";
    assert!(running.stderr.line_with(said).contains("WARN"));
    let (status, refused) =
        caller.post("/v1/verifications", serde_json::json!({ "to": "+15550001111" })).await;
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert_eq!(status, 422, "{refused}");
    assert!(detail.contains("was a test number until 2020-01-31"), "{refused}");
    let report = place.run(&["doctor"]).exits(0).stdout;
    assert!(
        report.lines().any(|line| line.starts_with("note ") && line.contains(said)),
        "{report}"
    );
    running.terminate().exits(0);
}

/// Providers `a` to `c`, of which the chain names the first.
fn routed(routes: &str) -> Place {
    Place::with(&format!(
        "[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"sandbox\"\n\
         [providers.b]\nkind = \"sandbox\"\n[providers.c]\nkind = \"sandbox\"\n{routes}"
    ))
    .migrated()
}

#[test]
fn routes_are_told_in_words_and_sections_without_use_are_noted() {
    let place = routed(
        "[[routes]]\ncountries = [\"GB\", \"FR\"]\nlanes = [\"otp\"]\nchain = [\"b\", \"a\"]",
    );
    let report = place.run(&["doctor"]).exits(0);
    let line = |what: &str| {
        let found = report.stdout.lines().find(|line| line.contains(&format!(" {what} ")));
        found.unwrap_or_else(|| panic!("{what} is not in {report:?}")).to_owned()
    };
    assert!(line("routes[0]").ends_with("codes by SMS, to GB or FR: b, then a"), "{report:?}");
    assert!(line("chains.sms").ends_with("all that no route takes: a"), "{report:?}");
    assert!(line("provider b").starts_with("ok  "), "{report:?}");
    assert!(line("provider c").starts_with("note"), "{report:?}");
    assert!(!report.stdout.contains("provider console"), "it is among the defaults");
    let plain = routed("").run(&["doctor"]).exits(0);
    assert!(!plain.stdout.contains("chains.sms"), "{plain:?}");
}

#[test]
fn a_tenant_that_is_not_there_is_named() {
    for (tenant, code) in [("default", 0), ("acme", 1)] {
        let place = routed(&format!("[[routes]]\ntenants = [\"{tenant}\"]\nchain = [\"b\"]"));
        let report = place.run(&["doctor", "--json"]).exits(code).json();
        let missing = bad(&report).iter().any(|said| said.contains("there is no tenant"));
        assert_eq!(missing, code == 1, "{report}");
    }
}

#[test]
fn the_key_of_an_address_is_cut_short_unless_it_is_asked_for() {
    let place = Place::with(
        "[server]\npublic_url = \"https://codes.example\"\n[chains]\nsms = [\"local\"]\n\
         [providers.local]\nkind = \"sandbox\"\n[providers.main]\nkind = \"infobip\"\n\
         [providers.shared]\nkind = \"bird\"\nsigning_secret = \"whsec_MTIzNDU=\"\n",
    )
    .migrated();
    let line = |args: &[&str], part: &str| {
        let report = place.run(args).exits(0);
        let found = report.stdout.lines().find(|line| line.contains(part)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{part} is not in {report:?}"))
    };
    let whole = line(&["doctor", "--show-addresses"], "replies to main");
    let (address, key) = whole.split_once("?key=").expect("a key");
    assert!(address.ends_with(" https://codes.example/v1/inbound/main/messages"), "{whole}");
    assert_eq!(key.len(), 22, "{whole}");
    let short = line(&["doctor"], "replies to main");
    assert!(short.starts_with(&format!("{address}?key={}… ", &key[..4])), "{short}");
    assert!(short.contains("otpost doctor --show-addresses") && !short.contains(key), "{short}");
    let json = place.run(&["doctor", "--json"]).exits(0).stdout;
    assert!(json.contains(&key[..4]) && !json.contains(key), "{json}");
    let json = place.run(&["doctor", "--json", "--show-addresses"]).exits(0).stdout;
    assert!(json.contains(key), "{json}");
    // An address without a key is no secret.
    let shared = line(&["doctor"], "replies to shared");
    assert!(shared.ends_with(" https://codes.example/v1/inbound/shared/reports"), "{shared}");
}

#[test]
fn what_cannot_be_reached_is_named_with_its_key() {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let place = Place::with(&format!(
        "[database]\nurl = \"postgres://otpost:sentinel-password@127.0.0.1:1/otpost\"\n\
         [queue]\nurl = \"redis://:sentinel-password@127.0.0.1:1\"\n\
         [secrets]\nkeys = [\"k1:{key}\"]\nhash_keys = [\"h1:{key}\"]\n"
    ));
    let report = place.run(&["doctor"]).exits(1);
    let line = |part: &str| {
        let found = report.stdout.lines().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("{part} is not in {report:?}"))
    };
    let (database, redis) = (line("database.url"), line("queue.url"));
    assert!(database.starts_with("BAD  database "), "{database}");
    assert!(redis.starts_with("BAD  redis "), "{redis}");
    assert!(line("configuration").starts_with("ok ") && line("console").starts_with("ok "));
    assert!(!report.stdout.contains("sentinel-password") && !report.stdout.contains(key));
    place.run(&["status"]).fails_with(&["the database is unavailable"]);
}

#[test]
fn a_bad_section_is_named_with_what_to_mend() {
    let chain = "[recipients]\ndefault_region = \"DE\"\n[chains]\nsms = [\"a\"]\n[providers.a]\n";
    for (text, parts) in [
        (
            &*format!("{chain}kind = \"twillio\""),
            &["otpost.toml:6: providers.a.kind: ", "did you mean \"twilio\"?"][..],
        ),
        (&format!("{chain}kind = \"vonage\""), &["providers.a", "api_key"]),
        (
            "[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"sandbox\"\noutcome = \"throtled\"",
            &["otpost.toml:5: providers.a.outcome: ", "did you mean \"throttled\"?"],
        ),
        ("[server]\nlisten = \"here\"", &["otpost.toml:2: server.listen: "]),
        ("[log]\nlevel = \"inof\"", &["otpost.toml:2: log.level: "]),
    ] {
        let place = Place::with(text);
        // Which fails where it is the file that cannot be read.
        place.run(&["migrate"]);
        let report = place.run(&["doctor", "--json"]).exits(1).json();
        let bad = bad(&report);
        assert_eq!(bad.len(), 1, "{report}");
        // JSON escapes the quotes of the sentence.
        let said = bad[0].replace('\\', "");
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
    }
}

#[test]
fn endpoints_without_keys_are_told_with_their_tenant() {
    let known = "http://127.0.0.1:8080/api/phone/register and /verify speak for \"default\"";
    for (tenant, purpose, said) in [
        ("default", "default", Ok(known)),
        ("acme", "default", Err("there is no tenant \"acme\"")),
        ("default", "vip", Err("\"default\" has no purpose \"vip\"; make it with")),
    ] {
        let on = format!(
            "[compat.django]\nenabled = true\ntenant = \"{tenant}\"\npurpose = \"{purpose}\"\n"
        );
        let place = Place::with(&on).migrated();
        let report = place.run(&["doctor"]).exits(i32::from(said.is_err())).stdout;
        let line = report.lines().find(|line| line.contains("compat.django")).expect("a line");
        assert_eq!(line.starts_with("ok  "), said.is_ok(), "{line}");
        let (Ok(said) | Err(said)) = said;
        assert!(line.contains(said), "{line}");
    }
}

/// A place where this Service was made while the configuration said `before`.
fn with_a_service(before: &str, create: &[&str]) -> Place {
    let place = Place::with(before).migrated();
    let service = r#"{
        "sid": "VA0123456789abcdef0123456789abcdef", "friendly_name": "Shop", "code_length": 4
    }"#;
    std::fs::write(place.path().join("service.json"), service).expect("written");
    let args = ["import", "twilio-service", "service.json", "--create"];
    place.run(&[args.as_slice(), create].concat()).exits(0);
    place.run(&["doctor"]).exits(0);
    place
}

#[test]
fn services_that_are_not_as_they_say_are_named() {
    let on = "[compat.twilio]\nenabled = true\n";
    let short = format!("{on}[policies]\nallow_short_codes = true\n");
    let place = with_a_service(&short, &[]);
    std::fs::write(place.path().join("otpost.toml"), on).expect("written");
    let report = place.run(&["doctor", "--json"]).exits(1).json();
    let [said] = &bad(&report)[..] else { panic!("{report}") };
    assert!(said.contains("VA0123456789abcdef0123456789abcdef"), "{said}");
    assert!(said.contains("CodeLength is 4, and its codes have 6 digits"), "{said}");
    let place = with_a_service(&format!("{short}[purposes.shop]\n"), &["--purpose", "shop"]);
    std::fs::write(place.path().join("otpost.toml"), short).expect("written");
    let report = place.run(&["doctor", "--json"]).exits(1).json();
    let [said] = &bad(&report)[..] else { panic!("{report}") };
    assert!(said.contains("it stands on the purpose") && said.contains("shop"), "{said}");
}
