//! Hints that are lost, doubled or made up; rows that hold more than there are slots.

use std::time::Duration;

use otpost_shared::{message, queue::Lane};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    PATIENCE, Worker, accept, ended,
    gateway::{ACCEPTED, Gateway},
    pause,
};

async fn bed(kind: Kind, gateway: &Gateway, worker: &str) -> Bed {
    let extra = format!(
        "{worker}\n[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\n{}",
        gateway.section("a")
    );
    Bed::make(kind, &extra).await
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_hints_cost_a_moment_and_doubled_ones_nothing() {
    for kind in [Kind::Embedded, Kind::Production] {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = bed(kind, &gateway, "").await;
        let (lost, doubled) = (accept(&bed.home, 1).await, accept(&bed.home, 2).await);
        // All hints are lost; then five of one message come, and one of no message.
        let hinted = message::list_by_verification(&bed.home.db, doubled.id).await;
        let id = hinted.expect("an answer")[0].id;
        let taken = bed.home.queue.popper().pop(10).await.expect("hints");
        assert_eq!(taken.len(), 2);
        bed.home.queue.push(&[id, id, Uuid::max(), id, id, id]).await.expect("pushed");
        let worker = Worker::start(&bed.home);
        assert_eq!(ended(&bed.home, lost.id).await.state, "sent");
        assert_eq!(ended(&bed.home, doubled.id).await.state, "sent");
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 2, "one send per message");
        assert_eq!(bed.home.queue.waiting().await, Ok(0), "nothing is left in the queue");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_few_slots_send_each_message_once() {
    let gateway = Gateway::start(ACCEPTED).await;
    let bed = bed(Kind::Production, &gateway, "[worker]\notp_concurrency = 3").await;
    for n in 0..300 {
        accept(&bed.home, n).await;
    }
    let workers = [Worker::start(&bed.home), Worker::start(&bed.home)];
    let drained = async {
        loop {
            let waiting = message::count_waiting(&bed.home.db, Lane::Otp, 1_000).await;
            if waiting == Ok(0) && gateway.bodies().len() == 300 {
                return;
            }
            pause().await;
        }
    };
    tokio::time::timeout(PATIENCE + Duration::from_secs(20), drained).await.expect("all are sent");
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(gateway.bodies().len(), 300);
}
