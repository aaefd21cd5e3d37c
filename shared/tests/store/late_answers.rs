//! Answers to attempts that had been given up as unknown: what was accepted is sent, and not sent again.

use std::sync::Arc;

use otpost_shared::{
    Home,
    attempt::{self, Attempt, Ending},
    message::{
        self, Effect, End, Heard, LateAnswer, Message, Next, State, take_late_answer, take_report,
    },
    outcome::ErrorClass,
    price::{Charge, Cost, Currency, Price},
    report::{Reference, Report, Word},
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{
    accept, check, code_of,
    leases::{begin, bulk, claim, only_message, record, record_ending},
};

fn answer(id: Uuid, number: i32, class: ErrorClass) -> LateAnswer {
    let refused = (class != ErrorClass::Ok).then(|| "5.7.1".to_owned());
    LateAnswer {
        message_id: id,
        number,
        provider: "a".into(),
        class,
        provider_message_id: (class == ErrorClass::Ok).then(|| "4F1C2A".to_owned()),
        error_code: refused,
        detail: None,
    }
}

async fn say(home: &Home, id: Uuid, number: i32, class: ErrorClass) -> Heard {
    take_late_answer(home, answer(id, number, class)).await.expect("an answer")
}

async fn row(home: &Home, id: Uuid) -> Message {
    message::find(&home.db, id).await.expect("an answer").expect("a row")
}

async fn attempts(home: &Home, id: Uuid) -> Vec<Attempt> {
    attempt::list_by_message(&home.db, id).await.expect("an answer")
}

/// Tried and given up as unknown; then this.
async fn given_up(home: &Home, id: Uuid, next: Next) -> Arc<Message> {
    let row = claim(home, id).await.expect("a claim");
    begin(home, &row, 1).await.expect("a lease");
    record(home, &row, 1, ErrorClass::Unknown, next).await;
    row
}

fn ended() -> Next {
    let failure = "it may have been sent (a)".to_owned();
    Next::End(End { state: State::Unknown, class: ErrorClass::Unknown, failure })
}

on_both_homes! {
    async fn what_was_accepted_after_all_is_sent(bed, "") {
        let home = &bed.home;
        let text = bulk(home, 1).await;
        let code = only_message(home, accept(home, 2).await.id).await.id;
        given_up(home, text, ended()).await;
        let later = Next::Wait { not_before: home.clock.now(), why: None };
        given_up(home, code, later).await;
        for id in [text, code] {
            assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::Settled);
            let row = row(home, id).await;
            assert_eq!((row.state.as_str(), row.failure, row.failure_class), ("sent", None, None));
            assert!(row.finished_at.is_some());
            let attempt = attempts(home, id).await.remove(0);
            assert_eq!(attempt.outcome(), Some(ErrorClass::Ok));
            assert_eq!(attempt.provider_message_id.as_deref(), Some("4F1C2A"));
            assert!(claim(home, id).await.is_none(), "nobody sends it again");
            // It is said once.
            assert_eq!(say(home, id, 1, ErrorClass::Content).await, Heard::Noted);
            assert_eq!(attempts(home, id).await[0].outcome(), Some(ErrorClass::Ok));
        }
    }

    async fn a_text_that_was_refused_after_all_has_failed(bed, "") {
        let home = &bed.home;
        let id = bulk(home, 1).await;
        given_up(home, id, ended()).await;
        assert_eq!(say(home, id, 1, ErrorClass::Content).await, Heard::Settled);
        let row = row(home, id).await;
        assert_eq!((row.state.as_str(), row.failure_class.as_deref()), ("failed", Some("content")));
        assert_eq!(row.failure.as_deref(), Some("refused, after it was given up (a 5.7.1)"));
        // Of a code it is known for the next round.
        let code = only_message(home, accept(home, 2).await.id).await.id;
        given_up(home, code, Next::Wait { not_before: home.clock.now(), why: None }).await;
        assert_eq!(say(home, code, 1, ErrorClass::Recipient).await, Heard::Noted);
        assert_eq!(attempts(home, code).await[0].outcome(), Some(ErrorClass::Recipient));
        assert!(claim(home, code).await.is_some());
    }

    async fn what_was_reported_undelivered_is_not_sent_by_an_answer_that_is_slower(bed, "") {
        let home = &bed.home;
        let id = only_message(home, accept(home, 1).await.id).await.id;
        given_up(home, id, Next::Wait { not_before: home.clock.now(), why: None }).await;
        let of = Reference::new(&home.keys, home.keys.active_kid(), "a", id, 1).expect("a key");
        let (word, class, cost) = (Word::Undelivered, None, Cost::default());
        let report = Report { of, word, class, code: None, cost };
        assert_eq!(take_report(home, "a", report).await, Ok(Effect::Noted));
        assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::Noted);
        assert_eq!(attempts(home, id).await[0].outcome(), Some(ErrorClass::Ok));
        assert!(claim(home, id).await.is_some(), "others are asked");
    }

    async fn what_was_refused_after_all_costs_nothing(bed, "") {
        let home = &bed.home;
        let price = Price { micros: 7_500, currency: Currency::EUR };
        let charge = Some(Charge { price, is_estimated: true });
        for (n, class, left) in [(1, ErrorClass::Ok, charge), (2, ErrorClass::Content, None)] {
            let id = bulk(home, n).await;
            let row = claim(home, id).await.expect("a claim");
            begin(home, &row, 1).await.expect("a lease");
            let ending = Ending { segments: Some(1), charge, ..Ending::of(ErrorClass::Unknown) };
            record_ending(home, &row, 1, ending, ended()).await;
            assert_eq!(attempts(home, id).await[0].charge(), charge);
            assert_eq!(say(home, id, 1, class).await, Heard::Settled);
            let attempt = attempts(home, id).await.remove(0);
            assert_eq!((attempt.charge(), attempt.segments), (left, left.map(|_| 1)), "{class}");
        }
    }

    async fn an_answer_waits_for_the_outcome_it_corrects(bed, "") {
        let home = &bed.home;
        let id = bulk(home, 1).await;
        let row_of = claim(home, id).await.expect("a claim");
        begin(home, &row_of, 1).await.expect("a lease");
        assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::TooEarly);
        record(home, &row_of, 1, ErrorClass::Unknown, ended()).await;
        assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::Settled);
        assert_eq!(say(home, id, 2, ErrorClass::Ok).await, Heard::Noted, "there is no such attempt");
        assert_eq!(say(home, Uuid::now_v7(), 1, ErrorClass::Ok).await, Heard::Noted);
    }

    async fn what_has_gone_on_or_is_over_stays_as_it_is(bed, "") {
        let home = &bed.home;
        // Another attempt is under way.
        let id = only_message(home, accept(home, 1).await.id).await.id;
        let claimed = claim(home, id).await.expect("a claim");
        begin(home, &claimed, 1).await.expect("a lease");
        let next = Next::Try { number: 2, provider: "b".into(), suppression_hash: Vec::new() };
        record(home, &claimed, 1, ErrorClass::Unknown, next).await;
        assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::Noted);
        assert_eq!(row(home, id).await.state, "sending");
        assert_eq!(attempts(home, id).await[0].outcome(), Some(ErrorClass::Ok));
        // The person had it already, and was quick.
        let verified = accept(home, 2).await;
        let id = only_message(home, verified.id).await.id;
        given_up(home, id, Next::Wait { not_before: home.clock.now(), why: None }).await;
        check(home, &verified, code_of(home, verified.id).await).await;
        assert_eq!(row(home, id).await.state, "canceled");
        assert_eq!(say(home, id, 1, ErrorClass::Ok).await, Heard::Noted);
        assert_eq!(row(home, id).await.state, "canceled");
        // Somebody else's attempt is not this provider's to speak of.
        let id = bulk(home, 3).await;
        given_up(home, id, ended()).await;
        let of_another = LateAnswer { provider: "b".into(), ..answer(id, 1, ErrorClass::Ok) };
        assert_eq!(take_late_answer(home, of_another).await, Ok(Heard::Noted));
        assert_eq!(row(home, id).await.state, "unknown");
    }
}
