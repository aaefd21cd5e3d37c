//! What every section of a provider may have: a rate and prices.

use otpost_shared::config;

use super::mistake;

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
