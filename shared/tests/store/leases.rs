//! Claims, epochs and leases: who may send, who may record, what happens when a worker is lost.

use std::sync::Arc;

use otpost_shared::{
    Home,
    attempt::{self, Ending},
    clock::Millis,
    db::Db,
    idempotency::IdempotencyKey,
    message::{self, End, Message, NewMessage, Next, Recording, State},
    outcome::ErrorClass,
    process,
    queue::Lane,
    retention::Kind,
    tenant::DEFAULT_TENANT,
    verification,
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{accept, messages, number};

pub(super) async fn claim(home: &Home, id: Uuid) -> Option<Arc<Message>> {
    let now = home.clock.now();
    let claimed = message::claim(&home.db, &[id], None, now).await.expect("an answer").pop();
    claimed.map(|claimed| claimed.message)
}

pub(super) async fn begin(home: &Home, row: &Arc<Message>, number: i32) -> Option<Millis> {
    let next = Next::Try { number, provider: "a".into(), suppression_hash: Vec::new() };
    let step = Recording { message: Arc::clone(row), ended: None, next, now: home.clock.now() };
    message::record(&home.db, &[step]).await.expect("an answer")[0]
}

pub(super) async fn record(
    home: &Home,
    row: &Arc<Message>,
    number: i32,
    outcome: ErrorClass,
    next: Next,
) {
    record_ending(home, row, number, Ending::of(outcome), next).await;
}

pub(super) async fn record_ending(
    home: &Home,
    row: &Arc<Message>,
    number: i32,
    ending: Ending,
    next: Next,
) {
    let ended = Some((number, ending));
    let recording = Recording { message: Arc::clone(row), ended, next, now: home.clock.now() };
    message::record(&home.db, &[recording]).await.expect("an answer");
}

pub(super) async fn only_message(home: &Home, verification: Uuid) -> Message {
    messages(home, verification).await.pop().expect("one message")
}

pub(super) async fn bulk(home: &Home, n: u32) -> Uuid {
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to: number(n),
        title: None,
        text: "hello".into(),
        language: None,
        client: None,
        idempotency_key: None::<IdempotencyKey>,
    };
    message::accept(home, new).await.expect("accepted").id
}

/// As if a message had been accepted for another channel.
async fn set_channel(db: &Db, id: Uuid, channel: &str) {
    const SQL: &str = "UPDATE messages SET channel = $2 WHERE id = $1";
    match db {
        Db::Sqlite { write, .. } => {
            sqlx::query(SQL).bind(id).bind(channel).execute(write).await.expect("an answer");
        }
        Db::Postgres(pool, _) => {
            sqlx::query(SQL).bind(id).bind(channel).execute(pool).await.expect("an answer");
        }
    }
}

