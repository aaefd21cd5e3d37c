//! A provider that a drill takes away: nobody calls it, its breaker opens as if it were down, and it
//! comes back by itself.

use otpost_shared::provider_state;
use otpost_worker::breaker::Availability;

use crate::{
    Worker, accept,
    delivery::{BOTH, bed},
    ended,
    gateway::{ACCEPTED, Gateway},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_drill_takes_away_is_not_called_and_comes_back() {
    for kind in BOTH {
        let (drilled, fallback) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&drilled, &fallback]).await;
        let home = &bed.home;
        let now = home.clock.now();
        provider_state::mark_drilled(&home.db, "a", now + 60_000, now).await.expect("an answer");
        let worker = Worker::start(home);
        for n in 0..30 {
            let id = accept(home, n).await.id;
            assert_eq!(ended(home, id).await.state, "sent");
        }
        assert_eq!((drilled.bodies().len(), fallback.bodies().len()), (0, 30));
        let state = provider_state::list(&home.db).await.expect("an answer").remove(0);
        assert!(state.opened_at.is_some(), "{state:?}");
        let trouble = state.trouble(home.clock.now()).expect("it is away");
        assert!(trouble.starts_with("taken away by a drill for "), "{trouble}");

        home.clock.advance(61_000);
        // Two probes that it answers close it.
        for n in 100..102 {
            let probes = drilled.bodies().len();
            let id = accept(home, n).await.id;
            assert_eq!(ended(home, id).await.state, "sent");
            assert_eq!(drilled.bodies().len(), probes + 1);
            home.clock.advance(5_000);
        }
        until("it is in use", async || {
            let seen = worker.health.pick(home.clock.now(), |seen| Err(seen[0]));
            seen.expect_err("nothing was picked") == Availability::Free
        })
        .await;
        worker.stop().await;
    }
}
