//! Providers that may only be called so often: together, codes first, and whatever Redis does.

use std::{collections::BTreeSet, time::Duration};

use otpost_shared::{
    Home, attempt,
    message::{self, Message},
    rate::{Rates, Wanted},
    redis_link::RedisLink,
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::{BOTH, bulk},
    ended,
    gateway::{ACCEPTED, Gateway},
    timeline, until,
};

/// A home whose chain is these gateways, named `a`, `b`, …, each with more lines of its section.
async fn bed(kind: Kind, gateways: &[(&Gateway, &str)]) -> Bed {
    let names = &["a", "b"][..gateways.len()];
    let section = |(name, (gateway, more)): (&&str, &(&Gateway, &str))| {
        format!("{}{more}\n", gateway.section(name))
    };
    let sections: String = names.iter().zip(gateways).map(section).collect();
    let extra = format!(
        "[recipients]\ncountries = [\"*\"]\n[limits]\nrecipient = [\"1000/1s\"]\n[chains]\nsms = {names:?}\n{sections}"
    );
    Bed::make(kind, &extra).await
}

async fn codes(home: &Home, first: u32, count: u32) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in first..first + count {
        ids.push(accept(home, n).await.id);
    }
    ids
}

async fn all_ended(home: &Home, verifications: &[Uuid]) -> Vec<Message> {
    let mut rows = Vec::new();
    for id in verifications {
        rows.push(ended(home, *id).await);
    }
    rows
}

/// From the beginning of the first attempt to that of the last.
async fn span_ms(home: &Home, rows: &[Message]) -> i64 {
    let mut began = BTreeSet::new();
    for row in rows {
        assert_eq!(row.state, "sent");
        let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
        began.extend(attempts.iter().map(|attempt| attempt.started_at));
    }
    began.last().expect("attempts") - began.first().expect("attempts")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_keep_to_a_rate_together() {
    let gateway = Gateway::start(ACCEPTED).await;
    let bed = bed(Kind::Production, &[(&gateway, "rate = \"20/s\"\nburst = 2")]).await;
    let waiting = codes(&bed.home, 0, 30).await;
    let workers = [Worker::start(&bed.home), Worker::start(&bed.home)];
    let rows = all_ended(&bed.home, &waiting).await;
    // All but the burst come one by one; the rest is what writing a row down may differ by.
    let span = span_ms(&bed.home, &rows).await;
    assert!(span >= 1_400 - 150, "{span} ms");
    assert_eq!(gateway.bodies().len(), 30);
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_without_a_token_goes_to_the_next_provider_at_once() {
    for kind in BOTH {
        let (first, second) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[(&first, "rate = \"1/m\""), (&second, "")]).await;
        let worker = Worker::start(&bed.home);
        let rows = all_ended(&bed.home, &codes(&bed.home, 0, 6).await).await;
        let mut by = Vec::new();
        for row in &rows {
            assert!(row.finished_at.expect("ended") - row.created_at < 4_000);
            by.extend(timeline(&bed.home, row.id).await);
        }
        by.sort();
        assert_eq!(by, ["a ok", "b ok", "b ok", "b ok", "b ok", "b ok"]);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_messages_wait_for_their_provider() {
    for kind in BOTH {
        let (first, second) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[(&first, "rate = \"5/s\"\nburst = 1"), (&second, "")]).await;
        for n in 0..6 {
            bulk(&bed.home, n).await;
        }
        let worker = Worker::start(&bed.home);
        until("all are sent", async || first.bodies().len() == 6).await;
        assert!(second.bodies().is_empty());
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_passes_others_that_wait() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = bed(kind, &[(&gateway, "rate = \"4/s\"\nburst = 1")]).await;
        for n in 0..16 {
            bulk(&bed.home, n).await;
        }
        let worker = Worker::start(&bed.home);
        until("some are sent", async || gateway.bodies().len() >= 2).await;
        let before = gateway.bodies().len();
        let code = accept(&bed.home, 100).await;
        assert_eq!(ended(&bed.home, code.id).await.state, "sent");
        let bodies = gateway.bodies();
        let place = bodies.iter().position(|body| body.contains("+12025550100"));
        let place = place.expect("it is there");
        // One may have been on its way, and one had its token.
        assert!(place <= before + 2, "{place} after {before}");
        until("the others are sent too", async || gateway.bodies().len() == 17).await;
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_long_waits_in_the_queue_and_says_why() {
    let gateway = Gateway::start(ACCEPTED).await;
    let bed = bed(Kind::Production, &[(&gateway, "rate = \"1/m\"")]).await;
    let home = &bed.home;
    // Another worker has the one there is.
    let rate = home.config.providers["a"].rate().expect("a rate");
    let taken = home.rates.meter("a", rate).take(Wanted { otp: 1, bulk: 0 }).await;
    assert_eq!(taken.otp.due.len(), 1);
    let worker = Worker::start(home);
    let code = accept(home, 1).await;
    let row = async || {
        let rows = message::list_by_verification(&home.db, code.id).await.expect("an answer");
        rows.into_iter().next().expect("a message")
    };
    until("it waits", async || row().await.failure.is_some()).await;
    let waiting = row().await;
    assert_eq!(waiting.state, "queued");
    assert_eq!(waiting.failure.as_deref(), Some("held up by the rate of a, 1/m"));
    let wait = waiting.not_before - home.clock.now();
    assert!((50_000..=60_000).contains(&wait), "{wait} ms");
    assert!(gateway.bodies().is_empty());
    // What was never claimed says it in the end.
    let other = accept(home, 2).await;
    until("it is known to the sweep", async || worker.is_used_up()).await;
    home.clock.advance(601_000);
    let expired = ended(home, other.id).await;
    assert_eq!(expired.state, "expired");
    let failure = expired.failure.expect("a reason");
    assert!(failure.ends_with("none being in use (a is at its rate of 1/m)"), "{failure}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_a_worker_uses_its_share() {
    let gateway = Gateway::start(ACCEPTED).await;
    let mut bed = bed(Kind::Production, &[(&gateway, "rate = \"20/s\"")]).await;
    let gone = RedisLink::open("redis://127.0.0.1:1", Duration::from_millis(50)).expect("a URL");
    bed.home.rates = Rates::new(Some(gone));
    bed.home.rates.set_live_processes(4);
    let waiting = codes(&bed.home, 0, 6).await;
    let worker = Worker::start(&bed.home);
    let rows = all_ended(&bed.home, &waiting).await;
    let span = span_ms(&bed.home, &rows).await;
    assert!(span >= 1_000 - 150, "{span} ms for five steps of a fifth of a second");
    worker.stop().await;
}
