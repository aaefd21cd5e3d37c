//! Answers to STOP, START and HELP: by the provider over which they came, and by nobody else.

use otpost_shared::{
    Home,
    admission::Refused,
    attempt,
    inbound::{self, Wish, Written},
    message::{self, Message, NewMessage},
    provider_state,
    queue::Lane,
    recipient::Recipient,
    suppression::Scope,
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    Worker,
    delivery::{BOTH, bulk},
    gateway::{ACCEPTED, Answer, Gateway},
    suppressions::keep_back,
    timeline, until,
};

const FROM: &str = "+12025550001";

/// A home whose chain is `a` alone, and whose `b` does nothing but reply.
async fn bed(kind: Kind, a: &Gateway, b: &Gateway) -> Bed {
    let (a, b) = (a.section("a"), b.section("b"));
    let extra = format!(
        "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
         [limits]\nrecipient = [\"1000/1s\"]\n[texts]\napp = \"Acme\"\n\
         contact = \"help@acme.example\"\n[replies]\nlifetime_secs = 60\n\
         stop = \"{{app}}: no more texts.\"\nstart = \"{{app}}: texts again.\"\n\
         help = \"{{app}}: {{contact}}\"\n[chains]\nsms = [\"a\"]\n{a}{b}replies = true\n\
         [providers.b.inbound]\nfrom = \"/from\"\ntext = \"/text\"\n"
    );
    Bed::make(kind, &extra).await
}

fn number() -> Recipient {
    Recipient::parse(FROM, None).expect("a valid number")
}

/// [`FROM`] is the first.
fn numbered(n: u32) -> Recipient {
    Recipient::parse(&format!("+1202555{n:04}"), None).expect("a valid number")
}

async fn write(home: &Home, provider: &str, wish: Wish) {
    write_from(home, number(), provider, wish).await;
}

async fn write_from(home: &Home, from: Recipient, provider: &str, wish: Wish) {
    inbound::take(home, provider, Written { from, wish, at: None, id: None }).await.expect("taken");
}

/// The answers that wait, as if nobody had looked at them.
async fn waiting(home: &Home, most: i64) -> Vec<Uuid> {
    let due = message::claim_due(&home.db, Lane::Bulk, most, None, home.clock.now()).await;
    let mut ids = Vec::new();
    for claimed in due.expect("an answer") {
        let row = claimed.message;
        assert_eq!(message::mark_released(&home.db, row.id, row.epoch).await, Ok(true));
        ids.push(row.id);
    }
    ids
}

async fn is_over(home: &Home, id: Uuid) {
    until("it is over", async || row(home, id).await.finished_at.is_some()).await;
}

async fn row(home: &Home, id: Uuid) -> Message {
    message::find(&home.db, id).await.expect("an answer").expect("a row")
}

async fn is_sent(home: &Home, id: Uuid) {
    until("it is sent", async || row(home, id).await.state == "sent").await;
}

async fn refused(home: &Home) -> bool {
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to: number(),
        title: None,
        text: "hello".to_owned(),
        client: None,
        idempotency_key: None,
    };
    matches!(message::accept(home, new).await, Err(Refused::Suppressed))
}

