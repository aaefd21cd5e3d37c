//! The `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// Nobody keeps us away longer than this.
const LONGEST: Duration = Duration::from_hours(1);

/// How long to stay away; `None` if the header says nothing readable, zero if its date is past.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let text = header.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number beyond u64 fails to parse here.
        let secs = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(secs).min(LONGEST));
    }
    let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let wait = until - OffsetDateTime::from(now);
    Some(Duration::try_from(wait).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::retry_after;

    /// Wed, 21 Oct 2015 07:28:00 GMT.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_mins(24_090_208)
    }

    #[test]
    fn forms() {
        for (header, secs) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
            ("Tue, 20 Oct 2015 07:28:00 GMT", Some(0)),
            ("Thu, 22 Oct 2015 07:28:00 GMT", Some(3_600)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ] {
            assert_eq!(retry_after(header, now()), secs.map(Duration::from_secs), "{header}");
        }
    }
}
