use std::{collections::BTreeMap, io::Write as _};

use super::*;
use crate::{
    config::{Config as Whole, load_with},
    speech::spelled,
    texts::StoredTemplate,
};

const TENANT: Uuid = Uuid::from_u128(7);

fn config(text: &str) -> Whole {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    let variables = std::iter::empty::<(std::ffi::OsString, std::ffi::OsString)>();
    load_with(Some(file.path()), variables).expect("a good configuration")
}

/// A text that counts: of everyone, unless it is the tenant's.
fn row(tenant: bool, purpose: &str, channel: &str, locale: &str, body: &str) -> StoredTemplate {
    StoredTemplate {
        tenant_id: if tenant { TENANT } else { Uuid::nil() },
        for_everyone: i32::from(!tenant),
        purpose: purpose.into(),
        channel: channel.into(),
        locale: locale.into(),
        version: 1,
        title: (channel == "email").then(|| format!("title: {body}")),
        body: Some(body.into()),
        variables: String::new(),
        changed_by: "cli".into(),
        created_at: 0,
        superseded_at: None,
    }
}

fn texts(config: &Whole, templates: Vec<StoredTemplate>, languages: &[(Uuid, &str)]) -> Texts {
    let languages = languages.iter().map(|(id, language)| (*id, (*language).to_owned()));
    Texts::load(Rows { templates, languages: languages.collect() }, &config.texts.language)
}

struct Asks<'a> {
    config: &'a Whole,
    texts: &'a Texts,
    tenant_id: Uuid,
    channel: Channel,
}

impl Asks<'_> {
    fn about(&self, purpose: &str, locale: Option<&str>, country: Option<&str>) -> Wording<'_> {
        let policy = self.config.purposes.get(purpose).expect("a purpose");
        let (tenant_id, channel) = (self.tenant_id, self.channel);
        let need = Need { tenant_id, purpose, channel, locale, country, minutes: 10 };
        self.texts.find(&self.config.texts, policy, &need)
    }

    /// The language and the words, filled in.
    fn said(&self, locale: Option<&str>, country: Option<&str>) -> (String, String) {
        let wording = self.about("default", locale, country);
        let code = if self.channel == Channel::Voice { spelled("0421") } else { "0421".into() };
        let values = BTreeMap::from([("app".into(), "Acme".into()), ("code".into(), code)]);
        (wording.language, wording.text.render(&values))
    }
}

fn asks<'a>(config: &'a Whole, texts: &'a Texts, channel: Channel) -> Asks<'a> {
    Asks { config, texts, tenant_id: Uuid::nil(), channel }
}

#[test]
fn the_nearest_owner_goes_first_in_each_language() {
    let config =
        config("[purposes.login]\nguesses = 3\n[purposes.default]\ntemplate = \"file {code}\"");
    let rows = vec![
        row(true, "login", "sms", "de", "tenant login {code}"),
        row(true, "default", "sms", "de", "tenant default {code}"),
        row(false, "login", "sms", "de", "all login {code}"),
        row(false, "login", "sms", "en", "all login en {code}"),
        row(false, "default", "sms", "fr", "all default {code}"),
        row(false, "default", "email", "fr", "all mail {code}"),
    ];
    let texts = texts(&config, rows, &[]);
    for (tenant_id, purpose, locale, words, source) in [
        (TENANT, "login", "de", "tenant login {code}", Source::Tenant),
        (TENANT, "default", "de-AT", "tenant default {code}", Source::Tenant),
        (TENANT, "login", "fr", "all default {code}", Source::Everyone),
        (Uuid::nil(), "login", "de", "all login {code}", Source::Everyone),
        (Uuid::nil(), "login", "en-GB", "all login en {code}", Source::Everyone),
        (Uuid::nil(), "default", "en", "file {code}", Source::File),
        (Uuid::nil(), "default", "cy", "file {code}", Source::File),
    ] {
        let asks = Asks { config: &config, texts: &texts, tenant_id, channel: Channel::Sms };
        let wording = asks.about(purpose, Some(locale), None);
        assert_eq!(*wording.text, Template::parse(words), "{purpose} {locale}");
        assert_eq!((wording.source, wording.title), (source, None), "{purpose} {locale}");
    }
    let asks = asks(&config, &texts, Channel::Sms);
    assert_eq!(asks.about("default", Some("de"), None).source, Source::BuiltIn);
    let whatsapp = Asks { channel: Channel::Whatsapp, ..asks };
    assert_eq!(whatsapp.said(Some("fr"), None).1, "all default 0421");
    let email = Asks { channel: Channel::Email, ..whatsapp };
    let wording = email.about("default", Some("fr"), None);
    assert_eq!(wording.title.as_deref(), Some(&Template::parse("title: all mail {code}")));
}

