//! Texts of one's own: saved in versions, felt by every process, chosen by what a person asks for.

use std::sync::Arc;

use otpost_shared::{
    Home,
    channel::Channel,
    settings::Settings,
    tenant::{self, DEFAULT_TENANT, Tenant},
    texts::{self, Asked, Draft, Locale, NotSaved, Owner, Place, Question, Source},
    verification,
};
use otpost_testbed::on_both_homes;
use serde_json::json;
use uuid::Uuid;

use super::{number, policies::change, refusal, request};

fn locale(text: &str) -> Locale {
    Locale::parse(text).expect("a language")
}

fn place(purpose: &str, tag: &str) -> Place {
    Place { purpose: purpose.into(), channel: Channel::Sms, locale: locale(tag) }
}

fn draft(text: &str) -> Draft {
    Draft { text: text.into(), ..Draft::default() }
}

async fn save(home: &Home, owner: Owner, of: Place, text: &str) -> i32 {
    texts::save(home, owner, of, draft(text), "cli").await.expect("saved").version
}

/// What this process knows, asked for after what was trusted is too old.
async fn known(home: &Home) -> Arc<Settings> {
    home.settings.now(&home.db, home.clock.now() + 1_000).await.expect("an answer")
}

/// Whose words a German of this tenant reads, and which.
async fn said(home: &Home, tenant_id: Uuid) -> (Option<Source>, String) {
    said_by(home, known(home).await.as_ref(), tenant_id)
}

fn said_by(home: &Home, settings: &Settings, tenant_id: Uuid) -> (Option<Source>, String) {
    let question = Question {
        tenant_id,
        place: place("default", "de"),
        draft: None,
        variables: [("name".to_owned(), "Ann".to_owned())].into(),
        country: None,
    };
    let shown = texts::preview(&home.config, settings, &question).expect("a preview");
    (shown.source, shown.text)
}

async fn another_tenant(home: &Home) -> Uuid {
    let id = Uuid::now_v7();
    let created_at = home.clock.now();
    let tenant = Tenant::new(id, id.to_string(), created_at);
    tenant::insert_if_missing(&home.db, &tenant).await.expect("stored");
    id
}

