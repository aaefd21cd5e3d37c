//! Providers that fail, half fail, recover or ask for quiet: how often they are called, and that
//! messages arrive all the same.

use otpost_shared::{
    Home, attempt,
    clock::Millis,
    message::{self, Message},
    provider_state::{self, ProviderState},
};
use otpost_testbed::{Bed, Kind};
use otpost_worker::breaker::Availability;
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::{BOTH, bed, bulk},
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    timeline, until,
};

const BROKEN: Answer = Answer::Http("500 Internal Server Error", r#"{"code":"E7"}"#);
/// Past the next probe, and past the most that waiting messages are spread over.
const NEXT_PROBE_MS: i64 = 7_000;

async fn state(home: &Home, name: &str) -> Option<ProviderState> {
    let states = provider_state::list(&home.db).await.expect("an answer");
    states.into_iter().find(|state| state.name == name)
}

async fn is_open(home: &Home, name: &str) -> bool {
    state(home, name).await.is_some_and(|state| state.opened_at.is_some())
}

/// What a worker knows of the first provider of its chain.
fn known(worker: &Worker, now: Millis) -> Availability {
    let seen = worker.health.pick(now, |seen| Err(seen[0]));
    seen.expect_err("nothing was picked")
}

async fn codes(home: &Home, first: u32, count: u32) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in first..first + count {
        ids.push(accept(home, n).await.id);
    }
    ids
}

async fn all_sent(home: &Home, verifications: &[Uuid]) {
    for id in verifications {
        assert_eq!(ended(home, *id).await.state, "sent");
    }
}

async fn rows(home: &Home, ids: &[Uuid]) -> Vec<Message> {
    let mut rows = Vec::new();
    for id in ids {
        rows.push(message::find(&home.db, *id).await.expect("an answer").expect("a row"));
    }
    rows
}

async fn messages_of(home: &Home, verifications: &[Uuid]) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for id in verifications {
        let rows = message::list_by_verification(&home.db, *id).await.expect("an answer");
        ids.push(rows[0].id);
    }
    ids
}

/// Waits until none of them is on its way, so that the clock may be moved.
async fn quiet(home: &Home, ids: &[Uuid]) {
    until("nothing is on its way", async || {
        rows(home, ids).await.iter().all(|row| row.state != "sending")
    })
    .await;
}

