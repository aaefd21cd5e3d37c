//! Languages: how they are written, and which of those there are serves one that is asked for.

use std::fmt;

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::{CharacterDirection, LanguageIdentifier, subtags::Script};

/// Bytes of the longest one that is kept.
pub const LONGEST_LOCALE: usize = 35;

/// What languages were called before, as some programs still ask for them; and Norwegian, of which
/// one form is written by nearly all.
const RENAMED: [(&str, &str); 3] = [("in", "id"), ("iw", "he"), ("no", "nb")];

/// A language, perhaps with its script and its region: canonical BCP 47 without extensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(LanguageIdentifier);

impl Locale {
    /// Reads `pt-BR`, whatever its case and with `-` or `_`; none for anything else. What comes after a
    /// single letter, as in `th-TH-u-ca-buddhist`, is no part of the language.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_LOCALE {
            return None;
        }
        let mut read: LanguageIdentifier = without_extensions(text)?.parse().ok()?;
        if let Some((_, name)) = RENAMED.iter().find(|(before, _)| read.language == *before) {
            read.language = name.parse().ok()?;
        }
        (!read.language.is_empty()).then_some(Self(read))
    }

    /// Reads it, or at least its language: of what cannot be read whole.
    #[must_use]
    pub fn parse_lossy(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse(text.split(['-', '_']).next()?))
    }

    #[must_use]
    pub fn is_right_to_left(&self) -> bool {
        self.0.character_direction() == CharacterDirection::RTL
    }

    #[must_use]
    pub fn has_region(&self) -> bool {
        self.0.region.is_some()
    }

    /// In which it is written, by those who do not say so.
    pub(super) fn script(&self) -> Option<Script> {
        let mut whole = self.0.clone();
        whole.maximize();
        whole.script
    }

    /// True when the other one is this one, or a kind of it: `pt` covers `pt-BR`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.matches(&other.0, true, false)
    }

    /// How much it says.
    pub(super) fn parts(&self) -> usize {
        let (script, region) = (self.0.script.is_some(), self.0.region.is_some());
        1 + usize::from(script) + usize::from(region) + self.0.variants().len()
    }
}

impl AsRef<LanguageIdentifier> for Locale {
    fn as_ref(&self) -> &LanguageIdentifier {
        &self.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// None when what comes after the first single letter is of no form that it may have.
fn without_extensions(text: &str) -> Option<&str> {
    let fits =
        |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    let tags = || text.split(['-', '_']);
    let own: usize = tags().take_while(|tag| tag.len() != 1).map(|tag| tag.len() + 1).sum();
    let is_whole = own > text.len() || (tags().all(fits) && tags().next_back()?.len() > 1);
    text.get(..own.checked_sub(1)?).filter(|_| is_whole)
}

/// Languages in the order in which [`served`] wants them: where several fit equally well, the one that
/// says most is the likeliest.
pub(super) fn ordered(locales: impl IntoIterator<Item = Locale>) -> Vec<Locale> {
    let mut all: Vec<Locale> = locales.into_iter().collect();
    all.sort_by(|one, other| other.parts().cmp(&one.parts()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

/// Those of `available` that serve who asks for this one, the best first: itself, then with its script,
/// then its language, then its language elsewhere. Never one in another script: who reads one need not
/// read the other.
pub(super) fn served<'a>(asked: &Locale, available: &'a [Locale]) -> Vec<&'a Locale> {
    let script = asked.script();
    let asked = std::slice::from_ref(asked);
    let found = negotiate_languages(asked, available, None, NegotiationStrategy::Filtering);
    found.into_iter().filter(|locale| locale.script() == script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locale(text: &str) -> Locale {
        Locale::parse(text).expect("a language")
    }

    #[test]
    fn they_are_read_and_written_canonically() {
        for (text, canonical) in [
            ("en", "en"),
            ("EN_us", "en-US"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("sr-latn", "sr-Latn"),
            ("es-419", "es-419"),
            ("iw-IL", "he-IL"),
            ("no", "nb"),
            ("ca-ES-valencia", "ca-ES-valencia"),
            ("de-DE-u-co-phonebk", "de-DE"),
            ("ar_EG_u_nu_latn", "ar-EG"),
            ("en-x-pirate", "en"),
        ] {
            assert_eq!(Locale::parse(text).map(|l| l.to_string()).as_deref(), Some(canonical));
        }
        let long = format!("en-{}", "a".repeat(40));
        for text in [
            "",
            "*",
            "-",
            "e",
            "english language",
            "../../etc",
            "en-",
            "de--AT",
            "x-a",
            "de-x",
            "de-u-",
            "de-u-{code}",
            "de-u-co-overlong1",
            "i-klingon",
            "und",
            "é",
            long.as_str(),
        ] {
            assert_eq!(Locale::parse(text), None, "{text:?}");
        }
        assert_eq!(Locale::parse_lossy("zh-cmn-Hans"), Some(locale("zh")));
        assert_eq!(Locale::parse_lossy("i-klingon"), None);
    }

    #[test]
    fn the_best_of_those_there_are() {
        let all = ["de", "en", "en-GB", "pt", "pt-BR", "sr", "sr-Latn", "zh-Hans", "zh-Hant"];
        let available = ordered(all.map(locale));
        for (asked, expected) in [
            ("en", vec!["en", "en-GB"]),
            ("en-GB", vec!["en-GB", "en"]),
            ("en-NZ", vec!["en", "en-GB"]),
            ("de-AT", vec!["de"]),
            ("pt-AO", vec!["pt", "pt-BR"]),
            ("zh", vec!["zh-Hans"]),
            ("zh-CN", vec!["zh-Hans"]),
            ("zh-TW", vec!["zh-Hant"]),
            ("zh-HK", vec!["zh-Hant"]),
            ("zh-Hant", vec!["zh-Hant"]),
            ("zh-Hant-TW", vec!["zh-Hant"]),
            ("sr", vec!["sr"]),
            ("sr-RS", vec!["sr"]),
            ("sr-Latn", vec!["sr-Latn"]),
            ("sr-Latn-RS", vec!["sr-Latn"]),
            ("sr-ME", vec!["sr-Latn"]),
            ("fr", vec![]),
        ] {
            let found: Vec<String> =
                served(&locale(asked), &available).into_iter().map(Locale::to_string).collect();
            assert_eq!(found, expected, "{asked}");
        }
    }

    #[test]
    fn right_to_left() {
        for (text, is) in
            [("ar", true), ("fa-IR", true), ("he", true), ("de", false), ("ja", false)]
        {
            assert_eq!(locale(text).is_right_to_left(), is, "{text}");
        }
    }
}
