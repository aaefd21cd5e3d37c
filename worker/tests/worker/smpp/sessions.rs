//! Sessions that come and go.

use otpost_shared::outcome::ErrorClass;
use rusmpp::Pdu;

use super::{
    Bound,
    smsc::{Heard, Reply, Smsc, encoded},
};
use crate::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_bound_again() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    for n in 1..=3 {
        assert_eq!(bound.send("x").await.class, ErrorClass::Ok);
        assert_eq!(smsc.binds(), n);
        smsc.hang_up();
        until("it is bound again", async || smsc.binds() == n + 1).await;
        until("it is used", async || bound.send("x").await.class == ErrorClass::Ok).await;
    }
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_unbinds_is_left_in_order() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    smsc.replies([Reply::UnbindFirst("late")]);
    // What was asked before gets its answer.
    let outcome = bound.send("x").await;
    assert_eq!(
        (outcome.class, outcome.provider_message_id.as_deref()),
        (ErrorClass::Ok, Some("late"))
    );
    until("it is told so", async || smsc.heard().contains(&Heard::UnbindResp(77))).await;
    assert_eq!(bound.send("y").await.class, ErrorClass::Ok);
    assert_eq!(smsc.binds(), 2);
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_answers_and_unbinds() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "sessions = 2", None);
    assert_eq!(bound.send("x").await.class, ErrorClass::Ok);
    until("both are bound", async || smsc.binds() == 2).await;
    smsc.replies([Reply::Later("slow")]);
    let provider = std::sync::Arc::clone(&bound.provider);
    let sending = tokio::spawn(async move { provider.send(&super::outgoing("slow")).await });
    until("it is under way", async || smsc.kept_back() == 1).await;
    bound.stop.cancel();
    until("the idle one unbinds", async || smsc.count(|heard| *heard == Heard::Unbind) == 1).await;
    smsc.answer().await;
    bound.stop().await;
    assert_eq!(sending.await.expect("no panic").class, ErrorClass::Ok);
    assert_eq!(smsc.count(|heard| *heard == Heard::Unbind), 2);
    until("both are closed", async || smsc.count(|heard| *heard == Heard::Closed) == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_share_what_is_sent() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "sessions = 3\nwindow = 1", None);
    until("all are bound", async || smsc.binds() == 3).await;
    smsc.replies((0..3).map(|_| Reply::Later("s")));
    let sending = futures_util::future::join_all((0..3).map(|_| bound.send("x")));
    let (all, ()) = tokio::join!(sending, async {
        until("each has one", async || smsc.kept_back() == 3).await;
        smsc.answer().await;
    });
    assert!(all.iter().all(|outcome| outcome.class == ErrorClass::Ok), "{all:?}");
    // One that is lost leaves the others. What is written before the end is heard is `unknown`,
    // so the sessions are only counted on once it is heard.
    smsc.hang_up();
    until("the lost one is bound again", async || smsc.binds() == 4).await;
    assert_eq!((bound.send("y").await.class, smsc.binds()), (ErrorClass::Ok, 4));
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_hangs_is_found_out() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "enquire_link_secs = 5", None);
    assert_eq!(bound.send("x").await.class, ErrorClass::Ok);
    until("it is asked", async || smsc.heard().contains(&Heard::EnquireLink)).await;
    smsc.become_deaf();
    until("it is left", async || smsc.heard().contains(&Heard::Closed)).await;
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_takes_the_bind_and_closes_is_not_stormed() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    for n in 1..=3 {
        until("it is bound", async || smsc.binds() == n).await;
        smsc.hang_up();
    }
    // Now it is left alone for a while, and nobody waits for it.
    let words = "the SMSC closed the connection; nothing was sent";
    until("it is down", async || bound.send("x").await.detail.as_deref() == Some(words)).await;
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_asks_whether_we_are_there_is_answered() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    assert_eq!(bound.send("x").await.class, ErrorClass::Ok);
    smsc.send(encoded(0, 4_711, Pdu::EnquireLink));
    until("it is answered", async || smsc.heard().contains(&Heard::EnquireLinkResp(4_711))).await;
    bound.stop().await;
}
