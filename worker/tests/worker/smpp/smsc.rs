//! An SMSC that does what it is told to, and writes down what it is asked. It speaks through the
//! library's codec, and in raw bytes where that is too well-behaved.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use futures_util::StreamExt;
use rusmpp::{
    Command, CommandStatus, Pdu,
    pdus::{BindTransceiver, BindTransceiverResp, SubmitSm, SubmitSmResp},
    tokio_codec::CommandCodec,
    types::COctetString,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::{Mutex as AsyncMutex, mpsc},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    bytes::BytesMut,
    codec::{Encoder, FramedRead},
};

/// Of the certificate beside this file.
const CERTIFICATE: &[u8] = include_bytes!("smsc.cert.pem");
const KEY: &[u8] = include_bytes!("smsc.key.pem");

pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// What becomes of one `submit_sm`.
#[derive(Clone, Debug)]
pub enum Reply {
    Accept(&'static str),
    Refuse(u32),
    Silence,
    /// Accepted, but not before [`Smsc::answer`].
    Later(&'static str),
    /// Refused with this status, not before then either.
    RefuseLater(u32),
    /// A delivery of this number first; when that is answered, the answer with the id.
    ReceiptFirst(&'static str, u32, Vec<u8>),
    /// These bytes instead of an answer.
    Raw(Vec<u8>),
    /// A `generic_nack` with this status.
    Nack(u32),
    Close,
    /// Asks to unbind, answers when that was read, and closes when it is told that it may.
    UnbindFirst(&'static str),
}

/// An id, or the status of a refusal.
type Answer = Result<&'static str, u32>;

/// What was heard that is no `submit_sm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Bind {
        system_id: String,
        password: String,
        version: u8,
    },
    /// The answer to what was delivered, with its status.
    DeliverResp(u32, u32),
    EnquireLink,
    EnquireLinkResp(u32),
    Nack(u32, u32),
    Unbind,
    UnbindResp(u32),
    Closed,
}

#[derive(Default)]
struct State {
    /// For the next submits; then all are accepted.
    replies: Mutex<VecDeque<Reply>>,
    bind_status: AtomicU32,
    /// Neither `enquire_link` nor anything else is answered any more.
    is_deaf: AtomicBool,
    ids: AtomicU32,
    /// Answers for when something of ours is answered: its number, then theirs and the id.
    held: Mutex<Vec<(u32, u32, &'static str)>>,
    /// Answers for when the test says so.
    later: Mutex<Vec<(Writer, u32, Answer)>>,
    submits: Mutex<Vec<SubmitSm>>,
    heard: Mutex<Vec<Heard>>,
    /// What is sent over each connection, oldest first.
    connections: Mutex<Vec<mpsc::UnboundedSender<Option<Vec<u8>>>>>,
}

impl State {
    fn keep_back(&self, writer: &Writer, sequence: u32, answer: Answer) {
        self.later.lock().expect("not poisoned").push((writer.clone(), sequence, answer));
    }
}

pub struct Smsc {
    pub port: u16,
    state: Arc<State>,
}

impl Smsc {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::on(listener, None)
    }

    pub async fn start_with_tls() -> Self {
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::on(listener, Some(TlsAcceptor::from(Arc::new(config))))
    }

    pub fn on(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<State>::default();
        let of = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls.clone(), Arc::clone(&of)));
            }
        });
        Self { port, state }
    }

    /// A section that binds to it.
    pub fn section(&self, more: &str) -> String {
        format!(
            "kind = \"smpp\"\nurl = \"smpp://127.0.0.1:{}\"\nsystem_id = \"otpost\"\n\
             password = \"secret\"\nfrom = \"12025550100\"\n{more}\n",
            self.port
        )
    }

    /// What the next submits get.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.replies.lock().expect("not poisoned").extend(replies);
    }

    /// From now on binds are answered so.
    pub fn bind_status(&self, status: u32) {
        self.state.bind_status.store(status, Ordering::SeqCst);
    }

    pub fn become_deaf(&self) {
        self.state.is_deaf.store(true, Ordering::SeqCst);
    }

    /// Submits that wait for [`Smsc::answer`].
    pub fn kept_back(&self) -> usize {
        self.state.later.lock().expect("not poisoned").len()
    }

    /// Gives them their answers.
    pub async fn answer(&self) {
        let later = mem::take(&mut *self.state.later.lock().expect("not poisoned"));
        for (writer, sequence, answer) in later {
            match answer {
                Ok(id) => writer.accept(sequence, id).await,
                Err(status) => writer.refuse(sequence, status).await,
            }
        }
    }

    pub fn submits(&self) -> Vec<SubmitSm> {
        self.state.submits.lock().expect("not poisoned").clone()
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.state.heard.lock().expect("not poisoned").clone()
    }

    pub fn count(&self, is_it: impl Fn(&Heard) -> bool) -> usize {
        self.heard().iter().filter(|heard| is_it(heard)).count()
    }

    pub fn binds(&self) -> usize {
        self.count(|heard| matches!(heard, Heard::Bind { .. }))
    }

    /// The status with which this sequence number was answered.
    pub fn answer_to(&self, sequence: u32) -> Option<u32> {
        self.heard().iter().find_map(|heard| match heard {
            Heard::DeliverResp(of, status) if *of == sequence => Some(*status),
            _ => None,
        })
    }

    /// Sends bytes over the newest connection.
    pub fn send(&self, bytes: Vec<u8>) {
        let connections = self.state.connections.lock().expect("not poisoned");
        connections.last().expect("a connection").send(Some(bytes)).expect("it is open");
    }

    /// Sends bytes over the `n`th connection.
    pub fn send_over(&self, n: usize, bytes: Vec<u8>) {
        let connections = self.state.connections.lock().expect("not poisoned");
        connections[n].send(Some(bytes)).expect("it is open");
    }

    /// Closes the newest connection without a word.
    pub fn hang_up(&self) {
        let connections = self.state.connections.lock().expect("not poisoned");
        let _ = connections.last().expect("a connection").send(None);
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let wire: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    let (read, write) = tokio::io::split(wire);
    let writer = Writer(Arc::new(AsyncMutex::new(write)));
    let (orders, mut ordered) = mpsc::unbounded_channel();
    state.connections.lock().expect("not poisoned").push(orders);
    let mut commands = FramedRead::new(read, CommandCodec::new());
    loop {
        tokio::select! {
            command = commands.next() => match command {
                Some(Ok(command)) => {
                    if !take(&state, &writer, command).await {
                        break;
                    }
                }
                _ => break,
            },
            order = ordered.recv() => match order {
                Some(Some(bytes)) => writer.bytes(&bytes).await,
                _ => break,
            },
        }
    }
    writer.close().await;
    state.heard.lock().expect("not poisoned").push(Heard::Closed);
}