#[test]
fn who_asks_for_nothing_gets_the_tenants_language_then_that_of_the_texts() {
    let config = config("[texts]\nlanguage = \"de-AT\"");
    let texts = texts(&config, vec![], &[(TENANT, "fr-CA")]);
    let of = |tenant_id, locale: Option<&str>| {
        let asks = Asks { config: &config, texts: &texts, tenant_id, channel: Channel::Sms };
        asks.about("default", locale, None).language
    };
    assert_eq!(of(Uuid::nil(), None), "de");
    assert_eq!(of(TENANT, None), "fr");
    assert_eq!(of(TENANT, Some("cy")), "fr");
    assert_eq!(of(TENANT, Some("it")), "it");
    for (asked, given) in
        [("zh-TW", "zh-Hant"), ("zh-Hant-TW", "zh-Hant"), ("sr-Latn-RS", "sr-Latn")]
    {
        assert_eq!(of(TENANT, Some(asked)), given, "{asked}");
    }
}

#[test]
fn own_words_in_the_file_are_in_the_language_of_the_texts() {
    let config = config(
        "[texts]\nlanguage = \"cy\"\n[purposes.default]\nemail_template = \"C\u{f4}d {code}\"",
    );
    let texts = texts(&config, vec![], &[]);
    let email = asks(&config, &texts, Channel::Email);
    let wording = email.about("default", None, None);
    assert_eq!((wording.language.as_str(), wording.source), ("cy", Source::File));
    // There is no subject in Welsh: the other half is said in English.
    assert_eq!(wording.title.as_deref(), Some(&Template::parse("{code} is your {app} code")));
    let sms = asks(&config, &texts, Channel::Sms);
    assert_eq!(sms.about("default", None, None).language, "en", "the last resort");
    assert_eq!(
        Texts::default()
            .find(
                &config.texts,
                &config.purposes["default"],
                &Need {
                    tenant_id: TENANT,
                    purpose: "default",
                    channel: Channel::Sms,
                    locale: None,
                    country: None,
                    minutes: 1,
                }
            )
            .source,
        Source::BuiltIn
    );
}

#[test]
fn a_call_is_said_in_the_language_of_its_country_unless_another_is_asked_for() {
    let config = config(
        "[texts]\nlanguage = \"pt-BR\"\nvoice_languages = { DE = \"de\", AT = \"de-AT\", US = \"en\" }",
    );
    let texts = texts(&config, vec![], &[]);
    let calls = asks(&config, &texts, Channel::Voice);
    for (locale, country, voice) in [
        (None, None, "pt-BR"),
        (None, Some("BR"), "pt-BR"),
        (None, Some("DE"), "de-DE"),
        (None, Some("AT"), "de-AT"),
        (None, Some("US"), "en-US"),
        // A person's region is no voice.
        (Some("de-LI"), Some("US"), "de-DE"),
        (Some("pt"), None, "pt-PT"),
    ] {
        assert_eq!(calls.said(locale, country).0, voice, "{locale:?} {country:?}");
    }
    let (_, words) = calls.said(None, Some("AT"));
    assert_eq!(words, "Guten Tag. Hier ist Acme. Ihr Code lautet: 0, 4, 2, 1.");
}

