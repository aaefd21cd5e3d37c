//! What an attempt takes and costs: by the configured prices, by its answer, by its report.

use std::sync::Arc;

use otpost_shared::{
    Home,
    attempt::{self, Ending},
    message::{End, Message, Next, State, take_report},
    outcome::ErrorClass,
    price::{Charge, Cost, Currency, Price},
    queue::Lane,
    report::{Reference, Report, Word},
    spend::{self, Place, Spent},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::on_both_homes;

use super::{
    accept,
    leases::{begin, bulk, claim, only_message, record_ending},
};

fn eur(micros: i64) -> Price {
    Price { micros, currency: Currency::EUR }
}

#[expect(clippy::unnecessary_wraps, reason = "beside attempts that have none")]
fn estimated(micros: i64) -> Option<Charge> {
    Some(Charge { price: eur(micros), is_estimated: true })
}

#[expect(clippy::unnecessary_wraps, reason = "beside attempts that have none")]
fn told(micros: i64) -> Option<Charge> {
    Some(Charge { price: eur(micros), is_estimated: false })
}

/// What a report tells of the price.
fn priced(micros: i64) -> Cost {
    Cost { price: Some(eur(micros)), ..Cost::default() }
}

/// How it ends when the provider takes it.
fn taken(segments: Option<u16>, charge: Option<Charge>) -> Ending {
    Ending { segments, charge, ..Ending::of(ErrorClass::Ok) }
}

/// A code on its way to the provider `a`.
async fn begun(home: &Home, n: u32) -> Arc<Message> {
    let accepted = accept(home, n).await;
    let id = only_message(home, accepted.id).await.id;
    let row = claim(home, id).await.expect("a claim");
    begin(home, &row, 1).await.expect("a lease");
    row
}

async fn end(home: &Home, row: &Arc<Message>, ending: Ending) {
    record_ending(home, row, 1, ending, Next::Sent).await;
}

async fn say(home: &Home, row: &Message, word: Word, cost: Cost) {
    let key = home.keys.active_kid();
    let of = Reference::new(&home.keys, key, "a", row.id, 1).expect("a key");
    let class = (word == Word::Undelivered).then_some(ErrorClass::Recipient);
    let report = Report { of, word, class, code: None, cost };
    take_report(home, "a", report).await.expect("an answer");
}

/// Segments and price of the first attempt, as they stand in the table.
async fn known(home: &Home, row: &Message) -> (Option<i32>, Option<Charge>) {
    let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
    (attempts[0].segments, attempts[0].charge())
}

/// The whole walk, so many messages at once.
async fn walk(home: &Home, most: i64) -> Vec<Spent> {
    let mut spent = Vec::new();
    let mut place = Some(Place::before(0));
    while let Some(from) = place {
        let page = spend::list(&home.db, from, i64::MAX, most).await.expect("an answer");
        spent.extend(page.spent);
        place = page.next;
    }
    spent
}

on_both_homes! {
    async fn what_is_recorded_is_there_again(bed, "") {
        let home = &bed.home;
        for (n, segments, charge) in [
            (1, None, None),
            (2, Some(2), None),
            (3, Some(2), estimated(80_000)),
            (4, None, told(33_300)),
            (5, Some(u16::MAX), told(0)),
            (6, Some(1), told(i64::MAX)),
        ] {
            let row = begun(home, n).await;
            assert_eq!(known(home, &row).await, (None, None));
            for _ in 0..2 {
                // The second time because the first answer was lost.
                end(home, &row, taken(segments, charge)).await;
                assert_eq!(known(home, &row).await, (segments.map(i32::from), charge), "{n}");
            }
        }
    }

    async fn a_report_goes_before_an_estimate(bed, "") {
        let home = &bed.home;
        let row = begun(home, 1).await;
        end(home, &row, taken(Some(1), estimated(80_000))).await;
        say(home, &row, Word::Sent, Cost::of_segments(Some(2))).await;
        assert_eq!(known(home, &row).await, (Some(2), estimated(160_000)), "it told no price");
        say(home, &row, Word::Delivered, priced(33_300)).await;
        assert_eq!(known(home, &row).await, (Some(2), told(33_300)));
        // Nothing is taken back by what comes late, or twice.
        for (cost, micros) in [(Cost::default(), 33_300), (priced(66_600), 66_600), (priced(10), 66_600)] {
            for word in [Word::Delivered, Word::Sent] {
                say(home, &row, word, cost).await;
                assert_eq!(known(home, &row).await, (Some(2), told(micros)), "{cost:?} {word:?}");
            }
        }
        let dollars = Price { micros: 99_999, currency: Currency::USD };
        say(home, &row, Word::Delivered, Cost { price: Some(dollars), ..Cost::default() }).await;
        assert_eq!(known(home, &row).await, (Some(2), told(66_600)), "another currency");
    }

    async fn a_price_may_come_after_the_last_word(bed, "") {
        let home = &bed.home;
        for (n, word) in [(1, Word::Delivered), (2, Word::Undelivered)] {
            let row = begun(home, n).await;
            end(home, &row, taken(None, estimated(80_000))).await;
            say(home, &row, word, Cost::default()).await;
            assert_eq!(known(home, &row).await, (None, estimated(80_000)));
            say(home, &row, word, Cost { segments: Some(2), ..priced(0) }).await;
            assert_eq!(known(home, &row).await, (Some(2), told(0)));
        }
    }

    async fn a_price_of_one_segment_counts_for_each(bed, "") {
        let home = &bed.home;
        for (n, recorded, reported, segments, micros) in [
            (1, Some(3), None, Some(3), 99_900),
            (2, Some(3), Some(2), Some(2), 66_600),
            (3, None, Some(2), Some(2), 66_600),
            (4, None, None, None, 33_300),
        ] {
            let row = begun(home, n).await;
            end(home, &row, taken(recorded, None)).await;
            let cost = Cost { segments: reported, is_per_segment: true, ..priced(33_300) };
            for _ in 0..2 {
                say(home, &row, Word::Delivered, cost).await;
                assert_eq!(known(home, &row).await, (segments, told(micros)), "{n}");
            }
        }
    }

    async fn a_report_may_be_faster_than_the_answer(bed, "") {
        let home = &bed.home;
        for (n, answered, segments, micros) in [
            (1, taken(Some(1), estimated(80_000)), Some(1), 33_300),
            (2, taken(None, None), None, 33_300),
            // The report may have been about a part, and the answer is about the whole.
            (3, taken(Some(2), told(66_600)), Some(2), 66_600),
        ] {
            let row = begun(home, n).await;
            say(home, &row, Word::Delivered, priced(33_300)).await;
            assert_eq!(known(home, &row).await, (None, told(33_300)));
            for _ in 0..2 {
                end(home, &row, answered.clone()).await;
                assert_eq!(known(home, &row).await, (segments, told(micros)), "{n}");
            }
        }
    }

    async fn an_estimate_is_that_of_the_segments_told(bed, "") {
        let home = &bed.home;
        let told_segments = |count| Cost::of_segments(Some(count));
        for (n, ours, reported, micros) in [
            (1, (1, 80_000), 2, 160_000),
            (4, (3, 240_000), 2, 160_000),
            // What the provider had taken already costs nothing, however long it is.
            (7, (0, 0), 2, 0),
        ] {
            let answered = taken(Some(ours.0), estimated(ours.1));
            let expected = (Some(i32::from(reported)), estimated(micros));
            let early = begun(home, n).await;
            say(home, &early, Word::Delivered, told_segments(reported)).await;
            for _ in 0..2 {
                end(home, &early, answered.clone()).await;
                assert_eq!(known(home, &early).await, expected, "{n}, before the answer");
            }
            let late = begun(home, n + 1).await;
            end(home, &late, answered.clone()).await;
            for _ in 0..2 {
                say(home, &late, Word::Delivered, told_segments(reported)).await;
                assert_eq!(known(home, &late).await, expected, "{n}, after the answer");
            }
            let again = begun(home, n + 2).await;
            end(home, &again, answered).await;
            say(home, &again, Word::Delivered, Cost::default()).await;
            say(home, &again, Word::Delivered, told_segments(reported)).await;
            assert_eq!(known(home, &again).await, expected, "{n}, with its last word once more");
        }
        let row = begun(home, 10).await;
        end(home, &row, taken(Some(1), told(33_300))).await;
        say(home, &row, Word::Delivered, told_segments(2)).await;
        assert_eq!(known(home, &row).await, (Some(2), told(33_300)), "a price that was told stays");
    }

    async fn of_two_prices_the_larger_counts_in_either_order(bed, "") {
        let home = &bed.home;
        for (n, answered, reported) in [(1, 66_600, 33_300), (3, 33_300, 66_600)] {
            let cost = Cost { segments: Some(u16::from(reported == 66_600) + 1), ..priced(reported) };
            let answer = taken(Some(u16::from(answered == 66_600) + 1), told(answered));
            let first = begun(home, n).await;
            end(home, &first, answer.clone()).await;
            let second = begun(home, n + 1).await;
            for row in [&first, &second] {
                say(home, row, Word::Delivered, cost).await;
            }
            end(home, &second, answer).await;
            for (row, order) in [(&first, "the answer first"), (&second, "the report first")] {
                assert_eq!(known(home, row).await, (Some(2), told(66_600)), "{n}, {order}");
            }
        }
        let dollars = Price { micros: 99_999, currency: Currency::USD };
        let row = begun(home, 5).await;
        end(home, &row, taken(None, told(33_300))).await;
        say(home, &row, Word::Delivered, Cost { price: Some(dollars), ..Cost::default() }).await;
        assert_eq!(known(home, &row).await, (None, told(33_300)), "another currency");
    }

    async fn another_attempt_is_left_alone(bed, "") {
        let home = &bed.home;
        let row = begun(home, 1).await;
        let again = Next::Try { number: 2, provider: "a".into(), suppression_hash: Vec::new() };
        let unknown = Ending { charge: estimated(1), ..Ending::of(ErrorClass::Unknown) };
        record_ending(home, &row, 1, unknown, again).await;
        record_ending(home, &row, 2, taken(None, estimated(2)), Next::Sent).await;
        say(home, &row, Word::Delivered, priced(3)).await;
        let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
        let charges: Vec<_> = attempts.iter().map(attempt::Attempt::charge).collect();
        assert_eq!(charges, [told(3), estimated(2)]);
        assert_eq!(walk(home, 9).await.len(), 2, "both count");
    }

    async fn all_that_was_spent_is_walked_once(bed, "") {
        let home = &bed.home;
        for (n, later) in [(1, 0), (2, 0), (3, 0), (4, 10), (5, 0)] {
            let row = begun(home, n).await;
            home.clock.advance(later);
            end(home, &row, taken(Some(1), told(i64::from(n)))).await;
        }
        for most in 1..=6 {
            let spent = walk(home, most).await;
            assert!(spent.is_sorted_by_key(|one| one.ended_at), "{most}");
            let mut micros: Vec<_> = spent.iter().filter_map(|one| one.charge).collect();
            micros.sort_unstable_by_key(|charge| charge.price.micros);
            assert_eq!(micros, (1..=5).filter_map(told).collect::<Vec<_>>(), "{most}");
        }
        let all = walk(home, 9).await;
        let one = &all[0];
        assert_eq!((one.tenant_id, one.lane, one.segments), (DEFAULT_TENANT, Lane::Otp, Some(1)));
        assert_eq!(one.provider, "a");
        let last = all[4].ended_at;
        let earlier = all.iter().filter(|one| one.ended_at < last).count();
        assert!((3..5).contains(&earlier), "{all:?}");
        let before = spend::list(&home.db, Place::before(0), last, 9).await.expect("an answer");
        assert_eq!(before.spent.len(), earlier, "what ended at the end is not in it");
        let since = spend::list(&home.db, Place::before(last), i64::MAX, 9).await.expect("an answer");
        assert_eq!(since.spent.len(), 5 - earlier, "what ended at the beginning is");
    }

    async fn what_costs_nothing_is_not_spent(bed, "") {
        let home = &bed.home;
        let class = ErrorClass::Recipient;
        for (n, charge) in [(1, None), (2, told(7))] {
            let row = begun(home, n).await;
            let end = End { state: State::Failed, class, failure: "landline".into() };
            let refused = Ending { charge, ..Ending::of(class) };
            record_ending(home, &row, 1, refused, Next::End(end)).await;
        }
        begun(home, 3).await;
        bulk(home, 4).await;
        let row = begun(home, 5).await;
        end(home, &row, taken(None, None)).await;
        let charges: Vec<_> = walk(home, 9).await.into_iter().map(|one| one.charge).collect();
        assert_eq!(charges.len(), 2);
        assert!(charges.contains(&told(7)) && charges.contains(&None), "refused at a price; unpriced");
    }
}