#[derive(Clone)]
struct Writer(Arc<AsyncMutex<WriteHalf<Box<dyn Wire>>>>);

impl Writer {
    async fn bytes(&self, bytes: &[u8]) {
        let _ = self.0.lock().await.write_all(bytes).await;
    }

    async fn close(&self) {
        let _ = self.0.lock().await.shutdown().await;
    }

    async fn pdu(&self, status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        self.bytes(&encoded(status, sequence, pdu)).await;
    }

    async fn accept(&self, sequence: u32, id: &str) {
        let id = COctetString::from_string(id.to_owned()).expect("an id");
        self.pdu(0, sequence, SubmitSmResp::new(id, Vec::new())).await;
    }

    async fn refuse(&self, sequence: u32, status: u32) {
        let none = SubmitSmResp::new(COctetString::empty(), Vec::new());
        self.pdu(status, sequence, none).await;
    }
}

/// One PDU as bytes.
pub fn encoded(status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let command = Command::new(CommandStatus::from(status), sequence, pdu.into());
    CommandCodec::new().encode(&command, &mut bytes).expect("it can be written");
    bytes.to_vec()
}

/// False when the connection is to be closed.
async fn take(state: &Arc<State>, writer: &Writer, command: Command) -> bool {
    let (sequence, status) = (command.sequence_number(), u32::from(command.status()));
    let hear = |heard| state.heard.lock().expect("not poisoned").push(heard);
    if state.is_deaf.load(Ordering::SeqCst) {
        return true;
    }
    match command.pdu() {
        Some(Pdu::BindTransceiver(bind)) => {
            hear(bind_heard(bind));
            let status = state.bind_status.load(Ordering::SeqCst);
            let system_id = COctetString::from_string("Test SMSC".to_owned()).expect("a name");
            writer.pdu(status, sequence, BindTransceiverResp::new(system_id, None)).await;
        }
        Some(Pdu::SubmitSm(submit)) => {
            state.submits.lock().expect("not poisoned").push(submit.clone());
            let reply = state.replies.lock().expect("not poisoned").pop_front();
            return answer(state, writer, sequence, reply).await;
        }
        Some(Pdu::EnquireLink) => {
            hear(Heard::EnquireLink);
            writer.pdu(0, sequence, Pdu::EnquireLinkResp).await;
        }
        Some(Pdu::Unbind) => {
            hear(Heard::Unbind);
            writer.pdu(0, sequence, Pdu::UnbindResp).await;
            return false;
        }
        Some(Pdu::UnbindResp) => {
            hear(Heard::UnbindResp(sequence));
            return false;
        }
        Some(Pdu::DeliverSmResp(_)) => {
            hear(Heard::DeliverResp(sequence, status));
            answer_held(state, writer, sequence).await;
        }
        Some(Pdu::EnquireLinkResp) => {
            hear(Heard::EnquireLinkResp(sequence));
            answer_held(state, writer, sequence).await;
        }
        Some(Pdu::GenericNack) => hear(Heard::Nack(sequence, status)),
        other => panic!("nobody else asks for {other:?}"),
    }
    true
}

