//! What the metrics say of an attempt.

use std::ops::Range;

use otpost_shared::{attempt::Ending, clock::Millis, message::Message, outcome::ErrorClass};

/// Counts an attempt that took this time.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of one message")]
pub(super) fn count(row: &Message, provider: &str, class: ErrorClass, time: Range<Millis>) {
    let provider = provider.to_owned();
    metrics::counter!("otpost_attempts_total", "provider" => provider.clone(), "outcome" => class.as_str())
        .increment(1);
    metrics::histogram!("otpost_attempt_seconds", "provider" => provider)
        .record((time.end - time.start) as f64 / 1_000.0);
    if class == ErrorClass::Ok {
        metrics::histogram!("otpost_accept_to_sent_seconds", "lane" => row.lane().as_str())
            .record((time.end - row.created_at) as f64 / 1_000.0);
    }
}

/// Counts what it took and costs, as far as that is known now.
pub(super) fn count_cost(provider: &str, ending: &Ending) {
    if let Some(segments) = ending.segments {
        metrics::counter!("otpost_attempt_segments_total", "provider" => provider.to_owned())
            .increment(segments.into());
    }
    if let Some(charge) = ending.charge {
        charge.count(provider);
    }
}
