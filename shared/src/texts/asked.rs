//! What somebody asks for: a language by name, or those of an `Accept-Language` header.

use super::{Locale, locale::served};

/// Bytes of a header that is still read; those of browsers have a tenth of it.
const LONGEST_HEADER: usize = 1_000;
/// Languages of a header that are considered.
const MOST_RANGES: usize = 32;
/// A quality of 1, in thousandths.
const WHOLE: u16 = 1_000;

/// Languages that somebody would like, and those that are not wanted. Without any, whoever sends decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    by_name: Option<Locale>,
    /// With their qualities, in thousandths.
    ranges: Vec<(Locale, u16)>,
}

impl Asked {
    /// A name goes before the header (RFC 9110, section 12.5.4). What cannot be read in the header is
    /// passed over.
    #[must_use]
    pub fn new(by_name: Option<Locale>, header: Option<&str>) -> Self {
        Self { by_name, ranges: header.map(ranges).unwrap_or_default() }
    }

    /// The first wanted language that one of these serves, of those that have words.
    pub(super) fn first_served(
        &self,
        available: &[Locale],
        has_words: impl Fn(&Locale) -> bool,
    ) -> Option<&Locale> {
        let serves = |name: &&Locale| served(name, available).into_iter().any(&has_words);
        if let Some(name) = self.by_name.as_ref().filter(serves) {
            return Some(name);
        }
        let mut wanted: Vec<&(Locale, u16)> =
            self.ranges.iter().filter(|(_, quality)| *quality > 0).collect();
        wanted.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
        let mut wanted = wanted.into_iter().map(|(locale, _)| locale);
        wanted.find(|locale| {
            let mut found = served(locale, available).into_iter();
            found.any(|found| has_words(found) && self.allows(found))
        })
    }

    /// False for what the range that says most about it excludes.
    fn allows(&self, locale: &Locale) -> bool {
        let about = self.ranges.iter().filter(|(range, _)| range.covers(locale));
        about.max_by_key(|(range, _)| range.parts()).is_none_or(|(_, quality)| *quality > 0)
    }
}

fn ranges(header: &str) -> Vec<(Locale, u16)> {
    if header.len() > LONGEST_HEADER {
        return Vec::new();
    }
    header.split(',').take(MOST_RANGES).filter_map(range).collect()
}

/// `de-AT;q=0.8`.
fn range(text: &str) -> Option<(Locale, u16)> {
    let (tag, quality) = match text.split_once(';') {
        None => (text, WHOLE),
        Some((tag, weight)) => (tag, thousandths(weight)?),
    };
    Some((Locale::parse(tag.trim())?, quality))
}

/// `q=0.8`: from 0 to 1, with at most three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (name, value) = weight.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (units, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (units, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(WHOLE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::locale::ordered;

    fn locale(text: &str) -> Locale {
        Locale::parse(text).expect("a language")
    }

    /// Which language is sent, by name and by header.
    fn chosen(name: Option<&str>, header: &str) -> Option<String> {
        let all = ["de", "en", "fr", "pt", "pt-BR", "sr", "sr-Latn", "zh-Hans", "zh-Hant"];
        let available = ordered(all.map(locale));
        let asked = Asked::new(name.map(locale), Some(header));
        asked.first_served(&available, |_| true).map(Locale::to_string)
    }

    #[test]
    fn a_header_is_read_by_quality() {
        for (header, expected) in [
            ("de", Some("de")),
            ("de-AT, en;q=0.8", Some("de-AT")),
            ("en;q=0.8, de-AT", Some("de-AT")),
            ("en;q=0.3,de;q=0.301", Some("de")),
            ("en;q=0.5,de;q=0.5", Some("en")),
            ("sv, fr;q=0.2", Some("fr")),
            ("zh-Hant-TW, en;q=0.1", Some("zh-Hant-TW")),
            ("zh-TW", Some("zh-TW")),
            ("sr-Latn-RS", Some("sr-Latn-RS")),
            ("de;q=0, en;q=0.1", Some("en")),
            ("de-AT, de;q=0, en;q=0.1", Some("en")),
            ("pt, pt-BR;q=0", Some("pt")),
            ("DE ; Q = 1.000", Some("de")),
            ("*, de;q=0.5", Some("de")),
            ("*", None),
            ("de;q=0", None),
            ("sv, da", None),
            ("", None),
        ] {
            assert_eq!(chosen(None, header).as_deref(), expected, "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        let long = "de,".repeat(1_000);
        for header in [
            long.as_str(),
            ";q=",
            "de;q=",
            "de;q=2",
            "de;q=-1",
            "de;q=0.1234",
            "de;q=+.5",
            "de;level=1",
            "../../etc",
            "{code}",
            ",,;,",
            "\u{0}",
            "dé",
        ] {
            assert_eq!(chosen(None, header), None, "{header:.30?}");
        }
        assert_eq!(chosen(None, ";q=, ../../etc, fr;q=0.1").as_deref(), Some("fr"));
    }

    #[test]
    fn a_name_goes_first() {
        assert_eq!(chosen(Some("fr-CA"), "de").as_deref(), Some("fr-CA"));
        assert_eq!(chosen(Some("fr"), "fr;q=0, de").as_deref(), Some("fr"));
        assert_eq!(chosen(Some("sv"), "de").as_deref(), Some("de"), "there is none in Swedish");
        assert_eq!(chosen(Some("sv"), ""), None);
    }
}
