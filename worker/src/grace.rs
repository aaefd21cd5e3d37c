//! The grace: so long a process that is told to stop lets what is under way come to its end.

use std::time::Duration;

use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// For messages in flight, and in what is left of it for [answers that come late](crate::attended).
pub(crate) const GRACE: Duration = Duration::from_secs(25);

/// When it is over, once `stop` is cancelled.
pub(crate) fn end(stop: &CancellationToken) -> JoinHandle<Instant> {
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        Instant::now() + GRACE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