#[test]
fn own_words_of_calls_are_in_the_language_of_the_texts() {
    let config = config(
        "[texts]\nlanguage = \"sv-SE\"\nvoice_languages = { FI = \"sv-FI\", DE = \"de\" }\n\
         [purposes.default]\nvoice_template = \"{app}: {code}\"",
    );
    let texts = texts(&config, vec![], &[]);
    let calls = asks(&config, &texts, Channel::Voice);
    let own = |voice: &str| (voice.to_owned(), "Acme: 0, 4, 2, 1".to_owned());
    assert_eq!(calls.said(None, None), own("sv-SE"));
    assert_eq!(calls.said(None, Some("FI")), own("sv-FI"));
    let (voice, words) = calls.said(None, Some("DE"));
    assert!(voice == "de-DE" && words.starts_with("Guten Tag."), "{words}");
}

#[test]
fn what_is_kept_is_what_can_be_served() {
    let config = config("");
    let texts = texts(&config, vec![row(true, "default", "sms", "cy", "{code}")], &[]);
    let wanted = |tenant_id, header: &str| {
        let messages = [("default", Channel::Sms)];
        kept(&config, &texts, tenant_id, &messages, header)
    };
    assert_eq!(wanted(TENANT, "cy, de").as_deref(), Some("cy"));
    assert_eq!(wanted(Uuid::nil(), "cy, de-AT").as_deref(), Some("de-AT"));
    assert_eq!(wanted(Uuid::nil(), "cy"), None);
}

/// The language that is kept with a verification that sends these.
fn kept(
    config: &Whole,
    texts: &Texts,
    tenant_id: Uuid,
    messages: &[(&str, Channel)],
    header: &str,
) -> Option<String> {
    let needs = messages.iter().map(|(purpose, channel)| {
        let (locale, country) = (None, None);
        Need { tenant_id, purpose, channel: *channel, locale, country, minutes: 10 }
    });
    let asked = Asked::new(None, Some(header));
    texts.wanted(&config.purposes["default"], needs, &asked).map(ToString::to_string)
}

#[test]
fn words_for_something_else_keep_nobody_from_the_second_choice() {
    let config = config("[texts]\nlanguage = \"mi\"\n[purposes.default]\ntemplate = \"{code}!\"");
    let rows = vec![
        row(true, "login", "sms", "cy", "{code}"),
        row(true, "default", "voice", "ga", "{code}"),
        row(false, "default", "sms", "gd", "{code}"),
    ];
    let texts = texts(&config, rows, &[]);
    let header = "cy, ga;q=0.9, de;q=0.8, gd;q=0.7";
    for (messages, kept_locale) in [
        (vec![("login", Channel::Sms)], "cy"),
        (vec![("default", Channel::Sms)], "de"),
        (vec![("default", Channel::Voice)], "ga"),
        // What is sent for certain decides.
        (vec![("default", Channel::Sms), ("default", Channel::Voice)], "de"),
        (vec![("default", Channel::Email)], "de"),
    ] {
        let found = kept(&config, &texts, TENANT, &messages, header);
        assert_eq!(found.as_deref(), Some(kept_locale), "{messages:?}");
    }
    let of = |messages: &[_], header: &str| kept(&config, &texts, TENANT, messages, header);
    let (sms, call) = (("default", Channel::Sms), ("default", Channel::Voice));
    assert_eq!(of(&[sms], "gd, de").as_deref(), Some("gd"), "the texts of all count too");
    assert_eq!(of(&[sms], "mi, de").as_deref(), Some("mi"), "and so do those of the file");
    assert_eq!(of(&[call], "mi, de").as_deref(), Some("de"), "which has none for calls");
    assert_eq!(of(&[sms, call], "ga").as_deref(), Some("ga"), "else what follows");
}