/// What was to wait until this number was answered.
async fn answer_held(state: &State, writer: &Writer, number: u32) {
    let held = state.held.lock().expect("not poisoned").clone();
    if let Some((_, submit, id)) = held.iter().find(|(ours, ..)| *ours == number) {
        writer.accept(*submit, id).await;
    }
}

fn bind_heard(bind: &BindTransceiver) -> Heard {
    Heard::Bind {
        system_id: bind.system_id.as_str().to_owned(),
        password: bind.password.as_str().to_owned(),
        version: bind.interface_version.into(),
    }
}

async fn answer(state: &Arc<State>, writer: &Writer, sequence: u32, reply: Option<Reply>) -> bool {
    match reply {
        None => {
            let id = state.ids.fetch_add(1, Ordering::SeqCst);
            writer.accept(sequence, &format!("auto-{id}")).await;
        }
        Some(Reply::Accept(id)) => writer.accept(sequence, id).await,
        Some(Reply::Refuse(status)) => writer.refuse(sequence, status).await,
        Some(Reply::Nack(status)) => writer.pdu(status, sequence, Pdu::GenericNack).await,
        Some(Reply::Silence) => {}
        Some(Reply::Later(id)) => state.keep_back(writer, sequence, Ok(id)),
        Some(Reply::RefuseLater(status)) => state.keep_back(writer, sequence, Err(status)),
        Some(Reply::ReceiptFirst(id, delivery, receipt)) => {
            state.held.lock().expect("not poisoned").push((delivery, sequence, id));
            writer.bytes(&receipt).await;
        }
        Some(Reply::Raw(bytes)) => writer.bytes(&bytes).await,
        Some(Reply::Close) => return false,
        Some(Reply::UnbindFirst(id)) => {
            state.held.lock().expect("not poisoned").push((78, sequence, id));
            writer.pdu(0, 77, Pdu::Unbind).await;
            writer.pdu(0, 78, Pdu::EnquireLink).await;
        }
    }
    true
}
