//! One session: bound, and what is said over it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use otpost_shared::outcome::ErrorClass;
use rusmpp::{CommandStatus, pdus::SubmitSm};
use rusmppc::{Client, ConnectionBuilder, Event, error::Error};
use tokio::{
    io::BufReader,
    sync::{Notify, Semaphore, mpsc},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    config::Settings,
    desk::Desk,
    sieve::{self, Asked, What},
    status,
};

/// Connecting, and binding.
const BIND_TIMEOUT: Duration = Duration::from_secs(6);
/// An answer may still come when nobody waits for the outcome any more, and names the id that reports
/// will have. Its place in the window is taken until then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const ENQUIRE_LINK_TIMEOUT: Duration = Duration::from_secs(5);
/// Until what is under way has its answers, when a session ends in order; and for each goodbye.
const FAREWELL: Duration = Duration::from_secs(1);
/// What waits to be passed on, in octets and in requests.
const PIPE: usize = 64 * 1024;
const MOST_ASKED: usize = 64;
/// Numbers of PDUs must stay below 2^31, and the library counts by two.
const MOST_SUBMITS: u32 = 1 << 29;

/// Requests that the library writes when it is polled once: it makes five steps, and each takes two. And the
/// most of them that may wait for that at the same time.
const WRITTEN_AT_ONCE: usize = 2;
const MOST_WRITTEN: usize = 64;

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class: ErrorClass,
    pub(super) code: Option<String>,
    pub(super) words: String,
}

impl Refusal {
    pub(super) fn transient(words: impl Into<String>) -> Self {
        Self { class: ErrorClass::Transient, code: None, words: words.into() }
    }
}

/// A bound session, as those see it who submit.
pub(super) struct Live {
    client: Client,
    /// A place for each submit that waits for its answer.
    pub(super) window: Arc<Semaphore>,
    submits: AtomicU32,
    /// No more numbers are left.
    worn: Notify,
    leaving: CancellationToken,
}

/// What became of one `submit_sm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// With the SMSC's id of it.
    Accepted(Option<String>),
    Refused(u32),
    /// It was written, or may have been.
    Unknown(String),
}

impl Live {
    /// Writes it and waits for its answer. Who calls has a place in the window.
    pub(super) async fn submit(&self, pdu: SubmitSm) -> Answer {
        if self.submits.fetch_add(1, Ordering::Relaxed) == MOST_SUBMITS {
            self.worn.notify_one();
        }
        match self.client.submit_sm(pdu).await {
            Ok(answer) => {
                let id = answer.message_id().as_str();
                Answer::Accepted((!id.is_empty()).then(|| id.to_owned()))
            }
            Err(Error::UnexpectedResponse { response }) => match u32::from(response.status()) {
                0 => Answer::Unknown("the SMSC answered something else".to_owned()),
                status => Answer::Refused(status),
            },
            Err(Error::ResponseTimeout { .. }) => {
                Answer::Unknown("the SMSC did not answer".to_owned())
            }
            // From here on nobody can tell whether it was read before.
            Err(_) => Answer::Unknown("the session was lost before the answer".to_owned()),
        }
    }

    /// True when nothing new may be submitted.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled()
    }
}

