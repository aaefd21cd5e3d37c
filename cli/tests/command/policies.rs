//! `otpost policy`: list, show, set, history, reset, beside a service that runs.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    program::{Place, Running, free_address},
    serve::{Caller, place_at, serve},
};

/// Guesses of a new verification for `login`.
async fn guesses(caller: &Caller, n: u32) -> i64 {
    let body = json!({ "to": format!("+1202555{n:04}"), "purpose": "login" });
    let (status, created) = caller.post("/v1/verifications", body).await;
    assert_eq!(status, 202, "{created}");
    let id = created["id"].as_str().expect("an id");
    let (_, shown) = caller.get(&format!("/v1/verifications/{id}")).await;
    shown["guesses_left"].as_i64().expect("a number")
}

#[tokio::test]
async fn a_service_that_runs_feels_a_change() {
    let address = free_address();
    let place = place_at(address);
    let (running, caller) = serve(&place, address);
    assert_eq!(guesses(&caller, 0).await, 5);
    let set = place.run(&["policy", "set", "login", "guesses=2", "--json"]).exits(0).json();
    assert_eq!((&set["version"], &set["source"]), (&json!(1), &json!("everyone")));
    let changed = Instant::now();
    let mut n = 1;
    while guesses(&caller, n).await != 2 {
        assert!(changed.elapsed() < Duration::from_secs(1), "within a second");
        n += 1;
    }
    running.terminate().exits(0);
}

#[test]
fn a_policy_is_changed_and_its_history_kept() {
    let place = Place::empty().migrated();
    let listed = place.run(&["policy", "list"]).exits(0).stdout;
    assert_eq!(listed.lines().count(), 8, "{listed}");
    let line = listed.lines().find(|line| line.starts_with("password_reset")).expect("listed");
    assert!(line.contains("rotate") && line.ends_with("configuration"), "{line}");

    let set = place.run(&["policy", "set", "login", "guesses=3", "countries=US,CA"]).exits(0);
    assert_eq!(set.stdout, "Version 1 counts for everyone.\n");
    place.run(&["policy", "set", "login", "resends=2/1h"]).exits(0);
    let shown = place.run(&["policy", "show", "login", "--json"]).exits(0).json();
    let changes = json!({ "guesses": 3, "countries": ["US", "CA"], "resends": "2/1h" });
    assert_eq!((&shown["changes"], &shown["version"]), (&changes, &json!(2)));
    assert_eq!((&shown["changed_by"], &shown["policy"]["guesses"]), (&json!("cli"), &json!(3)));
    let shown = place.run(&["policy", "show", "login"]).exits(0).stdout;
    let line = shown.lines().find(|line| line.starts_with("guesses")).expect("shown");
    assert!(line.contains(" 3 ") && line.ends_with("everyone"), "{line}");
    assert!(shown.contains("Version 2, changed 2"), "{shown}");

    // A tenant's own lies on it.
    let own = ["policy", "set", "login", "guesses=4", "--tenant", "default", "--json"];
    let own = place.run(&own).exits(0).json();
    assert_eq!((&own["version"], &own["sources"]["guesses"]), (&json!(1), &json!("tenant")));
    assert_eq!(own["sources"]["resends"], json!("everyone"));
    assert!(own["tenants_with_own"].is_null(), "{own}");
    let shown = place.run(&["policy", "show", "login"]).exits(0).stdout;
    assert!(shown.contains("Tenants with versions of their own: default."), "{shown}");
    let set = place.run(&["policy", "set", "login", "--unset", "guesses"]).exits(0).stdout;
    assert!(set.contains("counts for everyone. Tenants with versions of their own"), "{set}");
    let shown = place.run(&["policy", "show", "login", "--json"]).exits(0).json();
    assert_eq!((&shown["policy"]["guesses"], &shown["version"]), (&json!(5), &json!(3)));
    place.run(&["policy", "reset", "login"]).exits(0);
    let history = place.run(&["policy", "history", "login", "--json"]).exits(0).json();
    let history = history.as_array().expect("a list").clone();
    let versions: Vec<_> = history.iter().map(|version| version["version"].clone()).collect();
    assert_eq!(versions, [4, 3, 2, 1]);
    assert!(
        history[0]["changes"].is_null() && history[3]["changes"]["guesses"] == 3,
        "{history:?}"
    );
    let history = place.run(&["policy", "history", "login"]).exits(0).stdout;
    assert!(history.contains("taken back") && history.contains("countries="), "{history}");
    place.run(&["policy", "reset", "login"]).fails_with(&["could be taken back"]);

    let restored = place.run(&["policy", "restore", "login", "1"]).exits(0);
    assert!(restored.stdout.contains("Version 5 counts for everyone"), "{restored:?}");
    let shown = place.run(&["policy", "show", "login", "--json"]).exits(0).json();
    assert_eq!(shown["changes"], json!({ "guesses": 3, "countries": ["US", "CA"] }));
    place.run(&["policy", "restore", "login", "9"]).fails_with(&["no version 9", "policy history"]);
    let nothing = place.run(&["policy", "restore", "login", "4"]).exits(2);
    assert!(nothing.stderr.contains("version 4 took everything back"), "{nothing:?}");
}

