//! Endpoints: which events are due for which, what failures do to them, and replays.

use otpost_shared::{
    Home,
    clock::Millis,
    event::{self, WEBHOOK_DISABLED, WEBHOOK_TEST},
    tenant::DEFAULT_TENANT,
    webhook::{
        self, Answer, Change, DISABLED_AFTER_MS, DeliveryState, Due, MOST_POSTS, NotMade, Noted,
        ROTATION_MS, ReplayFrom, Webhook,
    },
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{
    accept, check, code_of,
    events::{endpoint, listen, log, second_tenant, tell_many},
};

const HOUR: Millis = 3_600_000;

fn taken() -> Answer {
    Answer::Taken { status: 200 }
}

fn refused(retry_at: Option<Millis>) -> Answer {
    Answer::Refused { status: Some(500), error: "it answered 500".to_owned(), retry_at }
}

fn not_posted(retry_at: Option<Millis>) -> Answer {
    Answer::NotPosted { error: "there is no key".to_owned(), retry_at }
}

/// What is due for an endpoint now.
async fn due(home: &Home, of: &Webhook) -> Vec<Due> {
    let now = home.clock.now();
    webhook::spread(&home.db, now).await.expect("an answer");
    let listed = webhook::list_due(&home.db, now).await.expect("an answer");
    match listed.into_iter().find(|waiting| waiting.webhook.id == of.id) {
        Some(of) => webhook::claim(&home.db, &of.webhook, 100, now).await.expect("an answer"),
        None => Vec::new(),
    }
}

async fn spread(home: &Home) {
    while webhook::spread(&home.db, home.clock.now()).await.expect("an answer") > 0 {}
}

async fn note(home: &Home, due: &Due, answer: Answer) -> Noted {
    webhook::record(&home.db, due, answer, home.clock.now()).await.expect("an answer")
}

async fn kinds(home: &Home, due: &[Due]) -> Vec<String> {
    let log = log(home, DEFAULT_TENANT).await;
    let kind = |due: &Due| {
        let of = log.iter().find(|event| event.id == due.delivery.event_id);
        of.map(|event| event.kind.clone()).expect("it is in the log")
    };
    let mut kinds: Vec<String> = due.iter().map(kind).collect();
    kinds.sort();
    kinds
}

async fn find(home: &Home, id: Uuid) -> Webhook {
    webhook::find(&home.db, DEFAULT_TENANT, id).await.expect("an answer").expect("a row")
}

async fn set_enabled(home: &Home, id: Uuid, is_enabled: bool) -> Webhook {
    let change = Change { is_enabled: Some(is_enabled), ..Change::default() };
    webhook::update(home, DEFAULT_TENANT, id, &change).await.expect("changed")
}

async fn verified(home: &Home, n: u32) {
    let accepted = accept(home, n).await;
    check(home, &accepted, code_of(home, accepted.id).await).await;
}

on_both_homes! {
    async fn each_gets_what_it_takes_and_once(bed, "") {
        let home = &bed.home;
        let all = listen(home, DEFAULT_TENANT, &[]).await;
        let some = listen(home, DEFAULT_TENANT, &["verification.verified"]).await;
        let foreign = listen(home, second_tenant(home).await, &[]).await;
        verified(home, 1).await;
        let of_all = due(home, &all).await;
        assert_eq!(kinds(home, &of_all).await, ["message.canceled", "verification.created", "verification.verified"]);
        let of_some = due(home, &some).await;
        assert_eq!(kinds(home, &of_some).await, ["verification.verified"]);
        assert!(due(home, &foreign).await.is_empty());
        // They are ours until they are noted; and then nobody's.
        assert!(due(home, &all).await.is_empty());
        for due in of_all.iter().chain(&of_some) {
            assert_eq!(note(home, due, taken()).await, Noted::Delivered);
            assert_eq!(note(home, due, taken()).await, Noted::NotOurs);
        }
        assert!(due(home, &all).await.is_empty());
        let page = webhook::list_deliveries(&home.db, all.id, Some(DeliveryState::Delivered), Uuid::max(), 2).await;
        let page = page.expect("an answer");
        assert_eq!((page.rows.len(), page.rows[0].last_status), (2, Some(200)));
        let rest = webhook::list_deliveries(&home.db, all.id, None, page.next.expect("more"), 2).await;
        let rest = rest.expect("an answer");
        assert_eq!((rest.rows.len(), rest.next), (1, None));
    }

    async fn what_a_lost_worker_held_is_due_again(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &[]).await;
        accept(home, 1).await;
        let lost = due(home, &of).await;
        assert_eq!(lost.len(), 1);
        home.clock.advance(29_000);
        assert_eq!(webhook::recover(&home.db, home.clock.now()).await, Ok(0));
        home.clock.advance(2_000);
        assert_eq!(webhook::recover(&home.db, home.clock.now()).await, Ok(1));
        let again = due(home, &of).await;
        assert_eq!((again.len(), again[0].delivery.posts), (1, 2));
        assert_eq!(note(home, &lost[0], taken()).await, Noted::NotOurs);
        assert_eq!(note(home, &again[0], taken()).await, Noted::Delivered);
    }

    async fn one_that_only_fails_is_tried_for_a_day_and_disabled_after_five(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &[]).await;
        let witness = listen(home, DEFAULT_TENANT, &["webhook"]).await;
        let began = home.clock.now();
        accept(home, 1).await;
        for post in 1..=MOST_POSTS {
            let due = due(home, &of).await;
            assert_eq!(due.len(), 1, "post {post}");
            let retry_at = webhook::retry_at(due[0].delivery.posts, home.clock.now(), 1.0);
            let noted = note(home, &due[0], refused(retry_at)).await;
            let last = post == MOST_POSTS;
            assert_eq!(noted, if last { Noted::GivenUp } else { Noted::TriedAgain });
            if let Some(at) = retry_at {
                assert!(super::webhooks::due(home, &of).await.is_empty(), "not before its time");
                home.clock.set(at);
            }
        }
        assert!(home.clock.now() - began > 24 * 3_600_000);
        let row = find(home, of.id).await;
        assert!(row.is_enabled() && row.failing_since.is_some());
        assert!(due(home, &of).await.is_empty(), "it is given up");

        home.clock.set(began + DISABLED_AFTER_MS + 60_000);
        accept(home, 2).await;
        let failing = due(home, &of).await;
        assert_eq!(note(home, &failing[0], refused(None)).await, Noted::Disabled);
        let row = find(home, of.id).await;
        assert!(!row.is_enabled() && row.disabled_why.is_some_and(|why| why.contains("it answered 500")));
        assert_eq!(webhook::list_troubled(&home.db).await.expect("an answer").len(), 1);
        let told = due(home, &witness).await;
        assert_eq!(kinds(home, &told).await, [WEBHOOK_DISABLED]);
        accept(home, 3).await;
        assert!(due(home, &of).await.is_empty());

        // Back again it gets what came meanwhile when that is asked for.
        let row = set_enabled(home, of.id, true).await;
        assert!(row.is_enabled() && row.failing_since.is_none() && row.disabled_why.is_none());
        assert!(due(home, &of).await.is_empty());
        let (db, now) = (&home.db, home.clock.now());
        let from = ReplayFrom::Moment(began);
        let replayed = webhook::replay_from(db, DEFAULT_TENANT, of.id, from, now).await;
        let replayed = replayed.expect("an answer").expect("an endpoint");
        assert_eq!((replayed.events, replayed.next), (3, None));
        let due = due(home, &of).await;
        assert_eq!(kinds(home, &due).await, ["verification.created"; 3]);
        for due in &due {
            assert_eq!((note(home, due, taken()).await, due.delivery.posts), (Noted::Delivered, 1));
        }
    }

    async fn a_success_takes_failures_back_and_gone_is_gone(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &[]).await;
        accept(home, 1).await;
        let first = due(home, &of).await;
        note(home, &first[0], refused(Some(home.clock.now()))).await;
        assert!(find(home, of.id).await.failing_since.is_some());
        home.clock.advance(DISABLED_AFTER_MS * 2);
        let second = due(home, &of).await;
        assert_eq!(note(home, &second[0], taken()).await, Noted::Delivered);
        assert!(find(home, of.id).await.failing_since.is_none());
        // One of its deliveries once more.
        let (db, now) = (&home.db, home.clock.now());
        let replayed = webhook::replay(db, of.id, second[0].delivery.id, now).await;
        let replayed = replayed.expect("an answer").expect("a row");
        assert_eq!((replayed.state(), replayed.posts), (DeliveryState::Queued, 0));
        let third = due(home, &of).await;
        // One that is being posted stays what it is.
        let untouched = webhook::replay(db, of.id, third[0].delivery.id, now + 1).await;
        let untouched = untouched.expect("an answer").expect("a row");
        assert_eq!((untouched.state(), untouched.posts), (DeliveryState::Sending, 1));
        assert_eq!(note(home, &third[0], Answer::Gone { retry_at: None }).await, Noted::Disabled);
        assert!(!find(home, of.id).await.is_enabled());
        assert!(webhook::replay(db, Uuid::now_v7(), third[0].delivery.id, now).await.expect("an answer").is_none());
    }

    async fn our_own_faults_do_not_count_against_an_endpoint(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &[]).await;
        accept(home, 1).await;
        let first = due(home, &of).await;
        let retry_at = Some(home.clock.now());
        assert_eq!(note(home, &first[0], not_posted(retry_at)).await, Noted::TriedAgain);
        assert_eq!(find(home, of.id).await.failing_since, None);
        home.clock.advance(DISABLED_AFTER_MS * 2);
        let second = due(home, &of).await;
        assert_eq!(note(home, &second[0], not_posted(None)).await, Noted::GivenUp);
        let row = find(home, of.id).await;
        assert!(row.is_enabled() && row.failing_since.is_none());
        // Nor does it prove that an endpoint that has failed is back.
        accept(home, 2).await;
        let third = due(home, &of).await;
        let at = home.clock.now();
        assert_eq!(note(home, &third[0], refused(Some(at))).await, Noted::TriedAgain);
        let failing_since = find(home, of.id).await.failing_since;
        home.clock.advance(DISABLED_AFTER_MS * 2);
        let fourth = due(home, &of).await;
        assert_eq!(note(home, &fourth[0], not_posted(None)).await, Noted::GivenUp);
        let row = find(home, of.id).await;
        assert!(row.is_enabled() && failing_since.is_some());
        assert_eq!(row.failing_since, failing_since);
    }

    async fn whoever_waits_longest_is_first(bed, "[webhooks]\nmost_per_tenant = 70") {
        let home = &bed.home;
        let mut all = Vec::new();
        for _ in 0..70 {
            all.push(listen(home, DEFAULT_TENANT, &[]).await);
        }
        accept(home, 1).await;
        let (last, others) = all.split_last().expect("some");
        for of in others {
            let due = due(home, of).await;
            note(home, &due[0], refused(Some(home.clock.now() + 1))).await;
            home.clock.advance(1);
        }
        let listed = webhook::list_due(&home.db, home.clock.now()).await.expect("an answer");
        let ids: Vec<Uuid> = listed.iter().map(|of| of.webhook.id).collect();
        let by_age = [last].into_iter().chain(others).map(|of| of.id);
        assert_eq!(ids, by_age.collect::<Vec<Uuid>>());
        assert!(listed.is_sorted_by_key(|of| of.since));
    }

    async fn only_what_was_disabled_begins_anew(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &[]).await;
        accept(home, 1).await;
        let first = due(home, &of).await;
        note(home, &first[0], refused(None)).await;
        let row = set_enabled(home, of.id, true).await;
        assert!(row.failing_since.is_some(), "it was not disabled: {row:?}");
        let disabled = set_enabled(home, of.id, false).await;
        assert!(!disabled.is_enabled() && disabled.disabled_at.is_some());
        home.clock.advance(1_000);
        let again = set_enabled(home, of.id, false).await;
        assert_eq!(again.disabled_at, disabled.disabled_at);
        let row = set_enabled(home, of.id, true).await;
        assert_eq!((row.is_enabled(), row.failing_since, row.disabled_at), (true, None, None));
        let foreign = second_tenant(home).await;
        let change = Change { is_enabled: Some(false), ..Change::default() };
        let foreign = webhook::update(home, foreign, of.id, &change).await;
        assert!(matches!(foreign, Err(NotMade::NotFound)));
        assert!(find(home, of.id).await.is_enabled());
    }

    async fn secrets_change_over_in_a_day(bed, "") {
        let home = &bed.home;
        let new = endpoint(home, &[]);
        let (row, first) = webhook::create(home, DEFAULT_TENANT, &new).await.expect("made");
        let texts = async |at: Millis| {
            let secrets = find(home, row.id).await.secrets(&home.keys, at).expect("a key");
            secrets.iter().map(|secret| secret.to_text().to_string()).collect::<Vec<_>>()
        };
        let now = home.clock.now();
        let (first, now_only) = (first.to_text().to_string(), texts(now).await);
        assert_eq!(now_only, std::slice::from_ref(&first));
        let (rotated, second) = webhook::rotate(home, DEFAULT_TENANT, row.id).await.expect("rotated");
        assert_eq!(rotated.secrets(&home.keys, now).expect("a key").len(), 2);
        let second = second.to_text().to_string();
        assert_eq!(texts(now).await, [second.clone(), first]);
        assert_eq!(texts(home.clock.now() + ROTATION_MS).await, [second]);
        let foreign = webhook::rotate(home, second_tenant(home).await, row.id).await;
        assert!(matches!(foreign, Err(NotMade::NotFound)));
    }

    async fn a_replay_goes_on_where_the_call_before_ended(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &["verification.created"]).await;
        accept(home, 1).await;
        spread(home).await;
        tell_many(home, 10_100).await;
        spread(home).await;
        accept(home, 2).await;
        spread(home).await;
        let (db, now) = (&home.db, home.clock.now());
        let (mut from, mut brought) = (ReplayFrom::Moment(0), Vec::new());
        loop {
            let part = webhook::replay_from(db, DEFAULT_TENANT, of.id, from, now).await;
            let part = part.expect("an answer").expect("an endpoint");
            brought.push(part.events);
            let Some(place) = part.next else { break };
            from = ReplayFrom::Place(place);
        }
        assert_eq!(brought, [1, 1]);
    }

    async fn full_batches_are_handed_out_in_one_call(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &["message"]).await;
        tell_many(home, 1_600).await;
        let now = home.clock.now();
        assert_eq!(webhook::spread(&home.db, now).await, Ok(1_600));
        assert_eq!(webhook::claim(&home.db, &of, 2_000, now).await.expect("an answer").len(), 1_600);
    }

    async fn a_replay_begins_with_what_happened_first(bed, "[events]\nlog = true") {
        let home = &bed.home;
        let began = home.clock.now();
        // The fourth was committed after the third, and happened before it.
        let moments = [0, HOUR, 2 * HOUR + 1_000, 2 * HOUR + 500, 3 * HOUR, 4 * HOUR];
        for (n, after) in (0..).zip(moments) {
            home.clock.set(began + after);
            accept(home, n).await;
            spread(home).await;
        }
        let before = async |after: Millis| {
            let place = event::place_before(&home.db, DEFAULT_TENANT, began + after).await;
            place.expect("an answer")
        };
        assert_eq!(before(-HOUR).await, Some(0));
        assert_eq!(before(HOUR - 1_000).await, Some(1));
        assert_eq!(before(2 * HOUR + 100).await, Some(2));
        assert_eq!(before(2 * HOUR + 800).await, Some(2));
        assert_eq!(before(3 * HOUR - 1_000).await, Some(4));
        assert_eq!(before(4 * HOUR - 1_000).await, Some(5));
        assert_eq!(before(5 * HOUR).await, None);
        let nobody = event::place_before(&home.db, Uuid::now_v7(), began).await;
        assert_eq!(nobody, Ok(None));
    }

    async fn a_test_is_for_one_alone(bed, "") {
        let home = &bed.home;
        let of = listen(home, DEFAULT_TENANT, &["message"]).await;
        let other = listen(home, DEFAULT_TENANT, &[]).await;
        webhook::test(home, DEFAULT_TENANT, of.id).await.expect("told");
        let due_for_it = due(home, &of).await;
        assert_eq!(kinds(home, &due_for_it).await, [WEBHOOK_TEST]);
        assert!(due(home, &other).await.is_empty());
        set_enabled(home, of.id, false).await;
        assert!(matches!(webhook::test(home, DEFAULT_TENANT, of.id).await, Err(NotMade::Disabled)));
        // Whoever is disabled by hand is nobody's trouble.
        assert!(webhook::list_troubled(&home.db).await.expect("an answer").is_empty());
        assert_eq!(webhook::remove(home, DEFAULT_TENANT, of.id).await, Ok(true));
        assert_eq!(webhook::remove(home, DEFAULT_TENANT, of.id).await, Ok(false));
        assert_eq!(webhook::remove(home, DEFAULT_TENANT, other.id).await, Ok(true));
        home.settings.now(&home.db, home.clock.now()).await.expect("an answer");
        let before = log(home, DEFAULT_TENANT).await.len();
        accept(home, 9).await;
        assert_eq!(log(home, DEFAULT_TENANT).await.len(), before, "nobody listens any more");
    }

    async fn there_are_as_many_as_there_may_be(bed, "[webhooks]\nmost_per_tenant = 2") {
        let home = &bed.home;
        for _ in 0..2 {
            listen(home, DEFAULT_TENANT, &[]).await;
        }
        let new = endpoint(home, &[]);
        let third = webhook::create(home, DEFAULT_TENANT, &new).await;
        assert!(matches!(third, Err(NotMade::TooMany { most: 2 })));
        webhook::create(home, second_tenant(home).await, &new).await.expect("another's");
    }
}
