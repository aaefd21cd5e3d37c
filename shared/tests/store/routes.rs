//! Routes and senders in a configuration: how they are read, and their mistakes.

use otpost_shared::{
    channel::Channel,
    config::{self, Config, Traits},
    queue::Lane,
};

use super::configuration::mistake;

/// Providers `a`, `b` and `c`, of which `chains.sms` names two; then more.
fn text(more: &str) -> String {
    format!(
        "[chains]\nsms = [\"b\", \"a\"]\n[providers.a]\nkind = \"sandbox\"\n\
         [providers.b]\nkind = \"sandbox\"\n[providers.c]\nkind = \"sandbox\"\n{more}\n"
    )
}

/// Lines of [`text`] before what is added.
const BEFORE: usize = 8;

fn load(more: &str, variables: &[(&str, &str)]) -> Config {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, text(more)).expect("written");
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    config::load_with(Some(&path), variables).expect("good")
}

fn in_use(config: &Config) -> Vec<&str> {
    config.providers_in_use().map(|(name, _)| name).collect()
}

#[test]
fn a_route_starts_from_what_the_defaults_say() {
    assert!(load("", &[]).routes.is_empty(), "the one that the manual shows is none");
    let config = load("[[routes]]\ncountries = [\"GB\"]\nchain = [\"c\", \"b\"]", &[]);
    let [route] = &config.routes[..] else { panic!("one route") };
    assert_eq!(route.channel, Channel::Sms);
    assert_eq!(route.countries, ["GB"]);
    assert_eq!(route.chain, ["c", "b"]);
    assert!(route.prefixes.is_empty() && route.tenants.is_empty() && route.lanes.is_empty());
    let code = Traits {
        channel: Channel::Sms,
        lane: Lane::Otp,
        country: Some("GB"),
        number: Some("+447700900001"),
        tenant: None,
        purpose: None,
    };
    assert!(route.fits(&code) && !route.fits(&Traits { country: Some("FR"), ..code }));
}

#[test]
fn a_provider_is_in_use_wherever_it_is_named() {
    assert_eq!(in_use(&load("", &[])), ["b", "a"]);
    let routes = "[[routes]]\ncountries = [\"GB\"]\nchain = [\"c\", \"b\"]\n\
                  [[routes]]\nlanes = [\"bulk\"]\nchain = [\"console\"]";
    assert_eq!(in_use(&load(routes, &[])), ["b", "a", "c", "console"]);
    let mail = "[[routes]]\nchannel = \"email\"\nchain = [\"c\"]";
    let config = load(mail, &[("OTPOST__CHAINS__EMAIL", "[\"console\"]")]);
    assert_eq!(in_use(&config), ["b", "a", "console", "c"]);
}

