//! Providers at what they do besides sending, until a stop lets each of them go.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Chain, Link},
    provider::Provider,
};

/// How long a process that stops waits for answers that come late: few come after more, and meanwhile it
/// still counts among those that live, which share the rates, and holds sessions that an SMSC may not give
/// to its successor as well.
const LATE: Duration = Duration::from_secs(10);

/// One of the chain's.
pub(crate) struct Attended {
    name: String,
    provider: Arc<dyn Provider>,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

/// Lets each provider do what it does besides sending, as long as anything is sent.
pub(crate) fn attend(chain: &Chain) -> Vec<Attended> {
    chain.links().iter().map(Attended::begin).collect()
}

/// Lets each of them go once it owes no answer to an attempt that was given up, which for most is at once;
/// after the grace none is waited for.
pub(crate) async fn let_go(attended: Vec<Attended>, grace_ends: Instant) {
    let until = last_moment(Instant::now(), grace_ends);
    join_all(attended.into_iter().map(|one| one.let_go(until))).await;
}

fn last_moment(now: Instant, grace_ends: Instant) -> Instant {
    grace_ends.min(now + LATE)
}

impl Attended {
    fn begin(link: &Link) -> Self {
        let (provider, ended) = (Arc::clone(&link.provider), CancellationToken::new());
        let (attended, until) = (Arc::clone(&provider), ended.clone());
        let task = tokio::spawn(async move { attended.attend(&until).await });
        Self { name: link.name.clone(), provider, ended, task }
    }

    async fn let_go(self, until: Instant) {
        let Self { name, provider, ended, task } = self;
        if timeout_at(until, provider.late_answers()).await.is_err() {
            tracing::warn!(
                provider = name,
                "stopping before all late answers have come; those attempts stay unknown"
            );
        }
        ended.cancel();
        let _ = task.await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, pending, ready};
    use otpost_shared::config::Senders;
    use tokio::time::timeout;

    use super::*;
    use crate::provider::{Outcome, Outgoing};

    /// One that answers late, and notes that it was let go.
    #[derive(Clone, Default)]
    struct Late {
        has_answered: CancellationToken,
        is_let_go: CancellationToken,
    }

    impl Provider for Late {
        fn send<'a>(&'a self, _: &'a Outgoing) -> BoxFuture<'a, Outcome> {
            Box::pin(pending())
        }

        fn check(&self) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(ready(Ok(String::new())))
        }

        fn late_answers(&self) -> BoxFuture<'_, ()> {
            Box::pin(self.has_answered.cancelled())
        }

        fn attend<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, ()> {
            Box::pin(async move {
                stop.cancelled().await;
                self.is_let_go.cancel();
            })
        }
    }

    fn attended(one: &Late) -> Attended {
        let (name, provider) = ("late".to_owned(), Arc::new(one.clone()));
        Attended::begin(&Link { name, provider, senders: Senders::default(), tokens: None })
    }

    #[tokio::test]
    async fn who_waits_for_no_answer_is_let_go_before_who_does() {
        let (slow, quick) = (Late::default(), Late::default());
        quick.has_answered.cancel();
        let all = vec![attended(&slow), attended(&quick)];
        let leaving = tokio::spawn(let_go(all, Instant::now() + 2 * LATE));
        timeout(LATE / 2, quick.is_let_go.cancelled()).await.expect("it waits for nobody");
        assert!(!slow.is_let_go.is_cancelled());
        slow.has_answered.cancel();
        timeout(LATE / 2, leaving).await.expect("it has answered").expect("no panic");
        assert!(slow.is_let_go.is_cancelled());
    }

    #[tokio::test]
    async fn answers_that_never_come_are_waited_for_no_longer_than_the_grace() {
        let mute = Late::default();
        let grace_ends = Instant::now() + Duration::from_millis(20);
        let left = timeout(LATE / 2, let_go(vec![attended(&mute)], grace_ends)).await;
        assert!(left.is_ok() && Instant::now() >= grace_ends);
        assert!(mute.is_let_go.is_cancelled());
    }

    #[test]
    fn a_long_grace_is_not_used_up_for_them() {
        let now = Instant::now();
        let [short, long] = [LATE / 2, 2 * LATE].map(|grace| last_moment(now, now + grace) - now);
        assert_eq!((short, long), (LATE / 2, LATE));
    }
}
