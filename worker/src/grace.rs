//! The grace: so long a process that is told to stop lets what is under way come to its end.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;

/// For messages in flight, and in what is left of it for answers that come late.
pub(crate) const GRACE: Duration = Duration::from_secs(25);

/// When it is over, once `stop` is cancelled.
pub(crate) fn end(stop: &CancellationToken) -> JoinHandle<Instant> {
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        Instant::now() + GRACE
    })
}

/// Lets answers come to attempts that were given up, at most until then.
pub(crate) async fn let_answers_come(chain: &Chain, until: Instant) {
    let all = join_all(chain.links().iter().map(|link| link.provider.late_answers()));
    if timeout_at(until, all).await.is_err() {
        tracing::warn!("stopping before all late answers have come; those attempts stay unknown");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::{BoxFuture, pending, ready};
    use otpost_shared::config::Senders;
    use tokio::time::timeout;

    use super::*;
    use crate::{
        chain::Link,
        provider::{Outcome, Outgoing, Provider},
        routes::Routes,
    };

    /// One whose answers never come.
    struct Mute;

    impl Provider for Mute {
        fn send<'a>(&'a self, _: &'a Outgoing) -> BoxFuture<'a, Outcome> {
            Box::pin(pending())
        }

        fn check(&self) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(ready(Ok(String::new())))
        }

        fn late_answers(&self) -> BoxFuture<'_, ()> {
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn answers_that_never_come_are_waited_for_no_longer_than_the_grace() {
        let (name, senders) = ("mute".to_owned(), Senders::default());
        let link = Link { name, provider: Arc::new(Mute), senders, tokens: None };
        let chain = Chain::new(vec![link], Routes::default());
        let until = Instant::now() + Duration::from_millis(20);
        let heard = timeout(GRACE, let_answers_come(&chain, until)).await;
        assert!(heard.is_ok() && Instant::now() >= until);
    }

    #[tokio::test]
    async fn it_begins_when_the_process_is_told_to_stop() {
        let stop = CancellationToken::new();
        let end = end(&stop);
        let told_at = Instant::now();
        assert!(!end.is_finished());
        stop.cancel();
        let end = end.await.expect("no panic");
        assert!((told_at + GRACE..=Instant::now() + GRACE).contains(&end));
    }
}
