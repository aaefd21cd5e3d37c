//! What an SMSC brings: receipts that find their messages, and what people write.

use otpost_shared::{
    Home, attempt,
    message::{self, Message, NewMessage},
    queue::Lane,
    suppression,
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use super::{
    Bound, deliveries,
    smsc::{Reply, Smsc},
};
use crate::{
    Worker, accept,
    delivery::BOTH,
    ended,
    gateway::{ACCEPTED, Gateway},
    timeline, until,
};

/// The number of the `n`th person, as an SMSC writes it.
fn digits(n: u32) -> String {
    format!("1202555{n:04}")
}

pub(super) async fn bed(kind: Kind, smsc: &Smsc, more: &str) -> Bed {
    let config = format!(
        "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\n[providers.a]\n{}",
        smsc.section(more)
    );
    Bed::make(kind, &config).await
}

pub(super) async fn text(home: &Home, n: u32, text: &str) -> Uuid {
    let to = home.parse_recipient(&format!("+{}", digits(n)), None).expect("a number");
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to,
        title: None,
        text: text.into(),
        language: None,
        client: None,
        idempotency_key: None,
    };
    message::accept(home, new).await.expect("accepted").id
}

pub(super) async fn find(home: &Home, id: Uuid) -> Message {
    message::find(&home.db, id).await.expect("an answer").expect("a row")
}

pub(super) async fn becomes(home: &Home, id: Uuid, state: &str) {
    until(state, async || find(home, id).await.state == state).await;
}

