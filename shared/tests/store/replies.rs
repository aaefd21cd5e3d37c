//! Who writes a keyword is answered: once a day, before all texts, and after STOP when they ask for help.

use std::{slice, sync::Arc};

use futures_util::future::join_all;
use otpost_shared::{
    Home,
    inbound::{self, Wish, Written},
    message::{self, Message, Next, Recording},
    queue::Lane,
    recipient::Recipient,
    retention::{Kind, Removal},
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, on_both_homes};
use uuid::Uuid;

use super::{accept, is_kept_back, leases::bulk, number, waiting};

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example"
[recipients]
default_region = "US"
test_numbers = [{ number = "+12025550177", code = "123456", until = "2099-01-01" }]
[texts]
app = "Acme"
contact = "help@acme.example"
[replies]
lifetime_secs = 300
stop = "{app}: no more texts."
start = "{app}: texts again."
help = "{app}: {contact}"
[providers.main]
kind = "vonage"
replies = true
[providers.silent]
kind = "vonage"
"#;

const DAY_MS: i64 = 86_400_000;

async fn write(home: &Home, provider: &str, from: Recipient, wish: Wish) {
    let written = Written { from, wish, at: None, id: None };
    inbound::take(home, provider, written).await.expect("taken");
}

/// What is due next.
async fn next(home: &Home) -> Message {
    let now = home.clock.now();
    let claimed = message::claim_due(&home.db, Lane::Bulk, 1, None, now).await.expect("an answer");
    Message::clone(&claimed.first().expect("a message").message)
}

/// What is claimed when there is room for so many: the keyword of each reply, and none of anything else.
async fn claimed(home: &Home, lane: Lane, limit: i64) -> Vec<Option<String>> {
    let now = home.clock.now();
    let claimed = message::claim_due(&home.db, lane, limit, None, now).await.expect("an answer");
    let mut keywords: Vec<_> = claimed.iter().map(|it| it.message.keyword.clone()).collect();
    keywords.sort_unstable();
    keywords
}

/// As after a try that was of no use.
async fn put_off(home: &Home, row: Message, ms: i64) {
    let now = home.clock.now();
    let next = Next::Wait { not_before: now + ms, why: None };
    let step = Recording { message: Arc::new(row), ended: None, next, now };
    message::record(&home.db, &[step]).await.expect("an answer");
}

/// As a tenant does; the id of what is written down.
async fn keep_back(home: &Home, n: u32) -> Uuid {
    let new = NewSuppression {
        tenant_id: Some(DEFAULT_TENANT),
        to: number(n),
        scope: Scope::Bulk,
        reason: Reason::Manual,
        provider: None,
    };
    suppression::add(home, new).await.expect("added").id
}

/// As a provider tells that this one opted out.
async fn told(home: &Home, n: u32) {
    suppression::add_told(home, number(n), Reason::Provider, "main").await.expect("added");
}

/// True when the statement that begins an attempt lets this one begin.
async fn begins(home: &Home, row: Message, n: u32) -> bool {
    let suppression_hash = suppression::hash(&home.keys, &number(n));
    let next = Next::Try { number: 1, provider: "main".into(), suppression_hash };
    let step = Recording { message: Arc::new(row), ended: None, next, now: home.clock.now() };
    message::record(&home.db, &[step]).await.expect("an answer")[0].is_some()
}

