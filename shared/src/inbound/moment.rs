//! When something was written, in the ways in which providers write a moment. What cannot be read is none.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::clock::Millis;

/// As in RFC 3339, with whole seconds or parts of them; some write a zone without its colon.
pub(crate) fn of_rfc3339(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|error| OffsetDateTime::parse(&with_colon(text).ok_or(error)?, &Rfc3339));
    i64::try_from(at.ok()?.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The same in a form or a query, where the plus of a zone that was not escaped is read as a space.
pub(super) fn of_field(text: &str) -> Option<Millis> {
    of_rfc3339(text).or_else(|| {
        let (rest, zone) = text.rsplit_once(' ')?;
        of_rfc3339(&format!("{rest}+{zone}"))
    })
}

/// Seconds since 1970.
pub(crate) fn of_seconds(text: &str) -> Option<Millis> {
    text.parse::<i64>().ok()?.checked_mul(1_000)
}

/// `+0000` at the end as `+00:00`.
fn with_colon(text: &str) -> Option<String> {
    let (rest, zone) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let (sign, digits) = zone.split_at_checked(1)?;
    let is_zone = matches!(sign, "+" | "-") && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_zone.then(|| format!("{rest}{}:{}", &zone[..3], &zone[3..]))
}

#[cfg(test)]
mod tests {
    use super::{of_field, of_rfc3339, of_seconds};

    /// The fifth of January 2026, 10:02:59 in UTC.
    const AT_MS: i64 = 1_767_607_379_000;

    #[test]
    fn moments_as_they_are_written() {
        for (text, at) in [
            ("2026-01-05T10:02:59Z", Some(AT_MS)),
            ("2026-01-05T10:02:59.25Z", Some(AT_MS + 250)),
            ("2026-01-05T11:02:59+01:00", Some(AT_MS)),
            ("2026-01-05T10:02:59.000+0000", Some(AT_MS)),
            ("2026-01-05T04:32:59-0530", Some(AT_MS)),
            ("2026-01-05T10:02:59", None),
            ("2026-01-05", None),
            ("2026-13-05T10:02:59Z", None),
            ("10:02é", None),
            ("+0000", None),
            ("1767607379", None),
            ("", None),
        ] {
            assert_eq!(of_rfc3339(text), at, "{text:?}");
        }
        for (text, at) in [
            ("2026-01-05T10:02:59Z", Some(AT_MS)),
            ("2026-01-05T10:02:59 00:00", Some(AT_MS)),
            ("2026-01-05T11:02:59.000 0100", Some(AT_MS)),
            ("2026-01-05T04:32:59-05:30", Some(AT_MS)),
            ("2026-01-05T10:02:59", None),
            ("2026-01-05 10:02:59", None),
            ("2026-01-05T10:02:59 ", None),
            ("a while ago", None),
            (" ", None),
        ] {
            assert_eq!(of_field(text), at, "{text:?}");
        }
        assert_eq!(of_seconds("1767607379"), Some(AT_MS));
        for text in ["", "soon", "1767607379.5", "9223372036854775807"] {
            assert_eq!(of_seconds(text), None, "{text:?}");
        }
    }
}
