//! A mail server that says what it is told to, and writes down what it hears.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

/// For `localhost` and 127.0.0.1.
const OWN: Identity =
    (include_bytes!("../smpp/smsc.cert.pem"), include_bytes!("../smpp/smsc.key.pem"));
/// For `mail.example`.
pub const OTHER: Identity = (include_bytes!("other.cert.pem"), include_bytes!("other.key.pem"));

/// A certificate and its key.
pub type Identity = (&'static [u8], &'static [u8]);

pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// What it does instead of what a good server would.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    /// One reply, its lines with `\r\n` between them.
    Reply(&'static str),
    Close,
    Silence,
    /// What is usual, once [`MailServer::let_go`] was called.
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    Starttls,
    Implicit,
}

struct State {
    /// For the next time that it hears this verb; `CONNECT` is the greeting, `BODY` the first line of an
    /// e-mail and `.` its end.
    orders: Mutex<Vec<(&'static str, Say)>>,
    heard: Mutex<Vec<String>>,
    letters: Mutex<Vec<String>>,
    connections: AtomicUsize,
    let_go: Semaphore,
}

impl Default for State {
    fn default() -> Self {
        Self {
            orders: Mutex::default(),
            heard: Mutex::default(),
            letters: Mutex::default(),
            connections: AtomicUsize::default(),
            let_go: Semaphore::new(0),
        }
    }
}

/// Listens until the test ends.
pub struct MailServer {
    pub port: u16,
    state: Arc<State>,
}

impl MailServer {
    pub async fn start(security: Security) -> Self {
        Self::start_as(security, OWN).await
    }

    pub async fn start_as(security: Security, identity: Identity) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<State>::default();
        let of = Arc::clone(&state);
        let tls = acceptor(identity);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), Arc::clone(&of));
                tokio::spawn(async move { serve(stream, security, tls, state).await });
            }
        });
        Self { port, state }
    }

    /// The next time that it hears this, it does that.
    pub fn on(&self, verb: &'static str, say: Say) {
        self.state.orders.lock().expect("not poisoned").push((verb, say));
    }

    /// One who was told to answer later does so now.
    pub fn let_go(&self) {
        self.state.let_go.add_permits(1);
    }

    /// Every line that was no part of an e-mail.
    pub fn heard(&self) -> Vec<String> {
        self.state.heard.lock().expect("not poisoned").clone()
    }

    pub fn has_heard(&self, verb: &str) -> bool {
        self.heard().iter().any(|line| line.starts_with(verb))
    }

    /// The e-mails it was given, to their ends.
    pub fn letters(&self) -> Vec<String> {
        self.state.letters.lock().expect("not poisoned").clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

fn acceptor((certificate, key): Identity) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(certificate).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

/// What became of a reply.
#[derive(PartialEq, Eq)]
enum Said {
    AsUsual,
    Otherwise,
    Gone,
}

struct Session {
    wire: BufReader<Box<dyn Wire>>,
    state: Arc<State>,
    can_upgrade: bool,
}

async fn serve(stream: TcpStream, security: Security, tls: TlsAcceptor, state: Arc<State>) {
    state.connections.fetch_add(1, Ordering::SeqCst);
    let wire: Box<dyn Wire> = if security == Security::Implicit {
        let Ok(stream) = tls.accept(stream).await else { return };
        Box::new(stream)
    } else {
        Box::new(stream)
    };
    let can_upgrade = security == Security::Starttls;
    let mut session = Session { wire: BufReader::new(wire), state, can_upgrade };
    if session.say("CONNECT", "220 mail.example ESMTP").await == Said::Gone {
        return;
    }
    while let Some(line) = session.line().await {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        session.state.heard.lock().expect("not poisoned").push(line);
        let said = match verb.as_str() {
            "STARTTLS" => match session.say("STARTTLS", "220 go ahead").await {
                Said::AsUsual => {
                    let Ok(stream) = tls.accept(session.wire.into_inner()).await else { return };
                    let wire: Box<dyn Wire> = Box::new(stream);
                    let state = session.state;
                    session = Session { wire: BufReader::new(wire), state, can_upgrade: false };
                    Said::AsUsual
                }
                said => said,
            },
            "DATA" => session.take_letter().await,
            _ => session.say_to(&verb).await,
        };
        if said == Said::Gone || verb == "QUIT" {
            return;
        }
    }
}

impl Session {
    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.wire.read_until(b'\n', &mut line).await.ok()?;
        let line = String::from_utf8_lossy(&line);
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn say_to(&mut self, verb: &str) -> Said {
        match verb {
            "EHLO" => {
                let more = if self.can_upgrade { "250-STARTTLS\r\n" } else { "" };
                let lines = format!("250-mail.example\r\n{more}250 AUTH PLAIN LOGIN");
                self.say("EHLO", &lines).await
            }
            "AUTH" => self.say("AUTH", "235 2.7.0 welcome").await,
            "MAIL" => self.say("MAIL", "250 2.1.0 ok").await,
            "RCPT" => self.say("RCPT", "250 2.1.5 ok").await,
            "RSET" => self.say("RSET", "250 2.0.0 ok").await,
            "NOOP" => self.say("NOOP", "250 2.0.0 ok").await,
            "QUIT" => self.say("QUIT", "221 2.0.0 bye").await,
            other => panic!("nobody else asks for {other}"),
        }
    }

    async fn take_letter(&mut self) -> Said {
        match self.say("DATA", "354 go on").await {
            Said::AsUsual => {}
            said => return said,
        }
        let mut letter = String::new();
        loop {
            let Some(line) = self.line().await else { return Said::Gone };
            if letter.is_empty() && self.order("BODY").is_some() {
                return Said::Gone;
            }
            if line == "." {
                break;
            }
            letter.push_str(line.strip_prefix('.').unwrap_or(&line));
            letter.push_str("\r\n");
        }
        self.state.letters.lock().expect("not poisoned").push(letter);
        let count = self.state.letters.lock().expect("not poisoned").len();
        self.say(".", &format!("250 2.0.0 Ok: queued as T{count}")).await
    }

    fn order(&self, verb: &str) -> Option<Say> {
        let mut orders = self.state.orders.lock().expect("not poisoned");
        let place = orders.iter().position(|(of, _)| *of == verb)?;
        Some(orders.remove(place).1)
    }

    async fn say(&mut self, verb: &str, usual: &str) -> Said {
        let (reply, said) = match self.order(verb) {
            None => (usual, Said::AsUsual),
            Some(Say::Reply(reply)) => (reply, Said::Otherwise),
            Some(Say::Close) => return Said::Gone,
            Some(Say::Later) => {
                self.state.let_go.acquire().await.expect("never closed").forget();
                (usual, Said::AsUsual)
            }
            // Until the other end has had enough.
            Some(Say::Silence) => {
                while self.line().await.is_some() {}
                return Said::Gone;
            }
        };
        let written = self.wire.write_all(format!("{reply}\r\n").as_bytes()).await;
        if written.is_ok() && self.wire.flush().await.is_ok() { said } else { Said::Gone }
    }
}
