//! The provider: what the chain sees of a mail server.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use otpost_shared::{Home, config::ConfigError};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    compose::{Composer, Letter},
    config::SmtpConfig,
    dialogue::{announce, begin},
    handing::Handing,
    pool::{Held, Pool},
    reply::{Refusal, Stage},
};
use crate::{
    provider::{Outcome, Outgoing, Provider},
    providers::{
        Net,
        late::{Origin, in_time},
    },
};

/// Until the server must have asked for the e-mail: the rest of an attempt is for its reply to that.
const UNTIL_ASKED: Duration = Duration::from_millis(2_800);
/// A little less than the caller has patience for: then we know best why there is no outcome.
const UNTIL_ANSWERED: Duration = Duration::from_millis(4_800);
/// For the check: a word, and a goodbye.
const WORD: Duration = Duration::from_secs(1);

pub(in crate::providers) struct Smtp {
    name: Arc<str>,
    home: Option<Home>,
    composer: Composer,
    pool: Arc<Pool>,
    /// One for each e-mail that the server has been given and not answered.
    handing: TaskTracker,
}

impl Smtp {
    pub(in crate::providers) fn new(
        name: &str,
        config: &SmtpConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        let most = config.connections(name)?;
        let pool = Pool::new(config.server(name)?, most);
        Ok(Self {
            name: name.into(),
            home: net.home.clone(),
            composer: config.composer(name)?,
            pool: Arc::new(pool),
            handing: TaskTracker::new(),
        })
    }

    async fn post(&self, out: &Outgoing) -> Outcome {
        let begun = Instant::now();
        let letter = match self.composer.compose(out) {
            Ok(letter) => letter,
            Err(refusal) => return refusal.outcome(),
        };
        let held = match self.announced(&letter, begun + UNTIL_ASKED).await {
            Ok(held) => held,
            Err(refusal) => return refusal.outcome(),
        };
        self.handed_over(held, letter, out, begun + UNTIL_ANSWERED).await
    }

    async fn handed_over(
        &self,
        held: Held,
        letter: Letter,
        out: &Outgoing,
        until: Instant,
    ) -> Outcome {
        let of = Origin {
            home: self.home.clone(),
            provider: Arc::clone(&self.name),
            message_id: out.message_id,
            number: out.attempt,
        };
        let (waits, answer) = oneshot::channel();
        let handing = Handing { pool: Arc::clone(&self.pool), held, letter, of };
        self.handing.spawn(handing.run(waits));
        let late = || Refusal::late(Stage::Content, "4.8 s").outcome();
        in_time(answer, until, "it broke off while it was handed over", late).await
    }

    /// A connection whose server waits for the e-mail.
    async fn announced(&self, letter: &Letter, until: Instant) -> Result<Held, Refusal> {
        let mut held = self.pool.take(until).await?;
        let late = |_| Refusal::late(Stage::Sender, "2.8 s");
        let mut said =
            timeout_at(until, begin(&mut held.connection, letter)).await.map_err(late)?;
        // A server closes what has been at rest for long; nothing was said over it yet.
        let was_closed = said.as_ref().is_err_and(|refusal| !refusal.leaves_connection());
        if was_closed && !held.is_new {
            held = self.pool.replace(held, until).await?;
            said = timeout_at(until, begin(&mut held.connection, letter)).await.map_err(late)?;
        }
        if said.is_ok() {
            let late = |_| Refusal::late(Stage::Recipient, "2.8 s");
            let announced = announce(&mut held.connection, letter);
            said = timeout_at(until, announced).await.map_err(late)?;
        }
        match said {
            Ok(()) => Ok(held),
            Err(refusal) => {
                self.pool.give_back(held, &refusal);
                Err(refusal)
            }
        }
    }

    async fn ask(&self) -> Result<String, String> {
        let server = &self.pool.server;
        let place = format!("{} port {}", server.host, server.port);
        let mut connection =
            server.open().await.map_err(|refusal| format!("smtp: {place}: {}", refusal.words))?;
        let is_there = timeout(WORD, connection.test_connected()).await.unwrap_or(false);
        let name = connection.server_info().name().to_owned();
        let _ = timeout(WORD, connection.abort()).await;
        if !is_there {
            return Err(format!("smtp: {place}: let us in, but does not answer NOOP"));
        }
        let tls = if server.is_encrypted() { " over TLS" } else { "" };
        let login = if server.credentials.is_some() { " and took the login" } else { "" };
        Ok(format!("smtp: {place} let us in{tls}{login}, and calls itself {name:?}"))
    }
}

impl Provider for Smtp {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(self.post(out))
    }

    fn late_answers(&self) -> BoxFuture<'_, ()> {
        self.handing.close();
        Box::pin(self.handing.wait())
    }

    fn attend<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(self.pool.tend(stop))
    }

    /// Connects like a worker, in addition to its connections, and sends nothing.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask())
    }
}
