//! Ctrl-c, `SIGTERM` and a terminal that is closed: what is running is dropped, and with it every process it has started.

use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

use crate::error::Result;

/// Runs `work` to its end, or leaves the program with exit code 2 when a signal comes first.
pub(crate) async fn or_leave<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let ended = tokio::select! {
        ended = work => Some(ended),
        _ = ctrl_c() => None,
        _ = terminated.recv() => None,
        _ = hung_up.recv() => None,
    };
    ended.unwrap_or_else(|| {
        note!("bench: interrupted");
        // Returning would wait for load threads that have nobody left to talk to.
        std::process::exit(2)
    })
}
