//! Events posted to endpoints: signed, again and again until they are taken, and never to where nobody outside
//! may reach.

use std::sync::Arc;

use otpost_shared::{
    Home,
    event::Filter,
    retention::Kind as Rows,
    secrets::Keyring,
    tenant::DEFAULT_TENANT,
    verification,
    webhook::{self, Delivery, DeliveryState, Description, NewWebhook, Secret, Target, Webhook},
};
use otpost_testbed::{Bed, Kind};
use otpost_worker::tidy::{self, Purge};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::BOTH,
    gateway::{ACCEPTED, Answer, Gateway},
    until,
};

const DEVELOPMENT: &str = "[webhooks]\nallow_http = true\nallow_private = true\n";
/// With very many endpoints.
const MANY: &str = "[webhooks]\nallow_http = true\nallow_private = true\nmost_per_tenant = 100\n";
const BROKEN: Answer = Answer::Http("500 Internal Server Error", "no");

async fn endpoint(home: &Home, url: &str, types: &[&str]) -> (Webhook, Secret) {
    let new = NewWebhook {
        target: Target::parse(url, home.config.webhooks).expect("allowed"),
        description: Description::default(),
        filter: Filter::parse(types.iter().copied()).expect("types"),
    };
    let made = webhook::create(home, DEFAULT_TENANT, &new).await.expect("made");
    home.settings.now(&home.db, home.clock.now()).await.expect("an answer");
    made
}

async fn deliveries(home: &Home, of: &Webhook) -> Vec<Delivery> {
    let page = webhook::list_deliveries(&home.db, of.id, None, Uuid::max(), 1_000).await;
    page.expect("an answer").rows
}

/// Looks until this many of an endpoint's deliveries are in this state.
async fn until_there_are(home: &Home, of: &Webhook, count: usize, state: DeliveryState) {
    until(state.as_str(), async || {
        let rows = deliveries(home, of).await;
        rows.iter().filter(|row| row.state() == state).count() == count
    })
    .await;
}

