//! The provider: what the chain sees of an SMSC.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use otpost_shared::{config::ConfigError, outcome::ErrorClass, price::Cost, report::by_id::Given};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

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
    provider::{Outcome, Outgoing, Provider},
    providers::{Net, sender::given},
};

/// A little less than the caller has patience for: then we know best why there is no outcome.
const UNTIL_ANSWERED: Duration = Duration::from_millis(4_800);

pub(in crate::providers) struct Smpp {
    composer: Composer,
    sessions: Arc<Sessions>,
    desk: Arc<Desk>,
    register: Register,
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
            composer: config.composer(name)?,
            sessions: Arc::new(Sessions::new(config.settings(name)?)),
            desk: Arc::new(Desk::new(name, net.home.clone(), config.alphabet(), report_errors)),
            register,
            written: Mutex::new(Some(written)),
        })
    }

    /// In a task of its own, since an answer that comes too late still names the ids.
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
        let unknown = |words: &str| Outcome::refused(ErrorClass::Unknown, None, words);
        match timeout_at(until, tokio::spawn(post.run())).await {
            Ok(Ok(outcome)) if outcome.class == ErrorClass::Ok => outcome.costing(cost),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => unknown("it broke off while it was submitted"),
            Err(_) => unknown("the SMSC did not answer within 4.8 s"),
        }
    }
}

impl Provider for Smpp {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(self.post(out))
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
