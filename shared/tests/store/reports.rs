//! Delivery reports: states go forward, a code goes on to another provider once, and nobody else's
//! word counts.

use std::sync::Arc;

use futures_util::future::join_all;
use otpost_shared::{
    Home, attempt,
    db::Db,
    message::{self, Effect, End, Message, Next, Recording, State, take_report},
    outcome::ErrorClass::{self, OptedOut, Recipient, Transient},
    price::Cost,
    queue::Lane,
    report::{Reference, Report, Word},
    suppression,
    tenant::DEFAULT_TENANT,
    verification,
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{
    accept, check, code_of,
    leases::{begin, bulk, claim, only_message, record},
    number,
};

/// What the first provider says of attempt `number`.
fn report(
    home: &Home,
    row: &Message,
    number: i32,
    word: Word,
    class: Option<ErrorClass>,
) -> Report {
    let key = home.keys.active_kid();
    let of = Reference::new(&home.keys, key, "a", row.id, number).expect("a key");
    let (code, cost) = (class.map(|_| "77".to_owned()), Cost::default());
    Report { of, word, class, code, cost }
}

async fn say(
    home: &Home,
    row: &Message,
    number: i32,
    word: Word,
    class: Option<ErrorClass>,
) -> Effect {
    let report = report(home, row, number, word, class);
    take_report(home, "a", report).await.expect("an answer")
}

/// Claimed, tried and accepted by the provider `a`.
async fn sent(home: &Home, id: Uuid, number: i32) -> Arc<Message> {
    let row = claim(home, id).await.expect("a claim");
    begin(home, &row, number).await.expect("a lease");
    record(home, &row, number, ErrorClass::Ok, Next::Sent).await;
    row
}

async fn sent_code(home: &Home, n: u32) -> (verification::Accepted, Arc<Message>) {
    let accepted = accept(home, n).await;
    let id = only_message(home, accepted.id).await.id;
    (accepted, sent(home, id, 1).await)
}

/// A code of which nobody knows whether it was sent, due again.
async fn waiting(home: &Home, n: u32) -> Arc<Message> {
    let accepted = accept(home, n).await;
    let id = only_message(home, accepted.id).await.id;
    let row = claim(home, id).await.expect("a claim");
    begin(home, &row, 1).await.expect("a lease");
    let wait = Next::Wait { not_before: home.clock.now(), why: None };
    record(home, &row, 1, ErrorClass::Unknown, wait).await;
    row
}

async fn record_without_attempt(home: &Home, row: &Arc<Message>, next: Next) {
    let step = Recording { message: Arc::clone(row), ended: None, next, now: home.clock.now() };
    message::record(&home.db, &[step]).await.expect("an answer");
}

async fn state(home: &Home, id: Uuid) -> String {
    message::find(&home.db, id).await.expect("an answer").expect("a row").state
}

async fn execute(db: &Db, sql: &'static str) {
    let done = match db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(drop),
        Db::Postgres(pool, _) => sqlx::query(sql).execute(pool).await.map(drop),
    };
    done.expect("done");
}

/// A kind that is given one address for all attempts of a message.
const ONE_ADDRESS: &str = r#"
[server]
public_url = "https://codes.example"
[providers.a]
kind = "telnyx"
public_key = "TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE="
"#;

