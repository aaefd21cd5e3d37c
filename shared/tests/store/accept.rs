//! Accepting: together or not at all, once per key, and only what may be sent.

use otpost_shared::{
    admission::Refused,
    db::{Db, DbError},
    limits::Scope,
    secrets::Code,
    verification,
};
use otpost_testbed::{Bed, Kind, on_both_homes};
use sqlx::AssertSqlSafe;

use super::{accept, check, code_of, key, messages, number, refusal, request};

const TEST_NUMBERS: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" },
                { number = "+15550002222", code = "424242", until = "2020-01-01" }]
"#;

const COSTLY: &str = r#"
[recipients]
default_region = "DE"
[chains]
sms = ["gw"]
[providers.gw]
kind = "twilio"
"#;

on_both_homes! {
    async fn a_verification_and_its_message_are_committed_together(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let rows = messages(&bed.home, accepted.id).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].state, "queued");
        assert_eq!(rows[0].deadline, accepted.expires_at);
        assert_eq!(accepted.to, "+1********01");
        assert_eq!(bed.home.queue.waiting().await, Ok(1));
    }

    async fn a_repeat_gets_the_first_answer(bed, "") {
        let mut new = request(number(1));
        new.idempotency_key = Some(key(&bed.home, "k", "body"));
        let first = verification::accept(&bed.home, new.clone()).await.expect("accepted");
        let again = verification::accept(&bed.home, new.clone()).await.expect("accepted");
        assert_eq!((first.id, &first.session_token), (again.id, &again.session_token));
        assert_eq!(messages(&bed.home, first.id).await.len(), 1);
        new.idempotency_key = Some(key(&bed.home, "k", "another body"));
        assert!(matches!(
            refusal(verification::accept(&bed.home, new).await),
            Refused::KeyReused
        ));
    }

    async fn parallel_repeats_make_one_verification(bed, "") {
        // Which of the 20 is charged and which commits is decided anew for each number.
        for n in 1..=10 {
            let mut new = request(number(n));
            new.idempotency_key = Some(key(&bed.home, &n.to_string(), "body"));
            let one = || {
                let (home, new) = (bed.home.clone(), new.clone());
                tokio::spawn(async move { verification::accept(&home, new).await })
            };
            let tasks: Vec<_> = (0..20).map(|_| one()).collect();
            let mut ids = std::collections::HashSet::new();
            for task in tasks {
                ids.insert(task.await.expect("no panic").expect("accepted").id);
            }
            assert_eq!(ids.len(), 1);
            let more = refusal(verification::accept(&bed.home, request(number(n))).await);
            assert!(matches!(more, Refused::Limited { scope: Scope::Recipient, .. }), "{more:?}");
        }
    }

    async fn a_recipient_is_limited_and_told_how_long(bed, "") {
        accept(&bed.home, 1).await;
        let again = verification::accept(&bed.home, request(number(1))).await;
        let Refused::Limited { scope: Scope::Recipient, wait_ms } = refusal(again) else {
            panic!("limited by recipient")
        };
        assert!((1..=30_000).contains(&wait_ms), "{wait_ms}");
        accept(&bed.home, 2).await;
    }

    async fn an_empty_list_is_no_limit(bed, "[limits]\nrecipient = []\n") {
        for _ in 0..3 {
            accept(&bed.home, 1).await;
        }
        // Nor is it a mistake that Redis complains about, and is then left alone.
        assert!(bed.home.queue.waiting().await.is_ok());
    }

    async fn a_test_number_is_never_sent_to_but_counts_guesses(bed, TEST_NUMBERS) {
        let to = otpost_shared::recipient::Recipient::parse_unchecked("+15550001111", None);
        let to = to.expect("a test number");
        for _ in 0..3 {
            // Exempt from the limits.
            verification::accept(&bed.home, request(to.clone())).await.expect("accepted");
        }
        let accepted = verification::accept(&bed.home, request(to)).await.expect("accepted");
        assert!(messages(&bed.home, accepted.id).await.is_empty());
        assert_eq!(bed.home.queue.waiting().await, Ok(0));
        assert_eq!(code_of(&bed.home, accepted.id).await.as_str(), "424242");
        for guesses_left in [4, 3, 2, 1, 0] {
            let answer = check(&bed.home, &accepted, Code::new("111111".into())).await;
            assert!(
                matches!(answer, verification::CheckAnswer::Incorrect { guesses_left: n } if n == guesses_left)
            );
        }
        let late = check(&bed.home, &accepted, Code::new("424242".into())).await;
        assert!(matches!(
            late,
            verification::CheckAnswer::Over(verification::Status::Locked)
        ));
    }

    async fn a_provider_that_costs_money_sends_only_where_allowed(bed, COSTLY) {
        let abroad = refusal(verification::accept(&bed.home, request(number(1))).await);
        assert!(matches!(abroad, Refused::CountryNotAllowed { region: Some(r) } if r == "US"));
        let home = otpost_shared::recipient::Recipient::parse("+4915112345678", None);
        verification::accept(&bed.home, request(home.expect("valid"))).await.expect("accepted");
    }

    async fn the_daily_cap_is_exact_under_concurrency(bed, "[limits]\nsends_per_tenant_and_day = 7") {
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let home = bed.home.clone();
                let mut new = request(number(n));
                new.idempotency_key = Some(key(&bed.home, &n.to_string(), "body"));
                tokio::spawn(async move { verification::accept(&home, new).await })
            })
            .collect();
        let mut accepted = 0;
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(_) => accepted += 1,
                Err(refused) => assert!(matches!(refused, Refused::DailyCap { .. })),
            }
        }
        assert_eq!(accepted, 7);
        // What was refused gave its limits back: the recipient is not kept waiting.
        let again = refusal(verification::accept(&bed.home, request(number(39))).await);
        assert!(
            matches!(again, Refused::DailyCap { .. } | Refused::Limited { .. }),
            "{again:?}"
        );
    }

    async fn variables_are_those_the_text_names(bed, "[purposes.greet]\ntemplate = \"Hi {name}: {code}\"") {
        let mut new = request(number(1));
        new.purpose = "greet".into();
        let missing = refusal(verification::accept(&bed.home, new.clone()).await);
        assert!(matches!(missing, Refused::VariableMissing(name) if name == "name"));
        new.variables.insert("code".into(), "1".into());
        let reserved = refusal(verification::accept(&bed.home, new.clone()).await);
        assert!(matches!(reserved, Refused::VariableReserved(name) if name == "code"));
        new.variables.clear();
        new.variables.insert("name".into(), "{app}".into());
        verification::accept(&bed.home, new.clone()).await.expect("accepted");
        new.purpose = "gret".into();
        let unknown = refusal(verification::accept(&bed.home, new).await);
        let Refused::UnknownPurpose { known } = unknown else { panic!("{unknown:?}") };
        assert!(known.is_sorted() && known.contains(&"greet".to_owned()), "{known:?}");
        assert!(known.contains(&"login".to_owned()), "{known:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_ended_by_itself_is_worth_another_try() {
    let bed = Bed::make(Kind::Production, "").await;
    let Db::Postgres(pool, _) = &bed.home.db else { panic!("the production home") };
    // A process that was held still within a transaction, an operator's hand, a wrong statement.
    for (code, may_pass) in [("25P03", true), ("25P04", true), ("57P01", true), ("42601", false)] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
        let error = sqlx::query(AssertSqlSafe(raise)).execute(pool).await.expect_err("raised");
        let read = DbError::from(error);
        assert_eq!(matches!(read, DbError::Unavailable(_)), may_pass, "{code}: {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_room_heals_it() {
    let bed = Bed::make(Kind::Embedded, "").await;
    let Db::Sqlite { write, .. } = &bed.home.db else { panic!("the embedded home") };
    let pages = |most: &str| sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {most}")));
    let now: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(write).await.expect("a count");
    pages(&now.to_string()).execute(write).await.expect("set");
    let mut accepted = 0;
    let refused = loop {
        match verification::accept(&bed.home, request(number(accepted))).await {
            Ok(_) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Unavailable(DbError::Full(_))), "{refused:?}");
    pages("1000000").execute(write).await.expect("set");
    for n in accepted..accepted + 3 {
        accept(&bed.home, n).await;
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM verifications")
        .fetch_one(write)
        .await
        .expect("a count");
    assert_eq!(rows, i64::from(accepted) + 3);
}
