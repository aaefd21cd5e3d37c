//! `--help` everywhere, misuse, and the generated references.

use otpost_api::error::ErrorCode;
use serde_json::Value;

use crate::program::Place;

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_explains_itself() {
    let place = Place::empty();
    let mut waiting = vec![Vec::<String>::new()];
    let mut explained = Vec::new();
    while let Some(path) = waiting.pop() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let help = place.run(&args).exits(0);
        assert!(help.stdout.lines().count() > 3 && help.stdout.contains("Usage:"), "{help:?}");
        assert!(help.stderr.is_empty(), "{help:?}");
        for name in listed(&help.stdout) {
            waiting.push([path.clone(), vec![name]].concat());
        }
        explained.push(path.join(" "));
    }
    explained.sort();
    let expected = [
        "",
        "api",
        "doctor",
        "drill",
        "events",
        "import",
        "import django-numbers",
        "import django-settings",
        "import twilio-service",
        "inbox",
        "key",
        "key create",
        "key jwks",
        "key list",
        "key revoke",
        "migrate",
        "policy",
        "policy history",
        "policy list",
        "policy reset",
        "policy restore",
        "policy set",
        "policy show",
        "purge",
        "reference",
        "send",
        "serve",
        "spend",
        "status",
        "suppression",
        "suppression add",
        "suppression list",
        "suppression remove",
        "template",
        "template delete",
        "template language",
        "template list",
        "template preview",
        "template set",
        "template show",
        "tenant",
        "tenant create",
        "tenant disable",
        "tenant enable",
        "tenant list",
        "tenant show",
        "webhook",
        "webhook create",
        "webhook delete",
        "webhook disable",
        "webhook enable",
        "webhook list",
        "webhook replay",
        "webhook rotate",
        "webhook show",
        "webhook test",
        "worker",
    ];
    assert_eq!(explained, expected);
    assert!(place.run(&["--version"]).exits(0).stdout.starts_with("otpost "));
}

#[test]
fn misuse_is_told_apart_from_failure() {
    let place = Place::empty();
    for args in [
        &["nonsense"][..],
        &["--colour"],
        &["--config"],
        &["serve", "now"],
        &["spend", "--since", "a week"],
        &["spend", "--since", "5/7d"],
        &["spend", "--by", "country"],
        &["import"],
        &["import", "django-settings"],
        &["import", "twilio-service", "a.json", "--tenant", "b"],
        &["import", "django-numbers", "a.csv", "b.csv"],
        &["inbox", "--wait", "0"],
        &["inbox", "--follow", "--wait", "3"],
        &["inbox", "--code", "--json"],
        &["key"],
        &["key", "revoke"],
        &["key", "revoke", "not-an-id"],
        &["key", "create", "--scope", "everything"],
        &["policy"],
        &["policy", "show"],
        &["policy", "restore", "login"],
        &["policy", "set", "login"],
        &["policy", "set", "login", "guesses"],
        &["policy", "set", "login", "then=voice"],
        &["send", "--to", "+12025550143"],
        &["send", "--text", "hello"],
        &["send", "--to", "+12025550143", "--to-file", "people.csv", "--text", "hello"],
        &["send", "--to", "+12025550143", "--text", "hello", "--dry-run"],
        &["send", "--to-file", "people.csv", "--text", "hello", "--no-wait"],
        &["status", "--failed"],
        &["status", "--batch", "no-id"],
        &["drill", "--secs", "0"],
        &["drill", "--secs", "601"],
        &["drill", "--texts", "3"],
        &["purge", "--days", "3"],
        &["template"],
        &["template", "set", "--locale", "de"],
        &["template", "preview", "--title", "x"],
        &["template", "preview", "--variable", "name"],
        &["template", "language", "de", "--unset"],
        &["template", "list", "--everyone"],
        &["tenant"],
        &["tenant", "create"],
        &["tenant", "show"],
        &["webhook"],
        &["webhook", "create"],
        &["webhook", "create", "https://example.org/", "--type", "message.read"],
        &["webhook", "replay", "01a1f812-6ec7-85f6-89e6-86c800000000"],
        &["webhook", "test", "no-id"],
        &["events", "--type", "everything"],
        &["reference"],
        &["reference", "poems"],
    ] {
        let misused = place.run(args).exits(2);
        assert!(misused.stdout.is_empty() && misused.stderr.contains("--help"), "{misused:?}");
    }
    let near = place.run(&["serv"]).exits(2);
    assert!(near.stderr.contains("serve"), "{near:?}");
    assert!(!place.path().join("otpost-data").exists(), "misuse leaves nothing behind");
}

#[test]
fn references_are_printed() {
    let place = Place::empty();
    let openapi: Value = place.run(&["reference", "openapi"]).exits(0).json();
    assert!(openapi["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    assert!(openapi["paths"]["/v1/verifications"]["post"].is_object());
    let errors = place.run(&["reference", "errors"]).exits(0).stdout;
    for code in ErrorCode::ALL {
        let line = format!("| `{}` | {} | ", code.as_str(), code.status().as_u16());
        assert!(errors.contains(&line), "{line}");
    }
    let configuration = place.run(&["reference", "configuration"]).exits(0).stdout;
    for line in otpost_shared::config::DEFAULTS.lines() {
        let entry = match line.split_once(" = ") {
            _ if line.starts_with('#') => continue,
            Some((key, value)) => format!("| `{key}` | `{value}` | "),
            None if line.starts_with('[') => format!("## `{line}`"),
            None => continue,
        };
        assert!(configuration.contains(&entry), "{entry}");
    }
}
