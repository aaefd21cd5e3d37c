//! A connection to a mail server, up to where it can be given e-mails.

use std::time::Duration;

use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, TlsParameters},
    extension::ClientId,
};
use otpost_shared::outcome::ErrorClass;
use tokio::time::timeout;

use super::{
    config::Security,
    reply::{Refusal, Stage},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Everything until the login is accepted. Some servers keep their greeting back for a while.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Where a mail server listens, and how it is spoken to.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) tls: Option<TlsParameters>,
    pub(super) hello: ClientId,
    pub(super) credentials: Option<Credentials>,
}

impl Server {
    /// Connects, encrypts and logs in, as far as the section says so.
    ///
    /// # Errors
    /// Why it cannot be given anything.
    pub(super) async fn open(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let late = || Refusal::before(ErrorClass::Transient, "not let in within 10 s");
        timeout(OPEN_TIMEOUT, self.open_in_time()).await.unwrap_or_else(|_| Err(late()))
    }

    async fn open_in_time(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let is_implicit = self.security == Security::Implicit;
        let at_once = self.tls.clone().filter(|_| is_implicit);
        let place = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(
            place,
            Some(CONNECT_TIMEOUT),
            &self.hello,
            at_once,
            None,
        );
        let mut connection = connecting.await.map_err(|error| Refusal::of(Stage::Open, &error))?;
        if let Some(tls) = self.tls.clone().filter(|_| !is_implicit) {
            let upgraded = connection.starttls(tls, &self.hello).await;
            upgraded.map_err(|error| Refusal::of(Stage::Tls, &error))?;
        }
        if let Some(credentials) = &self.credentials {
            let let_in = connection.auth(&MECHANISMS, credentials).await;
            let_in.map_err(|error| Refusal::of(Stage::Login, &error))?;
        }
        Ok(connection)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}
