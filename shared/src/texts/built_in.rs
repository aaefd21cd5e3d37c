//! The sentences that each language has: the files of shared/locales, which are part of the program.
//!
//! A file has `sms`, `email-title` and `email-text`, and `speech` with the name of a voice. They name
//! `{ $app }` and `{ $code }`, and of `{ $minutes }` the form that goes with the number.

use std::sync::LazyLock;

use fluent_bundle::FluentArgs;

use super::{
    Locale,
    locale::{ordered, served},
    sentences::Sentences,
};
use crate::{channel::Channel, template::Template};

macro_rules! files {
    ($($tag:literal)*) => {
        [$(Language::new($tag, include_str!(concat!("../../locales/", $tag, ".ftl"))),)*]
    };
}

static LANGUAGES: [Language; 39] = files![
    "ar" "bg" "cs" "da" "de" "el" "en" "es" "et" "fa" "fi" "fr" "he" "hi" "hr" "hu" "id" "it" "ja"
    "ko" "lt" "nb" "nl" "pl" "pt" "pt-BR" "ro" "ru" "sk" "sl" "sr" "sr-Latn" "sv" "th" "tr" "uk"
    "vi" "zh-Hans" "zh-Hant"
];

static LOCALES: LazyLock<Vec<Locale>> =
    LazyLock::new(|| ordered(LANGUAGES.iter().filter_map(Language::locale)));

/// Which of its sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Sms,
    EmailTitle,
    EmailText,
    Speech,
}

impl Piece {
    /// What carries the code this way.
    pub(super) fn text_of(channel: Channel) -> Self {
        match channel {
            Channel::Sms | Channel::Whatsapp => Self::Sms,
            Channel::Email => Self::EmailText,
            Channel::Voice => Self::Speech,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::EmailTitle => "email-title",
            Self::EmailText => "email-text",
            Self::Speech => "speech",
        }
    }
}

/// One file.
pub(super) struct Language(Sentences);

impl Language {
    const fn new(tag: &'static str, file: &'static str) -> Self {
        Self(Sentences::new(tag, file).without_marks())
    }

    fn locale(&self) -> Option<Locale> {
        Locale::parse(self.0.tag())
    }

    /// With `{app}` and `{code}` still to be filled in.
    pub(super) fn template(&self, piece: Piece, minutes: u32) -> Option<Template> {
        let mut values = FluentArgs::new();
        values.set("app", "{app}");
        values.set("code", "{code}");
        values.set("minutes", minutes);
        Some(Template::parse(&self.0.say(piece.id(), &values)?))
    }

    /// The voice that says it, with the region whose it is.
    pub(super) fn voice(&self) -> Option<String> {
        self.0.attribute("speech", "voice")
    }
}

/// The languages of all files.
#[must_use]
pub fn built_in() -> &'static [Locale] {
    &LOCALES
}

/// The file of exactly this language.
pub(super) fn find(locale: &Locale) -> Option<&'static Language> {
    let tag = locale.to_string();
    LANGUAGES.iter().find(|language| language.0.tag() == tag)
}

/// The one for whom there is no other.
pub(super) fn english() -> Option<&'static Language> {
    find(&Locale::parse("en")?)
}

/// The title that is longest whatever is filled in, with its language.
pub(crate) fn longest_title() -> Option<&'static (Locale, Template)> {
    static LONGEST: LazyLock<Option<(Locale, Template)>> = LazyLock::new(|| {
        // Each names app and code once, and nothing else: a test looks.
        let titles = LANGUAGES.iter().filter_map(|language| {
            Some((language.locale()?, language.template(Piece::EmailTitle, 1)?))
        });
        titles.max_by_key(|(_, title)| title.length(|_| 0))
    });
    LONGEST.as_ref()
}

