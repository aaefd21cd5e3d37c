//! Policies: layer on layer, version by version, felt everywhere.

use std::sync::Arc;

use otpost_shared::{
    Home,
    admission::Refused,
    config::Purpose,
    policy::{self, Body, Change, Layer, NotChanged},
    secrets::Code,
    tenant::DEFAULT_TENANT,
    verification::{self, Accepted, NewVerification, ResendAnswer},
};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{code_of, number, policed::resend, refusal, request};

/// A tenant that changes things, beside the default one.
const OTHER: Uuid = Uuid::max();

fn body(keys: Value) -> Body {
    let Value::Object(keys) = keys else { panic!("{keys}") };
    keys.into()
}

pub(super) fn change_of(tenant_id: Option<Uuid>, purpose: &str, keys: Option<Value>) -> Change {
    Change {
        tenant_id,
        purpose: purpose.into(),
        body: keys.map(body),
        based_on: None,
        changed_by: "test".into(),
    }
}

pub(super) async fn change(
    home: &Home,
    tenant_id: Option<Uuid>,
    purpose: &str,
    keys: Value,
) -> i32 {
    let change = change_of(tenant_id, purpose, Some(keys));
    policy::change(home, change).await.expect("a good policy")
}

async fn policy_of(home: &Home, tenant_id: Uuid, purpose: &str) -> Option<Arc<Purpose>> {
    let settings = home.settings.now(&home.db, home.clock.now()).await.expect("an answer");
    settings.policy(tenant_id, purpose)
}

/// Guesses, wait and lifetime.
async fn of(home: &Home, tenant_id: Uuid, purpose: &str) -> (u32, u32, u32) {
    let policy = policy_of(home, tenant_id, purpose).await.expect("such a purpose");
    (policy.guesses, policy.resend_after_secs, policy.lifetime_secs)
}

pub(super) fn for_purpose(n: u32, purpose: &str) -> NewVerification {
    NewVerification { purpose: purpose.into(), ..request(number(n)) }
}

pub(super) async fn accept(home: &Home, n: u32, purpose: &str) -> Accepted {
    verification::accept(home, for_purpose(n, purpose)).await.expect("accepted")
}

const LAYERED: &str = "[purposes.default]\nguesses = 4\n[purposes.login]\nlifetime_secs = 200";
pub(super) const VOICE: &str = "[chains]\nvoice = [\"console\"]\nemail = [\"console\"]";

