//! What becomes of a message, whatever the SMSC does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use otpost_shared::outcome::ErrorClass;
use tokio::net::TcpListener;

use super::{
    Bound, deliveries, outgoing,
    smsc::{Heard, Reply, Smsc},
};
use crate::until;

fn long() -> String {
    "a long text ".repeat(30)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_accepted() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    smsc.replies([Reply::Accept("1A2B")]);
    let outcome = bound.send("Your code is 1234").await;
    assert_eq!(
        (outcome.class, outcome.provider_message_id.as_deref()),
        (ErrorClass::Ok, Some("1A2B"))
    );
    let submit = &smsc.submits()[0];
    assert_eq!(submit.destination_addr.as_str(), "12025550123");
    assert_eq!(submit.short_message().as_ref(), b"Your code is 1234");
    assert_eq!(u8::from(submit.esm_class), 0);
    let bind = Heard::Bind { system_id: "otpost".into(), password: "secret".into(), version: 0x34 };
    assert_eq!(smsc.heard()[0], bind);
    // Without an id nothing can be said of it later, but it was accepted.
    smsc.replies([Reply::Accept("")]);
    let outcome = bound.send("x").await;
    assert_eq!((outcome.class, outcome.provider_message_id), (ErrorClass::Ok, None));
    bound.stop().await;
    assert_eq!(smsc.count(|heard| *heard == Heard::Unbind), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_of_a_text_must_be_accepted() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    smsc.replies(["p1", "p2", "p3"].map(Reply::Accept));
    let outcome = bound.send(&long()).await;
    assert_eq!(outcome.class, ErrorClass::Ok);
    let mut ids: Vec<String> =
        outcome.provider_message_id.expect("ids").split(',').map(str::to_owned).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["p1", "p2", "p3"]);
    let sequences = |from: usize| -> Vec<u8> {
        smsc.submits()[from..].iter().map(|submit| submit.short_message().as_ref()[5]).collect()
    };
    assert_eq!(sequences(0), [1, 2, 3]);

    // The first one alone tells whether anything was sent.
    smsc.replies([Reply::Refuse(0x0b)]);
    let outcome = bound.send(&long()).await;
    assert_eq!((outcome.class, outcome.code.as_deref()), (ErrorClass::Recipient, Some("0x000b")));
    assert_eq!(sequences(3), [1]);

    smsc.replies([Reply::Accept("q1"), Reply::Refuse(0x58), Reply::Accept("q3")]);
    let outcome = bound.send(&long()).await;
    assert_eq!((outcome.class, outcome.code.as_deref()), (ErrorClass::Unknown, Some("0x0058")));
    let detail = outcome.detail.expect("words");
    assert!(detail.starts_with("part 2 of 3, after others were accepted: 0x0058"), "{detail}");
    assert_eq!(outcome.provider_message_id.as_deref(), Some("q1,q3"));
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_classes() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "errors = { '0x0400' = 'opted_out', 69 = 'content' }", None);
    for (reply, class, code) in [
        (Reply::Refuse(0x58), ErrorClass::Throttled, "0x0058"),
        (Reply::Refuse(0x14), ErrorClass::Throttled, "0x0014"),
        (Reply::Refuse(0x0a), ErrorClass::Sender, "0x000a"),
        (Reply::Refuse(0x08), ErrorClass::Transient, "0x0008"),
        (Reply::Refuse(0x400), ErrorClass::OptedOut, "0x0400"),
        (Reply::Refuse(0x45), ErrorClass::Content, "0x0045"),
        (Reply::Refuse(0x4ff), ErrorClass::Sender, "0x04ff"),
        (Reply::Nack(0x02), ErrorClass::Sender, "0x0002"),
    ] {
        smsc.replies([reply.clone()]);
        let outcome = bound.send("x").await;
        assert_eq!((outcome.class, outcome.code.as_deref()), (class, Some(code)), "{reply:?}");
    }
    assert_eq!(smsc.binds(), 1);
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_and_not_answered_is_unknown() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    let http = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec();
    for (reply, words) in [
        (Reply::Close, "lost before the answer"),
        (Reply::Raw(http), "lost before the answer"),
        (Reply::Raw(vec![0; 64]), "lost before the answer"),
        (Reply::Raw(vec![0xff; 64]), "lost before the answer"),
        (Reply::Nack(0), "something else"),
    ] {
        smsc.replies([reply.clone()]);
        let outcome = bound.send("x").await;
        assert_eq!(outcome.class, ErrorClass::Unknown, "{reply:?}");
        let detail = outcome.detail.expect("words");
        assert!(detail.contains(words), "{reply:?}: {detail}");
        // A new session is there before long.
        until("it goes on", async || bound.send("y").await.class == ErrorClass::Ok).await;
    }
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_unknown_in_time() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    smsc.replies([Reply::Silence]);
    let begun = Instant::now();
    let outcome = bound.send("x").await;
    assert_eq!(outcome.class, ErrorClass::Unknown);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(bound.send("y").await.class, ErrorClass::Ok, "others go on meanwhile");
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_sends_nothing() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "window = 2", None);
    smsc.replies([Reply::Silence, Reply::Silence]);
    let (first, second, third) = tokio::join!(bound.send("x"), bound.send("y"), async {
        until("two are under way", async || smsc.submits().len() == 2).await;
        bound.send("z").await
    });
    assert_eq!((first.class, second.class), (ErrorClass::Unknown, ErrorClass::Unknown));
    assert_eq!(third.class, ErrorClass::Throttled);
    assert!(third.detail.expect("words").contains("nothing was sent"));
    assert_eq!(smsc.submits().len(), 2);
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_kept_to_and_used() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "window = 3", None);
    smsc.replies((0..9).map(|_| Reply::Later("w")));
    let send = |_| {
        let provider = Arc::clone(&bound.provider);
        tokio::spawn(async move { provider.send(&outgoing("x")).await.class })
    };
    let sending: Vec<_> = (0..9).map(send).collect();
    for all in [3, 6, 9] {
        until("three are under way", async || smsc.submits().len() >= all).await;
        until("they are kept back", async || smsc.kept_back() >= 3).await;
        assert_eq!((smsc.submits().len(), smsc.kept_back()), (all, 3), "more at a time");
        smsc.answer().await;
    }
    for class in futures_util::future::join_all(sending).await {
        assert_eq!(class.expect("no panic"), ErrorClass::Ok);
    }
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_nothing_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let section = format!(
        "url = 'smpp://127.0.0.1:{port}'\nsystem_id = 'o'\npassword = 'p'\nfrom = 'Otpost'"
    );
    let bound = Bound::of(&section, None);
    let outcome = bound.send("x").await;
    assert_eq!(outcome.class, ErrorClass::Transient);
    let detail = outcome.detail.expect("words");
    assert!(detail.contains("refused") && detail.ends_with("nothing was sent"), "{detail}");
    // Once it is known, nobody waits for it.
    let begun = Instant::now();
    assert_eq!(bound.send("x").await.class, ErrorClass::Transient);
    assert!(begun.elapsed() < Duration::from_millis(500));
    // When it comes, it is bound by itself.
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the same port");
    let smsc = Smsc::on(listener, None);
    until("it is bound", async || bound.send("y").await.class == ErrorClass::Ok).await;
    assert_eq!(smsc.submits().len(), 1);
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bind_is_the_accounts() {
    let smsc = Smsc::start().await;
    smsc.bind_status(0x0d);
    let bound = Bound::start(&smsc, "", None);
    let outcome = bound.send("x").await;
    assert_eq!((outcome.class, outcome.code.as_deref()), (ErrorClass::Account, Some("0x000d")));
    let detail = outcome.detail.expect("words");
    assert!(detail.contains("ESME_RBINDFAIL") && !detail.contains("secret"), "{detail}");
    smsc.bind_status(0x08);
    until("it is tried again", async || bound.send("x").await.class == ErrorClass::Transient).await;
    smsc.bind_status(0);
    until("it is bound", async || bound.send("x").await.class == ErrorClass::Ok).await;
    bound.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_words_of_an_smsc_do_no_harm() {
    let smsc = Smsc::start().await;
    let bound = Bound::start(&smsc, "", None);
    assert_eq!(bound.send("x").await.class, ErrorClass::Ok);
    // data_sm and query_sm, an alert, answers to what nobody asked, an answer with parameters.
    for bytes in [
        deliveries::raw(0x103, 31, b"junk"),
        deliveries::raw(0x03, 32, b"id\0"),
        deliveries::raw(0x102, 33, b"junk"),
        deliveries::raw(0x8000_0004, 9_999, b"late\0"),
        deliveries::raw(0x8000_0103, 9_999, b"junk"),
        deliveries::raw(0x8000_0015, 9_999, b"junk"),
        deliveries::raw(0x15, 34, b""),
    ] {
        smsc.send(bytes);
    }
    until("it is answered", async || smsc.heard().contains(&Heard::EnquireLinkResp(34))).await;
    until("both are", async || smsc.heard().contains(&Heard::Nack(32, 3))).await;
    assert!(smsc.heard().contains(&Heard::Nack(31, 3)));
    assert_eq!(bound.send("y").await.class, ErrorClass::Ok);
    assert_eq!(smsc.binds(), 1);
    bound.stop().await;
}
