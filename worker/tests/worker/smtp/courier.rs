//! E-mails on their way through the chain: the next server, the breaker, and answers that come late.

use otpost_shared::{
    Home, attempt,
    channel::Channel,
    message::{self, Message, NewMessage, Title},
    outcome::ErrorClass,
    provider_state::{self, ProviderState},
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    verification,
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use super::server::{MailServer, Say, Security};
use crate::{Worker, delivery::BOTH, ended, metrics, request, timeline, until};

/// A home whose e-mails go to these servers, named `a` and `b`.
async fn bed(kind: Kind, servers: &[&MailServer]) -> Bed {
    bed_of(kind, &["a", "b"][..servers.len()], servers).await
}

async fn bed_of(kind: Kind, names: &[&str], servers: &[&MailServer]) -> Bed {
    let section = |(name, server): (&&str, &&MailServer)| {
        format!(
            "[providers.{name}]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\n\
             from = \"codes@example.org\"\n",
            server.port
        )
    };
    let sections: String = names.iter().zip(servers).map(section).collect();
    let config = format!(
        "[limits]\nrecipient = [\"1000/1s\"]\n[chains]\nsms = [\"box\"]\nemail = {names:?}\n\
         [providers.box]\nkind = \"console\"\nprint = false\n{sections}"
    );
    Bed::make(kind, &config).await
}

fn person(n: u32) -> Recipient {
    Recipient::parse_email(&format!("ann{n}@example.org")).expect("an address")
}

async fn code(home: &Home, n: u32) -> Uuid {
    verification::accept(home, request(Channel::Email, person(n))).await.expect("accepted").id
}

async fn notice(home: &Home, n: u32) -> Uuid {
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to: person(n),
        title: Title::of(Channel::Email, Some("A parcel".to_owned())).expect("a title"),
        text: "It is here.".into(),
        language: None,
        client: None,
        idempotency_key: None,
    };
    message::accept(home, new).await.expect("accepted").id
}

async fn row(home: &Home, id: Uuid) -> Message {
    message::find(&home.db, id).await.expect("an answer").expect("a row")
}

async fn state(home: &Home, name: &str) -> Option<ProviderState> {
    let states = provider_state::list(&home.db).await.expect("an answer");
    states.into_iter().find(|state| state.name == name)
}

async fn is_open(home: &Home, name: &str) -> bool {
    state(home, name).await.is_some_and(|state| state.opened_at.is_some())
}

/// One code after the other; how each of them went.
async fn timelines(home: &Home, codes: std::ops::Range<u32>) -> Vec<String> {
    let mut all = Vec::new();
    for n in codes {
        let message = ended(home, code(home, n).await).await;
        assert_eq!(message.state, "sent", "{:?}", message.failure);
        all.push(timeline(home, message.id).await.join(", "));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_left_alone_and_the_next_one_sends() {
    for kind in BOTH {
        let (failing, good) =
            (MailServer::start(Security::Plain).await, MailServer::start(Security::Plain).await);
        let bed = bed(kind, &[&failing, &good]).await;
        let worker = Worker::start(&bed.home);
        for _ in 0..8 {
            failing.on("MAIL", Say::Reply("451 4.3.0 out of order"));
        }
        let went = timelines(&bed.home, 0..8).await;
        assert_eq!(went, vec!["a transient, b ok"; 8]);
        until("it is left alone", async || is_open(&bed.home, "a").await).await;
        let reason = state(&bed.home, "a").await.and_then(|state| state.reason);
        let reason = reason.expect("a reason");
        assert!(reason.contains("8 calls in a row") && reason.contains("4.3.0"), "{reason}");
        assert_eq!(timelines(&bed.home, 8..9).await, ["b ok"]);
        assert_eq!((failing.letters().len(), good.letters().len()), (0, 9));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_who_are_put_off_close_nothing() {
    for kind in BOTH {
        let (strict, other) =
            (MailServer::start(Security::Plain).await, MailServer::start(Security::Plain).await);
        let bed = bed(kind, &[&strict, &other]).await;
        let worker = Worker::start(&bed.home);
        for n in 0..24 {
            let reply =
                if n % 2 == 0 { "450 4.1.2 unknown for now" } else { "450 4.7.1 greylisted" };
            strict.on("RCPT", Say::Reply(reply));
        }
        let went = timelines(&bed.home, 0..24).await;
        for (n, went) in went.iter().enumerate() {
            let class = if n % 2 == 0 { "transient" } else { "throttled" };
            assert_eq!(*went, format!("a {class}, b ok"), "{n}");
        }
        assert_eq!(timelines(&bed.home, 24..25).await, ["a ok"]);
        assert!(state(&bed.home, "a").await.is_none(), "neither open nor paused");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_says_what_became_of_it() {
    metrics();
    for (kind, count) in BOTH.into_iter().zip(1..) {
        let server = MailServer::start(Security::Plain).await;
        // All tests of the process count in one place.
        let bed = bed_of(kind, &["slow"], &[&server]).await;
        let worker = Worker::start(&bed.home);
        server.on(".", Say::Later);
        let id = notice(&bed.home, 1).await;
        until("it is given up", async || row(&bed.home, id).await.state == "unknown").await;
        assert_eq!(timeline(&bed.home, id).await, ["slow unknown"]);
        server.let_go();
        until("it is known", async || row(&bed.home, id).await.state == "sent").await;
        let attempts = attempt::list_by_message(&bed.home.db, id).await.expect("an answer");
        assert_eq!(attempts[0].outcome(), Some(ErrorClass::Ok));
        assert_eq!(attempts[0].provider_message_id.as_deref(), Some("T1"));
        assert_eq!(attempts[0].detail, None);
        let next = notice(&bed.home, 2).await;
        until("the next is sent", async || row(&bed.home, next).await.state == "sent").await;
        assert_eq!((server.connections(), server.letters().len()), (1, 2), "it was kept");
        worker.stop().await;
        let settled = r#"otpost_attempts_settled_total{provider="slow","#;
        let all = metrics();
        let counted: Vec<&str> = all.lines().filter(|line| line.starts_with(settled)).collect();
        assert_eq!(counted, [format!(r#"{settled}outcome="ok"}} {count}"#)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_hears_an_answer_that_comes_late() {
    for kind in BOTH {
        let (slow, other) =
            (MailServer::start(Security::Plain).await, MailServer::start(Security::Plain).await);
        let bed = bed(kind, &[&slow, &other]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        // Both have a connection by now.
        slow.on("MAIL", Say::Reply("451 4.3.0 out of order"));
        let first = notice(home, 1).await;
        until("it is sent", async || row(home, first).await.state == "sent").await;
        assert_eq!(timeline(home, first).await, ["a transient", "b ok"]);
        slow.on(".", Say::Later);
        let id = notice(home, 2).await;
        until("it is given up", async || row(home, id).await.state == "unknown").await;
        worker.stop.cancel();
        // Nothing is sent any more by then.
        until("the other is left", async || other.has_heard("QUIT")).await;
        slow.let_go();
        worker.task.await.expect("no panic").expect("a clean end");
        assert_eq!(row(home, id).await.state, "sent");
        assert_eq!(timeline(home, id).await, ["a ok"]);
        // Whoever had been left without waiting would have no connection to close after its answer.
        assert!(slow.has_heard("QUIT"), "its connection was kept, and then closed in order");
    }
}
