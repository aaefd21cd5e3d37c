//! The configuration of replies.

use otpost_shared::{config, inbound::Wish};

use super::mistake;

/// A home whose provider replies, with these lines of `[replies]` and of the provider.
fn replying(replies: &str, provider: &str) -> String {
    format!(
        "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
         [texts]\ncontact = \"help@example.org\"\n[replies]\n{replies}\n\
         [providers.a]\nkind = \"vonage\"\nreplies = true\n{provider}\n"
    )
}

#[test]
fn who_replies_is_in_use_and_asked_for_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, replying("", "")).expect("written");
    let config = config::load(Some(&path)).expect("good");
    let in_use: Vec<&str> = config.providers_in_use().map(|(name, _)| name).collect();
    assert_eq!(in_use, ["console", "a"]);
    assert!(!config.has_inbox(), "people are sent to");
    assert!(config.providers["a"].keys.is_empty(), "the provider's own keys are the others");
    let help = config.replies.text(Wish::Help, &config.texts).expect("a text");
    assert!(help.contains("Otpost") && help.contains("help@example.org"), "{help}");
    assert_eq!(config.replies.text(Wish::Other, &config.texts), None);
    std::fs::write(&path, replying("", "").replace("replies = true", "")).expect("written");
    let variables = [("OTPOST__PROVIDERS__A__REPLIES".into(), "true".into())].into_iter();
    let config = config::load_with(Some(&path), variables).expect("good");
    assert_eq!(config.replying().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_reply_that_cannot_be_meant_is_told() {
    let long = format!("stop = \"{}\"", "a".repeat(1_601));
    for (text, said) in [
        (replying("stop = \"\"", ""), "replies.stop: a template cannot be empty"),
        (
            replying("stop = \"{ap}\"", ""),
            "otpost.toml:8: replies.stop: {ap} is not known here; there",
        ),
        (
            replying("help = \"{code}\"", ""),
            "replies.help: {code} is not known here; there are {app}",
        ),
        (
            replying("start = \"{App}\"", ""),
            "replies.start: \"{App}\" at character 1 is no placeholder; there are",
        ),
        (replying(&long, ""), "replies.stop: must have at most 1600 characters"),
        (replying("lifetime_secs = 5", ""), "replies.lifetime_secs: must be 60 to 86400"),
        (
            replying("hlep = \"x\"", ""),
            "replies.hlep: there is no such key; did you mean \"replies.help\"",
        ),
        (
            replying("", "").replace("true", "1"),
            "providers.a.replies: has the wrong type: expected a bool",
        ),
        (
            replying("", "").replace("help@example.org", ""),
            "otpost.toml:6: texts.contact: must say where people get help, since provider \"a\" replies",
        ),
        (
            replying("", "").replace("https://codes.example", ""),
            "providers.a.replies: needs what people write; set server.public_url",
        ),
        (
            replying("", "").replace("vonage", "sns"),
            "providers.a.replies: needs what people write, and of this provider nothing is heard",
        ),
        (
            replying("", "").replace("countries = [\"*\"]", ""),
            "recipients.default_region: must name your country, or recipients.countries those that you send to, because provider \"a\" costs money",
        ),
    ] {
        let mistake = mistake(&text);
        assert!(mistake.contains(said), "{text} gave {mistake:?}");
    }
    // What nobody is told needs no contact.
    for good in [
        replying("", "").replace("help@example.org", "").replace("replies = true", ""),
        replying("help = \"Call us.\"", "").replace("help@example.org", ""),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("otpost.toml");
        std::fs::write(&path, good).expect("written");
        config::load(Some(&path)).expect("good");
    }
}