/// Moves the clock from probe to probe until all of them have been sent.
async fn sent_after_recovery(home: &Home, ids: &[Uuid]) {
    for _ in 0..6 {
        quiet(home, ids).await;
        home.clock.advance(NEXT_PROBE_MS);
        let before = rows(home, ids).await.iter().filter(|row| row.state == "sent").count();
        until("more of them are sent", async || {
            let rows = rows(home, ids).await;
            let sent = rows.iter().filter(|row| row.state == "sent").count();
            sent > before || sent == rows.len()
        })
        .await;
        if !is_open(home, "a").await {
            break;
        }
    }
    until("all of them are sent", async || {
        quiet(home, ids).await;
        home.clock.advance(1_000);
        rows(home, ids).await.iter().all(|row| row.state == "sent")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_gets_twenty_calls_from_two_workers_and_then_probes() {
    for kind in BOTH {
        let (broken, fallback) = (Gateway::start(BROKEN).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&broken, &fallback]).await;
        let home = &bed.home;
        let waiting = codes(home, 0, 150).await;
        let workers = [Worker::start(home), Worker::start(home)];
        all_sent(home, &waiting).await;
        assert!((8..=20).contains(&broken.bodies().len()), "{} calls", broken.bodies().len());
        until("it is known to all", async || {
            let knows =
                |worker| matches!(known(worker, home.clock.now()), Availability::Open { .. });
            is_open(home, "a").await && workers.iter().all(knows)
        })
        .await;
        let reason = state(home, "a").await.expect("a row").reason.expect("a reason");
        assert!(reason.contains("transient E7: "), "{reason}");
        // Two workers, one probe every five seconds.
        for round in 1..4 {
            home.clock.advance(5_000);
            let before = broken.bodies().len();
            all_sent(home, &codes(home, 200 * round, 40).await).await;
            assert_eq!(broken.bodies().len(), before + 1, "one probe");
        }
        assert!(is_open(home, "a").await);
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_half_of_the_time_is_left_alone() {
    let (half, fallback) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
    half.answers(&[BROKEN, ACCEPTED]);
    let bed = bed(Kind::Production, &[&half, &fallback]).await;
    let worker = Worker::start(&bed.home);
    let sent = codes(&bed.home, 0, 100).await;
    all_sent(&bed.home, &sent).await;
    assert!(is_open(&bed.home, "a").await);
    assert!(half.bodies().len() <= 24, "{} calls", half.bodies().len());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_now_and_then_is_used_on() {
    let (flaky, fallback) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
    let mut answers = [ACCEPTED; 20];
    answers[3] = BROKEN;
    flaky.answers(&answers);
    let bed = bed(Kind::Production, &[&flaky, &fallback]).await;
    let worker = Worker::start(&bed.home);
    all_sent(&bed.home, &codes(&bed.home, 0, 200).await).await;
    assert_eq!((flaky.bodies().len(), fallback.bodies().len()), (200, 10));
    assert_eq!(state(&bed.home, "a").await, None);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_provider_codes_wait_and_are_sent_after_it_recovers() {
    for kind in BOTH {
        let only = Gateway::start(BROKEN).await;
        let bed = bed(kind, &[&only]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        let mut ids = messages_of(home, &codes(home, 0, 30).await).await;
        until("it is open", async || is_open(home, "a").await).await;
        // This one meets an open breaker, and no provider at all.
        let late = messages_of(home, &codes(home, 40, 1).await).await;
        until("it waits", async || {
            quiet(home, &late).await;
            rows(home, &late).await[0].not_before > home.clock.now()
        })
        .await;
        assert_eq!(timeline(home, late[0]).await, [""; 0]);
        ids.extend(late);
        assert!(only.bodies().len() <= 20, "{} calls", only.bodies().len());
        only.answers(&[ACCEPTED]);
        sent_after_recovery(home, &ids).await;
        assert!(!is_open(home, "a").await);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_waits_until_a_provider_is_back() {
    let (a, b) = (Gateway::start(BROKEN).await, Gateway::start(BROKEN).await);
    let bed = bed(Kind::Production, &[&a, &b]).await;
    let home = &bed.home;
    let worker = Worker::start(home);
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(bulk(home, n).await);
    }
    until("both are open", async || is_open(home, "a").await && is_open(home, "b").await).await;
    quiet(home, &ids).await;
    assert!(rows(home, &ids).await.iter().all(|row| row.state == "queued"));
    a.answers(&[ACCEPTED]);
    sent_after_recovery(home, &ids).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_waited_in_vain_says_why() {
    let only = Gateway::start(BROKEN).await;
    let bed = bed(Kind::Embedded, &[&only]).await;
    let home = &bed.home;
    let worker = Worker::start(home);
    let accepted = codes(home, 0, 20).await;
    until("it is open", async || is_open(home, "a").await).await;
    let late = codes(home, 40, 1).await;
    quiet(home, &messages_of(home, &accepted).await).await;
    let calls = only.bodies().len();
    home.clock.advance(601_000);
    let row = ended(home, late[0]).await;
    assert_eq!(row.state, "expired");
    let failure = row.failure.expect("a reason");
    assert!(failure.ends_with("none being in use (a has failed for 10 min)"), "{failure}");
    worker.stop().await;
    assert_eq!(only.bodies().len(), calls, "nothing is sent late");
}

/// A 429 whose `Retry-After` is this.
fn throttling(retry_after: &str) -> Answer {
    let head = format!("429 Too Many Requests\r\nRetry-After: {retry_after}");
    Answer::Http(head.leak(), "{}")
}

/// How long the provider is left alone after one 429, in milliseconds, by its row: since the call
/// began, and since its end was written down.
async fn pause_after(home: &Home) -> (Millis, Millis) {
    let first = accept(home, 1).await;
    let row = ended(home, first.id).await;
    assert_eq!(timeline(home, row.id).await, ["a throttled", "b ok"]);
    until("all know of the pause", async || state(home, "a").await.is_some()).await;
    let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
    let state = state(home, "a").await.expect("a row");
    assert_eq!(state.opened_at, None, "wanting fewer calls is no failure");
    let finished_at = attempts[0].finished_at.expect("ended");
    (state.paused_until - attempts[0].started_at, state.paused_until - finished_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_kept_to_by_all_workers() {
    let in_a_minute = time::OffsetDateTime::now_utc() + time::Duration::seconds(60);
    let date = in_a_minute.format(&time::format_description::well_known::Rfc2822);
    let date = date.expect("a date").replace("+0000", "GMT");
    for (said, least, most) in [("30", 30_000, 30_000), (date.as_str(), 50_000, 60_000)] {
        let (busy, fallback) =
            (Gateway::start(throttling(said)).await, Gateway::start(ACCEPTED).await);
        let bed = bed(Kind::Production, &[&busy, &fallback]).await;
        let home = &bed.home;
        let workers = [Worker::start(home), Worker::start(home)];
        let (pause, left) = pause_after(home).await;
        assert!(pause >= least && left <= most, "{pause} ms after {said}");
        for worker in &workers {
            until("this worker knows of it", async || {
                matches!(known(worker, home.clock.now()), Availability::Paused { .. })
            })
            .await;
        }
        all_sent(home, &codes(home, 10, 40).await).await;
        assert_eq!(busy.bodies().len(), 1, "no call inside the window");
        busy.answers(&[ACCEPTED]);
        home.clock.advance(pause);
        all_sent(home, &codes(home, 100, 1).await).await;
        assert_eq!(busy.bodies().len(), 2, "and it is used again after it");
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_that_does_not_say_how_long_means_a_second() {
    for said in ["soon", "0", "-5", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let (busy, fallback) =
            (Gateway::start(throttling(said)).await, Gateway::start(ACCEPTED).await);
        let bed = bed(Kind::Embedded, &[&busy, &fallback]).await;
        let worker = Worker::start(&bed.home);
        let (pause, left) = pause_after(&bed.home).await;
        assert!(pause >= 1_000 && left <= 1_000, "{pause} ms after {said}");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_knows_before_its_first_call() {
    for kind in BOTH {
        let (broken, fallback) = (Gateway::start(BROKEN).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&broken, &fallback]).await;
        let home = &bed.home;
        // Half a minute from now, so that no slow machine reaches the first probe.
        let at = home.clock.now() + 30_000;
        assert_eq!(provider_state::mark_open(&home.db, "a", at, "it failed").await, Ok(true));
        assert_eq!(provider_state::mark_open(&home.db, "a", at, "again").await, Ok(false));
        let waiting = codes(home, 0, 20).await;
        let worker = Worker::start(home);
        all_sent(home, &waiting).await;
        assert!(broken.bodies().is_empty());
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_want_the_probe_one_gets_it() {
    for kind in BOTH {
        let bed = Bed::make(kind, "").await;
        let db = &bed.home.db;
        assert_eq!(provider_state::claim_probe(db, "a", 9_000).await, Ok(false), "not open");
        provider_state::mark_open(db, "a", 0, "it failed").await.expect("an answer");
        assert_eq!(provider_state::claim_probe(db, "a", 4_999).await, Ok(false), "too early");
        for now in [5_000, 10_000] {
            let claims = (0..20).map(|_| provider_state::claim_probe(db, "a", now));
            let claimed = futures_util::future::join_all(claims).await;
            assert_eq!(claimed.into_iter().filter(|claim| *claim == Ok(true)).count(), 1);
        }
        // A probe of an earlier opening says nothing; two answered ones in a row close it.
        for (opened_at, open) in [(7, true), (0, true), (0, false)] {
            let done = provider_state::mark_probe_answered(db, "a", opened_at, 11_000).await;
            assert_eq!(done, Ok(()));
            assert_eq!(is_open(&bed.home, "a").await, open);
        }
        assert_eq!(provider_state::claim_probe(db, "a", 99_000).await, Ok(false), "closed");
        for (until, kept) in [(500, 500), (400, 500), (600, 600)] {
            provider_state::mark_paused(db, "a", until, 1).await.expect("an answer");
            assert_eq!(state(&bed.home, "a").await.expect("a row").paused_until, kept);
        }
    }
}
