//! The provider of kind `smpp` against an SMSC of our own.

mod deliveries;
mod doctor;
mod late;
mod reports;
mod sends;
mod sessions;
mod smsc;

use std::{sync::Arc, time::Duration};

use otpost_shared::{Home, channel::Channel, queue::Lane, recipient::Recipient};
use otpost_worker::{
    provider::{Outcome, Outgoing, Provider},
    providers::{self, Net},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::smsc::Smsc;

/// The provider of one section, attended as in a worker until it is dropped.
struct Bound {
    provider: Arc<dyn Provider>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Bound {
    fn start(smsc: &Smsc, more: &str, home: Option<&Home>) -> Self {
        Self::of(&smsc.section(more), home)
    }

    fn of(section: &str, home: Option<&Home>) -> Self {
        let provider = built(section, home);
        let (attended, stop) = (Arc::clone(&provider), CancellationToken::new());
        let until = stop.clone();
        let task = tokio::spawn(async move { attended.attend(&until).await });
        Self { provider, stop, task }
    }

    async fn send(&self, text: &str) -> Outcome {
        self.provider.send(&outgoing(text)).await
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task)
            .await
            .expect("it ends soon")
            .expect("no panic");
    }
}

fn built(section: &str, home: Option<&Home>) -> Arc<dyn Provider> {
    let mut keys: toml::Table = section.parse().expect("a section");
    keys.remove("kind");
    let net = Net { home: home.cloned(), ..Net::default() };
    providers::build("a", "smpp", &keys, &net).expect("a provider")
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        message_id: Uuid::now_v7(),
        lane: Lane::Otp,
        attempt: 1,
        channel: Channel::Sms,
        to: Recipient::parse("+12025550123", None).expect("a number"),
        text: text.to_owned(),
        code: None,
        language: "en".to_owned(),
        mail: None,
        validity: Duration::from_mins(5),
        sender: None,
        report_to: None,
    }
}
