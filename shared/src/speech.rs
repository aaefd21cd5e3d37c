//! What is said in a call: in which language to which number, with which sentence, and how a code is
//! spelled so that each digit is heard.

use std::borrow::Cow;

use crate::{
    config::{Purpose, Texts},
    template::Template,
};

/// Characters of what is said. It is said twice, and however much of it has to be escaped it then fits
/// into the 4,000 that a provider takes.
pub const LONGEST_SPEECH: usize = 300;

/// A language as it is spoken where nobody says which region's is meant, and its sentence.
struct Sentence {
    /// The first part of a BCP 47 tag.
    language: &'static str,
    /// With a region, as voices are named.
    voice: &'static str,
    words: &'static str,
}

#[rustfmt::skip]
const SENTENCES: [Sentence; 12] = [
    Sentence { language: "de", voice: "de-DE", words: "Guten Tag. Hier ist {app}. Ihr Code lautet: {code}." },
    Sentence { language: "en", voice: "en-US", words: "Hello. This is {app}. Your code is: {code}." },
    Sentence { language: "es", voice: "es-ES", words: "Hola. Le llamamos de {app}. Su código es: {code}." },
    Sentence { language: "fr", voice: "fr-FR", words: "Bonjour. Ici {app}. Votre code est : {code}." },
    Sentence { language: "it", voice: "it-IT", words: "Buongiorno. La chiama {app}. Il suo codice è: {code}." },
    Sentence { language: "ja", voice: "ja-JP", words: "こちらは{app}です。認証コードは、{code}、です。" },
    Sentence { language: "nl", voice: "nl-NL", words: "Goedendag. U spreekt met {app}. Uw code is: {code}." },
    Sentence { language: "pl", voice: "pl-PL", words: "Dzień dobry. Tu {app}. Twój kod to: {code}." },
    Sentence { language: "pt", voice: "pt-PT", words: "Olá. Aqui fala {app}. O seu código é: {code}." },
    Sentence { language: "ru", voice: "ru-RU", words: "Здравствуйте. Это {app}. Ваш код: {code}." },
    Sentence { language: "tr", voice: "tr-TR", words: "Merhaba. Burası {app}. Kodunuz: {code}." },
    Sentence { language: "zh", voice: "cmn-CN", words: "您好，这里是{app}。您的验证码是：{code}。" },
];

/// What one call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech<'a> {
    /// BCP 47, with a region unless none is known.
    pub language: &'a str,
    pub template: Cow<'a, Template>,
}

impl<'a> Speech<'a> {
    /// What a number of this country (ISO 3166-1 alpha-2) hears. A purpose's own words are in the
    /// language of the texts: where another one is spoken, the sentence of that is said. None when
    /// there are no words for it.
    #[must_use]
    pub fn of(texts: &'a Texts, purpose: &'a Purpose, country: Option<&str>) -> Option<Self> {
        let asked = texts.voice_languages.of(country).unwrap_or(&texts.language);
        let sentence = sentence_in(asked);
        let is_that_of_texts = primary(asked) == primary(&texts.language);
        let own = purpose.voice_template.as_ref().filter(|_| is_that_of_texts);
        let template = match (own, sentence) {
            (Some(own), _) => Cow::Borrowed(own),
            (None, Some(sentence)) => Cow::Owned(Template::parse(sentence.words)),
            (None, None) => return None,
        };
        let voice = sentence.filter(|_| !asked.contains('-')).map_or(asked, |known| known.voice);
        Some(Self { language: voice, template })
    }
}

/// Digit by digit, with a short rest after each.
#[must_use]
pub fn spelled(code: &str) -> String {
    let digits: Vec<String> = code.chars().map(String::from).collect();
    digits.join(", ")
}

/// How many characters [`spelled`] makes of so many digits.
#[must_use]
pub fn spelled_length(digits: usize) -> usize {
    (digits * 3).saturating_sub(2)
}

/// The languages in which there is a sentence.
pub(crate) fn languages() -> impl Iterator<Item = &'static str> {
    SENTENCES.iter().map(|sentence| sentence.language)
}

fn sentence_in(language: &str) -> Option<&'static Sentence> {
    let primary = primary(language);
    SENTENCES.iter().find(|sentence| sentence.language == primary)
}

/// `pt` of `pt-BR`.
fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, load_with};

    /// The defaults, with these variables over them.
    fn config(variables: &[(&str, &str)]) -> Config {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        load_with(Some(file.path()), variables).expect("a good configuration")
    }

    fn said(config: &Config, country: Option<&str>) -> Option<(String, String)> {
        let speech = Speech::of(&config.texts, &config.purposes["default"], country)?;
        let values = BTreeMap::from([
            ("app".to_owned(), "Otpost".to_owned()),
            ("code".to_owned(), spelled("0421")),
        ]);
        Some((speech.language.to_owned(), speech.template.render(&values)))
    }

    #[test]
    fn each_language_greets_with_the_name_and_says_every_digit() {
        let names: Vec<&str> = languages().collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        for language in names {
            let config = config(&[("OTPOST__TEXTS__LANGUAGE", language)]);
            let (voice, words) = said(&config, None).expect("words");
            assert!(voice.contains('-') && !words.contains(['{', '}']), "{voice}: {words}");
            let (name, code) = (words.find("Otpost"), words.find("0, 4, 2, 1"));
            assert!(name < code && name.is_some(), "{words}");
            assert!(words.chars().count() < LONGEST_SPEECH / 2, "{words}");
        }
    }

    #[test]
    fn a_code_is_spelled() {
        for (code, text) in [("", ""), ("7", "7"), ("0123456789", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9")] {
            assert_eq!(spelled(code), text);
            assert_eq!(spelled_length(code.len()), text.len());
        }
    }

    #[test]
    fn the_country_decides_and_else_the_language_of_the_texts() {
        let config = config(&[
            ("OTPOST__TEXTS__LANGUAGE", "pt-BR"),
            ("OTPOST__TEXTS__VOICE_LANGUAGES__DE", "de"),
            ("OTPOST__TEXTS__VOICE_LANGUAGES__AT", "de-AT"),
        ]);
        let voice = |country| said(&config, country).map(|(voice, _)| voice).expect("words");
        assert_eq!(
            [None, Some("BR"), Some("DE"), Some("AT")].map(voice),
            ["pt-BR", "pt-BR", "de-DE", "de-AT"]
        );
        let (_, words) = said(&config, Some("AT")).expect("words");
        assert_eq!(words, "Guten Tag. Hier ist Otpost. Ihr Code lautet: 0, 4, 2, 1.");
    }

    #[test]
    fn own_words_are_in_the_language_of_the_texts() {
        let mut variables = vec![
            ("OTPOST__TEXTS__LANGUAGE", "sv-SE"),
            ("OTPOST__TEXTS__VOICE_LANGUAGES__FI", "sv-FI"),
            ("OTPOST__TEXTS__VOICE_LANGUAGES__DE", "de"),
        ];
        assert_eq!(said(&config(&variables), None), None, "nobody has told them");
        variables.push(("OTPOST__PURPOSES__DEFAULT__VOICE_TEMPLATE", "{app}: {code}"));
        let config = config(&variables);
        let own = |voice: &str| Some((voice.to_owned(), "Otpost: 0, 4, 2, 1".to_owned()));
        assert_eq!(said(&config, None), own("sv-SE"));
        assert_eq!(said(&config, Some("FI")), own("sv-FI"));
        let (voice, words) = said(&config, Some("DE")).expect("words");
        assert!(voice == "de-DE" && words.starts_with("Guten Tag."), "{words}");
    }
}
