//! Policies: layer on layer, version by version, felt everywhere; and what they say of codes that count
//! again, of steps, of countries and of resends.

use std::sync::Arc;

use otpost_shared::{
    Home,
    admission::Refused,
    channel::Channel,
    config::Purpose,
    policy::{self, Body, Change, Layer, NotChanged},
    secrets::Code,
    tenant::DEFAULT_TENANT,
    verification::{
        self, Accepted, CheckAnswer, NewVerification, ReceiptAnswer, ResendAnswer, ResendRequest,
        Status,
    },
};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::{check, check_request, code_of, key, messages, number, other_than, refusal, request};

/// A tenant that changes things, beside the default one.
const OTHER: Uuid = Uuid::max();

fn body(keys: Value) -> Body {
    let Value::Object(keys) = keys else { panic!("{keys}") };
    keys.into()
}

fn change_of(tenant_id: Option<Uuid>, purpose: &str, keys: Option<Value>) -> Change {
    Change {
        tenant_id,
        purpose: purpose.into(),
        body: keys.map(body),
        based_on: None,
        changed_by: "test".into(),
    }
}

async fn change(home: &Home, tenant_id: Option<Uuid>, purpose: &str, keys: Value) -> i32 {
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

fn for_purpose(n: u32, purpose: &str) -> NewVerification {
    NewVerification { purpose: purpose.into(), ..request(number(n)) }
}

async fn accept(home: &Home, n: u32, purpose: &str) -> Accepted {
    verification::accept(home, for_purpose(n, purpose)).await.expect("accepted")
}

async fn channels(home: &Home, id: Uuid) -> Vec<String> {
    messages(home, id).await.into_iter().map(|message| message.channel).collect()
}

const LAYERED: &str = "[purposes.default]\nguesses = 4\n[purposes.login]\nlifetime_secs = 200";
const VOICE: &str = "[chains]\nvoice = [\"console\"]\nemail = [\"console\"]";
const REUSABLE: &str = "[purposes.default]\nreusable = true";
const TWO_RESENDS: &str =
    "[limits]\nrecipient = [\"1000/1s\"]\n[purposes.default]\nresends = \"2/5m\"";

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

    async fn a_code_that_counts_again_gives_one_receipt(bed, REUSABLE) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        let code = code_of(home, accepted.id).await;
        let keyed = || {
            let mut request = check_request(&accepted, code.clone());
            request.idempotency_key = Some("k".into());
            request
        };
        let first = verification::check(home, keyed()).await.expect("an answer");
        let CheckAnswer::Verified { receipt, at, .. } = first else { panic!("{first:?}") };
        for _ in 0..2 {
            let again = check(home, &accepted, code.clone()).await;
            let CheckAnswer::VerifiedAgain { at: first_at, .. } = again else { panic!("{again:?}") };
            assert_eq!(first_at, at);
        }
        let repeat = verification::check(home, keyed()).await.expect("an answer");
        let CheckAnswer::Verified { receipt: same, .. } = repeat else { panic!("{repeat:?}") };
        assert_eq!(receipt, same);
        // Right ones cost nothing, wrong ones what they always do.
        for left in [4, 3, 2, 1, 0] {
            let wrong = check(home, &accepted, other_than(&code)).await;
            assert!(matches!(wrong, CheckAnswer::Incorrect { guesses_left } if guesses_left == left));
        }
        let over = check(home, &accepted, code).await;
        assert!(matches!(over, CheckAnswer::Over(Status::Locked)), "{over:?}");
        let row = verification::find(&home.db, accepted.id).await.expect("an answer").expect("it");
        assert!(row.code(&home.keys).expect("a key").is_none(), "the seed is erased");
        let consume = async || {
            let (tenant, purpose) = (DEFAULT_TENANT, "default");
            let done = verification::consume_receipt(home, tenant, &receipt, purpose, None, false);
            done.await.expect("an answer")
        };
        assert!(matches!(consume().await, ReceiptAnswer::Consumed { .. }));
        assert!(matches!(consume().await, ReceiptAnswer::AlreadyConsumed));
    }

    async fn a_code_that_counts_again_ends_with_its_time(bed, REUSABLE) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        let code = code_of(home, accepted.id).await;
        assert!(matches!(check(home, &accepted, code.clone()).await, CheckAnswer::Verified { .. }));
        let pending = accept(home, 2, "default").await;
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        home.clock.advance(600_001);
        let expired = |answer| matches!(answer, CheckAnswer::Over(Status::Expired));
        assert!(expired(check(home, &accepted, code.clone()).await));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(1));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        assert!(expired(check(home, &accepted, code.clone()).await));
        assert_eq!(verification::mark_expired(&home.db, home.clock.now(), 10).await, Ok(1));
        assert_eq!(verification::mark_used_up(&home.db, home.clock.now(), 10).await, Ok(0));
        for id in [accepted.id, pending.id] {
            let row = verification::find(&home.db, id).await.expect("an answer").expect("it");
            assert!(row.code(&home.keys).expect("a key").is_none(), "the seed is erased");
        }
    }

    async fn of_right_codes_at_once_one_gets_the_receipt(bed, REUSABLE) {
        let accepted = accept(&bed.home, 1, "default").await;
        let code = code_of(&bed.home, accepted.id).await;
        let barrier = Arc::new(Barrier::new(12));
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let (home, barrier) = (bed.home.clone(), Arc::clone(&barrier));
                let request = check_request(&accepted, code.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    verification::check(&home, request).await
                })
            })
            .collect();
        let (mut receipts, mut again) = (0, 0);
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(CheckAnswer::Verified { .. }) => receipts += 1,
                Ok(CheckAnswer::VerifiedAgain { .. }) => again += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((receipts, again), (1, 11));
    }

    async fn steps_of_the_policy_follow_where_the_request_has_no_word_on_them(bed, VOICE) {
        let home = &bed.home;
        let step = json!([{ "channel": "voice", "after_secs": 60 }]);
        change(home, None, "login", json!({ "then": step })).await;
        let accepted = accept(home, 1, "login").await;
        assert_eq!(channels(home, accepted.id).await, ["sms", "voice"]);
        let none = NewVerification { then: Some(Vec::new()), ..for_purpose(2, "login") };
        let accepted = verification::accept(home, none).await.expect("accepted");
        assert_eq!(channels(home, accepted.id).await, ["sms"]);
        let ann = otpost_shared::recipient::Recipient::parse_email("ann@example.org");
        let by_email = NewVerification { purpose: "login".into(), ..request(ann.expect("one")) };
        let accepted = verification::accept(home, by_email).await.expect("accepted");
        assert_eq!(channels(home, accepted.id).await, ["email"], "no call reaches it");
    }

    async fn countries_and_own_codes_are_the_purposes(bed, VOICE) {
        let home = &bed.home;
        let keyed = || {
            let idempotency_key = Some(key(home, "k", "login"));
            NewVerification { idempotency_key, ..for_purpose(1, "login") }
        };
        let first = verification::accept(home, keyed()).await.expect("accepted");
        let strict = json!({ "own_codes": false, "countries": ["US"] });
        change(home, None, "login", strict).await;
        let own = NewVerification { code: Some(Code::new("123456".into())), ..for_purpose(2, "login") };
        let refused = refusal(verification::accept(home, own).await);
        assert!(matches!(&refused, Refused::OwnCode { purpose } if purpose == "login"), "{refused:?}");
        accept(home, 2, "login").await;
        change(home, None, "login", json!({ "countries": ["GB", "IE"] })).await;
        let refused = refusal(verification::accept(home, for_purpose(3, "login")).await);
        let Refused::CountryNotOfPurpose { region, purpose } = &refused else { panic!("{refused:?}") };
        assert_eq!((region.as_deref(), purpose.as_str()), (Some("US"), "login"));
        let again = verification::accept(home, keyed()).await.expect("the first answer");
        assert_eq!(again.id, first.id);
        let own = |purpose: &str| {
            let idempotency_key = Some(key(home, "own", purpose));
            let code = Some(Code::new("123456".into()));
            NewVerification { idempotency_key, code, ..for_purpose(4, purpose) }
        };
        change(home, Some(DEFAULT_TENANT), "shop", json!({})).await;
        let first_own = verification::accept(home, own("shop")).await.expect("accepted");
        change(home, Some(DEFAULT_TENANT), "shop", json!({ "own_codes": false })).await;
        let again = verification::accept(home, own("shop")).await.expect("the first answer");
        assert_eq!(again.id, first_own.id);
        let gone = change_of(Some(DEFAULT_TENANT), "shop", None);
        policy::change(home, gone).await.expect("taken back");
        let again = verification::accept(home, own("shop")).await.expect("the first answer");
        assert_eq!(again.id, first_own.id);
        home.clock.advance(31_000);
        let resend = resend_request(first.id);
        let refused = refusal(verification::resend(home, resend).await);
        assert!(matches!(refused, Refused::CountryNotOfPurpose { .. }), "{refused:?}");
        accept(home, 3, "default").await;
    }

    async fn a_code_is_sent_again_so_often_in_so_long(bed, TWO_RESENDS) {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        home.clock.advance(31_000);
        let ResendAnswer::Resent(first) = resend(home, accepted.id).await else { panic!("first") };
        home.clock.advance(31_000);
        let ResendAnswer::Resent(second) = resend(home, accepted.id).await else { panic!("second") };
        // The first one was sent 30 s before its next would have been possible.
        let room_at = first.resend_at - 30_000 + 300_000;
        assert_eq!(second.resend_at, room_at);
        home.clock.advance(31_000);
        let early = resend(home, accepted.id).await;
        assert!(matches!(early, ResendAnswer::TooEarly { resend_at } if resend_at == room_at));
        home.clock.advance(room_at - home.clock.now() + 1);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::Resent(_)));
    }

    async fn fewer_resends_count_at_once(bed, "[limits]\nrecipient = [\"1000/1s\"]") {
        let home = &bed.home;
        let accepted = accept(home, 1, "default").await;
        home.clock.advance(31_000);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::Resent(_)));
        change(home, None, "default", json!({ "resends": "1/10m" })).await;
        home.clock.advance(31_000);
        assert!(matches!(resend(home, accepted.id).await, ResendAnswer::TooEarly { .. }));
        let call = ResendRequest { channel: Some(Channel::Sms), ..resend_request(accepted.id) };
        let answer = verification::resend(home, call).await.expect("an answer");
        assert!(matches!(answer, ResendAnswer::TooEarly { .. }), "{answer:?}");
    }
}

fn resend_request(id: Uuid) -> ResendRequest {
    ResendRequest {
        tenant_id: DEFAULT_TENANT,
        id,
        channel: None,
        client: None,
        idempotency_key: None,
    }
}

async fn resend(home: &Home, id: Uuid) -> ResendAnswer {
    verification::resend(home, resend_request(id)).await.expect("an answer")
}
