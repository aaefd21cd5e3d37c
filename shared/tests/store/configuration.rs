//! Mistakes in a configuration: the key, the place, the nearest right spelling.

use otpost_shared::{Home, config};

fn mistake(text: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, text).expect("written");
    let said = config::load(Some(&path)).expect_err("a mistake").to_string();
    said.replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn the_defaults_are_a_good_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, "").expect("written");
    let config = config::load(Some(&path)).expect("good");
    assert!(config.has_inbox());
    assert_eq!(config.purposes["default"].code_length, 6);
}

#[test]
fn a_misspelt_key_names_the_nearest_right_one() {
    assert_eq!(
        mistake("[server]\nlisten = \"127.0.0.1:1\"\n\n[worker]\notp_concurency = 3\n"),
        "DIR/otpost.toml:5: worker.otp_concurency: there is no such key; did you mean \"worker.otp_concurrency\"?"
    );
    assert_eq!(
        mistake("[sever]\nlisten = \"127.0.0.1:1\"\n"),
        "DIR/otpost.toml:1: sever: there is no such key; did you mean \"server\"?"
    );
}

#[test]
fn a_wrong_value_says_what_is_expected() {
    for (text, said) in [
        ("[server]\nlisten = 8080\n", "DIR/otpost.toml:2: server.listen:"),
        ("[limits]\nrecipient = [\"often\"]\n", "\"often\" is not a limit; write count/window"),
        ("[recipients]\ndefault_region = \"Germany\"\n", "write two capital letters"),
        (
            "[purposes.login]\ncode_length = 3\n",
            "DIR/otpost.toml:2: purposes.login.code_length: must be 4 to 10",
        ),
        ("[chains]\nsms = [\"twillio\"]\n", "there is no [providers.twillio]; there are: console"),
        (
            "[database]\nurl = \"mysql://x\"\n",
            "database.url: must begin with postgres:// or sqlite://",
        ),
        ("[database]\nurl = \"postgres://x/y\"\n", "secrets.keys: needed with Postgres"),
        ("[queue]\nurl = \"amqp://x\"\n", "queue.url: must be \"memory\" or begin with redis://"),
        (
            "[worker]\nbulk_concurrency = 5000\n",
            "DIR/otpost.toml:2: worker.bulk_concurrency: must be 1 to 4096",
        ),
        ("[server]\npublic_url = \"otp.example.org\"\n", "public_url: must begin with https://"),
        ("[chains]\nsms = [\"console\", \"console\"]\n", "\"console\" stands there twice"),
        ("[chains]\nemail = [\"console\"]\n", "chains.email: must be empty"),
        ("[server\n", "DIR/otpost.toml:1: not valid TOML"),
        (
            "[chains]\nsms = [\"t\"]\n[providers.t]\nkind = \"twilio\"\n",
            "recipients.default_region: must name your country because provider \"t\" costs money",
        ),
    ] {
        let mistake = mistake(text);
        assert!(mistake.contains(said), "{text:?} gave {mistake:?}");
    }
}

/// A section of a provider that has these lines as well.
fn provider(more: &str) -> String {
    format!("[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"sandbox\"\n{more}\n")
}

#[test]
fn a_rate_is_read_for_every_kind() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    for (more, read) in [
        ("", None),
        ("rate = \"\"\nburst = 0\nbulk_percent = 80", None),
        ("rate = \"50/s\"", Some(("50/s", 50, 80))),
        ("rate = \"90/1m\"\nburst = 7\nbulk_percent = 100", Some(("90/m", 7, 100))),
        // As the environment gives them.
        ("rate = \"5/10m\"\nburst = \"3\"\nbulk_percent = \"60\"", Some(("5/10m", 3, 60))),
    ] {
        std::fs::write(&path, provider(more)).expect("written");
        let config = config::load(Some(&path)).expect("good");
        let section = &config.providers["a"];
        let rate = section.rate().map(|rate| (rate.to_string(), rate.burst, rate.bulk_percent));
        let read = read.map(|(text, burst, percent)| (text.to_owned(), burst, percent));
        assert_eq!(rate, read, "{more}");
        assert!(section.keys.is_empty(), "the provider's own keys are the others");
    }
    std::fs::write(&path, provider("rate = \"50/s\"")).expect("written");
    let variables = [("OTPOST__PROVIDERS__A__RATE", "7/s"), ("OTPOST__PROVIDERS__A__BURST", "20")];
    let variables = variables.map(|(name, value)| (name.into(), value.into())).into_iter();
    let config = config::load_with(Some(&path), variables).expect("good");
    let rate = config.providers["a"].rate().expect("a rate");
    assert_eq!((rate.to_string(), rate.burst), ("7/s".to_owned(), 20));
}

#[test]
fn a_rate_that_cannot_be_meant_is_told() {
    for (more, said) in [
        ("rate = \"50\"", "DIR/otpost.toml:5: providers.a.rate: \"50\" is not a rate; write"),
        ("rate = \"0/s\"", "providers.a.rate: \"0/s\" is not a rate; write count/window, such as"),
        ("rate = 50", "DIR/otpost.toml:5: providers.a.rate: has the wrong type: expected a string"),
        ("rate = \"5/s\"\nburst = -1", "DIR/otpost.toml:6: providers.a.burst: must be a whole"),
        ("rate = \"5/s\"\nburst = \"x\"", "providers.a.burst: must be a whole number"),
        ("rate = \"5/s\"\nburst = 200000", "providers.a.burst: must be at most 100000"),
        ("burst = 5", "DIR/otpost.toml:5: providers.a.burst: counts only together with rate; add"),
        ("bulk_percent = 50", "providers.a.bulk_percent: counts only together with rate; add"),
        ("rate = \"5/s\"\nbulk_percent = 0", "providers.a.bulk_percent: must be 1 to 100"),
        ("rate = \"5/s\"\nbulk_percent = 101", "providers.a.bulk_percent: must be 1 to 100"),
    ] {
        let mistake = mistake(&provider(more));
        assert!(mistake.contains(said), "{more:?} gave {mistake:?}");
    }
}

#[test]
fn a_purpose_starts_from_the_default_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    let text = "[purposes.default]\nguesses = 3\n[purposes.login]\ncode_length = 8\n";
    std::fs::write(&path, text).expect("written");
    let config = config::load(Some(&path)).expect("good");
    assert_eq!((config.purposes["login"].code_length, config.purposes["login"].guesses), (8, 3));
    assert_eq!(config.purposes["default"].code_length, 6);
}

#[tokio::test]
async fn keys_are_made_once_and_never_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    let data = dir.path().join("data");
    std::fs::write(&path, format!("[data]\ndir = {data:?}\n")).expect("written");
    let open = || Home::open(config::load(Some(&path)).expect("good"));
    let first = open().await.expect("a home");
    let made = std::fs::read_to_string(data.join("keys")).expect("keys");
    drop((first, open().await.expect("the same home")));
    assert_eq!(std::fs::read_to_string(data.join("keys")).expect("keys"), made);
    let files = std::fs::read_dir(&data).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    assert!(names.into_iter().all(|name| name == "keys" || name.starts_with("otpost.db")));
    std::fs::remove_file(data.join("keys")).expect("removed");
    let refused = open().await.expect_err("no key").to_string();
    assert!(refused.contains("keys is missing"), "{refused}");
}