#[test]
fn who_takes_what_is_no_code_is_known_before_it_is_sent() {
    let more = |routes: &str| {
        format!(
            "{routes}\n[recipients]\ncountries = [\"*\"]\n[providers.codes]\nkind = \"http\"\n\
             url = \"http://localhost/?p={{to}}\"\nmethod = \"POST\"\n\
             [providers.codes.headers]\nx-code = \"{{code}}\"\n"
        )
    };
    let text = |country, tenant| Traits {
        channel: Channel::Sms,
        lane: Lane::Bulk,
        country: Some(country),
        number: None,
        tenant,
        purpose: None,
    };
    let by_sms = "chains.sms has nobody for what is no code, since codes takes codes only; name a \
                  provider there that takes texts";
    for (routes, gb, fr, of_acme) in [
        ("", Some(by_sms), Some(by_sms), Some(by_sms)),
        ("{ countries = ['GB'], chain = ['codes', 'a'] }", None, Some(by_sms), None),
        (
            "{ countries = ['GB'], lanes = ['otp'], chain = ['a'] }",
            Some(by_sms),
            Some(by_sms),
            Some(by_sms),
        ),
        ("{ tenants = ['others'], chain = ['a'] }", Some(by_sms), Some(by_sms), Some(by_sms)),
        ("{ tenants = ['acme'], chain = ['a'] }", None, None, None),
        (
            "{ tenants = ['acme'], lanes = ['bulk'], chain = ['codes', 'rest'] }, { chain = ['a'] }",
            Some(
                "routes[0].chain has nobody for what is no code, since codes, rest take codes only; \
                  name a provider there that takes texts",
            ),
            Some(
                "routes[0].chain has nobody for what is no code, since codes, rest take codes only; \
                  name a provider there that takes texts",
            ),
            Some(
                "routes[0].chain has nobody for what is no code, since codes, rest take codes only; \
                  name a provider there that takes texts",
            ),
        ),
    ] {
        let rest = "[providers.rest]\nkind = \"http\"\nurl = \"http://localhost/{to}/{code}\"\n";
        let all =
            [("OTPOST__CHAINS__SMS", "[\"codes\"]"), ("OTPOST__ROUTES", &format!("[{routes}]"))];
        let config = load(&(more("") + rest), &all);
        assert!(config.keeps_some_for_codes());
        let said = |message: &Traits<'_>| config.check_takers(message).err().map(|e| e.to_string());
        let acme = Some("acme");
        assert_eq!(said(&text("GB", acme)).as_deref(), gb, "{routes}");
        assert_eq!(said(&text("FR", acme)).as_deref(), fr, "{routes}");
        let of_acme_said = config.check_takers_of_texts(Channel::Sms, acme).err();
        assert_eq!(of_acme_said.map(|e| e.to_string()).as_deref(), of_acme, "{routes}");
        let code = Traits { lane: Lane::Otp, ..text("GB", acme) };
        assert_eq!(said(&code), None, "{routes}");
    }
    let config = load("", &[]);
    assert!(!config.keeps_some_for_codes());
    let said = config.check_takers_of_texts(Channel::Email, None).expect_err("nobody");
    assert_eq!(said.to_string(), "chains.email names no provider; name one there");
}

#[test]
fn the_environment_sets_all_routes_at_once() {
    let file = "[[routes]]\ncountries = [\"GB\"]\nchain = [\"c\"]";
    let own = "[{ prefixes = [\"+4479\"], chain = [\"a\"] }, \
               { lanes = [\"otp\"], chain = [\"c\"] }]";
    let config = load(file, &[("OTPOST__ROUTES", own)]);
    let told: Vec<String> = config.routes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["messages by SMS, to numbers that begin with +4479", "codes by SMS"]);
    assert!(load(file, &[("OTPOST__ROUTES", "[]")]).routes.is_empty());
}

#[test]
fn a_route_that_cannot_be_meant_is_told() {
    let chain = "chain = [\"a\"]";
    for (route, line, said) in [
        (
            format!("countries = [\"XX\"]\n{chain}"),
            2,
            "routes[0].countries: \"XX\" is no country; write two",
        ),
        (
            format!("{chain}\nprefixes = [\"4479\"]"),
            3,
            "routes[0].prefixes: \"4479\" begins no number; write + and",
        ),
        (format!("prefixes = [\"+\"]\n{chain}"), 2, "routes[0].prefixes: \"+\" begins no number"),
        (
            format!("prefixes = [\"+044\"]\n{chain}"),
            2,
            "routes[0].prefixes: \"+044\" begins no number",
        ),
        (
            "chain = [\"a\", \"d\"]".into(),
            2,
            "routes[0].chain: there is no [providers.d]; there are: a, b, c, console",
        ),
        ("chain = [\"a\", \"a\"]".into(), 2, "routes[0].chain: \"a\" stands there twice"),
        ("chain = []".into(), 2, "routes[0].chain: must name at least one provider"),
        ("countries = [\"GB\"]".into(), 1, "routes[0].chain: must name at least one provider"),
        (
            format!("channel = \"mms\"\n{chain}"),
            2,
            "routes[0].channel: \"mms\" is no channel; write \"sms\" or \"email\" or \"voice\" or \
             \"whatsapp\"",
        ),
        (
            format!("lanes = [\"codes\"]\n{chain}"),
            2,
            "routes[0].lanes: \"codes\" is no lane; write \"otp\" for codes",
        ),
        (
            format!("purposes = [\"shop\"]\n{chain}"),
            2,
            "routes[0].purposes: there is no [purposes.shop]; there are: default, login, opt_in, password_reset",
        ),
        (
            format!("purposes = [\"default\"]\nlanes = [\"bulk\"]\n{chain}"),
            3,
            "routes[0].lanes: only codes have a purpose",
        ),
        (
            format!("channel = \"email\"\n{chain}"),
            2,
            "routes[0].channel: nothing is sent by e-mail; name providers in chains.email",
        ),
        (
            format!("contries = [\"GB\"]\n{chain}"),
            2,
            "routes[0].contries: there is no such key; did you mean \"routes.countries\"?",
        ),
        (
            format!("countries = \"GB\"\n{chain}"),
            2,
            "routes[0].countries: has the wrong type: expected a sequence",
        ),
        (
            format!("{chain}\n[[routes]]\ncountries = [\"GB\"]\n{chain}"),
            3,
            "routes[1]: is never reached, since every message that could come to it is taken by \
             routes[0] before",
        ),
        (
            format!(
                "lanes = [\"otp\"]\n{chain}\n[[routes]]\nlanes = [\"bulk\"]\n{chain}\n\
                 [[routes]]\n{chain}"
            ),
            7,
            "routes[2]: is never reached, since every message that could come to it is taken by \
             routes[0] and routes[1] before",
        ),
    ] {
        let mistake = mistake(&text(&format!("[[routes]]\n{route}")));
        let said = format!("DIR/otpost.toml:{}: {said}", BEFORE + line);
        assert!(mistake.starts_with(&said), "{route:?} gave {mistake:?}, not {said:?}");
    }
    // What some are kept from is left to others.
    let routes = "[[routes]]\nlanes = [\"otp\"]\nchain = [\"a\"]\n[[routes]]\nchain = [\"b\"]";
    assert_eq!(load(routes, &[]).routes.len(), 2);
}

