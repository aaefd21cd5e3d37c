//! A host of SNS on this machine: it has a certificate of an authority of our own, signs with it, and
//! counts who asks for what.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use otpost_api::topics::Topics;
use reqwest::{Certificate, Client};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../../../shared/src/report/sns_samples/", $name))
    };
}

const AUTHORITY: &[u8] = sample!("authority.pem");
const CERTIFICATE: &[u8] = sample!("certificate.pem");
const KEY: &[u8] = sample!("certificate.key.pem");

const HOST: &str = "sns.eu-west-1.amazonaws.com";
const PEM: &str = "/SimpleNotificationService-0123456789abcdef.pem";
const CONFIRMATION: &str = "/?Action=ConfirmSubscription&TopicArn=codes&Token=2336412f37fb687f";

pub const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:codes";

/// Listens until the test ends.
pub struct Sns {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    is_down: Arc<AtomicBool>,
    key: RsaKeyPair,
}

impl Sns {
    pub async fn start() -> Self {
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let signer = RsaKeyPair::from_pkcs8(key.secret_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (asked, is_down) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (seen, down) = (Arc::clone(&asked), Arc::clone(&is_down));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, down) = (Arc::clone(&seen), Arc::clone(&down));
                tokio::spawn(answer(acceptor.clone(), stream, seen, down));
            }
        });
        Self { address, asked, is_down, key: signer }
    }

    /// The only thing that differs from the real one is where its name leads and who vouches for it.
    pub fn topics(&self) -> Topics {
        let authority = Certificate::from_pem(AUTHORITY).expect("a certificate");
        let client = Client::builder()
            .tls_certs_only([authority])
            .resolve(HOST, self.address)
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build();
        Topics::with_client(client.expect("a client"))
    }

    /// Everything is refused while it is down.
    pub fn is_down(&self, down: bool) {
        self.is_down.store(down, Ordering::Relaxed);
    }

    /// What it was asked for so far: certificates, confirmations.
    pub fn asked(&self) -> (usize, usize) {
        let asked = self.asked.lock().expect("not poisoned");
        let count = |path: &str| asked.iter().filter(|asked| *asked == path).count();
        assert_eq!(count(PEM) + count(CONFIRMATION), asked.len(), "{asked:?}");
        (count(PEM), count(CONFIRMATION))
    }

    /// How often it was asked for anything, also for what it does not have.
    pub fn tried(&self) -> usize {
        self.asked.lock().expect("not poisoned").len()
    }

    pub fn notification(&self, at: &str, message: &Value) -> String {
        let id = "165545c9-2a5c-472c-8df2-7ff2be2b3b1b";
        let message = message.to_string();
        let signed = format!(
            "Message\n{message}\nMessageId\n{id}\nTimestamp\n{at}\nTopicArn\n{TOPIC}\nType\nNotification\n"
        );
        let more = json!({ "Type": "Notification", "Message": message });
        self.envelope(id, at, &signed, more)
    }

    pub fn confirmation(&self, at: &str) -> String {
        self.subscription(at, "SubscriptionConfirmation")
    }

    /// What it says when somebody has ended the subscription.
    pub fn unsubscription(&self, at: &str) -> String {
        self.subscription(at, "UnsubscribeConfirmation")
    }

    fn subscription(&self, at: &str, kind: &str) -> String {
        let (id, url) =
            ("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", format!("https://{HOST}{CONFIRMATION}"));
        let signed = format!(
            "Message\nConfirm\nMessageId\n{id}\nSubscribeURL\n{url}\nTimestamp\n{at}\nToken\n1\n\
             TopicArn\n{TOPIC}\nType\n{kind}\n"
        );
        let more = json!({ "Type": kind, "Message": "Confirm", "Token": "1", "SubscribeURL": url });
        self.envelope(id, at, &signed, more)
    }

    fn envelope(&self, id: &str, at: &str, signed: &str, mut more: Value) -> String {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .expect("a signature");
        let common = json!({
            "MessageId": id,
            "TopicArn": TOPIC,
            "Timestamp": at,
            "SignatureVersion": "2",
            "Signature": BASE64.encode(signature),
            "SigningCertURL": format!("https://{HOST}{PEM}"),
        });
        let object = more.as_object_mut().expect("an object");
        object.extend(common.as_object().expect("an object").clone());
        more.to_string()
    }
}

/// Reads one request's head, which has no body, and answers it.
async fn answer(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    is_down: Arc<AtomicBool>,
) -> Option<()> {
    let mut stream = BufReader::new(acceptor.accept(stream).await.ok()?);
    let (mut first, mut line) = (String::new(), String::new());
    stream.read_line(&mut first).await.ok()?;
    while stream.read_line(&mut line).await.ok()? > 2 {
        line.clear();
    }
    let path = first.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let (status, body) = match path.as_str() {
        _ if is_down.load(Ordering::Relaxed) => ("503 Service Unavailable", &b""[..]),
        PEM => ("200 OK", CERTIFICATE),
        CONFIRMATION => ("200 OK", &b"<ConfirmSubscriptionResponse/>"[..]),
        _ => ("404 Not Found", &b""[..]),
    };
    asked.lock().expect("not poisoned").push(path);
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
    stream.shutdown().await.ok()
}