on_both_homes! {
    async fn words_only_go_forward(bed, "") {
        let home = &bed.home;
        let (_, row) = sent_code(home, 1).await;
        assert_eq!(say(home, &row, 1, Word::Sent, None).await, Effect::Noted);
        assert_eq!(state(home, row.id).await, "sent");
        assert_eq!(say(home, &row, 1, Word::Delivered, None).await, Effect::Delivered);
        for late in [Word::Delivered, Word::Sent, Word::Undelivered] {
            let class = (late == Word::Undelivered).then_some(Transient);
            assert_eq!(say(home, &row, 1, late, class).await, Effect::Noted, "{late:?}");
            assert_eq!(state(home, row.id).await, "delivered");
        }
        let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
        assert_eq!(attempts[0].report.as_deref(), Some("delivered"));
        assert_eq!((attempts[0].undelivered(), attempts[0].report_code.as_deref()), (None, None));
    }

    async fn a_code_that_was_not_delivered_goes_on_once(bed, "") {
        let home = &bed.home;
        let (_, row) = sent_code(home, 1).await;
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::GoesOn);
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Noted);
        assert_eq!(state(home, row.id).await, "queued");
        sent(home, row.id, 2).await;
        let undelivered = say(home, &row, 2, Word::Undelivered, Some(Transient)).await;
        assert_eq!((undelivered, state(home, row.id).await.as_str()), (Effect::Undelivered, "undelivered"));
        let row = message::find(&home.db, row.id).await.expect("an answer").expect("a row");
        assert_eq!(row.failure_class.as_deref(), Some("transient"));
        assert_eq!(row.failure.as_deref(), Some("accepted, and then not delivered (a 77)"));
        // The first one was merely slow.
        assert_eq!(say(home, &row, 1, Word::Delivered, None).await, Effect::Noted);
    }

    async fn what_arrived_while_it_waited_is_delivered_without_another_attempt(bed, "") {
        let home = &bed.home;
        let row = waiting(home, 1).await;
        let again = claim(home, row.id).await.expect("a claim");
        assert_eq!(say(home, &row, 1, Word::Delivered, None).await, Effect::Noted);
        record_without_attempt(home, &again, Next::Sent).await;
        assert_eq!(state(home, row.id).await, "delivered");
    }

    async fn an_old_report_settles_no_end_of_its_own(bed, "") {
        let home = &bed.home;
        let row = waiting(home, 1).await;
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Noted);
        let again = claim(home, row.id).await.expect("a claim");
        let failure = "it may have been sent".to_owned();
        let end = End { state: State::Unknown, class: ErrorClass::Unknown, failure };
        record_without_attempt(home, &again, Next::End(end)).await;
        assert_eq!(state(home, row.id).await, "unknown");
    }

    async fn nobody_else_is_asked_when_that_is_of_no_use(bed, "") {
        let home = &bed.home;
        for (n, class) in [(1, Recipient), (2, OptedOut)] {
            let (_, row) = sent_code(home, n).await;
            assert_eq!(say(home, &row, 1, Word::Undelivered, Some(class)).await, Effect::Undelivered);
        }
        let (verified, row) = sent_code(home, 3).await;
        check(home, &verified, code_of(home, verified.id).await).await;
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Undelivered);
        let id = bulk(home, 4).await;
        let row = sent(home, id, 1).await;
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Undelivered);
        let (_, row) = sent_code(home, 5).await;
        home.clock.advance(row.deadline - home.clock.now() - 29_000);
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Undelivered);
    }

    async fn an_opt_out_is_written_down_with_its_report_or_not_at_all(bed, "") {
        let home = &bed.home;
        let (_, row) = sent_code(home, 1).await;
        let to = number(1);
        let keeps_back = async || {
            let kept = suppression::keeps_back(home, DEFAULT_TENANT, &to, Lane::Bulk).await;
            kept.expect("an answer")
        };
        let said = || report(home, &row, 1, Word::Undelivered, Some(OptedOut));
        execute(&home.db, "ALTER TABLE suppressions RENAME TO away").await;
        take_report(home, "a", said()).await.expect_err("there is nowhere to write it down");
        let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
        assert_eq!((attempts[0].report.as_deref(), state(home, row.id).await.as_str()), (None, "sent"));
        execute(&home.db, "ALTER TABLE away RENAME TO suppressions").await;
        assert!(!keeps_back().await);
        // The provider was answered with an error, and says it again.
        assert_eq!(take_report(home, "a", said()).await, Ok(Effect::Undelivered));
        assert!(keeps_back().await);
        // Once it is written down, a repeat does not undo what the person says since.
        assert_eq!(suppression::lift(home, &to).await, Ok(1));
        assert_eq!(take_report(home, "a", said()).await, Ok(Effect::Noted));
        assert!(!keeps_back().await);
    }

    async fn a_report_may_be_faster_than_the_answer(bed, "") {
        let home = &bed.home;
        for (n, word, class, then) in [
            (1, Word::Delivered, None, "delivered"),
            (2, Word::Undelivered, Some(Transient), "queued"),
            (3, Word::Undelivered, Some(Recipient), "undelivered"),
        ] {
            let accepted = accept(home, n).await;
            let id = only_message(home, accepted.id).await.id;
            let row = claim(home, id).await.expect("a claim");
            begin(home, &row, 1).await.expect("a lease");
            assert_eq!(say(home, &row, 1, word, class).await, Effect::Noted);
            assert_eq!(state(home, id).await, "sending");
            for _ in 0..2 {
                // The second time because the first answer was lost.
                record(home, &row, 1, ErrorClass::Ok, Next::Sent).await;
                assert_eq!(state(home, id).await, then);
            }
        }
    }

    async fn an_attempt_that_was_replaced_no_longer_decides(bed, "") {
        let home = &bed.home;
        let accepted = accept(home, 1).await;
        let id = only_message(home, accepted.id).await.id;
        let row = claim(home, id).await.expect("a claim");
        begin(home, &row, 1).await.expect("a lease");
        let next = Next::Try { number: 2, provider: "a".into(), suppression_hash: Vec::new() };
        record(home, &row, 1, ErrorClass::Unknown, next).await;
        record(home, &row, 2, ErrorClass::Ok, Next::Sent).await;
        assert_eq!(say(home, &row, 1, Word::Undelivered, Some(Transient)).await, Effect::Noted);
        assert_eq!(state(home, id).await, "sent");
        assert_eq!(say(home, &row, 2, Word::Delivered, None).await, Effect::Delivered);
    }

    async fn one_address_for_all_attempts_means_the_last_one(bed, ONE_ADDRESS) {
        let home = &bed.home;
        let latest = Reference::LATEST;
        // The same provider knew the message already; another one has it by now.
        for (n, then, effect) in [(1, "a", Effect::GoesOn), (2, "b", Effect::Noted)] {
            let accepted = accept(home, n).await;
            let id = only_message(home, accepted.id).await.id;
            let row = claim(home, id).await.expect("a claim");
            let url = |number| home.report_url("a", &row, number).expect("a key").expect("it reports");
            assert_eq!(url(1), url(2));
            begin(home, &row, 1).await.expect("a lease");
            let next = Next::Try { number: 2, provider: then.into(), suppression_hash: Vec::new() };
            record(home, &row, 1, ErrorClass::Unknown, next).await;
            record(home, &row, 2, ErrorClass::Ok, Next::Sent).await;
            assert_eq!(say(home, &row, latest, Word::Sent, None).await, Effect::Noted);
            let said = say(home, &row, latest, Word::Undelivered, Some(Transient)).await;
            assert_eq!(said, effect, "{then}");
            let attempts = attempt::list_by_message(&home.db, id).await.expect("an answer");
            let reported: Vec<_> = attempts.iter().map(|a| a.report.is_some()).collect();
            assert_eq!(reported, [then == "b", then == "a"]);
        }
        let accepted = accept(home, 3).await;
        let row = only_message(home, accepted.id).await;
        let nothing_begun = say(home, &row, latest, Word::Delivered, None).await;
        assert_eq!(nothing_begun, Effect::Noted);
    }

    async fn silence_sends_a_code_on_once(bed, "") {
        let home = &bed.home;
        let mut sent = Vec::new();
        for n in 1..=8 {
            let (_, row) = sent_code(home, n).await;
            if n <= 6 {
                say(home, &row, 1, Word::Delivered, None).await;
            }
            sent.push(row);
        }
        let send_on = async || message::send_on(home, "a", 1, home.clock.now() + 1).await;
        assert_eq!(message::send_on(home, "b", 1, home.clock.now() + 1).await, Ok(0));
        assert_eq!(message::send_on(home, "a", 60_000, home.clock.now()).await, Ok(0), "too early");
        assert_eq!((send_on().await, send_on().await), (Ok(2), Ok(0)));
        assert_eq!(state(home, sent[5].id).await, "delivered");
        for silent in &sent[6..] {
            assert_eq!(state(home, silent.id).await, "queued");
            let attempts = attempt::list_by_message(&home.db, silent.id).await.expect("an answer");
            assert!(attempts[0].is_silent() && attempts[0].has_gone_on());
            let row = claim(home, silent.id).await.expect("a claim");
            begin(home, &row, 2).await.expect("a lease");
            record(home, &row, 2, ErrorClass::Ok, Next::Sent).await;
        }
        assert_eq!(send_on().await, Ok(0), "once");
        // The one that was silent may speak yet.
        assert_eq!(say(home, &sent[6], 1, Word::Undelivered, Some(Transient)).await, Effect::Noted);
        assert_eq!(say(home, &sent[7], 1, Word::Delivered, None).await, Effect::Delivered);
        assert_eq!([state(home, sent[6].id).await, state(home, sent[7].id).await], ["sent", "delivered"]);
    }

    async fn what_was_silent_and_then_delivered_is_not_sent_again(bed, "") {
        let home = &bed.home;
        let mut rows = Vec::new();
        for n in 1..=12 {
            let (_, row) = sent_code(home, n).await;
            if n <= 9 {
                say(home, &row, 1, Word::Delivered, None).await;
            }
            rows.push(row);
        }
        assert_eq!(message::send_on(home, "a", 1, home.clock.now() + 1).await, Ok(3));
        let wait = Next::Wait { not_before: home.clock.now(), why: None };
        let end = message::End {
            state: message::State::Unknown,
            class: Recipient,
            failure: "no such number".into(),
        };
        for (row, class, next) in [
            (&rows[9], ErrorClass::Ok, Next::Sent),
            (&rows[10], Transient, wait),
            (&rows[11], Recipient, Next::End(end)),
        ] {
            let again = claim(home, row.id).await.expect("a claim");
            let to_b = Next::Try { number: 2, provider: "b".into(), suppression_hash: Vec::new() };
            let step = message::Recording {
                message: Arc::clone(&again),
                ended: None,
                next: to_b,
                now: home.clock.now(),
            };
            home.record(step).await.expect("an answer").expect("a lease");
            // While the other one is asked.
            assert_eq!(say(home, row, 1, Word::Delivered, None).await, Effect::Noted);
            assert_eq!(state(home, row.id).await, "sending");
            record(home, &again, 2, class, next).await;
            assert_eq!(state(home, row.id).await, "delivered", "{class:?}");
        }
    }

    async fn where_nobody_reports_silence_says_nothing(bed, "") {
        let home = &bed.home;
        for n in 1..=21 {
            sent_code(home, n).await;
        }
        let now = home.clock.now() + 1;
        assert_eq!(message::send_on(home, "a", 1, now).await, Ok(0));
        let sample = message::sample(&home.db, "a", now).await.expect("an answer");
        assert!(sample.is_silent() && !sample.is_reporting(), "{sample:?}");
    }

    async fn nobody_elses_word_counts(bed, "") {
        let home = &bed.home;
        let (_, row) = sent_code(home, 1).await;
        let ours = report(home, &row, 1, Word::Delivered, None);
        assert_eq!(take_report(home, "b", ours.clone()).await, Ok(Effect::NotGenuine));
        let mut other = ours.clone();
        other.of.number = 2;
        assert_eq!(take_report(home, "a", other).await, Ok(Effect::NotGenuine));
        let mut unknown = ours.clone();
        unknown.of.message_id = Uuid::now_v7();
        assert_eq!(take_report(home, "a", unknown).await, Ok(Effect::Unknown));
        assert_eq!(say(home, &row, 9, Word::Delivered, None).await, Effect::Noted, "no such attempt");
        assert_eq!(state(home, row.id).await, "sent");
    }

    async fn a_thousand_replays_have_one_effect(bed, "") {
        let home = &bed.home;
        let (_, row) = sent_code(home, 1).await;
        let mut effects = Vec::new();
        for _ in 0..20 {
            let at_once = (0..50).map(|_| say(home, &row, 1, Word::Undelivered, Some(Transient)));
            effects.extend(join_all(at_once).await);
        }
        assert_eq!(effects.iter().filter(|effect| **effect == Effect::GoesOn).count(), 1);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::GoesOn | Effect::Noted)));
    }
}
