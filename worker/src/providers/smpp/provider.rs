//! The provider: what the chain sees of an SMSC.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use otpost_shared::{
    Home, config::ConfigError, outcome::ErrorClass, price::Cost, recipient::Recipient,
    report::by_id::Given,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    address::Address,
    compose::Composer,
    config::SmppConfig,
    desk::Desk,
    post::Post,
    register::{Entry, Register},
    session::{End, Session},
    sessions::Sessions,
};
use crate::{
    letter::shortened,
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        late::{Origin, in_time},
        sender::given,
    },
};

/// A little less than the caller has patience for: then we know best why there is no outcome.
const UNTIL_ANSWERED: Duration = Duration::from_millis(4_800);
/// So many characters are kept of ids: those of a text's parts stand side by side.
const LONGEST_IDS: usize = 255;

pub(in crate::providers) struct Smpp {
    name: Arc<str>,
    home: Option<Home>,
    composer: Composer,
    sessions: Arc<Sessions>,
    desk: Arc<Desk>,
    register: Register,
    /// One for each message that was submitted and has not all of its answers.
    posting: TaskTracker,
    /// Taken by whoever attends.
    written: Mutex<Option<mpsc::Receiver<Given>>>,
}

impl Smpp {
    pub(in crate::providers) fn new(
        name: &str,
        config: &SmppConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        let (register, written) = Register::new(net.home.clone());
        let report_errors = config.report_errors(name)?;
        Ok(Self {
            name: name.into(),
            home: net.home.clone(),
            composer: config.composer(name)?,
            sessions: Arc::new(Sessions::new(config.settings(name)?)),
            desk: Arc::new(Desk::new(name, net.home.clone(), config.alphabet(), report_errors)),
            register,
            posting: TaskTracker::new(),
            written: Mutex::new(Some(written)),
        })
    }

    async fn post(&self, out: &Outgoing) -> Outcome {
        let until = Instant::now() + UNTIL_ANSWERED;
        let parts = match self.composer.compose(out) {
            Ok(parts) => parts,
            Err(unfit) => return unfit.outcome(),
        };
        let cost = Cost::of_segments(Composer::segments(&parts));
        let post = Post {
            sessions: Arc::clone(&self.sessions),
            register: self.register.clone(),
            parts,
            entry: Entry {
                message_id: out.message_id,
                number: out.attempt,
                to: out.to.clone(),
                validity: out.validity,
            },
            until,
        };
        let outcome = self.submitted(post, out).await;
        if outcome.class == ErrorClass::Ok { outcome.costing(cost) } else { outcome }
    }

    /// In a task of its own, since an answer that comes too late still names the ids, and says what became
    /// of the message.
    async fn submitted(&self, post: Post, out: &Outgoing) -> Outcome {
        let of = Origin {
            home: self.home.clone(),
            provider: Arc::clone(&self.name),
            message_id: out.message_id,
            number: out.attempt,
        };
        let (until, to) = (post.until, out.to.clone());
        let (waits, answer) = oneshot::channel();
        self.posting.spawn(async move {
            let outcome = post.run().await;
            if let Err(mut unheard) = waits.send(outcome) {
                let ids = unheard.provider_message_id;
                unheard.provider_message_id = ids.map(|ids| without_number(&ids, &to));
                of.tell(unheard).await;
            }
        });
        let words = "the SMSC did not answer within 4.8 s";
        let late = || Outcome::refused(ErrorClass::Unknown, None, words);
        in_time(answer, until, "it broke off while it was submitted", late).await
    }
}

/// As ids are kept that come in time.
fn without_number(ids: &str, to: &Recipient) -> String {
    shortened(&ids.replace(to.digits(), "[number]"), LONGEST_IDS)
}

impl Provider for Smpp {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(self.post(out))
    }

    fn late_answers(&self) -> BoxFuture<'_, ()> {
        self.posting.close();
        Box::pin(self.posting.wait())
    }

    fn attend<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = self.sessions.settings().name.as_str();
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(written) = written else { return };
            let unbound = CancellationToken::new();
            let keep_sessions = async {
                self.sessions.keep(&self.desk, stop).await;
                unbound.cancel();
            };
            tokio::join!(keep_sessions, self.register.keep(name, written, &unbound));
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)?;
        Address::of_sender(sender).map(drop)
    }

    /// Binds like a session of the worker, in addition to those.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let settings = self.sessions.settings();
            let (host, port) = (&settings.endpoint.host, settings.endpoint.port);
            let place = format!("{host} port {port}");
            let session = Session::bind(settings)
                .await
                .map_err(|refusal| format!("smpp: {place}: {}", refusal.words))?;
            let asked = session.enquire().await;
            let smsc = session.smsc.clone();
            session.leave(&End::Stopped).await;
            asked.map_err(|said| format!("smpp: {place}: {said}"))?;
            let tls = if settings.endpoint.is_tls() { " over TLS" } else { "" };
            Ok(format!("smpp: {place} bound us{tls}, and calls itself {smsc:?}"))
        })
    }
}
