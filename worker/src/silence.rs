//! A duty of one process at a time: listening for reports that stay away. A code that its provider
//! says nothing of goes on to the next one, where that is asked for.

use std::time::Duration;

use otpost_shared::{
    Home,
    clock::Millis,
    db::DbError,
    message::{self, REPORTED_WITHIN_MS},
    process,
};
use tokio_util::sync::CancellationToken;

const TICK: Duration = Duration::from_secs(1);
/// A process that has not renewed its duty for this long has lost it.
const DUTY_MS: i64 = 5_000;
/// In ticks.
const LISTEN_EVERY: u64 = 60;

/// Runs until `stop` is cancelled; ends at once where nobody reports.
pub async fn run(home: Home, stop: CancellationToken) {
    if home.reporting().next().is_none() {
        return;
    }
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = on_duty(&home, tick).await {
            tracing::warn!(%error, "listening for reports is put off");
        }
    }
}

async fn on_duty(home: &Home, tick: u64) -> Result<(), DbError> {
    let now = home.clock.now();
    let until = now + DUTY_MS;
    if !process::take_duty(&home.db, "silence", home.process_id, now, until).await? {
        return Ok(());
    }
    send_on(home, now).await?;
    if tick.is_multiple_of(LISTEN_EVERY) {
        listen(home, now).await?;
    }
    Ok(())
}

/// Asks another provider for codes that the first one took and says nothing of.
async fn send_on(home: &Home, now: Millis) -> Result<(), DbError> {
    for (name, section) in home.config.providers_in_use() {
        let after_ms = i64::from(section.fallback_after_secs) * 1_000;
        if after_ms > 0 {
            let sent_on = message::send_on(home, name, after_ms, now).await?;
            metrics::counter!("otpost_silent_total", "provider" => name.to_owned())
                .increment(sent_on);
        }
    }
    Ok(())
}

/// Says when a provider's reports stay away, which nobody would miss.
async fn listen(home: &Home, now: Millis) -> Result<(), DbError> {
    for name in home.reporting() {
        let sample = message::sample(&home.db, name, now - REPORTED_WITHIN_MS).await?;
        let missing = metrics::gauge!("otpost_reports_missing", "provider" => name.to_owned());
        missing.set(f64::from(u8::from(sample.is_silent())));
        if sample.is_silent() {
            tracing::warn!(
                provider = name,
                "none of the last {} codes was reported; {}",
                sample.taken,
                home.hint_on_reports(name)
            );
        }
    }
    Ok(())
}
