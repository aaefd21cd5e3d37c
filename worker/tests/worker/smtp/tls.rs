//! Encrypted or not at all, and who we say we are.

use otpost_shared::outcome::ErrorClass;

use super::{
    LOGIN, outgoing, provider,
    server::{MailServer, OTHER, Say, Security},
};

/// What makes us trust the server's certificate.
fn trusted() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worker/smpp/smsc.cert.pem");
    format!("{LOGIN}ca_file = '{file}'\n")
}

/// `otpost` and `secret` with a zero before each.
const CREDENTIALS: &str = "AUTH PLAIN AG90cG9zdABzZWNyZXQ=";

#[tokio::test(flavor = "multi_thread")]
async fn the_login_comes_after_starttls() {
    let server = MailServer::start(Security::Starttls).await;
    let mail = provider(&server, &format!("{}tls = 'starttls'", trusted()));
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!(outcome.class, ErrorClass::Ok, "{outcome:?}");
    let heard = server.heard();
    let verbs: Vec<&str> = heard.iter().filter_map(|line| line.split([' ', ':']).next()).collect();
    assert_eq!(verbs, ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]);
    assert_eq!(heard[3], CREDENTIALS);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_may_be_there_from_the_start() {
    let server = MailServer::start(Security::Implicit).await;
    let mail = provider(&server, &format!("{}tls = 'implicit'", trusted()));
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!(outcome.class, ErrorClass::Ok, "{outcome:?}");
    assert!(!server.has_heard("STARTTLS") && server.has_heard(CREDENTIALS));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_nothing_is_told() {
    for (security, on_starttls, class) in [
        (Security::Plain, None, ErrorClass::Account),
        (Security::Starttls, Some("502 5.5.1 not now"), ErrorClass::Account),
        (Security::Starttls, Some("454 4.7.0 not now"), ErrorClass::Transient),
    ] {
        let server = MailServer::start(security).await;
        let mail = provider(&server, &format!("{}tls = 'starttls'", trusted()));
        if let Some(reply) = on_starttls {
            server.on("STARTTLS", Say::Reply(reply));
        }
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, class, "{on_starttls:?}: {outcome:?}");
        assert!(!server.has_heard("AUTH") && !server.has_heard("MAIL"), "{:?}", server.heard());
    }
    // Somebody whom nobody trusts.
    let server = MailServer::start(Security::Starttls).await;
    let mail = provider(&server, &format!("{LOGIN}tls = 'starttls'"));
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!(outcome.class, ErrorClass::Transient, "{outcome:?}");
    assert!(outcome.detail.expect("words").contains("certificate"));
    assert!(!server.has_heard("AUTH"), "{:?}", server.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_certificate_of_somebody_else_is_none() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worker/smtp/other.cert.pem");
    for (security, tls) in [(Security::Starttls, "starttls"), (Security::Implicit, "implicit")] {
        let server = MailServer::start_as(security, OTHER).await;
        let mail = provider(&server, &format!("{LOGIN}ca_file = '{file}'\ntls = '{tls}'"));
        let outcome = mail.send(&outgoing("title", "text")).await;
        assert_eq!(outcome.class, ErrorClass::Transient, "{outcome:?}");
        let detail = outcome.detail.expect("words");
        assert!(detail.contains("certificate not valid for name"), "{detail}");
        assert!(!server.has_heard("AUTH") && !server.has_heard("MAIL"), "{:?}", server.heard());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_the_accounts() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, LOGIN);
    server.on("AUTH", Say::Reply("535 5.7.8 wrong for otpost"));
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!((outcome.class, outcome.code.as_deref()), (ErrorClass::Account, Some("5.7.8")));
    let detail = outcome.detail.expect("words");
    assert!(detail.starts_with("the login was refused with 535: "), "{detail}");
    assert!(!detail.contains("secret") && !server.has_heard("MAIL"), "{detail}");
    server.on("EHLO", Say::Reply("250-mail.example\r\n250 AUTH CRAM-MD5"));
    let outcome = mail.send(&outgoing("title", "text")).await;
    assert_eq!(outcome.class, ErrorClass::Account, "{outcome:?}");
    assert_eq!(mail.send(&outgoing("title", "text")).await.class, ErrorClass::Ok);
}
