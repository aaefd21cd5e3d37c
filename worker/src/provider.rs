//! What a provider is: something that takes one text for one address and says what became of it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use otpost_shared::{
    channel::Channel, drill, outcome::ErrorClass, price::Cost, queue::Lane, recipient::Recipient,
    report, secrets::Code,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// One text on its way to one person.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub message_id: Uuid,
    /// Some gateways want to be told whether it is a code.
    pub lane: Lane,
    /// 1 for the first try of this message, counted over all providers.
    pub attempt: i32,
    /// What the provider is to reach them by; some kinds serve several.
    pub channel: Channel,
    pub to: Recipient,
    /// What they read, or hear.
    pub text: String,
    /// The code in it, if it is one: for kinds that have words of their own around it.
    pub code: Option<Code>,
    /// The language in which it is written, or of a call the one in which it is said, as voices are
    /// named (BCP 47).
    pub language: String,
    /// What an e-mail has besides; none for an SMS.
    pub mail: Option<Mail>,
    /// What is left of the message's life; providers drop it after that.
    pub validity: Duration,
    /// In whose name it goes out, where the country has a sender of its own.
    pub sender: Option<Arc<str>>,
    /// The address at which we want to hear what became of it.
    pub report_to: Option<String>,
}

/// The rest of an e-mail: the title is one line without control characters, the HTML says the same as
/// the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub title: String,
    pub html: String,
}

impl Outgoing {
    /// The country's sender, or else the provider's own.
    #[must_use]
    pub fn sender_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.sender.as_deref().unwrap_or(own)
    }

    /// What stands for the attempt in that address, alone: for gateways that give back in their
    /// reports a text of ours.
    #[must_use]
    pub fn report_reference(&self) -> Option<&str> {
        report::reference_text(self.report_to.as_deref()?)
    }
}

/// Whom an outcome speaks of, as far as its class does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blame {
    /// Whom the class speaks of.
    #[default]
    Usual,
    /// This recipient, for now: the provider works, and has not asked to be left alone.
    Recipient,
    /// Ourselves: the provider was not even asked.
    Ours,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub class: ErrorClass,
    pub blame: Blame,
    /// The provider's own id of the message, needed to match later reports.
    pub provider_message_id: Option<String>,
    /// The provider's own error code, as it wrote it.
    pub code: Option<String>,
    /// The provider's words; the recipient is taken out before it is stored.
    pub detail: Option<String>,
    /// How long the provider asked us to stay away.
    pub retry_after: Option<Duration>,
    /// What it took and costs, as far as the answer tells.
    pub cost: Cost,
}

impl Outcome {
    #[must_use]
    pub fn accepted(provider_message_id: Option<String>) -> Self {
        Self {
            class: ErrorClass::Ok,
            blame: Blame::Usual,
            provider_message_id,
            code: None,
            detail: None,
            retry_after: None,
            cost: Cost::default(),
        }
    }

    #[must_use]
    pub fn refused(class: ErrorClass, code: Option<String>, detail: impl Into<String>) -> Self {
        Self {
            class,
            blame: Blame::Usual,
            provider_message_id: None,
            code,
            detail: Some(detail.into()),
            retry_after: None,
            cost: Cost::default(),
        }
    }

    /// Nobody was called.
    #[must_use]
    pub fn drilled() -> Self {
        let code = Some(drill::CODE.to_owned());
        Self::refused(ErrorClass::Transient, code, "taken away by a drill; nothing was sent")
    }

    #[must_use]
    pub fn blaming(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    #[must_use]
    pub fn costing(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

/// A gateway. The caller bounds each `send` in time: past its budget the future is dropped and
/// the attempt counts as unknown, so `send` need not time itself.
pub trait Provider: Send + Sync {
    /// Sends once, never retries, never panics on what the gateway answers.
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome>;

    /// Asks the gateway, without sending anything, whether the credentials are good.
    /// `Ok` and `Err` both carry a sentence for the operator.
    fn check(&self) -> BoxFuture<'_, Result<String, String>>;

    /// Whether messages can go out in this name, in place of the provider's own sender. Asked when the
    /// process starts, for each [`Outgoing::sender`] that will come.
    ///
    /// # Errors
    /// They cannot; says what to write instead.
    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        let _ = sender;
        Err("this kind has no sender; leave senders out")
    }

    /// Waits for the answers that may still come to what was given up as unknown, and until they are written
    /// down. Asked for once nothing is sent any more, before [`Provider::attend`] is told to stop; dropped
    /// when there is no time left.
    fn late_answers(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// What it does besides sending: the connections that it holds, and what comes over them. Begun once,
    /// in a worker; ends soon after `stop` is cancelled, when nothing is sent any more.
    fn attend<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, ()> {
        let _ = stop;
        Box::pin(std::future::ready(()))
    }
}
