//! What becomes of an e-mail, whatever the server says, and when it says nothing.

use std::time::{Duration, Instant};

use otpost_shared::outcome::ErrorClass;
use otpost_worker::provider::Blame;
use tokio_util::sync::CancellationToken;

use super::{
    LOGIN, built, outgoing, provider,
    server::{MailServer, Say, Security},
};
use crate::until;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_classes_and_leave_the_connection() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    for (verb, reply, class, code) in [
        ("MAIL", "550 5.7.60 not your sender", ErrorClass::Sender, "5.7.60"),
        ("MAIL", "451 4.3.0 try later", ErrorClass::Transient, "4.3.0"),
        ("MAIL", "530 5.7.0 log in first", ErrorClass::Account, "5.7.0"),
        ("RCPT", "550 5.1.1 <Ann@example.org>: unknown", ErrorClass::Recipient, "5.1.1"),
        ("RCPT", "550-no such\r\n550 user", ErrorClass::Recipient, "550"),
        ("RCPT", "552 5.2.2 full", ErrorClass::Recipient, "5.2.2"),
        ("RCPT", "451 4.7.1 slowly", ErrorClass::Throttled, "4.7.1"),
        ("RCPT", "454 too fast", ErrorClass::Throttled, "454"),
        ("DATA", "451 4.3.0 try later", ErrorClass::Transient, "4.3.0"),
        (".", "554 5.2.0 x.SendAsDeniedException", ErrorClass::Sender, "5.2.0"),
        (".", "554 5.7.1 spam", ErrorClass::Content, "5.7.1"),
        (".", "550 5.7.26 no DMARC", ErrorClass::Sender, "5.7.26"),
        (".", "452 4.3.1 disk full", ErrorClass::Transient, "4.3.1"),
    ] {
        server.on(verb, Say::Reply(reply));
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!((outcome.class, outcome.code.as_deref()), (class, Some(code)), "{verb} {reply}");
        let detail = outcome.detail.expect("words");
        assert!(detail.contains(" was refused with "), "{detail}");
        assert!(detail.ends_with("; nothing was sent"), "{detail}");
        let next = mail.send(&outgoing("title", "text")).await;
        assert_eq!(next.class, ErrorClass::Ok, "after {verb}: {reply}: {next:?}");
    }
    // One that is being called off is not there yet for the next.
    assert!(server.connections() <= 6, "{}", server.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_is_unknown_only_once_the_email_has_left() {
    for (verb, class) in [
        ("CONNECT", ErrorClass::Transient),
        ("EHLO", ErrorClass::Transient),
        ("AUTH", ErrorClass::Transient),
        ("MAIL", ErrorClass::Transient),
        ("RCPT", ErrorClass::Transient),
        ("DATA", ErrorClass::Transient),
        ("BODY", ErrorClass::Unknown),
        (".", ErrorClass::Unknown),
    ] {
        let server = MailServer::start(Security::Plain).await;
        let mail = provider(&server, LOGIN);
        server.on(verb, Say::Close);
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, class, "{verb}: {outcome:?}");
        let detail = outcome.detail.expect("words");
        let is_sure = detail.ends_with("nothing was sent");
        assert_eq!(is_sure, class == ErrorClass::Transient, "{detail}");
        assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok, "{verb}");
        assert_eq!(server.connections(), 2, "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_reply_is_none() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    for (verb, reply, class) in [
        ("CONNECT", "HTTP/1.1 400 Bad Request", ErrorClass::Transient),
        ("RCPT", "hello", ErrorClass::Transient),
        ("DATA", "250 well", ErrorClass::Transient),
        ("RCPT", "571 5.7.1 refused", ErrorClass::Transient),
        (".", "571 5.7.1 refused", ErrorClass::Unknown),
        (".", "250", ErrorClass::Unknown),
        (".", "999 what", ErrorClass::Unknown),
    ] {
        server.on(verb, Say::Reply(reply));
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, class, "{verb}: {outcome:?}");
        assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok, "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    for goodbye in [Say::Close, Say::Reply("421 4.4.2 idle for too long")] {
        let server = MailServer::start(Security::Plain).await;
        let mail = provider(&server, "");
        assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
        assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
        assert_eq!(server.connections(), 1, "it is kept");
        server.on("MAIL", goodbye);
        assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
        assert_eq!((server.connections(), server.letters().len()), (2, 3));
        // A new one is not replaced: nobody is asked again and again.
        let fresh = provider(&server, "");
        server.on("MAIL", goodbye);
        let outcome = fresh.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, ErrorClass::Transient, "{outcome:?}");
        assert_eq!((server.connections(), server.letters().len()), (3, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_has_an_outcome_in_time() {
    let asked = async |verb: &'static str, class: ErrorClass| {
        let server = MailServer::start(Security::Plain).await;
        let mail = provider(&server, "");
        server.on(verb, Say::Silence);
        let begun = Instant::now();
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, class, "{verb}: {outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{verb}: {:?}", begun.elapsed());
    };
    tokio::join!(
        asked("CONNECT", ErrorClass::Transient),
        asked("MAIL", ErrorClass::Transient),
        asked("RCPT", ErrorClass::Transient),
        asked(".", ErrorClass::Unknown),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_was_given_up_leaves_nothing_to_the_next() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "connections = 2");
    server.on(".", Say::Silence);
    let given_up = outgoing("title", "the first");
    tokio::select! {
        outcome = mail.send(&given_up) => panic!("{outcome:?}"),
        () = until("it has left", async || server.letters().len() == 1) => {}
    }
    let outcome = mail.send(&outgoing("title", "the second")).await;
    assert_eq!(outcome.class, ErrorClass::Ok);
    assert_eq!(outcome.provider_message_id.as_deref(), Some("T2"), "the reply is its own");
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_free_connection_nothing_is_sent() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "connections = 1");
    server.on(".", Say::Silence);
    let (one, other) = (outgoing("title", "one"), outgoing("title", "other"));
    let (first, second) = tokio::join!(mail.send(&one), async {
        until("one is under way", async || server.letters().len() == 1).await;
        mail.send(&other).await
    });
    assert_eq!((first.class, first.blame), (ErrorClass::Unknown, Blame::Usual));
    assert_eq!((second.class, second.blame), (ErrorClass::Throttled, Blame::Ours));
    assert_eq!(second.retry_after, Some(Duration::from_millis(100)));
    assert!(second.detail.expect("words").contains("nothing was sent"));
    assert_eq!(server.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_wait_for_a_connection_than_there_are() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "connections = 1");
    server.on(".", Say::Later);
    let [one, other, third] = ["one", "other", "third"].map(|text| outgoing("title", text));
    let first = mail.send(&one);
    let rest = async {
        until("one is under way", async || server.letters().len() == 1).await;
        let mut second = mail.send(&other);
        let refused = tokio::select! {
            biased;
            outcome = &mut second => panic!("it waits: {outcome:?}"),
            outcome = mail.send(&third) => outcome,
        };
        server.let_go();
        (refused, second.await)
    };
    let (first, (refused, second)) = tokio::join!(first, rest);
    assert_eq!((refused.class, refused.blame), (ErrorClass::Throttled, Blame::Ours));
    assert_eq!((first.class, second.class), (ErrorClass::Ok, ErrorClass::Ok), "{second:?}");
    assert_eq!((server.connections(), server.letters().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_is_to_blame() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "connections = 1");
    server.on("CONNECT", Say::Silence);
    let (one, other) = (outgoing("title", "one"), outgoing("title", "other"));
    let (first, second) = tokio::join!(mail.send(&one), mail.send(&other));
    for outcome in [first, second] {
        let judged = (outcome.class, outcome.blame, outcome.retry_after);
        assert_eq!(judged, (ErrorClass::Transient, Blame::Usual, None), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_for_a_recipient_is_not_the_servers() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    for (verb, reply, blame) in [
        ("RCPT", "450 4.1.2 no such domain for now", Blame::Recipient),
        ("RCPT", "450 4.7.1 greylisted", Blame::Recipient),
        ("RCPT", "571 5.7.1 refused", Blame::Recipient),
        ("MAIL", "571 5.7.1 refused", Blame::Usual),
        ("RCPT", "451 4.3.0 lookup failed", Blame::Usual),
        ("MAIL", "450 4.7.1 slowly", Blame::Usual),
    ] {
        server.on(verb, Say::Reply(reply));
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!((outcome.blame, outcome.retry_after), (blame, None), "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_at_rest_are_closed_with_a_word_when_the_worker_stops() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
    let stop = CancellationToken::new();
    stop.cancel();
    mail.attend(&stop).await;
    assert!(server.has_heard("QUIT"), "{:?}", server.heard());
    assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said() {
    let mail = built("host = '127.0.0.1'\nport = 1\nfrom = 'codes@example.org'");
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!(outcome.class, ErrorClass::Transient);
    let detail = outcome.detail.expect("words");
    assert!(detail.starts_with("not connected: ") && detail.contains("refused"), "{detail}");
}
