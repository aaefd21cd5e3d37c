//! Mistakes in a configuration: the key, the place, the nearest right spelling.

mod providers;
mod replies;

use std::net::TcpListener;

use otpost_shared::{Home, channel::Channel, config};

pub(super) fn mistake(text: &str) -> String {
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
fn a_channel_is_there_once_its_chain_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    let channels = |chains: &str| -> Vec<&'static str> {
        // What e-mails cost does not depend on a country.
        let text = format!("[chains]\n{chains}\n[providers.mail]\nkind = \"smtp\"\n");
        std::fs::write(&path, text).expect("written");
        let config = config::load(Some(&path)).expect("good");
        config.chains.available().map(Channel::as_str).collect()
    };
    assert_eq!(channels(""), ["sms"]);
    assert_eq!(channels("email = [\"mail\"]"), ["sms", "email"]);
    assert_eq!(channels("email = [\"mail\", \"console\"]"), ["sms", "email"]);
    assert_eq!(channels("sms = []\nemail = [\"mail\"]"), ["email"]);
    assert_eq!(channels("sms = []\nvoice = [\"console\"]"), ["voice"]);
    assert_eq!(channels("whatsapp = [\"console\"]"), ["sms", "whatsapp"]);
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

/// What somebody may write, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    ("[server]\nlisten = 8080\n", "DIR/otpost.toml:2: server.listen:"),
    ("[limits]\nrecipient = [\"often\"]\n", "\"often\" is not a limit; write count/window"),
    ("[recipients]\ndefault_region = \"Germany\"\n", "write two capital letters"),
    (
        "[purposes.login]\ncode_length = 3\n",
        "DIR/otpost.toml:2: purposes.login.code_length: must be 4 to 10",
    ),
    ("[chains]\nsms = [\"twillio\"]\n", "there is no [providers.twillio]; there are: console"),
    ("[database]\nurl = \"mysql://x\"\n", "database.url: must begin with postgres:// or sqlite://"),
    ("[database]\nurl = \"postgres://x/y\"\n", "secrets.keys: needed with Postgres"),
    ("[queue]\nurl = \"amqp://x\"\n", "queue.url: must be \"memory\" or begin with redis://"),
    ("[queue]\npatience_ms = 5\n", "DIR/otpost.toml:2: queue.patience_ms: must be 10 to 1000"),
    (
        "[worker]\nbulk_concurrency = 5000\n",
        "DIR/otpost.toml:2: worker.bulk_concurrency: must be 1 to 4096",
    ),
    ("[server]\npublic_url = \"otp.example.org\"\n", "public_url: must begin with https://"),
    ("[chains]\nsms = [\"console\", \"console\"]\n", "\"console\" stands there twice"),
    ("[chains]\nsms = []\n", "DIR/otpost.toml:2: chains.sms: must name at least one provider"),
    (
        "[chains]\nvoice = [\"x\"]\n[providers.x]\nkind = \"twilio\"\n[recipients]\n\
         default_region = \"US\"\n",
        "DIR/otpost.toml:2: chains.voice: provider \"x\" of kind twilio sends no voice call; kinds \
         that do: console, http, sandbox, twilio_voice",
    ),
    (
        "[texts]\nlanguage = \"cy\"\n[chains]\nvoice = [\"console\"]\n",
        "purposes.default.voice_template: nobody could be called: there is no sentence in \"cy\"",
    ),
    (
        "[texts]\nvoice_languages = { GB = \"cy\" }\n[chains]\nvoice = [\"console\"]\n",
        "texts.voice_languages.GB: there is no sentence in \"cy\"; there are those in ",
    ),
    ("[texts]\nvoice_languages = { XX = \"de\" }\n", "texts.voice_languages.XX: is no country"),
    (
        "[texts]\nvoice_languages = { DE = \"German!\" }\n",
        "texts.voice_languages.DE: \"German!\" is no language",
    ),
    (
        "[purposes.login]\nvoice_template = \"hello\"\n",
        "DIR/otpost.toml:2: purposes.login.voice_template: must contain {code}",
    ),
    ("[chains]\nemail = [\"mail\"]\n", "chains.email: there is no [providers.mail]; there are"),
    (
        "[chains]\nemail = [\"x\"]\n[providers.x]\nkind = \"twilio\"\n",
        "DIR/otpost.toml:2: chains.email: provider \"x\" of kind twilio sends no e-mail; kinds \
         that do: console, http, sandbox, smtp",
    ),
    (
        "[recipients]\ndefault_region = \"DE\"\n[chains]\nsms = [\"m\"]\n[providers.m]\n\
         kind = \"smtp\"\n",
        "chains.sms: provider \"m\" of kind smtp sends no SMS",
    ),
    (
        "[purposes.login]\nemail_lifetime_secs = 30\n",
        "purposes.login.email_lifetime_secs: must be 60 to 86400",
    ),
    ("[purposes.login]\nemail_template = \"x\"\n", "email_template: must contain {code}"),
    ("[purposes.login]\ntemplate = \"x\"\n", "purposes.login.template: must contain {code}"),
    (
        "[purposes.login]\nsms_web_host = \"https://example.org\"\n",
        "purposes.login.sms_web_host: must be the host of a page in small letters",
    ),
    (
        "[purposes.login]\nsms_app_hash = \"FA+9qCX9VS\"\n",
        "purposes.login.sms_app_hash: must be the 11 characters of an app's hash",
    ),
    (
        "[purposes.login]\ntemplate = \"{code} {name} {{app}}\"\n",
        "DIR/otpost.toml:2: purposes.login.template: \"{\" at character 15 is no placeholder; there \
         are {code}, {app}, {minutes}, {name}",
    ),
    (
        "[purposes.login]\ntemplate = \"{code}\\r\\n\"\n",
        "purposes.login.template: has a control character at character 7",
    ),
    (
        "[purposes.login]\nvoice_template = \"{code}\\n\"\n",
        "purposes.login.voice_template: has a control character at character 7",
    ),
    ("[purposes.login]\nemail_subject = \"a\\nb\"\n", "email_subject: must be one line"),
    ("[purposes.login]\nemail_subject = \"{Name}\"\n", "email_subject: \"{Name}\" at character 1"),
    ("[texts]\nlanguage = \"\"\n", "texts.language: \"\" is no language; write one such as"),
    ("[texts]\nlanguage = \"en_US\"\n", "texts.language: \"en_US\" is no language"),
    ("[compat.django]\nenabled = \"yes\"\n", "DIR/otpost.toml:2: compat.django.enabled:"),
    ("[server\n", "DIR/otpost.toml:1: not valid TOML"),
    (
        "[chains]\nsms = [\"t\"]\n[providers.t]\nkind = \"twilio\"\n",
        "recipients.default_region: must name your country, or recipients.countries those that you send to, because provider \"t\" costs money",
    ),
];