async fn cancel(home: &Home, id: Uuid) {
    let now = home.clock.now();
    verification::cancel(&home.db, DEFAULT_TENANT, id, now).await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_posted_and_signed() {
    for kind in BOTH {
        let receiver = Gateway::start(ACCEPTED).await;
        let bed = Bed::make(kind, DEVELOPMENT).await;
        let home = &bed.home;
        let (of, first) = endpoint(home, &receiver.url, &["verification.created"]).await;
        let (_, second) = webhook::rotate(home, DEFAULT_TENANT, of.id).await.expect("rotated");
        let accepted = accept(home, 1).await;
        let worker = Worker::start(home);
        until_there_are(home, &of, 1, DeliveryState::Delivered).await;
        let requests = receiver.requests();
        let [request] = requests.as_slice() else { panic!("{requests:?}") };
        assert!(request.head.starts_with("POST / HTTP/1.1"), "{request:?}");
        assert_eq!(request.header("content-type"), "application/json");
        let id = request.header("webhook-id");
        let at: i64 = request.header("webhook-timestamp").parse().expect("seconds");
        assert!((home.clock.now() / 1_000 - at).abs() < 60, "{at}");
        let sign = |secret: &Secret| secret.sign(id, at, request.body.as_bytes());
        let both = format!("{} {}", sign(&second), sign(&first));
        assert_eq!(request.header("webhook-signature"), both);
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(body["type"], "verification.created");
        assert_eq!(body["data"]["verification_id"], accepted.id.to_string());
        assert_eq!(body["data"]["status"], "pending");
        assert_eq!(body["data"]["to"], accepted.to);
        assert!(body["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{body}");
        assert!(!request.body.contains("2025550001"), "{body}");
        let row = deliveries(home, &of).await.remove(0);
        assert_eq!((row.event_id.to_string().as_str(), row.last_status), (id, Some(200)));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_away_for_an_hour_gets_everything() {
    let receiver = Gateway::start(BROKEN).await;
    let bed = Bed::make(Kind::Production, DEVELOPMENT).await;
    let home = &bed.home;
    let (of, _) = endpoint(home, &receiver.url, &["verification"]).await;
    let worker = Worker::start(home);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(accept(home, n).await.id);
    }
    until("each was tried", async || {
        let rows = deliveries(home, &of).await;
        rows.len() == 5 && rows.iter().all(|row| row.last_status == Some(500))
    })
    .await;
    for id in &ids {
        cancel(home, *id).await;
    }
    home.clock.advance(3_600_000);
    receiver.answers(&[ACCEPTED]);
    until("each is taken", async || {
        let rows = deliveries(home, &of).await;
        // What had waited longer is due by now at the latest.
        home.clock.advance(60_000);
        rows.len() >= 10 && rows.iter().all(|row| row.state() == DeliveryState::Delivered)
    })
    .await;
    let bodies = receiver.bodies();
    for id in ids {
        for kind in ["verification.created", "verification.canceled"] {
            let is_it = |body: &&String| body.contains(&id.to_string()) && body.contains(kind);
            assert!(bodies.iter().any(|body| is_it(&body)), "{kind} of {id}");
        }
    }
    let row = webhook::find(&home.db, DEFAULT_TENANT, of.id).await.expect("an answer");
    assert!(row.expect("a row").failing_since.is_none());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_delays_no_other() {
    let (silent, quick) = (Gateway::start(Answer::Silence).await, Gateway::start(ACCEPTED).await);
    let bed = Bed::make(Kind::Production, DEVELOPMENT).await;
    let home = &bed.home;
    let (slow, _) = endpoint(home, &silent.url, &["verification"]).await;
    let (of, _) = endpoint(home, &quick.url, &["verification"]).await;
    let worker = Worker::start(home);
    for n in 0..40 {
        accept(home, n).await;
    }
    until_there_are(home, &of, 40, DeliveryState::Delivered).await;
    let held = deliveries(home, &slow).await;
    assert!(held.iter().all(|row| row.last_at.is_none()), "{held:?}");
    assert!(held.iter().filter(|row| row.state() == DeliveryState::Sending).count() <= 16);
    // It lets what is under way come to its end, at most 15 s; a test has no time for that.
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_that_fail_delay_no_other() {
    let (failing, quick) = (Gateway::start(BROKEN).await, Gateway::start(ACCEPTED).await);
    let bed = Bed::make(Kind::Production, MANY).await;
    let home = &bed.home;
    let mut all = Vec::new();
    for _ in 0..70 {
        all.push(endpoint(home, &failing.url, &["verification"]).await.0);
    }
    accept(home, 1).await;
    let worker = Worker::start(home);
    until("each has failed", async || failing_endpoints(home).await == 70).await;
    let (of, _) = endpoint(home, &quick.url, &["verification"]).await;
    let before = failing.requests().len();
    failing.answers(&[Answer::Silence]);
    home.clock.advance(7_000);
    until("they have their places", async || failing.requests().len() >= before + 48).await;
    accept(home, 2).await;
    until_there_are(home, &of, 1, DeliveryState::Delivered).await;
    for of in &all {
        for row in deliveries(home, of).await {
            let error = row.last_error.unwrap_or_default();
            assert!(!error.contains("no answer"), "it waited for one of them: {error}");
        }
    }
    // As above.
    drop(worker);
}

/// How many have failed lately.
async fn failing_endpoints(home: &Home) -> usize {
    let troubled = webhook::list_troubled(&home.db).await.expect("an answer");
    troubled.iter().filter(|of| of.failing_since.is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_posted_although_nothing_can_be_handed_out() {
    let receiver = Gateway::start(ACCEPTED).await;
    let bed = Bed::make(Kind::Production, DEVELOPMENT).await;
    let home = &bed.home;
    let (of, _) = endpoint(home, &receiver.url, &["verification"]).await;
    accept(home, 1).await;
    webhook::spread(&home.db, home.clock.now()).await.expect("an answer");
    accept(home, 2).await;
    let held = bed.hold_places().await;
    let worker = Worker::start(home);
    until_there_are(home, &of, 1, DeliveryState::Delivered).await;
    assert_eq!(deliveries(home, &of).await.len(), 1, "the second has no place yet");
    drop(held);
    until_there_are(home, &of, 2, DeliveryState::Delivered).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_go_as_fast_as_they_come() {
    let bed = Bed::make(Kind::Embedded, MANY).await;
    let home = &bed.home;
    for _ in 0..70 {
        endpoint(home, "https://app.example.org/hook", &[]).await;
    }
    for n in 0..75 {
        accept(home, n).await;
    }
    webhook::spread(&home.db, home.clock.now()).await.expect("an answer");
    home.clock.advance(30 * 86_400_000);
    let left = async || Rows::Deliveries.count(home, home.clock.now()).await.expect("an answer");
    assert_eq!(left().await, 70 * 75);
    tidy::purge(Purge::Events, home).await.expect("an answer");
    assert_eq!(left().await, 0);
    assert_eq!(Rows::Events.count(home, home.clock.now()).await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_posted_to_where_nobody_outside_may_reach() {
    let canary = Gateway::start(ACCEPTED).await;
    let bed = Bed::make(Kind::Production, DEVELOPMENT).await;
    // Made while it was allowed, or of names that lead elsewhere since.
    let port = canary.url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    let hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"];
    let mut all = Vec::new();
    for host in hosts {
        all.push(endpoint(&bed.home, &format!("http://{host}:{port}/"), &[]).await.0);
    }
    let mut config = (*bed.home.config).clone();
    config.webhooks.allow_private = false;
    let strict = Home::open(config).await.expect("a second process");
    strict.set_clock().await.expect("a clock");
    for host in hosts {
        let url = format!("http://{host}:{port}/");
        Target::parse(&url, strict.config.webhooks).expect_err("not public");
    }
    accept(&bed.home, 1).await;
    let worker = Worker::start(&strict);
    for of in &all {
        until("it was tried", async || {
            let rows = deliveries(&strict, of).await;
            rows.first().is_some_and(|row| row.last_error.is_some())
        })
        .await;
        let error = deliveries(&strict, of).await.remove(0).last_error.expect("a reason");
        assert!(error.contains("public"), "{error}");
    }
    assert!(canary.requests().is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_signed_is_not_the_endpoints_fault() {
    let receiver = Gateway::start(ACCEPTED).await;
    let bed = Bed::make(Kind::Embedded, DEVELOPMENT).await;
    let (of, _) = endpoint(&bed.home, &receiver.url, &[]).await;
    webhook::test(&bed.home, DEFAULT_TENANT, of.id).await.expect("told");
    let [key, hash_key] = ["k9", "h9"].map(Keyring::generate_entry);
    let mut home = bed.home.clone();
    home.keys = Arc::new(Keyring::parse(&[key], &[hash_key]).expect("other keys"));
    let worker = Worker::start(&home);
    until("it was to be posted", async || {
        deliveries(&home, &of).await.first().is_some_and(|row| row.last_error.is_some())
    })
    .await;
    let row = deliveries(&home, &of).await.remove(0);
    assert_eq!((row.state(), row.last_status), (DeliveryState::Queued, None));
    let of = webhook::find(&home.db, DEFAULT_TENANT, of.id).await.expect("an answer");
    assert_eq!(of.expect("a row").failing_since, None);
    assert!(receiver.requests().is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let canary = Gateway::start(ACCEPTED).await;
    let status = format!("307 Temporary Redirect\r\nLocation: {}", canary.url);
    let receiver = Gateway::start(Answer::Http(status.leak(), "")).await;
    let bed = Bed::make(Kind::Embedded, DEVELOPMENT).await;
    let home = &bed.home;
    let (of, _) = endpoint(home, &receiver.url, &[]).await;
    webhook::test(home, DEFAULT_TENANT, of.id).await.expect("told");
    let worker = Worker::start(home);
    until("it was tried", async || {
        let rows = deliveries(home, &of).await;
        let row = rows.first();
        row.is_some_and(|row| (row.last_status, row.state()) == (Some(307), DeliveryState::Queued))
    })
    .await;
    assert!(canary.requests().is_empty());
    worker.stop().await;
}
