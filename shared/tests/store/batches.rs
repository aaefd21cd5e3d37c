//! Batches: each row for itself, once per key and place, the first of a recipient, within the cap.

use std::sync::Arc;

use otpost_shared::{
    Home,
    admission::Refused,
    message::{
        self, State,
        batch::{self, BatchText, Filling, NewBatch, Outcome, Row, RowRefused, Stored, Which},
    },
    queue::Lane,
    retention::{Kind, Removal},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::on_both_homes;

use super::waiting;

const TEST_NUMBERS: &str = r#"
[limits]
sends_per_tenant_and_day = 1
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
"#;

const CAP: &str = "[limits]\nsends_per_tenant_and_day = 7";

/// More than all states and days of these tests.
const DAYS: i64 = 86_400_000;

fn to(n: u32) -> String {
    format!("+1202555{n:04}")
}

fn row(to: &str, name: &str) -> Row {
    let variables = [("name".to_owned(), name.to_owned())].into();
    Row { to: to.to_owned(), variables, reference: Some(format!("of {name}")) }
}

fn rows(numbers: std::ops::Range<u32>) -> Vec<Row> {
    numbers.map(|n| row(&to(n), "Ann")).collect()
}

async fn open(home: &Home, key: Option<&str>) -> Filling {
    let text = BatchText::parse("Hi {name}, from {app}").expect("a text");
    let key = key.map(str::to_owned);
    let new = NewBatch { tenant_id: DEFAULT_TENANT, text, key };
    batch::open(home, new).await.expect("opened")
}

/// Fills a batch in slices of three.
async fn fill(home: &Home, key: Option<&str>, rows: Vec<Row>) -> Vec<Outcome> {
    let mut filling = open(home, key).await;
    let mut outcomes = Vec::new();
    for slice in rows.chunks(3) {
        let slice: Vec<_> = slice.iter().cloned().map(Ok).collect();
        outcomes.extend(filling.push(move || slice).await.expect("committed"));
    }
    outcomes.extend(filling.settle().await.expect("committed"));
    assert!(outcomes.iter().zip(0..).all(|(outcome, index)| outcome.index == index));
    outcomes
}

fn stored(outcome: &Outcome) -> &Stored {
    outcome.result.as_ref().expect("stored")
}

fn refused(outcome: &Outcome) -> &RowRefused {
    outcome.result.as_ref().expect_err("refused")
}

fn count(outcomes: &[Outcome], wanted: &RowRefused) -> usize {
    outcomes.iter().filter(|o| o.result.as_ref().err() == Some(wanted)).count()
}

on_both_homes! {
    async fn one_bad_row_stops_nothing(bed, "") {
        let mut given = rows(0..4);
        given.insert(1, row("+4915", "Bad"));
        given.insert(3, Row { to: to(9), ..Row::default() });
        given.push(row(&to(10), &"x".repeat(1_600)));
        let outcomes = fill(&bed.home, None, given).await;
        assert!(matches!(refused(&outcomes[1]), RowRefused::Recipient(_)));
        assert!(matches!(refused(&outcomes[3]), RowRefused::VariableMissing(n) if n == "name"));
        assert!(matches!(refused(&outcomes[6]), RowRefused::TextLength(1_616)));
        assert_eq!(outcomes[1].reference.as_deref(), Some("of Bad"));
        assert_eq!(waiting(&bed.home).await, 4);
        let first = stored(&outcomes[0]);
        assert_eq!((first.state.as_str(), first.to.as_str()), ("queued", "+1********00"));
        let message = message::find(&bed.home.db, first.id).await.expect("an answer");
        let message = message.expect("a row");
        let body = message.body(&bed.home.keys).expect("a key").expect("its own");
        assert_eq!((body.title, &*body.text), (None, "Hi Ann, from Otpost"));
        let recipient = message.recipient(&bed.home.keys).expect("a key").expect("its own");
        assert_eq!(recipient.address(), to(0));
        // A worker finds it without a hint.
        let claimed = message::claim_due(&bed.home.db, Lane::Bulk, 9, None, bed.home.clock.now()).await;
        assert_eq!(claimed.expect("an answer").len(), 4);
    }

    async fn a_repeat_goes_on_and_repeats_nothing(bed, "") {
        let first = fill(&bed.home, Some("k"), rows(0..4)).await;
        let again = fill(&bed.home, Some("k"), rows(0..10)).await;
        for (old, new) in first.iter().zip(&again) {
            assert_eq!(stored(old).id, stored(new).id);
            assert!(!stored(old).repeated && stored(new).repeated);
        }
        assert!(again[4..].iter().all(|outcome| !stored(outcome).repeated));
        assert_eq!(waiting(&bed.home).await, 10);
        let text = BatchText::parse("Another text").expect("a text");
        let new = NewBatch { tenant_id: DEFAULT_TENANT, text, key: Some("k".into()) };
        assert!(matches!(batch::open(&bed.home, new).await, Err(Refused::KeyReused)));
    }

    async fn another_row_in_the_same_place_is_no_repeat(bed, "") {
        fill(&bed.home, Some("k"), rows(0..5)).await;
        let mut given = rows(0..5);
        given[1] = row(&to(77), "Ann");
        given[3] = row(&to(3), "Bob");
        let again = fill(&bed.home, Some("k"), given).await;
        let changed: Vec<_> = again.iter().filter(|o| o.result.is_err()).map(|o| o.index).collect();
        assert_eq!(changed, [1, 3]);
        assert_eq!(count(&again, &RowRefused::Changed), 2);
        assert_eq!(waiting(&bed.home).await, 5);
    }

    async fn parallel_repeats_store_each_row_once(bed, CAP) {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let home = bed.home.clone();
                tokio::spawn(async move { fill(&home, Some("k"), rows(0..7)).await })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            let outcomes = task.await.expect("no panic");
            new += outcomes.iter().filter(|outcome| !stored(outcome).repeated).count();
        }
        assert_eq!((new, waiting(&bed.home).await), (7, 7));
    }

    async fn the_first_of_a_recipient_counts(bed, "") {
        let mut given = rows(0..2);
        given.push(row("+1 (202) 555-0000", "Ann again"));
        // What was refused for another reason does not count as the first.
        given.push(Row { to: to(5), ..Row::default() });
        given.push(row(&to(5), "Eve"));
        let outcomes = fill(&bed.home, None, given).await;
        assert_eq!(refused(&outcomes[2]), &RowRefused::Duplicate);
        assert!(!stored(&outcomes[4]).repeated);
        // Another batch is another matter.
        assert!(fill(&bed.home, None, rows(0..2)).await.iter().all(|o| o.result.is_ok()));
    }

    async fn the_daily_cap_is_exact_and_charged_once(bed, CAP) {
        let outcomes = fill(&bed.home, Some("k"), rows(0..12)).await;
        assert_eq!(count(&outcomes, &RowRefused::DailyCap), 5);
        assert!(outcomes[..7].iter().all(|outcome| outcome.result.is_ok()));
        let again = fill(&bed.home, Some("k"), rows(0..12)).await;
        assert_eq!(count(&again, &RowRefused::DailyCap), 5);
        assert!(again[..7].iter().all(|outcome| stored(outcome).repeated));
        bed.home.clock.advance(DAYS);
        let next_day = fill(&bed.home, Some("k"), rows(0..12)).await;
        assert!(next_day[7..].iter().all(|outcome| !stored(outcome).repeated));
        // Five of seven are charged, by this batch; two are left for another.
        let other = fill(&bed.home, None, rows(20..25)).await;
        assert_eq!(count(&other, &RowRefused::DailyCap), 3);
        assert_eq!(waiting(&bed.home).await, 14);
    }

    async fn parallel_batches_share_the_cap(bed, CAP) {
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let home = bed.home.clone();
                tokio::spawn(async move { fill(&home, None, rows(n * 5..n * 5 + 5)).await })
            })
            .collect();
        let mut over = 0;
        for task in tasks {
            over += count(&task.await.expect("no panic"), &RowRefused::DailyCap);
        }
        assert_eq!((over, waiting(&bed.home).await), (13, 7));
    }

    async fn a_test_number_is_never_sent_to_and_not_charged(bed, TEST_NUMBERS) {
        let given = vec![row("+15550001111", "Tess"), row(&to(1), "Ann"), row(&to(2), "Bob")];
        let outcomes = fill(&bed.home, Some("k"), given).await;
        assert_eq!(stored(&outcomes[0]).state, "canceled");
        assert_eq!(stored(&outcomes[1]).state, "queued");
        assert_eq!(refused(&outcomes[2]), &RowRefused::DailyCap);
        let id = stored(&outcomes[0]).id;
        let message = message::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        assert!(message.finished_at.is_some() && message.failure.is_some());
    }

    async fn what_became_of_it_is_counted_and_listed(bed, "") {
        let mut given = rows(0..9);
        given[4].to = "none".into();
        let outcomes = fill(&bed.home, Some("k"), given).await;
        let id = open(&bed.home, Some("k")).await.batch().id;
        let db = &bed.home.db;
        let found = batch::find(db, DEFAULT_TENANT, id).await.expect("an answer").expect("a row");
        assert_eq!(found.size, 9);
        assert_eq!(found.refused(&batch::count_by_state(db, &found).await.expect("counts")), 1);
        bed.home.clock.advance(DAYS);
        message::mark_overdue(db, bed.home.clock.now(), 3, None).await.expect("an answer");
        let counts = batch::count_by_state(db, &found).await.expect("counts");
        assert_eq!(counts, [("expired".to_owned(), 3), ("queued".to_owned(), 5)].into());
        for (which, expected) in
            [(Which::All, 8), (Which::In(State::Queued), 5), (Which::NotSent, 3)]
        {
            let (mut seen, mut after) = (Vec::new(), id);
            loop {
                let page = batch::list(db, &found, which, after, 2).await.expect("a page");
                seen.extend(page.messages.iter().map(|m| m.id));
                let Some(next) = page.next else { break };
                assert_eq!(page.messages.len(), 2);
                after = next;
            }
            assert_eq!(seen.len(), expected, "{which:?}");
            assert!(seen.is_sorted() && seen.iter().all(|id| {
                stored(&outcomes[batch::index_of(*id) as usize]).id == *id
            }));
        }
        assert!(batch::find(db, uuid::Uuid::now_v7(), id).await.expect("an answer").is_none());
    }

    async fn a_shorter_retention_sends_nothing_twice(bed, "[retention]\nmessages_days = 3") {
        let mut home = bed.home.clone();
        let mut given = rows(0..3);
        given[1].to = "none".into();
        fill(&home, Some("k"), given).await;
        let mut config = (*home.config).clone();
        config.retention.messages_days = 1;
        home.config = Arc::new(config);
        home.clock.advance(2 * DAYS);
        let now = home.clock.now();
        message::mark_overdue(&home.db, now, 1, None).await.expect("an answer");
        Kind::Messages.remove_oldest(&home.db, 0..now + 1, 9).await.expect("an answer");
        let again = fill(&home, Some("k"), rows(0..4)).await;
        let results: Vec<_> = again.iter().map(|o| o.result.as_ref().map(|s| s.repeated)).collect();
        let removed = Err(&RowRefused::Removed);
        assert!(results.iter().filter(|result| **result == removed).count() == 2, "{results:?}");
        assert_eq!((results[1], results[3]), (removed, Ok(false)));
    }

    async fn a_key_is_remembered_as_long_as_its_messages(bed, "[retention]\nmessages_days = 1") {
        let first = fill(&bed.home, Some("k"), rows(0..1)).await;
        bed.home.clock.advance(DAYS - 1_000);
        assert!(stored(&fill(&bed.home, Some("k"), rows(0..1)).await[0]).repeated);
        bed.home.clock.advance(1_000);
        let now = bed.home.clock.now();
        assert_eq!(Kind::Batches.count(&bed.home, now).await, Ok(1));
        // Whether it was purged before or not.
        let second = fill(&bed.home, Some("k"), rows(0..1)).await;
        assert_ne!(stored(&first[0]).id, stored(&second[0]).id);
        bed.home.clock.advance(DAYS);
        let mut removal = Removal::new(Kind::Batches, &bed.home, bed.home.clock.now());
        assert_eq!(removal.step(&bed.home.db).await, Ok(1));
        assert_eq!(Kind::Batches.count_before(&bed.home.db, i64::MAX).await, Ok(0));
    }
}
