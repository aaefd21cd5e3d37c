//! Mistakes in a configuration: the key, the place, the nearest right spelling.

use otpost_shared::{Home, channel::Channel, config, inbound::Wish};

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
        (
            "[purposes.login]\nemail_subject = \"{Name}\"\n",
            "email_subject: \"{Name}\" at character 1",
        ),
        ("[texts]\nlanguage = \"\"\n", "texts.language: \"\" is no language; write one such as"),
        ("[texts]\nlanguage = \"en_US\"\n", "texts.language: \"en_US\" is no language"),
        ("[compat.django]\nenabled = \"yes\"\n", "DIR/otpost.toml:2: compat.django.enabled:"),
        ("[server\n", "DIR/otpost.toml:1: not valid TOML"),
        (
            "[chains]\nsms = [\"t\"]\n[providers.t]\nkind = \"twilio\"\n",
            "recipients.default_region: must name your country, or recipients.countries those that you send to, because provider \"t\" costs money",
        ),
    ] {
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
fn prices_are_read_for_every_kind() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    let prices = "[providers.a.prices]\ncurrency = \"EUR\"\nGB = \"0.0333\"\n\"*\" = \"0.08\"";
    std::fs::write(&path, provider(prices)).expect("written");
    let read = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let config = config::load_with(Some(&path), variables).expect("good");
        let section = &config.providers["a"];
        assert!(section.keys.is_empty(), "the provider's own keys are the others");
        ["GB", "US"]
            .map(|country| section.prices().segment(Some(country)).map(|price| price.to_string()))
    };
    let said = |gb: &str, us: &str| [Some(gb.to_owned()), Some(us.to_owned())];
    assert_eq!(read(&[]), said("0.0333 EUR", "0.08 EUR"));
    let variables = [
        ("OTPOST__PROVIDERS__A__PRICES__GB", "0.05"),
        ("OTPOST__PROVIDERS__A__PRICES__US", "0.0075"),
        ("OTPOST__PROVIDERS__A__PRICES__CURRENCY", "USD"),
    ];
    assert_eq!(read(&variables), said("0.05 USD", "0.0075 USD"));
    std::fs::write(&path, provider("")).expect("written");
    assert_eq!(read(&[]), [None, None]);
}

#[test]
fn a_price_that_cannot_be_meant_is_told() {
    for (more, said) in [
        ("GB = \"-0.04\"", "otpost.toml:7: providers.a.prices.GB: \"-0.04\" is no price; write an"),
        ("GB = \"4e-2\"", "otpost.toml:7: providers.a.prices.GB: \"4e-2\" is no price; write an"),
        ("GB = \"0.1234567\"", "providers.a.prices.GB: \"0.1234567\" is no price; write an amount"),
        ("GB = \"0,04\"", "providers.a.prices.GB: \"0,04\" is no price; write an amount with"),
        ("GB = \"\"", "providers.a.prices.GB: \"\" is no price; write an amount with at most six"),
        ("GB = 0.04", "providers.a.prices.GB: has the wrong type: expected a string"),
        ("XX = \"0.04\"", "otpost.toml:7: providers.a.prices.XX: \"XX\" is no country; write two"),
        ("GBR = \"0.04\"", "providers.a.prices.GBR: \"GBR\" is no country; write two capital"),
        ("", "otpost.toml:5: providers.a.prices: must have a price for a country, such as GB ="),
    ] {
        let prices = format!("[providers.a.prices]\ncurrency = \"EUR\"\n{more}");
        let mistake = mistake(&provider(&prices));
        assert!(mistake.contains(said), "{more:?} gave {mistake:?}");
    }
    for (more, said) in [
        ("GB = \"0.04\"", "providers.a.prices.currency: must name what the prices are in, such"),
        ("currency = \"euros\"\nGB = \"0.04\"", "prices.currency: must be the code of a currency"),
        ("currency = 978\nGB = \"0.04\"", "prices.currency: has the wrong type: expected a string"),
    ] {
        let mistake = mistake(&provider(&format!("[providers.a.prices]\n{more}")));
        assert!(mistake.contains(said), "{more:?} gave {mistake:?}");
    }
    let flat = mistake(&provider("prices = \"0.04\""));
    assert!(flat.contains("providers.a.prices: has the wrong type: expected a currency"), "{flat}");
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
