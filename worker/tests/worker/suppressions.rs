//! Nothing starts for somebody who is not to be sent to: not what waits, not what goes on.

use otpost_shared::{
    Home, message,
    queue::Lane,
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::DEFAULT_TENANT,
    verification::{self, Status},
};

use crate::{
    Worker, accept,
    delivery::{BOTH, bed, bulk},
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    timeline, until,
};

pub async fn keep_back(home: &Home, n: u32, scope: Scope) {
    let new = NewSuppression {
        tenant_id: Some(DEFAULT_TENANT),
        to: home.parse_recipient(&format!("+1202555{n:04}"), None).expect("a valid number"),
        scope,
        reason: Reason::Manual,
        provider: None,
    };
    suppression::add(home, new).await.expect("added");
}

async fn over(home: &Home, id: uuid::Uuid) -> message::Message {
    let row = async || message::find(&home.db, id).await.expect("an answer").expect("a row");
    until("it is over", async || row().await.finished_at.is_some()).await;
    row().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_not_begun() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = bed(kind, &[&gateway]).await;
        let (stopped, other) = (bulk(&bed.home, 1).await, bulk(&bed.home, 2).await);
        let (blocked, code) = (accept(&bed.home, 3).await, accept(&bed.home, 1).await);
        keep_back(&bed.home, 1, Scope::Bulk).await;
        keep_back(&bed.home, 3, Scope::All).await;
        let worker = Worker::start(&bed.home);
        for (id, state) in [(stopped, "failed"), (other, "sent")] {
            assert_eq!(over(&bed.home, id).await.state, state);
        }
        let row = over(&bed.home, stopped).await;
        assert_eq!(row.failure_class.as_deref(), Some("opted_out"));
        assert_eq!(timeline(&bed.home, stopped).await, [""; 0]);
        let row = ended(&bed.home, blocked.id).await;
        assert_eq!(
            (row.state.as_str(), row.failure_class.as_deref()),
            ("failed", Some("opted_out"))
        );
        assert_eq!(ended(&bed.home, code.id).await.state, "sent", "a code is no text");
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_stops_at_the_next_provider() {
    for kind in BOTH {
        let (first, second) =
            (Gateway::start(Answer::Silence).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&first, &second]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        until("the first one has it", async || first.bodies().len() == 1).await;
        keep_back(&bed.home, 1, Scope::All).await;
        let row = ended(&bed.home, accepted.id).await;
        let ended = (row.state.as_str(), row.failure_class.as_deref());
        assert_eq!(ended, ("canceled", Some("opted_out")));
        let why = "the recipient is not to be sent to; no further provider was asked";
        assert_eq!(row.failure.as_deref(), Some(why));
        assert_eq!(timeline(&bed.home, row.id).await, ["a unknown"]);
        worker.stop().await;
        assert_eq!(second.bodies().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_that_a_provider_tells_is_kept() {
    for kind in BOTH {
        let opted_out = Answer::Http("400 Bad Request", r#"{"code":"stopped"}"#);
        let gateway = Gateway::start(opted_out).await;
        let bed = bed(kind, &[&gateway]).await;
        let worker = Worker::start(&bed.home);
        let first = bulk(&bed.home, 1).await;
        let row = over(&bed.home, first).await;
        assert_eq!(row.failure_class.as_deref(), Some("opted_out"));
        let to = bed.home.parse_recipient("+12025550001", None).expect("a valid number");
        let keeps_back = async |lane| {
            let home = &bed.home;
            suppression::keeps_back(home, DEFAULT_TENANT, &to, lane).await.expect("an answer")
        };
        assert!(keeps_back(Lane::Bulk).await);
        assert!(!keeps_back(Lane::Otp).await);
        assert_eq!(suppression::lift(&bed.home, &to).await, Ok(1));
        assert!(!keeps_back(Lane::Bulk).await);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_may_have_arrived_counts_although_it_is_not_sent_again() {
    for kind in BOTH {
        let gateway = Gateway::start(Answer::Close).await;
        let bed = bed(kind, &[&gateway]).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        until("it was tried", async || gateway.bodies().len() == 1).await;
        keep_back(&bed.home, 1, Scope::All).await;
        let row = ended(&bed.home, accepted.id).await;
        let ended = (row.state.as_str(), row.failure_class.as_deref());
        assert_eq!(ended, ("canceled", Some("opted_out")));
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 1);
        let now = bed.home.clock.now();
        let of = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
        assert_eq!(of.map(|of| of.status(now)), Some(Status::Pending));
    }
}