async fn id_at_the_smsc(home: &Home, id: Uuid) -> String {
    let attempts = attempt::list_by_message(&home.db, id).await.expect("an answer");
    attempts[0].provider_message_id.clone().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_what_became_of_a_message() {
    for kind in BOTH {
        let smsc = Smsc::start().await;
        let bed = bed(kind, &smsc, "").await;
        let worker = Worker::start(&bed.home);
        let code = accept(&bed.home, 1).await;
        let code = ended(&bed.home, code.id).await;
        let lost = text(&bed.home, 2, "hello").await;
        becomes(&bed.home, lost, "sent").await;
        for (sequence, n, id, stat, state) in
            [(51, 1, code.id, "DELIVRD", "delivered"), (52, 2, lost, "UNDELIV", "undelivered")]
        {
            let at_the_smsc = id_at_the_smsc(&bed.home, id).await;
            smsc.send(deliveries::receipt(sequence, &digits(n), &at_the_smsc, stat));
            becomes(&bed.home, id, state).await;
            until("it is answered", async || smsc.answer_to(sequence) == Some(0)).await;
        }
        let attempts = attempt::list_by_message(&bed.home.db, lost).await.expect("an answer");
        assert_eq!(attempts[0].report_code.as_deref(), Some("005"));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_may_be_faster_than_the_answer() {
    for kind in BOTH {
        let smsc = Smsc::start().await;
        let bed = bed(kind, &smsc, "").await;
        let receipt = deliveries::receipt(61, &digits(1), "fast-1", "DELIVRD");
        smsc.replies([Reply::ReceiptFirst("fast-1", 61, receipt)]);
        let worker = Worker::start(&bed.home);
        let id = text(&bed.home, 1, "hello").await;
        becomes(&bed.home, id, "delivered").await;
        worker.stop().await;
        assert_eq!(smsc.submits().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_answered_in_one_numeral_and_reported_in_the_other() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "").await;
    let worker = Worker::start(&bed.home);
    for (sequence, n, answered, reported) in
        [(71, 1, "0000A1B0", "0000041392"), (72, 2, "41393", "A1B1")]
    {
        smsc.replies([Reply::Accept(answered)]);
        let id = text(&bed.home, n, "hello").await;
        becomes(&bed.home, id, "sent").await;
        smsc.send(deliveries::receipt(sequence, &digits(n), reported, "DELIVRD"));
        becomes(&bed.home, id, "delivered").await;
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_in_parts_arrives_when_all_parts_do() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "").await;
    let worker = Worker::start(&bed.home);
    let long = "a long text ".repeat(30);
    for (first, states) in
        [(80, ["sent", "sent", "delivered"]), (90, ["sent", "undelivered", "undelivered"])]
    {
        let ids = if first == 80 { ["p1", "p2", "p3"] } else { ["q1", "q2", "q3"] };
        smsc.replies(ids.map(Reply::Accept));
        let id = text(&bed.home, first, &long).await;
        becomes(&bed.home, id, "sent").await;
        for (sequence, (part, state)) in (first..).zip(ids.iter().zip(states)) {
            let stat = if *part == "q2" { "UNDELIV" } else { "DELIVRD" };
            smsc.send(deliveries::receipt(sequence, &digits(first), part, stat));
            until("it is answered", async || smsc.answer_to(sequence) == Some(0)).await;
            assert_eq!(find(&bed.home, id).await.state, state, "{part}");
        }
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_for_all_parts_is_reported_once() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "long_messages = \"sar\"").await;
    let worker = Worker::start(&bed.home);
    smsc.replies(["same"; 3].map(Reply::Accept));
    let id = text(&bed.home, 1, &"a long text ".repeat(30)).await;
    becomes(&bed.home, id, "sent").await;
    smsc.send(deliveries::receipt(89, &digits(1), "same", "DELIVRD"));
    becomes(&bed.home, id, "delivered").await;
    worker.stop().await;
    assert_eq!(smsc.submits().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_may_say_that_a_person_wants_no_more() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "report_errors = { \"005\" = \"opted_out\" }").await;
    let worker = Worker::start(&bed.home);
    let id = text(&bed.home, 1, "hello").await;
    becomes(&bed.home, id, "sent").await;
    let at_the_smsc = id_at_the_smsc(&bed.home, id).await;
    smsc.send(deliveries::receipt(98, &digits(1), &at_the_smsc, "UNDELIV"));
    becomes(&bed.home, id, "undelivered").await;
    until("it is answered", async || smsc.answer_to(98) == Some(0)).await;
    let to = bed.home.parse_recipient(&format!("+{}", digits(1)), None).expect("a number");
    let kept_back = suppression::keeps_back(&bed.home, DEFAULT_TENANT, &to, Lane::Bulk).await;
    assert!(kept_back.expect("an answer"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_too_late_still_names_the_id() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "").await;
    let worker = Worker::start(&bed.home);
    smsc.replies([Reply::Later("late-1")]);
    let id = text(&bed.home, 1, "hello").await;
    becomes(&bed.home, id, "unknown").await;
    smsc.send(deliveries::receipt(95, &digits(1), "late-1", "DELIVRD"));
    until("it is taken", async || smsc.answer_to(95).is_some()).await;
    smsc.answer().await;
    becomes(&bed.home, id, "delivered").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_not_delivered_goes_to_the_next_provider() {
    let (smsc, second) = (Smsc::start().await, Gateway::start(ACCEPTED).await);
    let config = format!(
        "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\", \"b\"]\n[providers.a]\n{}{}",
        smsc.section("report_errors = { '006' = 'recipient' }"),
        second.section("b")
    );
    let bed = Bed::make(Kind::Embedded, &config).await;
    let worker = Worker::start(&bed.home);
    let accepted = accept(&bed.home, 1).await;
    let row = ended(&bed.home, accepted.id).await;
    let at_the_smsc = id_at_the_smsc(&bed.home, row.id).await;
    smsc.send(deliveries::receipt(99, &digits(1), &at_the_smsc, "EXPIRED"));
    until("the second has it", async || second.bodies().len() == 1).await;
    becomes(&bed.home, row.id, "sent").await;
    assert_eq!(timeline(&bed.home, row.id).await, ["a ok", "b ok"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_may_be_the_one_that_is_told() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "").await;
    let worker = Worker::start(&bed.home);
    let id = text(&bed.home, 1, "hello").await;
    becomes(&bed.home, id, "sent").await;
    let other = Bound::start(&smsc, "", Some(&bed.home));
    until("both are bound", async || smsc.binds() == 2).await;
    let at_the_smsc = id_at_the_smsc(&bed.home, id).await;
    smsc.send_over(1, deliveries::receipt(97, &digits(1), &at_the_smsc, "DELIVRD"));
    becomes(&bed.home, id, "delivered").await;
    other.stop().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_smsc_breaks_does_not_end_the_session() {
    let smsc = Smsc::start().await;
    let bed = bed(Kind::Embedded, &smsc, "").await;
    let worker = Worker::start(&bed.home);
    smsc.replies([Reply::Accept("odd-1")]);
    let id = text(&bed.home, 1, "hello").await;
    becomes(&bed.home, id, "sent").await;
    // No receipt that names nothing, and nothing that is cut off, is worth bringing again.
    let nameless = deliveries::receipt(101, &digits(1), "", "DELIVRD");
    for bytes in [nameless, deliveries::raw(5, 102, b"\0\x01"), deliveries::raw(5, 103, b"")] {
        smsc.send(bytes);
    }
    for sequence in 101..=103 {
        until("it is refused", async || smsc.answer_to(sequence) == Some(0x65)).await;
    }
    smsc.send(deliveries::receipt(104, &digits(9), "somebody-elses", "DELIVRD"));
    smsc.send(deliveries::odd_receipt(105, "odd-1", 2));
    becomes(&bed.home, id, "delivered").await;
    until("all are answered", async || {
        [104, 105].map(|sequence| smsc.answer_to(sequence)) == [Some(0); 2]
    })
    .await;
    assert_eq!(smsc.binds(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_to_be_brought_again() {
    for kind in BOTH {
        let smsc = Smsc::start().await;
        let bed = bed(kind, &smsc, "").await;
        let bound = Bound::start(&smsc, "", Some(&bed.home));
        until("it is bound", async || smsc.binds() == 1).await;
        bed.home.db.close().await;
        smsc.send(deliveries::receipt(111, &digits(1), "x1", "DELIVRD"));
        smsc.send(deliveries::text(112, &digits(1), 0, b"STOP"));
        for sequence in [111, 112] {
            until("not now", async || smsc.answer_to(sequence) == Some(0x64)).await;
        }
        bound.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_stop_gets_no_more_texts() {
    for kind in BOTH {
        let smsc = Smsc::start().await;
        let bed = bed(kind, &smsc, "").await;
        let worker = Worker::start(&bed.home);
        until("it is bound", async || smsc.binds() == 1).await;
        let kept_back = async |number: &str| {
            let to = bed.home.parse_recipient(&format!("+{number}"), None).expect("a number");
            let keeps = suppression::keeps_back(&bed.home, DEFAULT_TENANT, &to, Lane::Bulk);
            keeps.await.expect("an answer")
        };
        let wide: Vec<u8> = "Stop!".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let header = b"\x05\0\x03\x09\x02\x01STOP";
        for (sequence, (number, data_coding, octets, stops)) in (121..).zip([
            ("12025550001", 0, &b"STOP"[..], true),
            ("12025550002", 8, &wide, true),
            ("491713920001", 3, b"k\xfcndigen", true),
            ("12025550003", 0, b"please stop calling", false),
            ("12025550004", 4, b"STOP", false),
        ]) {
            smsc.send(deliveries::text(sequence, number, data_coding, octets));
            until("it is answered", async || smsc.answer_to(sequence) == Some(0)).await;
            assert_eq!(kept_back(number).await, stops, "{number}");
        }
        // Part of something longer, and of which nobody knows the rest.
        let mut part = deliveries::text(131, "12025550005", 0, header);
        let esm_class = part.iter().rposition(|octet| *octet == b'0').expect("the sender") + 2;
        part[esm_class] = 0x40;
        smsc.send(part);
        until("it is answered", async || smsc.answer_to(131) == Some(0)).await;
        assert!(!kept_back("12025550005").await);
        smsc.send(deliveries::text(132, "12025550001", 0, b"Start"));
        until("it is answered", async || smsc.answer_to(132) == Some(0)).await;
        assert!(!kept_back("12025550001").await);
        assert!(smsc.submits().is_empty());
        worker.stop().await;
    }
}
