//! Who writes a keyword is answered: once a day, and never after they asked for silence.

use futures_util::future::join_all;
use otpost_shared::{
    Home,
    inbound::{self, Wish, Written},
    message::{self, Message},
    queue::Lane,
    recipient::Recipient,
    retention::{Kind, Removal},
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, on_both_homes};

use super::{leases::bulk, number};

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
    let written = Written { from, wish, at: None };
    inbound::take(home, provider, written).await.expect("taken");
}

/// Messages that wait in the lane of replies.
async fn waiting(home: &Home) -> i64 {
    message::count_waiting(&home.db, Lane::Bulk, 100).await.expect("an answer")
}

/// What is due next.
async fn next(home: &Home) -> Message {
    let now = home.clock.now();
    let claimed = message::claim_due(&home.db, Lane::Bulk, 1, None, now).await.expect("an answer");
    Message::clone(&claimed.first().expect("a message").message)
}

async fn is_kept_back(home: &Home, n: u32) -> bool {
    suppression::keeps_back(home, DEFAULT_TENANT, &number(n), Lane::Bulk).await.expect("an answer")
}

async fn keep_back(home: &Home, n: u32) {
    let new = NewSuppression {
        tenant_id: Some(DEFAULT_TENANT),
        to: number(n),
        scope: Scope::Bulk,
        reason: Reason::Manual,
        provider: None,
    };
    suppression::add(home, new).await.expect("added");
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
            assert_eq!(row.recipient(&home.keys).expect("a key"), Some(number(1)));
            assert_eq!(row.only_provider.as_deref(), Some("main"));
            assert_eq!(row.keyword.as_deref(), Some(wish.as_str()));
            assert_eq!(row.confirms_stop(), wish == Wish::Stop);
            assert_eq!(row.deadline - row.created_at, 300_000);
        }
        let other = next(home).await;
        assert_eq!((other.only_provider.as_deref(), other.confirms_stop()), (None, false));
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
        write(home, "silent", number(1), Wish::Start).await;
        assert!(!is_kept_back(home, 1).await);
    }

    async fn nothing_follows_the_answer_to_stop(bed, CONFIG) {
        let home = &bed.home;
        write(home, "main", number(1), Wish::Stop).await;
        assert!(next(home).await.confirms_stop());
        write(home, "main", number(1), Wish::Help).await;
        assert_eq!(waiting(home).await, 0);
        write(home, "main", number(1), Wish::Start).await;
        write(home, "main", number(1), Wish::Help).await;
        assert_eq!(waiting(home).await, 2, "what was not answered takes nobody's turn");
        // START does not take back what a tenant said.
        keep_back(home, 2).await;
        write(home, "main", number(2), Wish::Start).await;
        write(home, "main", number(2), Wish::Help).await;
        assert_eq!(waiting(home).await, 2);
        write(home, "main", number(2), Wish::Stop).await;
        assert_eq!(waiting(home).await, 3);
    }

    async fn who_changes_their_mind_hears_the_last_word(bed, CONFIG) {
        let home = &bed.home;
        write(home, "main", number(1), Wish::Stop).await;
        write(home, "main", number(2), Wish::Stop).await;
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
