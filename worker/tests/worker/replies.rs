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
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    Worker,
    delivery::{BOTH, bulk},
    gateway::{ACCEPTED, Answer, Gateway},
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

async fn write(home: &Home, provider: &str, wish: Wish) {
    let written = Written { from: number(), wish };
    inbound::take(home, provider, written).await.expect("taken");
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
        language: None,
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
async fn the_answer_to_stop_is_the_only_text_after_it() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &a, &b).await;
        let home = &bed.home;
        // Both wait when STOP comes: a text, and an answer to something else.
        let text = bulk(home, 1).await;
        write(home, "b", Wish::Help).await;
        write(home, "b", Wish::Stop).await;
        let worker = Worker::start(home);
        until("STOP is answered", async || !b.bodies().is_empty()).await;
        until("the text is over", async || row(home, text).await.finished_at.is_some()).await;
        let over = async || message::count_waiting(&home.db, Lane::Bulk, 9).await == Ok(0);
        until("nothing waits", over).await;
        worker.stop().await;
        assert_eq!(b.bodies(), [said("no more texts.")]);
        assert_eq!(a.bodies().len(), 0);
        assert_eq!(row(home, text).await.failure_class.as_deref(), Some("opted_out"));
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
        let due = message::claim_due(&home.db, Lane::Bulk, 1, None, home.clock.now()).await;
        let claimed = due.expect("an answer").pop().expect("a claim").message;
        let released = message::mark_released(&home.db, claimed.id, claimed.epoch).await;
        assert_eq!(released, Ok(true));
        let worker = Worker::start(home);
        let tried = async || {
            let attempts = attempt::list_by_message(&home.db, claimed.id).await.expect("an answer");
            !attempts.is_empty() && row(home, claimed.id).await.state == "queued"
        };
        until("it waits", tried).await;
        home.clock.advance(61_000);
        until("it is over", async || row(home, claimed.id).await.state == "expired").await;
        worker.stop().await;
        assert_eq!(timeline(home, claimed.id).await, ["b transient"]);
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