#[test]
fn only_codes_go_by_calls_and_whatsapp() {
    for (channel, noun) in [("voice", "voice call"), ("whatsapp", "WhatsApp")] {
        let with = |lanes: &str| {
            let route = format!(
                "[[routes]]\nchannel = \"{channel}\"\n{lanes}\ncountries = [\"GB\"]\n\
                         chain = [\"c\"]"
            );
            let chains = format!("[chains]\n{channel} = [\"a\"]");
            text(&route).replace("[chains]", &chains)
        };
        let said = mistake(&with("lanes = [\"bulk\"]"));
        let words = format!("routes[0].lanes: only codes go by {noun}; leave lanes out");
        assert!(said.contains(&words), "{said}");
    }
    let routes = "[[routes]]\nchannel = \"voice\"\ncountries = [\"GB\"]\nchain = [\"b\"]";
    let config = load(routes, &[("OTPOST__CHAINS__VOICE", "[\"a\"]")]);
    assert_eq!(config.routes[0].to_string(), "codes by voice call, to GB");
}

#[test]
fn an_address_has_no_country() {
    for key in ["countries = [\"GB\"]", "prefixes = [\"+44\"]"] {
        let more = format!("[[routes]]\nchannel = \"email\"\n{key}\nchain = [\"a\"]");
        let more = text(&more).replace("[chains]", "[chains]\nemail = [\"a\"]");
        let mistake = mistake(&more);
        assert!(mistake.contains("an e-mail address has no country and no digits"), "{mistake}");
        assert!(mistake.starts_with(&format!("DIR/otpost.toml:{}: ", BEFORE + 4)), "{mistake}");
    }
}

#[test]
fn a_route_keeps_to_its_channel() {
    let of = |channel: &str, kind: &str| {
        format!(
            "[[routes]]\nchannel = \"{channel}\"\nchain = [\"m\"]\n[providers.m]\nkind = \"{kind}\"\n\
             [recipients]\ndefault_region = \"US\""
        )
    };
    let sms = mistake(&text(&of("sms", "smtp")));
    let said = format!("DIR/otpost.toml:{}: ", BEFORE + 3);
    let words = "routes[0].chain: provider \"m\" of kind smtp sends no SMS";
    assert!(sms.starts_with(&format!("{said}{words}")), "{sms}");
    let by_mail =
        |kind: &str| text(&of("email", kind)).replace("[chains]", "[chains]\nemail = [\"a\"]");
    let mail = mistake(&by_mail("twilio"));
    let words =
        "routes[0].chain: provider \"m\" of kind twilio sends no e-mail; kinds that do: console";
    assert!(mail.contains(words), "{mail}");
    load(&of("email", "smtp"), &[("OTPOST__CHAINS__EMAIL", "[\"a\"]")]);
    // What a route leaves needs a chain.
    let only_mail = by_mail("smtp").replace("sms = [\"b\", \"a\"]", "sms = []");
    let route =
        only_mail.replace("channel = \"email\"", "channel = \"sms\"").replace("smtp", "sandbox");
    let said = mistake(&route);
    assert!(
        said.contains("routes[0].channel: nothing is sent by SMS; name providers in chains.sms"),
        "{said}"
    );
}

