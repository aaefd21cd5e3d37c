//! The configuration of what answers strangers.

use otpost_shared::config;

use crate::configuration::mistake;

/// Nothing of it is looked at while it is off.
#[test]
fn what_answers_strangers_is_whole() {
    let on = |more: &str| format!("[compat.django]\nenabled = true\n{more}");
    for (more, said) in [
        ("path = \"api\"\n", "DIR/otpost.toml:3: compat.django.path: must be a path such as"),
        ("path = \"/api/\"\n", "compat.django.path: must be a path"),
        ("path = \"/{x}\"\n", "compat.django.path: must be a path"),
        ("path = \"\"\n", "compat.django.path: must be a path"),
        (
            "[purposes.default]\ntemplate = \"{name}: {code}\"\n",
            "compat.django.purpose: the template of \"default\" names {name}",
        ),
        ("default_region = \"us\"\n", "compat.django.default_region: is no country"),
        ("recipient = []\n", "compat.django.recipient: must hold a limit"),
        ("recipient = [\"5\"]\n", "\"5\" is not a limit"),
        ("wrong_per_client = []\n", "compat.django.wrong_per_client: must hold a limit"),
        ("[limits]\nclient_ip = []\n", "compat.django.enabled: needs limits.client_ip"),
        (
            "[chains]\nsms = []\nemail = [\"console\"]\n",
            "compat.django.enabled: needs a provider in chains.sms",
        ),
        ("tenants = \"default\"\n", "did you mean \"compat.django.tenant\"?"),
    ] {
        let message = mistake(&on(more));
        assert!(message.contains(said), "{message}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).expect("written");
        config::load(Some(&path)).expect("good")
    };
    assert!(!load("[compat.django]\npath = \"nowhere\"\n").compat.django.enabled);
    assert!(load(&on("path = \"/api/v1.2/phone\"\n")).compat.django.enabled);
}

#[test]
fn what_answers_as_twilio_is_whole() {
    let on = |more: &str| format!("[compat.twilio]\nenabled = true\n{more}");
    for (more, said) in [
        ("path = \"twilio\"\n", "DIR/otpost.toml:3: compat.twilio.path: must be a path such as"),
        ("path = \"/twilio/\"\n", "compat.twilio.path: must be a path"),
        ("purpose = \"nothing\"\n", "compat.twilio.purpose: there is no [purposes.nothing]"),
        ("recipient = []\n", "compat.twilio.recipient: must hold a limit"),
        ("purposes = \"default\"\n", "did you mean \"compat.twilio.purpose\"?"),
    ] {
        let message = mistake(&on(more));
        assert!(message.contains(said), "{message}");
    }
}
