//! What `otpost doctor` says of a mail server, with nothing sent.

use super::{
    LOGIN, built, provider,
    server::{MailServer, Say, Security},
};
use crate::until;

#[tokio::test(flavor = "multi_thread")]
async fn it_connects_logs_in_and_leaves() {
    let server = MailServer::start(Security::Plain).await;
    let said = provider(&server, LOGIN).check().await.expect("good");
    for part in ["let us in", "took the login", "\"mail.example\"", &server.port.to_string()] {
        assert!(said.contains(part), "{part}: {said}");
    }
    until("it has left", async || server.has_heard("QUIT")).await;
    assert!(server.has_heard("NOOP") && !server.has_heard("MAIL"), "{:?}", server.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_is_wrong() {
    let server = MailServer::start(Security::Plain).await;
    server.on("AUTH", Say::Reply("535 5.7.139 SmtpClientAuthentication is disabled"));
    let said = provider(&server, LOGIN).check().await.expect_err("refused");
    assert!(said.contains("535: SmtpClientAuthentication is disabled"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    let said = provider(&server, "tls = 'starttls'").check().await.expect_err("no TLS there");
    assert!(said.contains("STARTTLS"), "{said}");
    let nobody = built("host = '127.0.0.1'\nport = 1\nfrom = 'codes@example.org'");
    let said = nobody.check().await.expect_err("nobody there");
    assert!(said.contains("127.0.0.1 port 1: not connected: "), "{said}");
}
