//! What `otpost doctor` says of an SMSC, over a session of its own, with nothing sent.

use otpost_worker::providers::{self, Net};

use super::{
    built,
    smsc::{Heard, Smsc},
};

#[tokio::test(flavor = "multi_thread")]
async fn it_binds_asks_and_unbinds() {
    let smsc = Smsc::start().await;
    let said = built(&smsc.section(""), None).check().await.expect("good");
    assert!(said.contains("\"Test SMSC\"") && said.contains(&smsc.port.to_string()), "{said}");
    let heard = smsc.heard();
    assert!(matches!(heard[0], Heard::Bind { .. }), "{heard:?}");
    assert_eq!(heard[1..3], [Heard::EnquireLink, Heard::Unbind]);
    assert!(smsc.submits().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_is_wrong() {
    let smsc = Smsc::start().await;
    smsc.bind_status(0x0e);
    let said = built(&smsc.section(""), None).check().await.expect_err("refused");
    assert!(said.contains("0x000e ESME_RINVPASWD") && !said.contains("secret"), "{said}");
    let nowhere = "url = 'smpp://127.0.0.1:1'\nsystem_id = 'o'\npassword = 'p'";
    let said = built(nowhere, None).check().await.expect_err("nobody there");
    assert!(said.contains("not connected"), "{said}");
    let plain = smsc.section("").replace("smpp://", "smpps://");
    let said = built(&plain, None).check().await.expect_err("no TLS there");
    assert!(said.contains("no TLS"), "{said}");
    let silent = Smsc::start().await;
    silent.become_deaf();
    let said = built(&silent.section(""), None).check().await.expect_err("silence");
    assert!(said.contains("does not answer the bind"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_against_the_given_certificate() {
    let smsc = Smsc::start_with_tls().await;
    let section = smsc.section("").replace("smpp://", "smpps://");
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worker/smpp/smsc.cert.pem");
    let said = built(&format!("{section}ca_file = '{own}'"), None).check().await.expect("good");
    assert!(said.contains("over TLS"), "{said}");
    let said = built(&section, None).check().await.expect_err("nobody the system trusts");
    assert!(said.contains("no TLS") && said.contains("certificate"), "{said}");
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/src/providers/test_keys/application.pem");
    let mut keys: toml::Table = format!("{section}ca_file = '{other}'").parse().expect("keys");
    keys.remove("kind");
    let built = providers::build("a", "smpp", &keys, &Net::default());
    let said = built.err().expect("no certificate in it").to_string();
    assert!(said.contains("providers.a.ca_file"), "{said}");
}
