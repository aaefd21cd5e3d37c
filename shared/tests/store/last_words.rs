//! A message that a provider brings again, or late, does not undo what its number said since.

use futures_util::future::join_all;
use otpost_shared::{
    Home,
    inbound::{self, Wish, Written},
    retention::{Kind, Removal},
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, on_both_homes};
use sqlx::{Connection, PgConnection};

use super::{is_kept_back, number, waiting};

/// One provider answers, the other does not.
const CONFIG: &str = r#"
[server]
public_url = "https://codes.example"
[texts]
app = "Acme"
contact = "help@acme.example"
[recipients]
countries = ["*"]
[providers.main]
kind = "vonage"
replies = true
[providers.silent]
kind = "vonage"
"#;

const DAY_MS: i64 = 86_400_000;

async fn bring(home: &Home, provider: &str, n: u32, wish: Wish, at: Option<i64>) {
    let written = Written { from: number(n), wish, at, id: None };
    inbound::take(home, provider, written).await.expect("taken");
}

/// Of a provider that tells no time.
async fn bring_named(home: &Home, provider: &str, wish: Wish, id: &str) {
    let written = Written { from: number(1), wish, at: None, id: Some(id.to_owned()) };
    inbound::take(home, provider, written).await.expect("taken");
}

on_both_homes! {
    async fn what_comes_late_undoes_nothing(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        for (n, provider) in [(1, "silent"), (2, "main")] {
            let bring = async |wish, at| bring(home, provider, n, wish, at).await;
            bring(Wish::Start, Some(now - 1_000)).await;
            bring(Wish::Stop, Some(now - 2_000)).await;
            assert!(!is_kept_back(home, n).await, "STOP was written before START");
            bring(Wish::Stop, Some(now - 500)).await;
            assert!(is_kept_back(home, n).await);
            bring(Wish::Start, Some(now - 1_000)).await;
            assert!(is_kept_back(home, n).await, "START is brought again");
            bring(Wish::Start, None).await;
            assert!(!is_kept_back(home, n).await, "what tells no time was written now");
            bring(Wish::Stop, Some(now - 200)).await;
            assert!(is_kept_back(home, n).await, "when that START was written nobody told");
            bring(Wish::Start, Some(now - 100)).await;
            assert!(!is_kept_back(home, n).await);
            bring(Wish::Stop, None).await;
            assert!(is_kept_back(home, n).await);
        }
        assert!(!is_kept_back(home, 3).await);
        bring(home, "silent", 3, Wish::Stop, Some(now - 7 * DAY_MS)).await;
        assert!(is_kept_back(home, 3).await, "it was never heard before");
    }

    async fn the_same_again_is_nothing_new(bed, CONFIG) {
        let (home, at) = (&bed.home, bed.home.clock.now());
        for _ in 0..2 {
            bring(home, "main", 1, Wish::Stop, Some(at)).await;
            assert!(is_kept_back(home, 1).await);
        }
        assert_eq!(waiting(home).await, 1);
        // Whose answer is forgotten, and whose suppression somebody took away.
        home.clock.advance(2 * DAY_MS);
        assert_eq!(suppression::lift(home, &number(1)).await, Ok(1));
        bring(home, "main", 1, Wish::Stop, Some(at)).await;
        assert_eq!((is_kept_back(home, 1).await, waiting(home).await), (false, 1));
        bring(home, "main", 1, Wish::Stop, Some(at + 1)).await;
        assert_eq!((is_kept_back(home, 1).await, waiting(home).await), (true, 2));
    }

    async fn of_the_same_moment_stop_counts(bed, CONFIG) {
        let (home, at) = (&bed.home, bed.home.clock.now() - 1_000);
        for (n, words) in [(1, [Wish::Stop, Wish::Start]), (2, [Wish::Start, Wish::Stop])] {
            // A call may be brought again, or a part of it.
            for wish in words.into_iter().chain(words).chain([Wish::Start]) {
                bring(home, "main", n, wish, Some(at)).await;
            }
            assert!(is_kept_back(home, n).await, "{n}");
            bring(home, "main", n, Wish::Start, Some(at + 1)).await;
            assert!(!is_kept_back(home, n).await, "{n}");
        }
    }

    async fn a_clock_that_is_ahead_undoes_no_stop(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        let (start, minute) = (Some(now + 300_000), 60_000);
        for (n, stop) in [(1, Some(now + 300_001)), (2, start), (3, None)] {
            bring(home, "silent", n, Wish::Start, start).await;
            for _ in 0..2 {
                bring(home, "silent", n, Wish::Stop, stop).await;
                assert!(is_kept_back(home, n).await, "{n}");
                bring(home, "silent", n, Wish::Start, start).await;
                assert!(is_kept_back(home, n).await, "{n}: START is brought again");
            }
        }
        home.clock.advance(10 * minute);
        for n in 1..4 {
            bring(home, "silent", n, Wish::Start, start).await;
            assert!(is_kept_back(home, n).await, "{n}: and again");
            bring(home, "silent", n, Wish::Start, Some(now + 6 * minute)).await;
            assert!(!is_kept_back(home, n).await, "{n}");
        }
    }

    async fn a_time_that_cannot_be_is_none(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        bring(home, "silent", 1, Wish::Start, Some(now + DAY_MS)).await;
        bring(home, "silent", 1, Wish::Stop, Some(now - 1_000)).await;
        assert!(is_kept_back(home, 1).await, "it is not known when START was written");
        bring(home, "silent", 1, Wish::Start, Some(i64::MIN)).await;
        assert!(is_kept_back(home, 1).await);
        bring(home, "silent", 1, Wish::Stop, Some(i64::MIN)).await;
        bring(home, "silent", 1, Wish::Start, Some(i64::MAX)).await;
        assert!(!is_kept_back(home, 1).await, "it was written when it came");
    }

    async fn what_was_written_weeks_ago_lifts_nothing(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        suppression::add_told(home, number(1), Reason::Provider, "main").await.expect("added");
        bring(home, "silent", 1, Wish::Start, Some(now - 20 * DAY_MS)).await;
        assert!(is_kept_back(home, 1).await);
        bring(home, "silent", 1, Wish::Start, Some(now - 13 * DAY_MS)).await;
        assert!(!is_kept_back(home, 1).await);
        bring(home, "silent", 2, Wish::Stop, Some(now - 20 * DAY_MS)).await;
        assert!(is_kept_back(home, 2).await, "STOP counts however late it comes");
    }

    async fn of_many_at_once_the_last_word_wins(bed, CONFIG) {
        let now = bed.home.clock.now();
        for (n, last) in [(1, Wish::Stop), (2, Wish::Start), (3, Wish::Stop), (4, Wish::Start)] {
            let takes = (0..4).map(|place| {
                let home = bed.home.clone();
                let other = if last == Wish::Stop { Wish::Start } else { Wish::Stop };
                let wish = if place == 0 { last } else { other };
                let at = now - if place == 0 { 0 } else { 1_000 + place };
                tokio::spawn(async move { bring(&home, "main", n, wish, Some(at)).await })
            });
            for taken in join_all(takes).await {
                taken.expect("no panic");
            }
            assert_eq!(is_kept_back(&bed.home, n).await, last == Wish::Stop);
        }
    }

    async fn help_that_comes_late_is_not_answered(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        bring(home, "main", 1, Wish::Start, Some(now - 1_000)).await;
        assert_eq!(waiting(home).await, 1);
        bring(home, "main", 1, Wish::Help, Some(now - 2_000)).await;
        assert_eq!(waiting(home).await, 1, "the number said START since");
        bring(home, "main", 2, Wish::Help, Some(now - DAY_MS)).await;
        assert_eq!(waiting(home).await, 1, "a day is too late");
        bring(home, "main", 1, Wish::Help, Some(now - 500)).await;
        bring(home, "main", 2, Wish::Help, Some(now - DAY_MS / 2)).await;
        assert_eq!(waiting(home).await, 3);
        // HELP is no last word: a STOP before it that was not heard counts.
        bring(home, "main", 2, Wish::Stop, Some(now - DAY_MS)).await;
        assert!(is_kept_back(home, 2).await);
    }

    async fn what_others_say_keeps_its_way(bed, CONFIG) {
        let (home, now) = (&bed.home, bed.home.clock.now());
        bring(home, "silent", 1, Wish::Start, Some(now)).await;
        suppression::add_told(home, number(1), Reason::Provider, "main").await.expect("added");
        assert!(is_kept_back(home, 1).await);
        bring(home, "silent", 1, Wish::Start, Some(now)).await;
        assert!(is_kept_back(home, 1).await, "that START was heard before");
        home.clock.advance(1_000);
        bring(home, "silent", 1, Wish::Start, None).await;
        assert!(!is_kept_back(home, 1).await);
        let manual = NewSuppression {
            tenant_id: Some(DEFAULT_TENANT),
            to: number(1),
            scope: Scope::Bulk,
            reason: Reason::Manual,
            provider: None,
        };
        suppression::add(home, manual).await.expect("added");
        bring(home, "silent", 1, Wish::Start, None).await;
        assert!(is_kept_back(home, 1).await, "no person takes back what a tenant said");
    }

    async fn a_clock_that_was_wrong_makes_nobody_unheard(bed, CONFIG) {
        let home = &bed.home;
        home.clock.advance(400 * DAY_MS);
        bring(home, "silent", 1, Wish::Start, None).await;
        home.clock.advance(-400 * DAY_MS);
        bring(home, "silent", 1, Wish::Stop, None).await;
        assert!(is_kept_back(home, 1).await);
        home.clock.advance(400 * DAY_MS);
        bring(home, "silent", 2, Wish::Stop, None).await;
        home.clock.advance(-400 * DAY_MS);
        bring(home, "silent", 2, Wish::Start, None).await;
        assert!(!is_kept_back(home, 2).await);
    }

    async fn a_start_without_its_time_counts_once(bed, CONFIG) {
        let home = &bed.home;
        let is_kept_back = async || is_kept_back(home, 1).await;
        for round in ["1", "2"] {
            bring_named(home, "main", Wish::Stop, &format!("stop {round}")).await;
            assert!(is_kept_back().await);
            bring_named(home, "main", Wish::Start, round).await;
            assert!(!is_kept_back().await, "{round}");
        }
        bring_named(home, "main", Wish::Stop, "stop 2").await;
        assert!(is_kept_back().await, "STOP counts although it may have come before");
        for id in ["1", "2"] {
            bring_named(home, "main", Wish::Start, id).await;
            assert!(is_kept_back().await, "{id} is brought again");
        }
        bring_named(home, "silent", Wish::Start, "1").await;
        assert!(!is_kept_back().await, "another provider's id says nothing");
        home.clock.advance(14 * DAY_MS);
        assert_eq!(Kind::HeardStarts.count(home, home.clock.now()).await, Ok(3));
    }

    async fn last_words_are_forgotten(bed, CONFIG) {
        let home = &bed.home;
        for n in 1..4 {
            bring(home, "silent", n, Wish::Stop, None).await;
        }
        let count = async || Kind::LastWords.count(home, home.clock.now()).await;
        home.clock.advance(14 * DAY_MS - 60_000);
        assert_eq!(count().await, Ok(0));
        home.clock.advance(60_000);
        assert_eq!(count().await, Ok(3));
        let mut removal = Removal::new(Kind::LastWords, home, home.clock.now());
        assert_eq!(removal.step(&home.db).await, Ok(3));
        assert_eq!(count().await, Ok(0));
        assert!(is_kept_back(home, 1).await, "the suppression stays");
    }
}

/// The row that counts a tenant's day may be held again and again while many are accepted.
#[tokio::test(flavor = "multi_thread")]
async fn stop_does_not_wait_for_the_count_of_the_day() {
    let capped = format!("{CONFIG}[limits]\nsends_per_tenant_and_day = 9\n");
    let bed = Bed::make(otpost_testbed::Kind::Production, &capped).await;
    let home = &bed.home;
    bring(home, "main", 1, Wish::Help, None).await;
    assert_eq!(waiting(home).await, 1);
    let mut holder =
        PgConnection::connect(&home.config.database_url()).await.expect("a connection");
    let mut open = holder.begin().await.expect("a transaction");
    let hold = sqlx::query("UPDATE send_budgets SET sends = sends").execute(&mut *open).await;
    assert_eq!(hold.expect("held").rows_affected(), 1);
    bring(home, "main", 1, Wish::Stop, None).await;
    assert!(is_kept_back(home, 1).await);
    assert_eq!(waiting(home).await, 1, "it is not answered");
    open.rollback().await.expect("an end");
    bring(home, "main", 2, Wish::Stop, None).await;
    assert_eq!(waiting(home).await, 2);
}
