//! Moments on the wire: RFC 3339 in UTC, with milliseconds.

use otpost_shared::clock::Millis;
use time::OffsetDateTime;

/// `2026-11-20T08:42:00.000Z`.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn milliseconds_and_utc() {
        assert_eq!(super::rfc3339(1_795_163_320_007), "2026-11-20T08:28:40.007Z");
    }
}