#[test]
fn what_a_route_may_cost_counts_like_the_chain() {
    let costly = "[[routes]]\ncountries = [\"GB\"]\nchain = [\"t\"]\n\
                  [providers.t]\nkind = \"twilio\"";
    let mistake = mistake(&text(costly));
    let said = "must name your country, or recipients.countries those that you send to, because provider \"t\" costs money";
    assert!(mistake.contains(said), "{mistake}");
    let config = load(costly, &[("OTPOST__RECIPIENTS__COUNTRIES", "[\"GB\"]")]);
    assert!(config.allows_region(Some("GB")) && !config.allows_region(Some("US")));
    assert!(load("", &[]).allows_region(Some("US")), "nothing is sent anyhow");
    // A message by e-mail has no country.
    let mail = "[[routes]]\nchannel = \"email\"\nchain = [\"t\"]\n\
                [providers.t]\nkind = \"smtp\"";
    let config = load(mail, &[("OTPOST__CHAINS__EMAIL", "[\"a\"]")]);
    assert!(config.allows_region(Some("US")));
}

#[test]
fn silence_needs_somebody_else_in_a_chain_that_names_it() {
    let smsc = "[recipients]\ndefault_region = \"GB\"\n\
                [providers.s]\nkind = \"smpp\"\nfallback_after_secs = 20";
    let said = |route: &str| mistake(&text(&format!("{smsc}\n{route}")));
    let nowhere = said("");
    let words = "counts only for a provider that a chain or a route names";
    assert!(nowhere.contains(words), "{nowhere}");
    let alone = said("[[routes]]\nchain = [\"s\"]");
    assert!(alone.contains("needs another provider to fall back to"), "{alone}");
    load(&format!("{smsc}\n[[routes]]\nchain = [\"s\", \"a\"]"), &[]);
}

#[test]
fn senders_are_read_by_country() {
    let more = "[providers.v]\nkind = \"vonage\"\n[providers.v.senders]\n\
                GB = \"Otpost\"\nUS = \"12025550123\"";
    let variables = [("OTPOST__PROVIDERS__V__SENDERS__GB", "12025550100")];
    for (variables, gb) in [(&[][..], "Otpost"), (&variables[..], "12025550100")] {
        let config = load(more, variables);
        let section = &config.providers["v"];
        assert_eq!(section.senders.of(Some("GB")).as_deref(), Some(gb));
        assert_eq!(section.senders.of(Some("US")).as_deref(), Some("12025550123"));
        assert_eq!((section.senders.of(Some("FR")), section.senders.of(None)), (None, None));
        assert!(section.keys.is_empty(), "they are none of the provider's own keys");
    }
}

#[test]
fn a_sender_that_cannot_be_meant_is_told() {
    for (senders, said) in [
        ("{ XX = \"Otpost\" }", "providers.a.senders.XX: is no country; write two capital letters"),
        ("{ GBR = \"Otpost\" }", "providers.a.senders.GBR: is no country"),
        ("{ GB = \"\" }", "providers.a.senders.GB: must not be empty; leave it out"),
        ("{ GB = 12025550123 }", "providers.a.senders.GB: has the wrong type: expected a string"),
        ("\"Otpost\"", "providers.a.senders: has the wrong type: expected a map"),
    ] {
        let with = format!("senders = {senders}\n[providers.b]");
        let text = text("").replace("[providers.b]", &with);
        let mistake = mistake(&text);
        assert!(mistake.starts_with(&format!("DIR/otpost.toml:5: {said}")), "{mistake}");
    }
}