#[test]
fn a_wrong_value_says_what_is_expected() {
    for (text, said) in WRONG {
        let mistake = mistake(text);
        assert!(mistake.contains(said), "{text:?} gave {mistake:?}");
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_at_the_start() {
    let with = |key: &str, length: usize, chains: &str| {
        let text = "a".repeat(length - "{code}".len());
        format!("[chains]\n{chains}[purposes.login]\n{key} = \"{{code}}{text}\"\n")
    };
    let calls = "voice = [\"console\"]\n";
    for (text, said) in [
        (with("template", 1_601, ""), "purposes.login.template: must have 1 to 1600 characters"),
        (with("voice_template", 301, ""), "login.voice_template: must have 1 to 300 characters"),
        (
            with("voice_template", 300, calls),
            "purposes.login.voice_template: has 310 characters with texts.app and a code, and may have 300",
        ),
    ] {
        let mistake = mistake(&text);
        assert!(mistake.contains(said), "{mistake}");
    }
}

#[test]
fn texts_that_never_fit_an_email_are_refused_where_there_are_emails() {
    let name = format!("[texts]\napp = {:?}\n", "a".repeat(190));
    let text = "a".repeat(9_989);
    let text = format!("[purposes.login]\nemail_template = \"{{code}}{{app}}{text}\"\n");
    for (text, said) in [
        (name, "characters with texts.app and a code, and may have 200"),
        (text, "purposes.login.email_template: has 10001 characters"),
    ] {
        let mistake = mistake(&format!("[chains]\nemail = [\"console\"]\n{text}"));
        assert!(mistake.contains(said), "{mistake}");
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("otpost.toml");
        std::fs::write(&path, text).expect("written");
        assert!(config::load(Some(&path)).is_ok(), "no e-mail carries it");
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
async fn redis_gets_as_long_as_is_configured() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (data, address) = (dir.path().join("data"), silent.local_addr().expect("an address"));
    let text =
        format!("[data]\ndir = {data:?}\n[queue]\nurl = \"redis://{address}\"\npatience_ms = 20\n");
    std::fs::write(&path, text).expect("written");
    let home = Home::open(config::load(Some(&path)).expect("good")).await.expect("a home");
    let said = home.redis.expect("a link").ping().await.expect_err("silence").to_string();
    assert!(said.contains("no answer within 20 ms"), "{said}");
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
