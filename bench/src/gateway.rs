//! A fake SMS gateway: speaks Twilio, Vonage and a plain HTTP dialect, misbehaves on request,
//! and remembers every message it was given.
//!
//! * [`server`]: connections, one request in, one answer (or none) out
//! * [`twilio`], [`vonage`], [`plain`]: what each dialect reads and writes
//! * [`rules`]: how to answer whom
//! * [`log`]: what was received
//! * [`reports`]: what is said of it later
//! * [`replies`]: what people write back
//! * [`control`]: rules and log over HTTP, for a gateway in a process of its own

mod control;
mod log;
mod plain;
mod replies;
mod reports;
mod rules;
mod server;
mod twilio;
mod vonage;

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) use self::{
    log::{Counts, Log, Seen, in_ms, now_ms, now_us},
    plain::Plain,
    replies::Phones,
    reports::{Manner, Told},
    rules::{Answer, Rule},
    twilio::Twilio,
    vonage::Vonage,
};
use crate::error::{Result, while_doing};

/// What the three dialects share: rules, log and the credentials they expect.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) rules: rules::Rules,
    pub(crate) log: log::Log,
    pub(crate) reports: reports::Reports,
    pub(crate) twilio: Twilio,
    pub(crate) vonage: Vonage,
    pub(crate) plain: Plain,
}

/// A gateway running inside this process; dropping it closes its port and connections.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// Listens on `address`; port 0 takes a free one.
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(while_doing(&format!("listening on {address}")))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, serving })
    }

    pub(crate) async fn on_free_port() -> Result<Self> {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves until interrupted, printing what a client needs to know.
pub(crate) async fn run(listen: SocketAddr) -> Result<()> {
    let gateway = Gateway::start(listen).await?;
    let (base, state) = (format!("http://{}", gateway.address), &gateway.state);
    say!("gateway on {base}");
    say!(
        "  twilio  {base}/2010-04-01/Accounts/{}/Messages.json  (token {})",
        state.twilio.account_sid,
        state.twilio.auth_token
    );
    say!(
        "  vonage  {base}/sms/json  (key {}, secret {})",
        state.vonage.api_key,
        state.vonage.api_secret
    );
    say!("  plain   {base}/http/send  (bearer {})", state.plain.token);
    say!("  control {base}/control/rules  /control/sent  /control/counts");
    std::future::pending().await
}
