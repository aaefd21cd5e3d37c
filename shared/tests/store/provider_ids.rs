//! Reports that name a message by the provider's own id: early and late, in either numeral, part by
//! part.

use std::sync::Arc;

use futures_util::future::join_all;
use otpost_shared::{
    Home, attempt,
    message::{self, Effect, Message, Next},
    outcome::ErrorClass::{self, Transient},
    report::{
        Word,
        by_id::{Given, Taken, Told, note, take},
    },
    retention::{Kind, Removal},
};
use otpost_testbed::on_both_homes;

use super::{
    leases::{begin, bulk, claim, record},
    number,
};

/// A text to the `n`th number that the provider `a` is being asked to send.
async fn begun(home: &Home, n: u32) -> Arc<Message> {
    let id = bulk(home, n).await;
    let row = claim(home, id).await.expect("a claim");
    begin(home, &row, 1).await.expect("a lease");
    row
}

async fn sent(home: &Home, n: u32) -> Arc<Message> {
    let row = begun(home, n).await;
    record(home, &row, 1, ErrorClass::Ok, Next::Sent).await;
    row
}

fn given(home: &Home, row: &Message, n: u32, id: &str, (part, parts): (i32, i32)) -> Given {
    Given {
        id: id.to_owned(),
        message_id: row.id,
        number: 1,
        part,
        parts,
        to: number(n),
        expires_at: home.clock.now() + 60_000,
    }
}

async fn answer(home: &Home, row: &Message, n: u32, id: &str) {
    note(home, "a", &[given(home, row, n, id, (1, 1))]).await.expect("noted");
}

fn told(n: u32, id: &str, word: Word) -> Told {
    let (class, code) = (
        (word == Word::Undelivered).then_some(Transient),
        (word == Word::Undelivered).then(|| "077".to_owned()),
    );
    let to = number(n).digits().to_owned();
    Told { id: id.to_owned(), to, from: "12025550100".into(), word, class, code }
}

async fn say(home: &Home, n: u32, id: &str, word: Word) -> Taken {
    take(home, "a", told(n, id, word)).await.expect("an answer")
}

async fn state(home: &Home, row: &Message) -> String {
    message::find(&home.db, row.id).await.expect("an answer").expect("a row").state
}

const DELIVERED: Taken = Taken::Known(Effect::Delivered);
const NOTED: Taken = Taken::Known(Effect::Noted);

