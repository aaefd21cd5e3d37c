//! Answers that come when the attempt was given up.

use std::time::Duration;

use futures_util::FutureExt;
use otpost_shared::{attempt, outcome::ErrorClass};
use tokio::time::timeout;

use super::{
    Bound,
    reports::{becomes, bed, find, text},
    smsc::{Reply, Smsc},
};
use crate::{Worker, delivery::BOTH, timeline, until};

const PRICES: &str = "[providers.a.prices]\ncurrency = \"USD\"\n\"*\" = \"0.0075\"";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_says_what_became_of_a_text() {
    for kind in BOTH {
        let smsc = Smsc::start().await;
        let bed = bed(kind, &smsc, PRICES).await;
        let worker = Worker::start(&bed.home);
        smsc.replies([Reply::Later("12025550001-7"), Reply::RefuseLater(0x0b)]);
        let accepted = text(&bed.home, 1, "hello").await;
        until("it is under way", async || smsc.kept_back() == 1).await;
        let refused = text(&bed.home, 2, "hello").await;
        for id in [accepted, refused] {
            becomes(&bed.home, id, "unknown").await;
        }
        smsc.answer().await;
        becomes(&bed.home, accepted, "sent").await;
        becomes(&bed.home, refused, "failed").await;
        assert_eq!(timeline(&bed.home, accepted).await, ["a ok"]);
        assert_eq!(timeline(&bed.home, refused).await, ["a recipient"]);
        let failure = find(&bed.home, refused).await.failure;
        assert_eq!(failure.as_deref(), Some("refused, after it was given up (a 0x000b)"));
        let mut known = Vec::new();
        for id in [accepted, refused] {
            let attempts = attempt::list_by_message(&bed.home.db, id).await.expect("an answer");
            let charge = attempts[0].charge().map(|charge| charge.to_string());
            known.push((attempts[0].provider_message_id.clone(), charge));
        }
        let id = Some("[number]-7".to_owned());
        assert_eq!(known, [(id, Some("about 0.0075 USD".to_owned())), (None, None)]);
        worker.stop().await;
        assert_eq!(smsc.submits().len(), 2, "neither was sent again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_can_wait_for_answers_that_come_late() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    smsc.replies([Reply::Later("late")]);
    assert_eq!(bound.send("x").await.class, ErrorClass::Unknown);
    assert!(bound.provider.late_answers().now_or_never().is_none(), "one may still come");
    smsc.answer().await;
    let heard = timeout(Duration::from_secs(10), bound.provider.late_answers()).await;
    heard.expect("there are no more");
    bound.stop().await;
}