#[test]
fn of_changes_at_once_none_is_lost() {
    let place = Place::empty().migrated();
    place.run(&["policy", "list"]).exits(0);
    let settings = ["guesses=3", "lifetime_secs=90", "resends=2/1h", "reusable=true"];
    for purpose in ["shop", "login"] {
        let running = settings.map(|setting| place.start(&["policy", "set", purpose, setting]));
        let mut made = 0;
        for ended in running.map(Running::end) {
            match ended.code {
                Some(0) => made += 1,
                _ => drop(ended.fails_with(&["another change came between"])),
            }
        }
        let shown = place.run(&["policy", "show", purpose, "--json"]).exits(0).json();
        let kept = shown["changes"].as_object().map(serde_json::Map::len);
        assert_eq!((kept, &shown["version"]), (Some(made), &json!(made)), "{shown}");
    }
}

#[test]
fn what_cannot_be_is_misuse_and_what_came_between_a_failure() {
    let place = Place::empty().migrated();
    for (settings, said) in [
        (&["guesses=99"][..], "guesses: must be 1 to 10"),
        (
            &["guesses=99", "gueses=3", "reusable=1"][..],
            "\"guesses\"?; reusable: has the wrong type",
        ),
        (&["guesses=99", "code_length=3"][..], "code_length: must be 4 to 10; guesses: must be"),
        (&["code_length=4", "guesses=10"][..], "code_length and guesses: 4 digits are hit"),
        (&["gueses=3"][..], "did you mean \"guesses\"?"),
        (&["template={code}"][..], "template: is a text"),
        (&["then=voice:60"][..], "chains.voice"),
        (&["guesses=many"][..], "guesses: has the wrong type: expected u32"),
        (&["--unset", "guesses"][..], "--unset: guesses is not changed"),
    ] {
        let refused = place.run(&[&["policy", "set", "login"][..], settings].concat()).exits(2);
        assert!(refused.stderr.contains(said) && refused.stdout.is_empty(), "{refused:?}");
    }
    let shown = place.run(&["policy", "show", "login", "--json"]).exits(0).json();
    assert_eq!(shown["version"], json!(0));
    place.run(&["policy", "history", "login"]).exits(0);
    place.run(&["policy", "set", "shop", "guesses=3"]).exits(0);
    let late = ["policy", "set", "shop", "guesses=4", "--version", "0"];
    place.run(&late).fails_with(&["version 1 counts now"]);
    // A purpose that is gone may come again, as the next version.
    let text = ["template", "set", "--purpose", "shop", "--text", "{code}", "--everyone"];
    place.run(&text).exits(0);
    let reset = place.run(&["policy", "reset", "shop"]).exits(0).stdout;
    assert!(reset.contains("unknown_purpose") && reset.contains("are left (sms en)"), "{reset}");
    place.run(&["policy", "show", "shop"]).fails_with(&["there is no purpose \"shop\""]);
    let again = place.run(&["policy", "set", "shop", "guesses=4", "--json"]).exits(0).json();
    assert_eq!(again["version"], json!(3));
    for args in [&["show", "nothing"][..], &["history", "nothing"][..]] {
        let args = [&["policy"][..], args].concat();
        place.run(&args).fails_with(&["there is no purpose \"nothing\"", "otpost policy list"]);
    }
    let alone = ["policy", "set", "default", "guesses=4", "--tenant", "default"];
    let alone = place.run(&alone).exits(0).stdout;
    assert!(alone.starts_with("Version 1 counts for tenant \"default\".\n"), "{alone}");
    assert!(alone.contains("the others start from [purposes.default]"), "{alone}");
    let reset = place.run(&["policy", "reset", "default", "--tenant", "default"]).exits(0).stdout;
    assert!(reset.contains("what is below counts again"), "{reset}");
    let nobody = ["policy", "list", "--tenant", "nobody"];
    place.run(&nobody).fails_with(&["there is no tenant \"nobody\""]);
    place.run(&["policy", "set", "shop", "then=sms:30"]).exits(0);
    let no_sms = "[chains]\nsms = []\nemail = [\"console\"]\n";
    std::fs::write(place.path().join("otpost.toml"), no_sms).expect("written");
    let doctor = place.run(&["doctor"]).exits(1).stdout;
    let line = doctor.lines().find(|line| line.contains("policy shop")).expect("a finding");
    assert!(line.starts_with("BAD ") && line.contains("otpost policy set"), "{line}");
}
