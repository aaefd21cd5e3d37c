//! Reports that come by way of a topic: the certificates that its messages are signed with, fetched
//! and kept, and subscriptions, confirmed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use otpost_shared::{
    clock::Millis,
    report::{Certificate, Heard, NotHeard, Report, TopicMessage},
};
use reqwest::{Client, redirect};

/// For one call to SNS, and for waiting until another's is over.
const PATIENCE: Duration = Duration::from_secs(3);

/// No certificate, and no answer to a confirmation, is larger.
const MAX_BYTES: usize = 64 * 1024;

/// SNS has one certificate per region and changes it about once a year.
const MOST_KEPT: usize = 16;

/// What is known of those who sign; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Topics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Made when it is needed: most installations never do.
    client: OnceLock<Client>,
    kept: Mutex<HashMap<String, Arc<Certificate>>>,
    /// One certificate is fetched at a time, so that a burst of reports fetches it once.
    turn: tokio::sync::Mutex<()>,
}

/// Why a call is not listened to, or not yet.
#[derive(Debug)]
pub(crate) enum Unheard {
    Refused(NotHeard),
    /// SNS did not give what is needed; the sentence is for the log.
    Away(String),
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

    /// Checks and reads a message. A subscription is confirmed; then there is no report.
    pub(crate) async fn hear(
        &self,
        message: TopicMessage,
        now: Millis,
    ) -> Result<Option<Report>, Unheard> {
        let certificate = self.certificate(message.certificate_url()).await?;
        match message.hear(&certificate, now)? {
            Heard::Report(report) => Ok(report),
            Heard::Subscribing(url) => {
                self.get(&url).await?;
                tracing::info!("the subscription of a topic is confirmed");
                Ok(None)
            }
        }
    }

    async fn certificate(&self, url: &str) -> Result<Arc<Certificate>, Unheard> {
        if let Some(kept) = self.kept(url) {
            return Ok(kept);
        }
        let turn = tokio::time::timeout(PATIENCE, self.0.turn.lock()).await;
        let _turn = turn.map_err(|_| Unheard::Away("others wait for a certificate".into()))?;
        if let Some(kept) = self.kept(url) {
            return Ok(kept);
        }
        let certificate = Certificate::parse(&self.get(url).await?)
            .ok_or_else(|| Unheard::Away("what is there is no certificate".into()))?;
        let certificate = Arc::new(certificate);
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(url.to_owned(), Arc::clone(&certificate));
        Ok(certificate)
    }

    fn kept(&self, url: &str) -> Option<Arc<Certificate>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
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