on_both_homes! {
    async fn one_message_is_claimed_once(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let id = only_message(&bed.home, accepted.id).await.id;
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let home = bed.home.clone();
                tokio::spawn(async move { claim(&home, id).await.is_some() })
            })
            .collect();
        let mut claims = 0;
        for task in tasks {
            claims += u32::from(task.await.expect("no panic"));
        }
        assert_eq!(claims, 1);
    }

    async fn codes_come_newest_first_and_bulk_oldest_first(bed, "") {
        for n in 0..3 {
            accept(&bed.home, n).await;
            bulk(&bed.home, n).await;
            bed.home.clock.advance(10);
        }
        let now = bed.home.clock.now();
        let newest = message::claim_due(&bed.home.db, Lane::Otp, 1, None, now).await.expect("an answer");
        let oldest = message::claim_due(&bed.home.db, Lane::Bulk, 1, None, now).await.expect("an answer");
        assert_eq!((newest.len(), oldest.len()), (1, 1), "no more than was asked for");
        assert!(newest[0].message.created_at > oldest[0].message.created_at);
        let rest = message::claim_due(&bed.home.db, Lane::Otp, 10, None, now).await.expect("an answer");
        assert_eq!(rest.len(), 2);
    }

    async fn a_code_begins_with_its_claim_unless_it_is_over(bed, "") {
        let (going, over) = (accept(&bed.home, 1).await, accept(&bed.home, 2).await);
        let ids = [only_message(&bed.home, going.id).await.id, only_message(&bed.home, over.id).await.id];
        verification::cancel(&bed.home.db, DEFAULT_TENANT, over.id, bed.home.clock.now()).await.expect("an answer");
        let now = bed.home.clock.now();
        let claimed = message::claim(&bed.home.db, &ids, Some("a"), now).await.expect("an answer");
        assert_eq!(claimed.len(), 1, "what is canceled is not claimed");
        assert_eq!(claimed[0].begun.as_deref(), Some("a"));
        assert_eq!(claimed[0].verification.as_ref().map(|v| v.id), Some(going.id));
        let begun = attempt::list_by_message(&bed.home.db, ids[0]).await.expect("an answer");
        assert_eq!((begun.len(), begun[0].outcome()), (1, None));
        // Put back before it was started: nobody may take that for a send.
        assert_eq!(message::mark_released(&bed.home.db, ids[0], 1).await, Ok(true));
        let begun = attempt::list_by_message(&bed.home.db, ids[0]).await.expect("an answer");
        assert!(begun.is_empty());
    }

    async fn only_codes_by_sms_begin_with_their_claim(bed, "") {
        let (sms, mail) = (accept(&bed.home, 1).await, accept(&bed.home, 2).await);
        let ids = [only_message(&bed.home, sms.id).await.id, only_message(&bed.home, mail.id).await.id];
        set_channel(&bed.home.db, ids[1], "email").await;
        let now = bed.home.clock.now();
        let claimed = message::claim(&bed.home.db, &ids, Some("a"), now).await.expect("an answer");
        let mut begun: Vec<_> =
            claimed.iter().map(|c| (c.message.channel.as_str(), c.begun.as_deref())).collect();
        begun.sort_unstable();
        assert_eq!(begun, [("email", None), ("sms", Some("a"))]);
        let of_mail = attempt::list_by_message(&bed.home.db, ids[1]).await.expect("an answer");
        assert!(of_mail.is_empty());
    }

    async fn steps_of_many_messages_are_written_together(bed, "") {
        let mut rows = Vec::new();
        for n in 0..5 {
            let id = bulk(&bed.home, n).await;
            rows.push(claim(&bed.home, id).await.expect("a claim"));
        }
        let now = bed.home.clock.now();
        let end = End { state: State::Failed, class: ErrorClass::Region, failure: "no route".into() };
        let ended = || Some((1, Ending::of(ErrorClass::Ok)));
        let steps: Vec<Recording> = [
            (None, Next::Try { number: 1, provider: "a".into(), suppression_hash: Vec::new() }),
            (ended(), Next::Sent),
            (None, Next::Wait { not_before: now + 5, why: None }),
            (None, Next::Cancel),
            (ended(), Next::End(end)),
        ]
        .into_iter()
        .zip(&rows)
        .map(|((ended, next), row)| Recording { message: Arc::clone(row), ended, next, now })
        .collect();
        let leases = message::record(&bed.home.db, &steps).await.expect("an answer");
        assert_eq!(leases.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, false, false]);
        let mut states = Vec::new();
        for row in &rows {
            let row = message::find(&bed.home.db, row.id).await.expect("an answer").expect("a row");
            states.push(row.state);
        }
        assert_eq!(states, ["sending", "sent", "queued", "canceled", "failed"]);
        // An answer that was lost is asked for again: nothing changes.
        let again = message::record(&bed.home.db, &steps[..1]).await.expect("an answer");
        assert!(again[0].is_some());
    }

    async fn messages_go_on_to_the_next_provider_together(bed, "") {
        let mut rows = Vec::new();
        for n in 0..5 {
            let accepted = accept(&bed.home, n).await;
            let row = claim(&bed.home, only_message(&bed.home, accepted.id).await.id).await.expect("a claim");
            begin(&bed.home, &row, 1).await.expect("a lease");
            rows.push((accepted.id, row));
        }
        let now = bed.home.clock.now();
        verification::cancel(&bed.home.db, DEFAULT_TENANT, rows[2].0, now).await.expect("an answer");
        let next = || Next::Try { number: 2, provider: "b".into(), suppression_hash: Vec::new() };
        let step = |(_, row): &(Uuid, Arc<Message>)| Recording {
            message: Arc::clone(row),
            ended: Some((1, Ending::of(ErrorClass::Unknown))),
            next: next(),
            now,
        };
        let steps: Vec<Recording> = rows.iter().map(step).collect();
        for _ in 0..2 {
            // The second time because the first answer was lost.
            let leases = message::record(&bed.home.db, &steps).await.expect("an answer");
            let leased: Vec<bool> = leases.iter().map(Option::is_some).collect();
            assert_eq!(leased, [true, true, false, true, true]);
        }
        for (place, (_, row)) in rows.iter().enumerate() {
            let attempts = attempt::list_by_message(&bed.home.db, row.id).await.expect("an answer");
            assert_eq!(attempts[0].outcome(), Some(ErrorClass::Unknown));
            let row = message::find(&bed.home.db, row.id).await.expect("an answer").expect("a row");
            let (state, tries) = if place == 2 { ("canceled", 1) } else { ("sending", 2) };
            assert_eq!((row.state.as_str(), attempts.len()), (state, tries));
        }
    }

    async fn a_lost_worker_is_replaced_and_its_late_word_changes_nothing(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let first = claim(&bed.home, only_message(&bed.home, accepted.id).await.id).await.expect("a claim");
        begin(&bed.home, &first, 1).await.expect("a lease");
        assert_eq!(message::recover_leases(&bed.home.db, bed.home.clock.now(), 10).await, Ok(0));
        bed.home.clock.advance(7_000);
        assert_eq!(message::recover_leases(&bed.home.db, bed.home.clock.now(), 10).await, Ok(1));
        let second = claim(&bed.home, first.id).await.expect("another claim");
        assert_eq!(second.epoch, first.epoch + 1);
        // The first one wakes up.
        assert!(begin(&bed.home, &first, 2).await.is_none());
        record(&bed.home, &first, 1, ErrorClass::Ok, Next::Sent).await;
        assert_eq!(only_message(&bed.home, accepted.id).await.state, "sending");
        let attempts = attempt::list_by_message(&bed.home.db, first.id).await.expect("an answer");
        assert_eq!(attempts[0].outcome(), Some(ErrorClass::Unknown), "what was written stays");
        begin(&bed.home, &second, 2).await.expect("a lease");
        record(&bed.home, &second, 2, ErrorClass::Ok, Next::Sent).await;
        assert_eq!(only_message(&bed.home, accepted.id).await.state, "sent");
    }

    async fn bulk_with_an_unknown_outcome_is_never_sent_again(bed, "") {
        let (started, unstarted) = (bulk(&bed.home, 1).await, bulk(&bed.home, 2).await);
        let row = claim(&bed.home, started).await.expect("a claim");
        claim(&bed.home, unstarted).await.expect("a claim");
        begin(&bed.home, &row, 1).await.expect("a lease");
        bed.home.clock.advance(7_001);
        assert_eq!(message::recover_leases(&bed.home.db, bed.home.clock.now(), 10).await, Ok(2));
        let state = |id| {
            let db = bed.home.db.clone();
            async move { message::find(&db, id).await.expect("an answer").expect("a row").state }
        };
        assert_eq!(state(started).await, "unknown");
        assert_eq!(state(unstarted).await, "queued");
    }

    async fn a_message_that_costs_its_workers_is_set_aside(bed, "") {
        // Three that were sending it; ten that had merely claimed it.
        for (n, begun, most, state) in [(1, true, 3, "unknown"), (2, false, 10, "failed")] {
            let accepted = accept(&bed.home, n).await;
            let id = only_message(&bed.home, accepted.id).await.id;
            for number in 1..=most {
                let row = claim(&bed.home, id).await.expect("a claim");
                if begun {
                    begin(&bed.home, &row, number).await.expect("a lease");
                }
                bed.home.clock.advance(7_001);
                message::recover_leases(&bed.home.db, bed.home.clock.now(), 10).await.expect("an answer");
            }
            assert!(claim(&bed.home, id).await.is_none());
            let row = only_message(&bed.home, accepted.id).await;
            assert_eq!(row.state, state);
            assert!(row.failure.is_some(), "it says why");
        }
    }

    async fn nothing_begins_after_the_end(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let id = only_message(&bed.home, accepted.id).await.id;
        let row = claim(&bed.home, id).await.expect("a claim");
        verification::cancel(&bed.home.db, DEFAULT_TENANT, accepted.id, bed.home.clock.now())
            .await
            .expect("an answer");
        assert!(begin(&bed.home, &row, 1).await.is_none(), "its verification is canceled");
        let other = accept(&bed.home, 2).await;
        let id = only_message(&bed.home, other.id).await.id;
        let row = claim(&bed.home, id).await.expect("a claim");
        bed.home.clock.advance(600_001);
        assert!(begin(&bed.home, &row, 1).await.is_none(), "its time is over");
        let third = accept(&bed.home, 3).await;
        bed.home.clock.advance(600_001);
        let id = only_message(&bed.home, third.id).await.id;
        assert!(claim(&bed.home, id).await.is_none());
        assert_eq!(message::mark_overdue(&bed.home.db, bed.home.clock.now(), 10, None).await, Ok(1));
        assert_eq!(only_message(&bed.home, third.id).await.state, "expired");
    }

    async fn a_refused_number_fails_the_verification_with_the_reason(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let id = only_message(&bed.home, accepted.id).await.id;
        let row = claim(&bed.home, id).await.expect("a claim");
        begin(&bed.home, &row, 1).await.expect("a lease");
        let end = End { state: State::Failed, class: ErrorClass::Recipient, failure: "landline".into() };
        record(&bed.home, &row, 1, ErrorClass::Recipient, Next::End(end)).await;
        let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
        assert_eq!(row.status(bed.home.clock.now()), verification::Status::Failed);
        assert_eq!(row.failure.as_deref(), Some("landline"));
    }

    async fn what_has_expired_does_not_fail_afterwards(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let id = only_message(&bed.home, accepted.id).await.id;
        let row = claim(&bed.home, id).await.expect("a claim");
        begin(&bed.home, &row, 1).await.expect("a lease");
        bed.home.clock.advance(600_001);
        let end = End { state: State::Failed, class: ErrorClass::Recipient, failure: "landline".into() };
        record(&bed.home, &row, 1, ErrorClass::Recipient, Next::End(end)).await;
        assert_eq!(only_message(&bed.home, accepted.id).await.state, "failed");
        let row = verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
        assert_eq!(row.status(bed.home.clock.now()), verification::Status::Expired);
    }

    async fn one_process_at_a_time_has_a_duty(bed, "") {
        let db = &bed.home.db;
        let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(process::take_duty(db, "tidy", a, 0, 100).await, Ok(true));
        assert_eq!(process::take_duty(db, "tidy", b, 50, 150).await, Ok(false));
        assert_eq!(process::take_duty(db, "tidy", a, 90, 190).await, Ok(true));
        assert_eq!(process::take_duty(db, "tidy", b, 190, 290).await, Ok(true));
    }

    async fn only_who_was_there_all_the_time_is_a_witness(bed, "") {
        let db = &bed.home.db;
        let (old, new) = (Uuid::now_v7(), Uuid::now_v7());
        let is_witnessed = async |now| process::has_witness(db, new, now - 7_000, now).await;
        assert_eq!(is_witnessed(0).await, Ok(false), "nobody is there");
        for (seen_at, witnessed) in [
            (0, false),
            (3_000, false),
            (6_000, false),
            (9_000, true),
            // Nothing was heard of it for six seconds.
            (15_000, false),
            (18_000, false),
            (22_000, true),
        ] {
            process::mark_seen(db, old, "api", seen_at).await.expect("an answer");
            assert_eq!(is_witnessed(seen_at).await, Ok(witnessed), "{seen_at}");
        }
        assert_eq!(process::has_witness(db, old, 15_000, 22_000).await, Ok(false), "of itself");
        assert_eq!(is_witnessed(27_001).await, Ok(false), "it may have gone");
    }

    async fn what_is_old_is_removed_with_its_attempts(bed, "") {
        let accepted = accept(&bed.home, 1).await;
        let id = only_message(&bed.home, accepted.id).await.id;
        let row = claim(&bed.home, id).await.expect("a claim");
        begin(&bed.home, &row, 1).await.expect("a lease");
        record(&bed.home, &row, 1, ErrorClass::Ok, Next::Sent).await;
        let db = &bed.home.db;
        bed.home.clock.advance(600_001);
        verification::mark_expired(db, bed.home.clock.now(), 10).await.expect("an answer");
        let later = bed.home.clock.now() + 1;
        for kind in [Kind::Messages, Kind::Verifications] {
            assert_eq!(kind.count_before(db, later).await, Ok(1));
            let removed = kind.remove_oldest(db, 0..later, 10).await;
            assert_eq!(removed.map(|ages| ages.len()), Ok(1), "{}", kind.name());
        }
        assert!(attempt::list_by_message(db, id).await.expect("an answer").is_empty());
    }
}