on_both_homes! {
    async fn an_answer_goes_first_by_its_provider_alone(bed, CONFIG) {
        let home = &bed.home;
        bulk(home, 2).await;
        home.clock.advance(10_000);
        for (wish, text) in [
            (Wish::Help, "Acme: help@acme.example"),
            (Wish::Stop, "Acme: no more texts."),
            (Wish::Start, "Acme: texts again."),
        ] {
            write(home, "main", number(1), wish).await;
            assert_eq!(is_kept_back(home, 1).await, wish == Wish::Stop);
            let row = next(home).await;
            let body = row.body(&home.keys).expect("a key").expect("a body");
            assert_eq!(body.text, text);
            home.clock.advance(1);
            assert_eq!(row.recipient(&home.keys).expect("a key"), Some(number(1)));
            assert_eq!(row.only_provider.as_deref(), Some("main"));
            assert_eq!(row.keyword.as_deref(), Some(wish.as_str()));
            assert_eq!(row.confirms_stop(), wish == Wish::Stop);
            assert_eq!(row.deadline - row.created_at, 300_000);
        }
        let other = next(home).await;
        assert_eq!((other.only_provider.as_deref(), other.confirms_stop()), (None, false));
    }

    async fn an_answer_that_was_put_off_goes_before_what_waited_longer(bed, CONFIG) {
        let home = &bed.home;
        for n in 11..15 {
            bulk(home, n).await;
        }
        accept(home, 20).await;
        home.clock.advance(10_000);
        for (n, wish) in [(1, Wish::Help), (2, Wish::Start), (3, Wish::Stop)] {
            write(home, "main", number(n), wish).await;
            let ms = if wish == Wish::Start { 60_000 } else { 120_000 };
            put_off(home, next(home).await, ms).await;
        }
        let (text, said) = (None::<String>, |keyword: &str| Some(keyword.to_owned()));
        assert_eq!(claimed(home, Lane::Bulk, 1).await, slice::from_ref(&text), "an answer is not due yet");
        home.clock.advance(120_000);
        assert_eq!(claimed(home, Lane::Otp, 9).await, slice::from_ref(&text), "codes come by themselves");
        assert_eq!(claimed(home, Lane::Bulk, 1).await, [said("start")], "the first that was due");
        assert_eq!(claimed(home, Lane::Bulk, 3).await, [text.clone(), said("help"), said("stop")]);
        write(home, "main", number(4), Wish::Help).await;
        put_off(home, next(home).await, 60_000).await;
        assert_eq!(claimed(home, Lane::Bulk, 1).await, slice::from_ref(&text));
        home.clock.advance(60_000);
        assert_eq!(claimed(home, Lane::Bulk, 9).await, [text, said("help")], "all that is left");
        assert_eq!(waiting(home).await, 0);
    }

    async fn answers_leave_half_of_a_claim_to_texts(bed, CONFIG) {
        let home = &bed.home;
        for n in 11..15 {
            bulk(home, n).await;
        }
        home.clock.advance(10_000);
        for n in 1..5 {
            write(home, "main", number(n), Wish::Help).await;
        }
        let (text, help) = (None::<String>, Some("help".to_owned()));
        let half = [text.clone(), text.clone(), help.clone(), help.clone()];
        assert_eq!(claimed(home, Lane::Bulk, 4).await, half);
        assert_eq!(claimed(home, Lane::Bulk, 1).await, slice::from_ref(&help), "of one it is one");
        assert_eq!(claimed(home, Lane::Bulk, 3).await, [text.clone(), text, help]);
        assert_eq!(waiting(home).await, 0);
    }

    async fn an_answer_whose_time_is_over_is_not_claimed(bed, CONFIG) {
        let home = &bed.home;
        write(home, "main", number(1), Wish::Help).await;
        put_off(home, next(home).await, 1_000).await;
        bulk(home, 2).await;
        home.clock.advance(300_000);
        assert_eq!(claimed(home, Lane::Bulk, 9).await, [None::<String>]);
    }

    async fn a_keyword_is_answered_once_a_day(bed, CONFIG) {
        let home = &bed.home;
        for _ in 0..3 {
            write(home, "main", number(1), Wish::Help).await;
        }
        assert_eq!(waiting(home).await, 1);
        write(home, "main", number(2), Wish::Help).await;
        write(home, "main", number(1), Wish::Stop).await;
        write(home, "main", number(1), Wish::Stop).await;
        assert_eq!(waiting(home).await, 3, "another number, another keyword");
        home.clock.advance(DAY_MS - 60_000);
        write(home, "main", number(2), Wish::Help).await;
        assert_eq!(waiting(home).await, 3);
        home.clock.advance(60_000);
        write(home, "main", number(2), Wish::Help).await;
        write(home, "main", number(2), Wish::Help).await;
        assert_eq!(waiting(home).await, 4);
    }

    async fn of_many_at_once_one_answers(bed, CONFIG) {
        let home = &bed.home;
        for (n, wish) in [(1, Wish::Help), (2, Wish::Stop), (3, Wish::Start)] {
            let takes = (0..16).map(|_| {
                let home = home.clone();
                tokio::spawn(async move { write(&home, "main", number(n), wish).await })
            });
            for taken in join_all(takes).await {
                taken.expect("no panic");
            }
            assert_eq!(waiting(home).await, i64::from(n));
        }
        assert!(is_kept_back(home, 2).await);
    }

    async fn whom_nobody_answers(bed, CONFIG) {
        let home = &bed.home;
        let abroad = Recipient::parse("+4915112345678", None).expect("a number");
        for (provider, from, wish) in [
            ("silent", number(1), Wish::Stop),
            ("silent", number(1), Wish::Help),
            ("nobody", number(1), Wish::Help),
            ("main", number(177), Wish::Help),
            ("main", abroad, Wish::Help),
            ("main", number(1), Wish::Other),
        ] {
            write(home, provider, from, wish).await;
        }
        assert_eq!(waiting(home).await, 0);
        assert!(is_kept_back(home, 1).await, "STOP is understood all the same");
        home.clock.advance(1);
        write(home, "silent", number(1), Wish::Start).await;
        assert!(!is_kept_back(home, 1).await);
    }

    async fn after_stop_nothing_but_help_is_answered(bed, CONFIG) {
        let home = &bed.home;
        bulk(home, 1).await;
        write(home, "main", number(1), Wish::Stop).await;
        assert!(next(home).await.confirms_stop());
        write(home, "main", number(1), Wish::Help).await;
        write(home, "main", number(1), Wish::Help).await;
        let help = next(home).await;
        assert_eq!(help.keyword.as_deref(), Some("help"));
        assert!(begins(home, help, 1).await);
        let text = next(home).await;
        assert_eq!(text.keyword, None);
        assert!(!begins(home, text, 1).await, "it waited when STOP came");
        assert_eq!(waiting(home).await, 0);
        assert!(is_kept_back(home, 1).await, "HELP changes nothing");
    }

    async fn help_is_not_answered_when_others_than_the_person_say_so(bed, CONFIG) {
        let home = &bed.home;
        let answers = async |n, wish| {
            let before = waiting(home).await;
            write(home, "main", number(n), wish).await;
            waiting(home).await > before
        };
        let kept_back = keep_back(home, 1).await;
        assert!(!answers(1, Wish::Help).await);
        assert!(!answers(1, Wish::Start).await, "it does not take back what a tenant said");
        assert!(answers(1, Wish::Stop).await);
        assert!(!answers(1, Wish::Help).await, "the tenant says so as well");
        assert_eq!(suppression::remove(home, kept_back).await, Ok(true));
        assert!(answers(1, Wish::Help).await, "what was not answered takes nobody's turn");
        told(home, 2).await;
        assert!(!answers(2, Wish::Help).await);
        assert!(answers(2, Wish::Stop).await);
        assert!(!answers(2, Wish::Help).await, "the provider said so first");
        assert!(answers(3, Wish::Stop).await);
        told(home, 3).await;
        assert!(answers(3, Wish::Help).await, "the provider only repeats it");
    }

    async fn what_is_said_while_an_answer_waits_counts(bed, CONFIG) {
        let home = &bed.home;
        for (n, wish, is_begun) in [
            (1, Wish::Help, true),
            (2, Wish::Help, false),
            (3, Wish::Help, false),
            (4, Wish::Start, false),
        ] {
            write(home, "main", number(n), wish).await;
            let row = next(home).await;
            match n {
                1 => write(home, "main", number(n), Wish::Stop).await,
                2 | 4 => {
                    keep_back(home, n).await;
                }
                _ => told(home, n).await,
            }
            assert_eq!(begins(home, row, n).await, is_begun, "{n}");
            while waiting(home).await > 0 {
                next(home).await;
            }
        }
    }

    async fn who_changes_their_mind_hears_the_last_word(bed, CONFIG) {
        let home = &bed.home;
        write(home, "main", number(1), Wish::Stop).await;
        write(home, "main", number(2), Wish::Stop).await;
        // Within the same millisecond STOP would be the last word.
        home.clock.advance(1);
        write(home, "main", number(1), Wish::Start).await;
        let mut told = [next(home).await, next(home).await];
        told.sort_by_key(|row| row.keyword.clone());
        let told = told.map(|row| (row.keyword.clone(), row.recipient(&home.keys).expect("a key")));
        let said = |keyword: &str, n| (Some(keyword.to_owned()), Some(number(n)));
        assert_eq!(told, [said("start", 1), said("stop", 2)]);
        assert_eq!(waiting(home).await, 0, "the answer to STOP is called off");
    }

    async fn who_was_answered_is_forgotten(bed, CONFIG) {
        let home = &bed.home;
        for n in 1..4 {
            write(home, "main", number(n), Wish::Help).await;
        }
        let count = async || Kind::Replies.count(home, home.clock.now()).await;
        assert_eq!(count().await, Ok(0));
        home.clock.advance(DAY_MS);
        assert_eq!(count().await, Ok(3));
        let mut removal = Removal::new(Kind::Replies, home, home.clock.now());
        assert_eq!(removal.step(&home.db).await, Ok(3));
        assert_eq!(count().await, Ok(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_of_the_day_counts_answers_too() {
    let capped = format!("{CONFIG}[limits]\nsends_per_tenant_and_day = 2\n");
    for kind in [otpost_testbed::Kind::Embedded, otpost_testbed::Kind::Production] {
        let bed = Bed::make(kind, &capped).await;
        for n in 1..5 {
            write(&bed.home, "main", number(n), Wish::Stop).await;
            write(&bed.home, "main", number(n), Wish::Stop).await;
            assert!(is_kept_back(&bed.home, n).await);
        }
        assert_eq!(waiting(&bed.home).await, 2);
    }
}
