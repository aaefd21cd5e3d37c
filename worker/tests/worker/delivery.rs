//! From an accepted row to a gateway: failover, same digits, no circumvention, no late sends.

use std::time::Duration;

use otpost_shared::{
    Home, attempt,
    channel::Channel,
    message::{self, NewMessage},
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    verification::{self, Status, Terms},
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    PATIENCE, Worker, accept, ended,
    gateway::{ACCEPTED, Answer, Gateway},
    pause, request, timeline, until,
};

pub const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Production];

/// A home whose chain is these gateways, named `a`, `b`, …
pub async fn bed(kind: Kind, gateways: &[&Gateway]) -> Bed {
    let names = &["a", "b", "c"][..gateways.len()];
    let sections: String = names.iter().zip(gateways).map(|(n, g)| g.section(n)).collect();
    let extra = format!(
        "[recipients]\ncountries = [\"*\"]\n[limits]\nrecipient = [\"1000/1s\"]\n[chains]\nsms = {names:?}\n{sections}"
    );
    Bed::make(kind, &extra).await
}

pub async fn bulk(home: &Home, n: u32) -> Uuid {
    let to = Recipient::parse(&format!("+1202555{n:04}"), None).expect("a valid number");
    let text = "hello {name}".to_owned();
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to,
        title: None,
        text,
        language: None,
        client: None,
        idempotency_key: None,
    };
    message::accept(home, new).await.expect("accepted").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_reaches_the_gateway_and_the_row_says_so() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = bed(kind, &[&gateway]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "sent");
        let attempts = attempt::list_by_message(&bed.home.db, row.id).await.expect("an answer");
        assert_eq!(attempts[0].provider_message_id.as_deref(), Some("m-1"));
        let of = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
        let code = of.expect("a row").code(&bed.home.keys).expect("a key").expect("a seed");
        assert!(gateway.bodies()[0].contains(code.as_str()));
        assert!(gateway.bodies()[0].contains("+12025550001"));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_gateway_says_can_be_written_down() {
    for kind in BOTH {
        // Postgres keeps no zero character, and a send that cannot be written down is repeated.
        let answer = Answer::Http("200 OK", r#"{"id":"m\u0000-1"}"#);
        let gateway = Gateway::start(answer).await;
        let bed = bed(kind, &[&gateway]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "sent");
        let attempts = attempt::list_by_message(&bed.home.db, row.id).await.expect("an answer");
        assert_eq!(attempts[0].provider_message_id.as_deref(), Some("m-1"));
        assert_eq!(gateway.bodies().len(), 1);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_set_aside_and_the_others_go_on() {
    let gateway = Gateway::start(ACCEPTED).await;
    let bed = bed(Kind::Production, &[&gateway]).await;
    let (broken, whole) = (accept(&bed.home, 1).await, accept(&bed.home, 2).await);
    bed.spoil(broken.id).await;
    let worker = Worker::start(&bed.home);
    assert_eq!(ended(&bed.home, whole.id).await.state, "sent");
    let row = ended(&bed.home, broken.id).await;
    assert_eq!((row.state.as_str(), row.epoch), ("failed", 3));
    let failure = row.failure.expect("a reason");
    assert!(failure.starts_with("set aside: "), "{failure}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_primary_is_stepped_over_with_the_same_digits() {
    for broken in [
        Answer::Http("500 Internal Server Error", "{}"),
        Answer::Http("429 Too Many Requests", "{}"),
        Answer::Http("401 Unauthorized", "{}"),
        Answer::Close,
    ] {
        let (primary, fallback) = (Gateway::start(broken).await, Gateway::start(ACCEPTED).await);
        let bed = bed(Kind::Production, &[&primary, &fallback]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "sent");
        assert_eq!(timeline(&bed.home, row.id).await.len(), 2);
        assert_eq!(primary.bodies(), fallback.bodies());
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_says_nothing_costs_five_seconds() {
    for kind in BOTH {
        let (primary, fallback) =
            (Gateway::start(Answer::Silence).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&primary, &fallback]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(timeline(&bed.home, row.id).await, ["a unknown", "b ok"]);
        let took = row.finished_at.expect("ended") - row.created_at;
        assert!((5_000..6_000).contains(&took), "{took} ms");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_person_is_never_tried_through_another_provider() {
    for (body, failure) in
        [(r#"{"code":"bad_number"}"#, "cannot receive"), (r#"{"code":"stopped"}"#, "opted out")]
    {
        let primary = Gateway::start(Answer::Http("400 Bad Request", body)).await;
        let fallback = Gateway::start(ACCEPTED).await;
        let bed = bed(Kind::Embedded, &[&primary, &fallback]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "failed");
        assert!(row.failure.expect("a reason").contains(failure));
        assert!(fallback.bodies().is_empty());
        let of = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
        assert_eq!(of.expect("a row").status(bed.home.clock.now()), Status::Failed);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_with_an_unknown_outcome_ends_there() {
    let (primary, fallback) = (Gateway::start(Answer::Close).await, Gateway::start(ACCEPTED).await);
    let bed = bed(Kind::Embedded, &[&primary, &fallback]).await;
    let worker = Worker::start(&bed.home);
    let id = bulk(&bed.home, 1).await;
    let wait = async {
        loop {
            let row = message::find(&bed.home.db, id).await.expect("an answer");
            let row = row.expect("a row");
            if row.finished_at.is_some() {
                return row;
            }
            pause().await;
        }
    };
    let row = tokio::time::timeout(PATIENCE, wait).await.expect("it ends");
    assert_eq!(row.state, "unknown");
    assert!(primary.bodies()[0].contains("hello {name}"));
    assert!(fallback.bodies().is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_codes_still_leave() {
    let gateway = Gateway::start(ACCEPTED).await;
    let mut bed = bed(Kind::Production, &[&gateway]).await;
    let gone = otpost_shared::redis_link::RedisLink::open(
        "redis://127.0.0.1:1",
        Duration::from_millis(50),
    )
    .expect("a URL");
    bed.home.queue = otpost_shared::queue::Queue::redis(gone.clone());
    bed.home.limiter = otpost_shared::limits::Limiter::new(Some(gone));
    let worker = Worker::start(&bed.home);
    let accepted = accept(&bed.home, 1).await;
    let row = ended(&bed.home, accepted.id).await;
    assert_eq!(row.state, "sent");
    assert!(row.finished_at.expect("ended") - row.created_at < 4_000);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_in_vain_for_a_place_is_given_back_unharmed() {
    let gateway = Gateway::start(Answer::Silence).await;
    let extra = format!(
        "[worker]\notp_concurrency = 1\n[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\n{}",
        gateway.section("a")
    );
    let bed = Bed::make(Kind::Production, &extra).await;
    let ids = [accept(&bed.home, 1).await.id, accept(&bed.home, 2).await.id];
    let worker = Worker::start(&bed.home);
    until("the one that waits was claimed again", async || {
        let mut again = false;
        for id in ids {
            let rows = message::list_by_verification(&bed.home.db, id).await.expect("an answer");
            assert_eq!(rows[0].crashes, 0, "no worker was lost");
            again |= rows[0].epoch > 1;
        }
        again
    })
    .await;
    assert_eq!(gateway.bodies().len(), 1, "the one place is taken");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_leaves_nothing_claimed() {
    let gateway = Gateway::start(ACCEPTED).await;
    let bed = bed(Kind::Production, &[&gateway]).await;
    let worker = Worker::start(&bed.home);
    for n in 0..50 {
        accept(&bed.home, n).await;
        bulk(&bed.home, n).await;
    }
    tokio::time::timeout(Duration::from_secs(30), worker.stop()).await.expect("it stops in time");
    let lease_over = bed.home.clock.now() + 60_000;
    assert_eq!(message::recover_leases(&bed.home.db, lease_over, 100).await, Ok(0));
    // What it left behind is done by the next one.
    let worker = Worker::start(&bed.home);
    let waiting = async {
        while gateway.bodies().len() < 100 {
            pause().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the rest is sent");
    worker.stop().await;
    assert_eq!(gateway.bodies().len(), 100, "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_its_own_stands_in_the_text() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = bed(kind, &[&gateway]).await;
        let worker = Worker::start(&bed.home);
        let to = Recipient::parse("+12025550001", None).expect("a valid number");
        let new = request(Channel::Sms, to);
        let terms = Terms { app: Some("Shop"), code_length: Some(9), ..Terms::default() };
        let accepted = verification::accept_on_terms(&bed.home, new, &terms).await;
        let id = accepted.expect("accepted").id;
        assert_eq!(ended(&bed.home, id).await.state, "sent");
        let of = verification::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        let code = of.code(&bed.home.keys).expect("a key").expect("a seed");
        assert_eq!(code.as_str().len(), 9);
        let text = format!("{} is your Shop code.", code.as_str());
        assert!(gateway.bodies()[0].contains(&text), "{}", gateway.bodies()[0]);
        worker.stop().await;
    }
}
