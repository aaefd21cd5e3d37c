//! Reports that come by way of a topic: the certificates that its messages are signed with, fetched
//! and kept, and subscriptions, confirmed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use otpost_shared::{
    clock::Millis,
    report::{Brought, Certificate, Heard, NotHeard, TopicMessage},
};
use reqwest::{Client, redirect};

/// For one call to SNS, and for waiting until another's is over.
const PATIENCE: Duration = Duration::from_secs(3);

/// No certificate, and no answer to a confirmation, is larger.
const MAX_BYTES: usize = 64 * 1024;

/// SNS has one certificate per region and changes it about once a year.
const MOST_KEPT: usize = 16;

/// Where there was no certificate nobody looks again for so long: SNS repeats a message after 20 seconds.
const AWAY_MS: Millis = 10_000;

/// Fetches within a minute, whatever they bring: who knows the topic can name any number of certificates
/// that there are not.
const MOST_FETCHES: u32 = 12;
const MINUTE_MS: Millis = 60_000;

/// What is known of those who sign; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Topics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Made when it is needed: most installations never do.
    client: OnceLock<Client>,
    known: Mutex<Known>,
    /// One certificate is fetched at a time, so that a burst of reports fetches it once.
    turn: tokio::sync::Mutex<()>,
}

/// What is known of certificates.
#[derive(Debug, Default)]
struct Known {
    kept: HashMap<String, Arc<Certificate>>,
    /// Where there was none, and when. No more than can be fetched within two minutes.
    away: HashMap<String, Millis>,
    /// When the minute began in which fetches are counted.
    minute: Millis,
    fetches: u32,
}

impl Known {
    /// None when it has to be fetched.
    fn look(&self, url: &str, now: Millis) -> Option<Result<Arc<Certificate>, Unheard>> {
        if let Some(kept) = self.kept.get(url) {
            return Some(Ok(Arc::clone(kept)));
        }
        let is_away = self.away.get(url).is_some_and(|at| is_within(AWAY_MS, *at, now));
        is_away.then_some(Err(Unheard::Later("its certificate was not to be had a moment ago")))
    }

    /// Counts a fetch; false when there were too many.
    fn may_fetch(&mut self, now: Millis) -> bool {
        if !is_within(MINUTE_MS, self.minute, now) {
            (self.minute, self.fetches) = (now, 0);
        }
        let may = self.fetches < MOST_FETCHES;
        self.fetches += u32::from(may);
        may
    }

    fn note(&mut self, url: &str, fetched: Option<&Arc<Certificate>>, now: Millis) {
        self.away.retain(|_, at| is_within(AWAY_MS, *at, now));
        let Some(certificate) = fetched else {
            self.away.insert(url.to_owned(), now);
            return;
        };
        if self.kept.len() >= MOST_KEPT {
            self.kept.clear();
        }
        self.kept.insert(url.to_owned(), Arc::clone(certificate));
    }
}

/// Calls that come at the same time need not agree on it to the millisecond.
fn is_within(span: Millis, at: Millis, now: Millis) -> bool {
    (now - at).abs() < span
}

/// Why a call is not listened to, or not yet.
#[derive(Debug)]
pub(crate) enum Unheard {
    Refused(NotHeard),
    /// SNS did not give what is needed; the sentence is for the log.
    Away(String),
    /// It was not asked.
    Later(&'static str),
}

impl From<NotHeard> for Unheard {
    fn from(why: NotHeard) -> Self {
        Self::Refused(why)
    }
}

impl Topics {
    /// Calls SNS with this client, which should follow no redirects.
    #[must_use]
    pub fn with_client(client: Client) -> Self {
        Self(Arc::new(Inner { client: OnceLock::from(client), ..Inner::default() }))
    }

    /// Checks and reads a message for the provider of this name. A subscription is confirmed; then it brings
    /// nothing.
    pub(crate) async fn hear(
        &self,
        provider: &str,
        message: TopicMessage,
        now: Millis,
    ) -> Result<Brought, Unheard> {
        let certificate = self.certificate(message.certificate_url(), now).await?;
        match message.hear(&certificate, now)? {
            Heard::Brought(brought) => Ok(brought),
            Heard::Subscribing(url) => {
                self.get(&url).await?;
                tracing::info!(provider, "the subscription of its topic is confirmed");
                Ok(Brought::default())
            }
            Heard::Unsubscribed => {
                tracing::warn!(
                    provider,
                    "its topic no longer sends reports here; unless that is meant, subscribe \
                     /v1/inbound/{provider}/reports to it again"
                );
                Ok(Brought::default())
            }
        }
    }

    async fn certificate(&self, url: &str, now: Millis) -> Result<Arc<Certificate>, Unheard> {
        if let Some(known) = self.known().look(url, now) {
            return known;
        }
        let turn = tokio::time::timeout(PATIENCE, self.0.turn.lock()).await;
        let _turn = turn.map_err(|_| Unheard::Later("others wait for a certificate"))?;
        if let Some(known) = self.known().look(url, now) {
            return known;
        }
        if !self.known().may_fetch(now) {
            return Err(Unheard::Later("too many certificates were asked for within a minute"));
        }
        let fetched = self.fetch(url).await;
        self.known().note(url, fetched.as_ref().ok(), now);
        fetched
    }

    async fn fetch(&self, url: &str) -> Result<Arc<Certificate>, Unheard> {
        let certificate = Certificate::parse(&self.get(url).await?);
        let certificate =
            certificate.ok_or_else(|| Unheard::Away("what is there is no certificate".into()))?;
        Ok(Arc::new(certificate))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses have been checked: they are of SNS itself, over https.
    async fn get(&self, url: &str) -> Result<Vec<u8>, Unheard> {
        // One that confirms a subscription holds a secret.
        let away = |error: reqwest::Error| Unheard::Away(error.without_url().to_string());
        let mut response = self.client()?.get(url).send().await.map_err(away)?;
        if !response.status().is_success() {
            return Err(Unheard::Away(format!("SNS answered {}", response.status())));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(Unheard::Away("SNS answered at too great a length".into()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn client(&self) -> Result<&Client, Unheard> {
        if let Some(client) = self.0.client.get() {
            return Ok(client);
        }
        let made = Client::builder()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("otpost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Unheard::Away(format!("no HTTP client: {error}")))?;
        Ok(self.0.client.get_or_init(|| made))
    }
}