on_both_homes! {
    async fn each_change_is_a_version(bed, "") {
        let (home, owner) = (&bed.home, Owner::Tenant(DEFAULT_TENANT));
        let of = || place("default", "de");
        assert_eq!(save(home, owner, of(), "a {code}").await, 1);
        assert_eq!(save(home, owner, of(), "b {code}").await, 2);
        assert_eq!(save(home, owner, place("default", "fr"), "c {code}").await, 1);
        assert_eq!(said(home, DEFAULT_TENANT).await, (Some(Source::Tenant), "b 123456".into()));
        assert!(texts::delete(home, owner, of(), "cli").await.expect("an answer"));
        assert!(!texts::delete(home, owner, of(), "cli").await.expect("an answer"));
        let built_in = "123456 ist Ihr Code f\u{fc}r Otpost. Er gilt 10 Minuten.";
        assert_eq!(said(home, DEFAULT_TENANT).await, (Some(Source::BuiltIn), built_in.into()));
        assert_eq!(save(home, owner, of(), "d {code}").await, 4);
        let versions = texts::versions(&home.db, owner, &of()).await.expect("an answer");
        let bodies: Vec<_> =
            versions.iter().map(|row| (row.version, row.body.as_deref())).collect();
        assert_eq!(
            bodies,
            [(4, Some("d {code}")), (3, None), (2, Some("b {code}")), (1, Some("a {code}"))]
        );
        assert!(versions[0].superseded_at.is_none());
        assert!(versions[1..].iter().all(|row| row.superseded_at.is_some()));
        let listed = texts::list(&home.db, owner).await.expect("an answer");
        let places: Vec<_> =
            listed.iter().map(|row| (row.locale.as_str(), row.body.as_deref())).collect();
        assert_eq!(places, [("de", Some("d {code}")), ("fr", Some("c {code}"))]);
    }

    async fn what_says_the_same_is_no_change(bed, "") {
        let (home, owner) = (&bed.home, Owner::Tenant(DEFAULT_TENANT));
        let of = || place("default", "de");
        assert_eq!(save(home, owner, of(), "a {code}").await, 1);
        let french = locale("fr");
        texts::set_language(home, DEFAULT_TENANT, Some(&french)).await.expect("set");
        let before = known(home).await;
        let again = texts::save(home, owner, of(), draft("a {code}"), "somebody").await;
        let again = again.expect("saved");
        let told = (again.version, again.changed_by.as_str(), again.superseded_at);
        assert_eq!(told, (1, "cli", None));
        texts::set_language(home, DEFAULT_TENANT, Some(&french)).await.expect("set");
        assert!(Arc::ptr_eq(&before, &known(home).await), "nobody reads anything again");
        let named = Draft { variables: vec!["name".into()], ..draft("a {code}") };
        let changed = texts::save(home, owner, of(), named, "cli").await.expect("saved");
        assert_eq!(changed.version, 2);
        texts::set_language(home, DEFAULT_TENANT, None).await.expect("set");
        let language = texts::language_of(&home.db, DEFAULT_TENANT).await.expect("an answer");
        assert_eq!(language, None);
    }

    async fn a_tenants_words_are_its_own_and_those_of_all_are_not_the_default_tenants(bed, "") {
        let home = &bed.home;
        let other = another_tenant(home).await;
        save(home, Owner::Everyone, place("default", "de"), "all {code}").await;
        for tenant_id in [DEFAULT_TENANT, other] {
            assert_eq!(said(home, tenant_id).await, (Some(Source::Everyone), "all 123456".into()));
        }
        save(home, Owner::Tenant(DEFAULT_TENANT), place("default", "de"), "own {code}").await;
        assert_eq!(said(home, DEFAULT_TENANT).await.1, "own 123456");
        assert_eq!(said(home, other).await.1, "all 123456");
        assert_eq!(texts::list(&home.db, Owner::Everyone).await.expect("an answer").len(), 1);
        assert!(texts::list(&home.db, Owner::Tenant(other)).await.expect("an answer").is_empty());
    }

    async fn another_process_feels_it(bed, "") {
        let home = &bed.home;
        let second = Home::open((*home.config).clone()).await.expect("a second process");
        let now = home.clock.now();
        let words = async |of: &Home, at| {
            let settings = of.settings.now(&of.db, at).await.expect("an answer");
            said_by(of, &settings, DEFAULT_TENANT).1
        };
        let built_in = words(&second, now).await;
        save(home, Owner::Everyone, place("default", "de"), "all {code}").await;
        assert_eq!(words(home, now).await, "all 123456", "who changes it knows it at once");
        assert_eq!(words(&second, now + 499).await, built_in, "nobody asked again");
        assert_eq!(words(&second, now + 500).await, "all 123456");
        // The last ones count while the database is away; who never read any has those of the languages.
        let third = Home::open((*home.config).clone()).await.expect("a third process");
        for process in [&second, &third] {
            process.db.close().await;
        }
        assert_eq!(words(&second, now + 10_000).await, "all 123456");
        assert_eq!(said_by(&third, &third.settings.last(), DEFAULT_TENANT).1, built_in);
    }

    async fn changes_at_the_same_time_are_versions_one_after_the_other(bed, "") {
        let home = &bed.home;
        let owner = Owner::Tenant(DEFAULT_TENANT);
        let one = |n: u32| async move {
            let draft = draft(&format!("{n} {{code}}"));
            texts::save(home, owner, place("default", "de"), draft, "cli").await
        };
        let (a, b, c) = tokio::join!(one(1), one(2), one(3));
        let mut versions = [a, b, c].map(|saved| saved.expect("saved").version);
        versions.sort_unstable();
        assert_eq!(versions, [1, 2, 3]);
    }

    async fn what_is_wrong_is_not_saved(bed, "") {
        let home = &bed.home;
        for text in ["{code", "{code} {0}", "no placeholder", "{code} {name}"] {
            let of = place("default", "de");
            let refused = texts::save(home, Owner::Everyone, of, draft(text), "cli");
            let refused = refused.await.expect_err("refused");
            assert!(matches!(refused, NotSaved::Mistake(mistake) if mistake.field() == "text"), "{text}");
        }
        let of = place("nothing", "de");
        let refused = texts::save(home, Owner::Everyone, of, draft("{code}"), "cli").await;
        let refused = refused.expect_err("refused");
        assert!(matches!(refused, NotSaved::Mistake(mistake) if mistake.field() == "purpose"));
        assert!(texts::list(&home.db, Owner::Everyone).await.expect("an answer").is_empty());
    }

    async fn a_text_for_everyone_is_for_a_purpose_of_everyone(bed, "") {
        let home = &bed.home;
        change(home, Some(DEFAULT_TENANT), "shop", json!({ "guesses": 3 })).await;
        let of = || place("shop", "de");
        let refused = texts::save(home, Owner::Everyone, of(), draft("{code}"), "cli").await;
        let refused = refused.expect_err("nobody else has it");
        let NotSaved::Mistake(mistake) = refused else { panic!("{refused:?}") };
        assert!(mistake.field() == "purpose" && !mistake.said.contains("shop"), "{mistake}");
        save(home, Owner::Tenant(DEFAULT_TENANT), of(), "{code}").await;
        change(home, None, "shop", json!({ "guesses": 4 })).await;
        save(home, Owner::Everyone, of(), "{code}").await;
    }

    async fn what_was_asked_for_is_kept(bed, "") {
        let home = &bed.home;
        let kept = async |n: u32, asked: Asked| {
            let mut new = request(number(n));
            new.locale = asked;
            let id = verification::accept(home, new).await.expect("accepted").id;
            let row = verification::find(&home.db, id).await.expect("an answer").expect("a row");
            row.locale
        };
        let header = |text: &str| Asked::new(None, Some(text));
        assert_eq!(kept(1, Asked::default()).await, None);
        assert_eq!(kept(2, header("cy, de-AT;q=0.5")).await.as_deref(), Some("de-AT"));
        assert_eq!(kept(3, header("../../etc")).await, None);
        let asked = Asked::new(Some(locale("zh-Hant-TW")), Some("de"));
        assert_eq!(kept(4, asked).await.as_deref(), Some("zh-Hant-TW"));
    }

    async fn a_text_needs_the_variables_of_its_language(bed, "") {
        let home = &bed.home;
        let named = Draft { variables: vec!["name".into()], ..draft("{name}: {code}") };
        let saved = texts::save(home, Owner::Everyone, place("default", "de"), named, "cli").await;
        assert_eq!(saved.expect("saved").variables, "name");
        let mut new = request(number(1));
        new.locale = Asked::new(Some(locale("de")), None);
        let missing = refusal(verification::accept(home, new.clone()).await);
        assert!(matches!(missing, verification::Refused::VariableMissing(name) if name == "name"));
        new.variables.insert("name".into(), "x".repeat(1_600));
        let long = refusal(verification::accept(home, new.clone()).await);
        assert!(matches!(long, verification::Refused::TextLength { characters: 1_608, .. }), "{long:?}");
        new.locale = Asked::new(Some(locale("fr")), None);
        verification::accept(home, new).await.expect("the French text names nobody");
    }

    async fn who_asks_for_nothing_gets_the_tenants_language(bed, "") {
        let home = &bed.home;
        let set = async |tag: Option<&str>| {
            let language = tag.map(locale);
            texts::set_language(home, DEFAULT_TENANT, language.as_ref()).await.expect("set");
            texts::language_of(&home.db, DEFAULT_TENANT).await.expect("an answer")
        };
        let language = async || {
            let need = texts::Need {
                tenant_id: DEFAULT_TENANT,
                purpose: "default",
                channel: Channel::Sms,
                locale: None,
                country: None,
                minutes: 10,
            };
            let (config, settings) = (&home.config, known(home).await);
            settings.texts().find(&config.texts, &config.purposes["default"], &need).language
        };
        assert_eq!(language().await, "en");
        assert_eq!(set(Some("pt-br")).await.as_deref(), Some("pt-BR"));
        assert_eq!(language().await, "pt-BR");
        assert_eq!(set(None).await, None);
        assert_eq!(language().await, "en");
    }
}