on_both_homes! {
    async fn an_id_leads_to_its_attempt(bed, "") {
        let home = &bed.home;
        let row = sent(home, 1).await;
        answer(home, &row, 1, "0A-7f").await;
        assert_eq!(say(home, 1, "a-7F", Word::Sent).await, NOTED);
        assert_eq!(state(home, &row).await, "sent");
        assert_eq!(say(home, 1, "a-7F", Word::Delivered).await, DELIVERED);
        assert_eq!(say(home, 1, "a-7F", Word::Delivered).await, NOTED);
        assert_eq!(say(home, 1, "a-7F", Word::Undelivered).await, NOTED);
        assert_eq!(state(home, &row).await, "delivered");
        let other = take(home, "b", told(1, "a-7f", Word::Delivered)).await;
        assert_eq!(other, Ok(Taken::Waits), "it is another provider's id");
    }

    async fn a_report_waits_for_the_answer_that_names_its_id(bed, "") {
        let home = &bed.home;
        let row = begun(home, 1).await;
        assert_eq!(say(home, 1, "x1", Word::Undelivered).await, Taken::Waits);
        assert_eq!(say(home, 1, "x1", Word::Delivered).await, Taken::Waits);
        answer(home, &row, 1, "x1").await;
        // The answer of the provider itself is not written down yet.
        assert_eq!(state(home, &row).await, "sending");
        record(home, &row, 1, ErrorClass::Ok, Next::Sent).await;
        assert_eq!(state(home, &row).await, "undelivered");
        answer(home, &row, 1, "x1").await;
        let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
        assert_eq!(attempts[0].report.as_deref(), Some("undelivered"));
        assert_eq!(attempts[0].report_code.as_deref(), Some("077"));
    }

    async fn the_other_numeral_counts_with_the_right_number(bed, "") {
        let home = &bed.home;
        // Answered in hexadecimal, reported in decimal, and the other way; early and late.
        for (n, answered, reported) in [(1, "0000A1B0", "41392"), (2, "255", "FF")] {
            let row = sent(home, n).await;
            answer(home, &row, n, answered).await;
            assert_eq!(say(home, 9, reported, Word::Delivered).await, Taken::Waits, "{answered}");
            assert_eq!(say(home, n, reported, Word::Delivered).await, DELIVERED, "{answered}");
        }
        for (n, answered, reported) in [(3, "0000B1B0", "45488"), (4, "254", "FE")] {
            let row = sent(home, n).await;
            assert_eq!(say(home, n, reported, Word::Delivered).await, Taken::Waits, "{answered}");
            answer(home, &row, n, answered).await;
            assert_eq!(state(home, &row).await, "delivered", "{answered}");
        }
    }

    async fn one_numeral_is_not_taken_for_the_other(bed, "") {
        let home = &bed.home;
        // Hexadecimal 10 and a; a report in decimal of the second looks like the first.
        let (first, second) = (sent(home, 1).await, sent(home, 2).await);
        answer(home, &first, 1, "10").await;
        assert_eq!(say(home, 2, "10", Word::Delivered).await, Taken::Waits);
        answer(home, &second, 2, "A").await;
        assert_eq!(say(home, 2, "10", Word::Delivered).await, DELIVERED);
        assert_eq!(state(home, &first).await, "sent");
        // Swapped addresses, national ones, and none at all.
        let mut swapped = told(1, "10", Word::Delivered);
        std::mem::swap(&mut swapped.to, &mut swapped.from);
        assert_eq!(take(home, "a", swapped).await, Ok(DELIVERED));
        for (n, to) in [(3, "5550003"), (4, "202 5550004"), (5, "")] {
            let row = sent(home, n).await;
            let id = format!("2{n}");
            answer(home, &row, n, &id).await;
            let told = Told { to: to.into(), from: String::new(), ..told(n, &id, Word::Delivered) };
            assert_eq!(take(home, "a", told).await, Ok(DELIVERED), "{to}");
        }
    }

    async fn all_parts_must_arrive(bed, "") {
        let home = &bed.home;
        let note_parts = async |row: &Message, n: u32, ids: &[&str]| {
            let parts = (1..).zip(ids).map(|(part, id)| given(home, row, n, id, (part, 3)));
            note(home, "a", &parts.collect::<Vec<_>>()).await.expect("noted");
        };
        let row = sent(home, 1).await;
        assert_eq!(say(home, 1, "p2", Word::Delivered).await, Taken::Waits);
        note_parts(&row, 1, &["p1", "p2", "p3"]).await;
        assert_eq!(say(home, 1, "p3", Word::Delivered).await, NOTED);
        assert_eq!(say(home, 1, "p3", Word::Delivered).await, NOTED);
        assert_eq!(say(home, 1, "p1", Word::Sent).await, NOTED);
        assert_eq!(state(home, &row).await, "sent");
        assert_eq!(say(home, 1, "p1", Word::Delivered).await, DELIVERED);

        let row = sent(home, 2).await;
        note_parts(&row, 2, &["q1", "q2", "q3"]).await;
        assert_eq!(say(home, 2, "q1", Word::Delivered).await, NOTED);
        let lost = say(home, 2, "q2", Word::Undelivered).await;
        assert_eq!(lost, Taken::Known(Effect::Undelivered));
        assert_eq!(say(home, 2, "q3", Word::Delivered).await, NOTED);
        assert_eq!(state(home, &row).await, "undelivered");

        // The answer for the last part comes late.
        let row = sent(home, 3).await;
        note_parts(&row, 3, &["r1", "r2"]).await;
        for id in ["r1", "r2"] {
            assert_eq!(say(home, 3, id, Word::Delivered).await, NOTED);
        }
        assert_eq!(say(home, 3, "r3", Word::Delivered).await, Taken::Waits);
        note(home, "a", &[given(home, &row, 3, "r3", (3, 3))]).await.expect("noted");
        assert_eq!(state(home, &row).await, "delivered");
    }

    async fn answers_and_reports_at_the_same_time_find_each_other(bed, "") {
        let home = &bed.home;
        for n in 0..12 {
            let row = sent(home, n).await;
            let ids: Vec<String> = (0..3).map(|part| format!("{:x}", 10_000 + n * 16 + part)).collect();
            let answers = (1..).zip(&ids).map(|(part, id)| {
                let given = given(home, &row, n, id, (part, 3));
                async move { note(home, "a", &[given]).await.expect("noted") }
            });
            let reports = (0..3).map(|part| async move {
                let decimal = (10_000 + n * 16 + part).to_string();
                say(home, n, &decimal, Word::Delivered).await;
            });
            tokio::join!(join_all(answers), join_all(reports));
            assert_eq!(state(home, &row).await, "delivered", "{n}");
        }
    }

    async fn what_nobody_asks_for_any_more_is_removed(bed, "") {
        let home = &bed.home;
        let row = sent(home, 1).await;
        answer(home, &row, 1, "k1").await;
        assert_eq!(say(home, 1, "stranger", Word::Delivered).await, Taken::Waits);
        let kind = Kind::ProviderIds;
        assert_eq!(kind.count(home, home.clock.now()).await, Ok(0));
        home.clock.advance(61_000);
        let mut removal = Removal::new(kind, home, home.clock.now());
        assert_eq!(removal.step(&home.db).await, Ok(1));
        assert_eq!(say(home, 1, "k1", Word::Delivered).await, Taken::Waits, "too late");
        home.clock.advance(3_700_000);
        assert_eq!(kind.count(home, home.clock.now()).await, Ok(2));
    }

    async fn what_is_no_id_is_not_kept(bed, "") {
        let home = &bed.home;
        let row = sent(home, 1).await;
        for id in ["", "a\0b", "with space", "Ünicode", &"9".repeat(65)] {
            answer(home, &row, 1, id).await;
            let unknown = Taken::Known(Effect::Unknown);
            assert_eq!(say(home, 1, id, Word::Delivered).await, unknown, "{id:?}");
        }
        // What stands for a code may be anything, too.
        for (n, code, kept) in [(2, "0\0 7", None), (3, "12025550103", None), (4, "4F", Some("4F"))] {
            let row = sent(home, n).await;
            let id = format!("k{n}");
            answer(home, &row, n, &id).await;
            let told = Told { code: Some(code.to_owned()), ..told(n, &id, Word::Undelivered) };
            let taken = take(home, "a", told).await;
            assert_eq!(taken, Ok(Taken::Known(Effect::Undelivered)));
            let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
            assert_eq!(attempts[0].report_code.as_deref(), kept);
        }
    }
}