/// True when calls can be said in this language with a sentence of its own.
pub(crate) fn is_spoken(language: &str) -> bool {
    Locale::parse_lossy(language).is_some_and(|asked| !served(&asked, built_in()).is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fluent_bundle::FluentResource;

    use super::*;
    use crate::{
        segments::{Encoding, Segments},
        speech::{LONGEST_SPEECH, spelled},
        template::Values,
    };

    const PIECES: [Piece; 4] = [Piece::Sms, Piece::EmailTitle, Piece::EmailText, Piece::Speech];
    /// Whose sentence fits into GSM-7.
    const GSM7: [&str; 18] = [
        "da", "de", "en", "es", "et", "fi", "fr", "hr", "id", "it", "lt", "nb", "nl", "pl", "ro",
        "sl", "sv", "tr",
    ];

    fn values(code: &str) -> Values {
        BTreeMap::from([("app".into(), "Otpost".into()), ("code".into(), code.into())])
    }

    fn said(language: &Language, piece: Piece, minutes: u32, code: &str) -> String {
        language.template(piece, minutes).expect("a sentence").render(&values(code))
    }

    #[test]
    fn every_file_is_whole() {
        assert!(LANGUAGES.is_sorted_by_key(|language| language.0.tag()));
        assert_eq!(built_in().len(), LANGUAGES.len());
        for language in &LANGUAGES {
            let tag = language.0.tag();
            let read = FluentResource::try_new(language.0.file().to_owned());
            assert!(read.is_ok(), "{tag}: {:?}", read.err().map(|(_, errors)| errors));
            assert_eq!(language.locale().expect("a language").to_string(), tag);
            assert!(language.voice().is_some_and(|voice| voice.contains('-')), "{tag}");
            for piece in PIECES {
                let template = language.template(piece, 10).expect("a sentence");
                let names: Vec<&str> = template.names().collect();
                let count = |name: &str| names.iter().filter(|named| **named == name).count();
                assert_eq!((count("code"), count("app")), (1, 1), "{tag} {piece:?}");
                assert_eq!((names.len(), template.stray_brace()), (2, None), "{tag} {piece:?}");
            }
        }
    }

    #[test]
    fn every_sentence_holds_the_code_once_and_fits_one_segment() {
        let ending = "\n@login.example.org #123456";
        for language in &LANGUAGES {
            let tag = language.0.tag();
            for minutes in [1, 2, 3, 5, 10, 21, 100, 1_440] {
                let minutes_said = minutes > 2;
                for piece in [Piece::Sms, Piece::EmailText] {
                    let text = said(language, piece, minutes, "987654");
                    assert_eq!(text.matches("987654").count(), 1, "{text}");
                    assert!(!minutes_said || text.contains(&minutes.to_string()), "{tag}: {text}");
                    assert!(!text.contains(['{', '}', '\u{2068}']), "{text}");
                }
            }
            let text = said(language, Piece::Sms, 10, "987654");
            let Segments { encoding, count } = Segments::of(&text);
            let long = Segments::of(&format!("{text}{ending}"));
            println!("{tag:8} {} {:3} characters: {text}", encoding.as_str(), text.chars().count());
            assert_eq!((count, long.count), (1, 1), "{tag}: {text}");
            if GSM7.contains(&tag) {
                assert_eq!((encoding, long.encoding), (Encoding::Gsm7, Encoding::Gsm7), "{text}");
            }
            let title = said(language, Piece::EmailTitle, 10, "987654");
            assert!(title.contains("987654") && title.chars().count() < 60, "{title}");
            let text = said(language, Piece::EmailText, 10, "987654");
            let paragraphs: Vec<&str> = text.split("\n\n").collect();
            assert_eq!((paragraphs.len(), paragraphs[1]), (3, "987654"), "{tag}: {text}");
        }
    }

    #[test]
    fn every_call_greets_with_the_name_and_says_each_digit() {
        for language in &LANGUAGES {
            let words = said(language, Piece::Speech, 10, &spelled("0421"));
            let (name, code) = (words.find("Otpost"), words.find("0, 4, 2, 1"));
            assert!(name < code && name.is_some(), "{words}");
            assert!(words.chars().count() < LONGEST_SPEECH / 2, "{words}");
        }
    }

    #[test]
    fn minutes_have_the_form_of_their_number() {
        for (tag, minutes, part) in [
            ("en", 1, "valid for 1 minute."),
            ("en", 2, "valid for 2 minutes."),
            ("de", 1, "gilt 1 Minute."),
            ("ru", 1, "1 минуту."),
            ("ru", 3, "3 минуты."),
            ("ru", 10, "10 минут."),
            ("ru", 21, "21 минуту."),
            ("ar", 2, "دقيقتين"),
            ("ar", 10, "10 دقائق"),
            ("sl", 2, "2 minuti."),
            ("ro", 20, "20 de minute."),
            ("sr-Latn", 10, "10 minuta."),
        ] {
            let language = find(&Locale::parse(tag).expect("a language")).expect("a file");
            let text = said(language, Piece::Sms, minutes, "1");
            assert!(text.contains(part), "{tag} {minutes}: {text}");
        }
    }

    #[test]
    fn languages_that_are_spoken() {
        for (language, is) in
            [("de-AT", true), ("sv", true), ("no", true), ("cy", false), ("xx-YY", false)]
        {
            assert_eq!(is_spoken(language), is, "{language}");
        }
    }
}