on_both_homes! {
    async fn a_change_lies_on_what_is_below(bed, LAYERED) {
        let home = &bed.home;
        assert_eq!(of(home, DEFAULT_TENANT, "login").await, (4, 30, 200));
        change(home, Some(OTHER), "login", json!({ "guesses": 2 })).await;
        change(home, None, "login", json!({ "guesses": 3, "resend_after_secs": 60 })).await;
        assert_eq!(of(home, DEFAULT_TENANT, "login").await, (3, 60, 200));
        assert_eq!(of(home, OTHER, "login").await, (2, 60, 200));
        // What purposes start from is the configuration's.
        change(home, None, "default", json!({ "guesses": 9 })).await;
        assert_eq!(of(home, DEFAULT_TENANT, "login").await, (3, 60, 200));
        assert_eq!(of(home, OTHER, "default").await.0, 9);

        let shown = policy::find(home, Some(OTHER), "login").await.expect("an answer").expect("it");
        let source = |key: &str| shown.sources.get(key).copied();
        assert_eq!(
            ["guesses", "resend_after_secs", "lifetime_secs"].map(source),
            [Some(Layer::Tenant), Some(Layer::Everyone), None]
        );
        assert_eq!((shown.version(), shown.source()), (1, Layer::Tenant));
        assert_eq!(shown.policy.get("guesses"), Some(&json!(2)));
        assert_eq!(shown.policy.get("template"), None, "a text is no part of it");
    }

    async fn a_purpose_may_be_there_for_one_tenant_alone(bed, LAYERED) {
        let home = &bed.home;
        let unknown = refusal(verification::accept(home, for_purpose(1, "shop")).await);
        let Refused::UnknownPurpose { known } = unknown else { panic!("{unknown:?}") };
        assert!(known.contains(&"login".to_owned()) && !known.contains(&"shop".to_owned()));
        change(home, Some(DEFAULT_TENANT), "shop", json!({})).await;
        let accepted = accept(home, 1, "shop").await;
        let row = verification::find(&home.db, accepted.id).await.expect("an answer").expect("it");
        assert_eq!(row.guess_limit, 4, "as the configuration's default one");
        assert!(policy_of(home, OTHER, "shop").await.is_none());
        assert!(policy::find(home, Some(OTHER), "shop").await.expect("an answer").is_none());
        let names = policy::list(home, Some(DEFAULT_TENANT)).await.expect("an answer");
        assert!(names.iter().map(|shown| &shown.purpose).is_sorted());
        assert!(names.iter().any(|shown| shown.purpose == "shop"));
        let gone = change_of(Some(DEFAULT_TENANT), "shop", None);
        assert_eq!(policy::change(home, gone).await, Ok(2));
        assert!(policy_of(home, DEFAULT_TENANT, "shop").await.is_none());
        // What was accepted goes on.
        home.clock.advance(31_000);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::Resent(_)));
    }

    async fn every_change_is_a_version(bed, "") {
        let home = &bed.home;
        let based_on = |based_on, keys: Option<Value>| {
            let change = change_of(Some(DEFAULT_TENANT), "login", keys);
            policy::change(home, Change { based_on: Some(based_on), ..change })
        };
        assert_eq!(based_on(0, Some(json!({ "guesses": 3 }))).await, Ok(1));
        let late = based_on(0, Some(json!({ "guesses": 2 }))).await;
        assert_eq!(late, Err(NotChanged::Outdated { version: 1 }));
        let both = tokio::join!(
            based_on(1, Some(json!({ "guesses": 4 }))),
            based_on(1, Some(json!({ "guesses": 6 })))
        );
        assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}");
        assert_eq!(based_on(2, None).await, Ok(3));
        assert_eq!(of(home, DEFAULT_TENANT, "login").await.0, 5, "as the configuration has it");
        assert_eq!(based_on(3, None).await, Err(NotChanged::NothingOwn));
        let shown = policy::find(home, Some(DEFAULT_TENANT), "login").await.expect("an answer");
        assert_eq!(shown.map(|shown| shown.version()), Some(3));
        let versions = async |before, limit| {
            let of = Some(DEFAULT_TENANT);
            let rows = policy::list_versions(&home.db, of, "login", before, limit).await;
            let rows = rows.expect("an answer");
            rows.into_iter().map(|row| (row.version, row.body().expect("readable").is_none()))
                .collect::<Vec<_>>()
        };
        assert_eq!(versions(i32::MAX, 9).await, [(3, true), (2, false), (1, false)]);
        assert_eq!(versions(3, 1).await, [(2, false)]);
        assert_eq!(change(home, Some(DEFAULT_TENANT), "login", json!({})).await, 4);
    }

    async fn what_says_the_same_is_no_change(bed, "") {
        let home = &bed.home;
        let other = Home::open((*home.config).clone()).await.expect("a second process");
        let login = |keys: Value| change(home, Some(DEFAULT_TENANT), "login", keys);
        assert_eq!(login(json!({ "guesses": 3, "reusable": true })).await, 1);
        // Each time after what was trusted is too old.
        let seen = async |nth: i64| {
            let now = other.clock.now() + nth * 1_000;
            other.settings.now(&other.db, now).await.expect("an answer")
        };
        let before = seen(1).await;
        assert_eq!(login(json!({ "reusable": true, "guesses": 3 })).await, 1);
        assert!(Arc::ptr_eq(&before, &seen(2).await), "nobody reads anything again");
        assert_eq!(login(json!({ "guesses": 3 })).await, 2);
        assert!(!Arc::ptr_eq(&before, &seen(3).await));
        let gone = change_of(Some(DEFAULT_TENANT), "login", None);
        assert_eq!(policy::change(home, gone).await, Ok(3));
        assert_eq!(login(json!({ "guesses": 3 })).await, 4);
        let late = change_of(Some(DEFAULT_TENANT), "login", Some(json!({ "guesses": 3 })));
        let late = policy::change(home, Change { based_on: Some(3), ..late }).await;
        assert_eq!(late, Err(NotChanged::Outdated { version: 4 }));
    }

    async fn an_earlier_version_can_count_again(bed, "") {
        let home = &bed.home;
        for guesses in [2, 3] {
            change(home, None, "login", json!({ "guesses": guesses })).await;
        }
        let restore = async |version| {
            policy::restore(home, version, change_of(None, "login", None)).await
        };
        assert_eq!(restore(1).await, Ok(3));
        assert_eq!(of(home, DEFAULT_TENANT, "login").await.0, 2);
        assert_eq!(policy::change(home, change_of(None, "login", None)).await, Ok(4));
        let nothing = restore(4).await;
        assert!(matches!(&nothing, Err(NotChanged::Mistake(of)) if of.fields == ["version"]), "{nothing:?}");
        assert_eq!(restore(5).await, Err(NotChanged::NoSuchVersion { version: 5 }));
        let foreign = change_of(Some(OTHER), "login", None);
        let foreign = policy::restore(home, 1, foreign).await;
        assert_eq!(foreign, Err(NotChanged::NoSuchVersion { version: 1 }));
        assert_eq!(restore(2).await, Ok(5));
        assert_eq!(of(home, OTHER, "login").await.0, 3);
    }

    async fn short_codes_need_the_permission_of_the_configuration(bed, "") {
        let home = &bed.home;
        let short = || change_of(None, "shop", Some(json!({ "code_length": 4 })));
        let refused = policy::change(home, short()).await;
        let Err(NotChanged::Mistake(mistake)) = refused else { panic!("{refused:?}") };
        assert!(mistake.to_string().contains("policies.allow_short_codes"), "{mistake}");
        let mut config = (*home.config).clone();
        config.policies.allow_short_codes = true;
        let permitted = Home::open(config).await.expect("a second process");
        assert_eq!(policy::change(&permitted, short()).await, Ok(1));
        let accepted = accept(&permitted, 1, "shop").await;
        assert_eq!(code_of(&permitted, accepted.id).await.as_str().len(), 4);
        let own = |code: &str| NewVerification {
            code: Some(Code::new(code.into())),
            ..for_purpose(2, "shop")
        };
        let refused = refusal(verification::accept(&permitted, own("12345")).await);
        assert!(matches!(refused, Refused::CodeLength { expected: 4 }), "{refused:?}");
        verification::accept(&permitted, own("1234")).await.expect("accepted");
        // Where the permission is gone, so is the short code.
        assert!(policy_of(home, DEFAULT_TENANT, "shop").await.is_none());
    }

    async fn a_policy_that_cannot_be_is_not_written(bed, "") {
        let home = &bed.home;
        let step = |channel: &str, secs: u32| json!([{ "channel": channel, "after_secs": secs }]);
        for (purpose, keys, fields, said) in [
            ("shop", json!({ "code_length": 4, "guesses": 10 }), "code_length and guesses", "once in 1000"),
            (
                "shop",
                json!({ "resend_after_secs": 600 }),
                "resend_after_secs and lifetime_secs",
                "make resend_after_secs shorter",
            ),
            ("shop", json!({ "then": step("voice", 60) }), "then[0].channel", "chains.voice"),
            (
                "shop",
                json!({ "then": step("sms", 590) }),
                "then[0].after_secs and lifetime_secs",
                "at least 20 s must be left",
            ),
            ("shop", json!({ "countries": ["XX"] }), "countries", "is no country"),
            ("shop", json!({ "template": "{code}" }), "template", "is a text"),
            ("shop", json!({ "gueses": 3 }), "gueses", "did you mean \"guesses\"?"),
            ("shop", json!({ "guesses": "three" }), "guesses", "expected u32"),
            ("shop", json!({ "resends": "often" }), "resends", "count/window"),
            ("No", json!({}), "purpose", "small letter"),
        ] {
            let refused = policy::change(home, change_of(None, purpose, Some(keys))).await;
            let Err(NotChanged::Mistake(mistake)) = refused else { panic!("{refused:?}") };
            assert_eq!(mistake.fields.join(" and "), fields, "{mistake}");
            assert!(mistake.to_string().contains(said), "{mistake}");
        }
        let versions = policy::list_versions(&home.db, None, "shop", i32::MAX, 9).await;
        assert!(versions.expect("an answer").is_empty());
    }

    async fn nobody_fills_the_memory_of_all_processes(bed, "") {
        let home = &bed.home;
        for n in 0..200 {
            change(home, Some(OTHER), &format!("shop{n}"), json!({})).await;
        }
        let one_more = change_of(Some(OTHER), "shop200", Some(json!({})));
        let refused = policy::change(home, one_more.clone()).await;
        let Err(NotChanged::Mistake(mistake)) = refused else { panic!("{refused:?}") };
        assert!(mistake.to_string().contains("200 purposes are changed already"), "{mistake}");
        assert_eq!(change(home, Some(OTHER), "shop7", json!({ "guesses": 2 })).await, 2);
        change(home, Some(DEFAULT_TENANT), "shop200", json!({})).await;
        assert_eq!(policy::change(home, change_of(Some(OTHER), "shop7", None)).await, Ok(3));
        assert_eq!(policy::change(home, one_more).await, Ok(1));
    }

    async fn another_process_feels_a_change_within_a_second(bed, "") {
        let home = &bed.home;
        let second = Home::open((*home.config).clone()).await.expect("a second process");
        second.set_clock().await.expect("a clock");
        let now = second.clock.now();
        let guesses = async |at| {
            let settings = second.settings.now(&second.db, at).await.expect("an answer");
            settings.policy(DEFAULT_TENANT, "login").expect("such a purpose").guesses
        };
        assert_eq!(guesses(now).await, 5);
        change(home, None, "login", json!({ "guesses": 3 })).await;
        assert_eq!(guesses(now + 499).await, 5, "nobody asked again");
        assert_eq!(guesses(now + 500).await, 3);
        let settings = second.settings.last();
        let same = second.settings.now(&second.db, now + 1_000).await.expect("an answer");
        assert!(Arc::ptr_eq(&settings, &same), "nothing is read again when nothing has changed");
        change(home, None, "login", json!({ "guesses": 2 })).await;
        second.clock.advance(2_000);
        let accepted = accept(&second, 1, "login").await;
        let row = verification::find(&home.db, accepted.id).await.expect("an answer").expect("it");
        assert_eq!(row.guess_limit, 2);
        // What was known last counts while the database is away; whoever knows nothing is told.
        second.db.close().await;
        let later = second.clock.now() + 10_000;
        assert_eq!(guesses(later).await, 2);
        let third = Home::open((*home.config).clone()).await.expect("a third process");
        third.db.close().await;
        assert!(third.settings.now(&third.db, later).await.is_err());
    }

    async fn what_no_longer_fits_is_passed_over(bed, VOICE) {
        let home = &bed.home;
        let step = json!([{ "channel": "voice", "after_secs": 60 }]);
        change(home, None, "login", json!({ "guesses": 3, "then": step })).await;
        change(home, Some(OTHER), "login", json!({ "guesses": 2 })).await;
        let mut config = (*home.config).clone();
        config.chains.voice.clear();
        let second = Home::open(config).await.expect("a second process");
        assert_eq!(of(&second, DEFAULT_TENANT, "login").await.0, 5);
        assert_eq!(of(&second, OTHER, "login").await.0, 2, "what is above it still fits");
        let settings = second.settings.last();
        let [trouble] = settings.troubles() else { panic!("{:?}", settings.troubles()) };
        let said = trouble.to_string();
        assert!(said.contains("\"login\"") && said.contains("then[0].channel"), "{said}");
        let shown = policy::find(&second, None, "login").await.expect("an answer").expect("it");
        assert_eq!((shown.troubles.len(), shown.version()), (1, 1));
    }
}
