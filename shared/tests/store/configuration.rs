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
