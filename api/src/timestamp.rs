//! Moments on the wire: RFC 3339 in UTC, with milliseconds, or in whole seconds where others expect it.

use otpost_shared::clock::Millis;
pub use otpost_shared::clock::rfc3339;
use time::OffsetDateTime;

/// `2026-11-20T08:42:00Z`.
#[must_use]
pub fn whole_seconds(at: Millis) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn whole_seconds_are_those_that_have_begun() {
        assert_eq!(super::whole_seconds(1_795_163_320_999), "2026-11-20T08:28:40Z");
    }
}