fn said(text: &str) -> String {
    format!("{{\"to\":\"{FROM}\",\"text\":\"Acme: {text}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_keyword_is_answered_by_its_provider_alone() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        let told = async |count: usize| {
            until("it is answered", async || b.bodies().len() >= count).await;
        };
        write(home, "b", Wish::Help).await;
        write(home, "b", Wish::Help).await;
        told(1).await;
        write(home, "b", Wish::Stop).await;
        told(2).await;
        assert!(refused(home).await);
        write(home, "b", Wish::Start).await;
        told(3).await;
        is_sent(home, bulk(home, 1).await).await;
        // Nobody answers for a provider that is not to reply.
        write(home, "a", Wish::Stop).await;
        write(home, "a", Wish::Help).await;
        is_sent(home, bulk(home, 2).await).await;
        worker.stop().await;
        let answers = ["help@acme.example", "no more texts.", "texts again."].map(said);
        assert_eq!(b.bodies(), answers);
        assert_eq!(a.bodies().len(), 2, "no answer went there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_stop_the_answers_to_it_and_to_help_are_the_only_texts() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        // A text waits when STOP comes.
        let text = bulk(home, 1).await;
        write(home, "b", Wish::Stop).await;
        let worker = Worker::start(home);
        until("STOP is answered", async || b.bodies().len() == 1).await;
        is_over(home, text).await;
        write(home, "b", Wish::Help).await;
        until("HELP is answered", async || b.bodies().len() == 2).await;
        assert!(refused(home).await, "HELP does not take STOP back");
        worker.stop().await;
        assert_eq!(b.bodies(), ["no more texts.", "help@acme.example"].map(said));
        assert_eq!(a.bodies().len(), 0);
        assert_eq!(row(home, text).await.failure_class.as_deref(), Some("opted_out"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_not_sent_to_whom_a_tenant_keeps_back() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        // One answer waits when the tenant says so; the other is asked for after it.
        write_from(home, numbered(2), "b", Wish::Help).await;
        let waits = waiting(home, 9).await.pop().expect("an answer");
        for n in [2, 3] {
            keep_back(home, n, Scope::Bulk).await;
        }
        write_from(home, numbered(3), "b", Wish::Help).await;
        write(home, "b", Wish::Help).await;
        let worker = Worker::start(home);
        until("another one is answered", async || b.bodies().len() == 1).await;
        is_over(home, waits).await;
        worker.stop().await;
        assert_eq!(message::count_waiting(&home.db, Lane::Bulk, 9).await, Ok(0));
        assert_eq!(b.bodies(), [said("help@acme.example")]);
        let row = row(home, waits).await;
        assert_eq!(
            (row.state.as_str(), row.failure_class.as_deref()),
            ("failed", Some("opted_out"))
        );
        assert_eq!(timeline(home, waits).await, [""; 0]);
    }
}

/// As those do that keep a list of their own.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_provider_blocks_ends_there() {
    for kind in BOTH {
        let blocked = Answer::Http("400 Bad Request", r#"{"code":"stopped"}"#);
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(blocked).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        // More than there may be failures in a row.
        for n in 2..14 {
            write_from(home, numbered(n), "b", Wish::Stop).await;
        }
        let ids = waiting(home, 99).await;
        assert_eq!(ids.len(), 12);
        let worker = Worker::start(home);
        for id in ids {
            is_over(home, id).await;
            let row = row(home, id).await;
            let ended = (row.state.as_str(), row.failure_class.as_deref());
            assert_eq!(ended, ("failed", Some("opted_out")));
            assert_eq!(timeline(home, id).await, ["b opted_out"]);
        }
        // Neither what the provider said nor a STOP that is brought again asks for another answer.
        for n in 2..14 {
            write_from(home, numbered(n), "b", Wish::Stop).await;
        }
        assert_eq!(message::count_waiting(&home.db, Lane::Bulk, 99).await, Ok(0));
        b.answers(&[ACCEPTED]);
        write(home, "b", Wish::Help).await;
        until("another one is answered", async || b.bodies().len() == 13).await;
        worker.stop().await;
        assert_eq!((a.bodies().len(), b.bodies().len()), (0, 13));
        let states = provider_state::list(&home.db).await.expect("an answer");
        assert!(states.iter().all(|state| state.opened_at.is_none()), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_its_provider_until_its_time_is_over() {
    for kind in BOTH {
        let busy = Answer::Http("503 Service Unavailable\r\nRetry-After: 30", "{}");
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(busy).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        write(home, "b", Wish::Stop).await;
        let id = waiting(home, 1).await.pop().expect("an answer");
        let worker = Worker::start(home);
        let tried = async || {
            let attempts = attempt::list_by_message(&home.db, id).await.expect("an answer");
            !attempts.is_empty() && row(home, id).await.state == "queued"
        };
        until("it waits", tried).await;
        home.clock.advance(61_000);
        until("it is over", async || row(home, id).await.state == "expired").await;
        worker.stop().await;
        assert_eq!(timeline(home, id).await, ["b transient"]);
        assert_eq!((a.bodies().len(), b.bodies().len()), (0, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_wait_for_providers_it_cannot_go_to() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        let opened_at = home.clock.now();
        let opened = provider_state::mark_open(&home.db, "a", opened_at, "it failed").await;
        assert_eq!(opened, Ok(true));
        let texts = [bulk(home, 2).await, bulk(home, 3).await];
        write(home, "b", Wish::Help).await;
        let worker = Worker::start(home);
        until("it is answered", async || b.bodies().len() == 1).await;
        assert!(home.clock.now() < opened_at + 5_000, "before the probe of the other one");
        assert!(a.bodies().is_empty());
        for id in texts {
            assert_eq!(timeline(home, id).await, [""; 0]);
        }
        worker.stop().await;
    }
}