/// Drives the library's connection. Each time that it is polled it writes two requests at most, and for the
/// rest it waits until something comes in: which may be the answer to what it has not written. So it is polled
/// as often as may be needed for all that are under way.
async fn drive(connection: impl Future<Output = ()>, places: Arc<Semaphore>, window: usize) {
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        let under_way = window.saturating_sub(places.available_permits()).min(MOST_WRITTEN);
        for _ in 0..=under_way.div_ceil(WRITTEN_AT_ONCE) {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

/// A bound session, as its keeper has it. Dropped, it is gone at once.
pub(super) struct Session {
    pub(super) live: Arc<Live>,
    /// What the SMSC calls itself.
    pub(super) smsc: String,
    events: Pin<Box<dyn Stream<Item = Event> + Send + Sync>>,
    asked: mpsc::Receiver<Asked>,
    _connection: AbortOnDropHandle<()>,
    sieve: AbortOnDropHandle<String>,
    window: usize,
}

/// Why a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// We were told to stop.
    Stopped,
    /// Its numbers are used up.
    Worn,
    /// By the SMSC, in order.
    Unbound,
    Lost(String),
}

impl Session {
    /// Connects and binds.
    ///
    /// # Errors
    /// Why it could not.
    pub(super) async fn bind(settings: &Settings) -> Result<Self, Refusal> {
        let binding = async {
            let wire = settings.endpoint.connect().await.map_err(Refusal::transient)?;
            let mut session = Self::over(wire, settings);
            session.smsc = session.say_hello(settings).await?;
            Ok(session)
        };
        let late = || Refusal::transient("the SMSC does not answer the bind");
        timeout(BIND_TIMEOUT, binding).await.unwrap_or_else(|_| Err(late()))
    }

    fn over(wire: Box<dyn super::connect::Wire>, settings: &Settings) -> Self {
        let (from, to) = tokio::io::split(wire);
        let (library, passed) = tokio::io::duplex(PIPE);
        let (us, asked) = mpsc::channel(MOST_ASKED);
        let sieve = tokio::spawn(sieve::sort(BufReader::new(from), passed, us));
        let (client, events, connection) = ConnectionBuilder::new()
            .enquire_link_interval(settings.enquire_link)
            .enquire_link_response_timeout(ENQUIRE_LINK_TIMEOUT)
            .response_timeout(ANSWER_TIMEOUT)
            // It insists on version 5 otherwise.
            .disable_interface_version_check()
            .no_spawn()
            .connected(tokio::io::join(library, to));
        let window = Arc::new(Semaphore::new(settings.window));
        let driven = drive(connection, Arc::clone(&window), settings.window);
        let live = Live {
            client,
            window,
            submits: AtomicU32::new(0),
            worn: Notify::new(),
            leaving: CancellationToken::new(),
        };
        Self {
            live: Arc::new(live),
            smsc: String::new(),
            events: Box::pin(events),
            asked,
            _connection: AbortOnDropHandle::new(tokio::spawn(driven)),
            sieve: AbortOnDropHandle::new(sieve),
            window: settings.window,
        }
    }

    async fn say_hello(&self, settings: &Settings) -> Result<String, Refusal> {
        match self.live.client.bind_transceiver(settings.bind.clone()).await {
            Ok(answer) => Ok(answer.system_id.as_str().to_owned()),
            Err(Error::UnexpectedResponse { response }) if u32::from(response.status()) != 0 => {
                let status = u32::from(response.status());
                // A status that says nothing about binding is the vendor's way of refusing it.
                let class = match status::class_of(&settings.errors, status) {
                    class @ (ErrorClass::Transient | ErrorClass::Throttled) => class,
                    _ => ErrorClass::Account,
                };
                let words = format!("the bind was refused: {}", status::in_words(status));
                Err(Refusal { class, code: Some(status::code(status)), words })
            }
            Err(_) => {
                Err(Refusal::transient("the SMSC closed the connection, or sent no bind's answer"))
            }
        }
    }

    /// Asks whether the SMSC is there.
    ///
    /// # Errors
    /// A sentence: it is not.
    pub(super) async fn enquire(&self) -> Result<(), String> {
        let asked = timeout(ENQUIRE_LINK_TIMEOUT, self.live.client.enquire_link()).await;
        match asked {
            Ok(Ok(())) => Ok(()),
            _ => Err("bound, but enquire_link is not answered".to_owned()),
        }
    }

    /// Takes what the SMSC brings until the session ends.
    pub(super) async fn serve(&mut self, desk: &Arc<Desk>, stop: &CancellationToken) -> End {
        let live = Arc::clone(&self.live);
        loop {
            tokio::select! {
                () = stop.cancelled() => return End::Stopped,
                () = live.worn.notified() => return End::Worn,
                event = self.events.next() => match event {
                    // An answer that nobody waits for any more.
                    Some(Event::Incoming(_)) => {}
                    Some(Event::Error(error)) => return self.lost(&error).await,
                    None => return End::Lost("the session has ended".to_owned()),
                },
                Some(asked) = self.asked.recv() => match asked.what {
                    What::Deliver(body) => desk.take(&live.client, asked.sequence, &body).await,
                    What::Unbind => {
                        self.let_answers_come().await;
                        let _ = timeout(FAREWELL, live.client.unbind_resp(asked.sequence)).await;
                        return End::Unbound;
                    }
                    What::Unknown => {
                        let nack = live.client.status(CommandStatus::EsmeRinvcmdid);
                        let _ = nack.generic_nack(asked.sequence).await;
                    }
                },
            }
        }
    }

    /// The sieve knows better than the library why there is nothing more to read.
    async fn lost(&mut self, error: &Error) -> End {
        let words = match error {
            Error::ConnectionClosedByPeer => {
                let said = timeout(FAREWELL, &mut self.sieve).await;
                said.ok().and_then(Result::ok).unwrap_or_else(|| "it was closed".to_owned())
            }
            Error::EnquireLinkTimeout { .. } => "enquire_link was not answered".to_owned(),
            Error::Io(error) => format!("the connection was lost: {error}"),
            _ => "the SMSC sent what is no answer".to_owned(),
        };
        End::Lost(words)
    }

    /// Nothing new is submitted from here on, and what was has its answers, or no time for them.
    async fn let_answers_come(&self) {
        self.live.leaving.cancel();
        let all = u32::try_from(self.window).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, self.live.window.acquire_many(all)).await;
    }

    /// Ends it: in order, unless the SMSC has done so.
    pub(super) async fn leave(self, end: &End) {
        self.live.leaving.cancel();
        if matches!(end, End::Stopped | End::Worn) {
            self.let_answers_come().await;
            let _ = timeout(FAREWELL, self.live.client.unbind()).await;
        }
        let _ = timeout(FAREWELL, self.live.client.close_and_wait()).await;
        self.live.window.close();
    }
}
