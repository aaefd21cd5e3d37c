//! What the page says, in each language that codes have sentences in: the Fluent files of api/locales, which
//! are part of the program.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentValue};
use otpost_shared::{
    channel::Channel,
    texts::{Asked, Locale, Sentences, Texts, built_in},
};
use uuid::Uuid;

use crate::error::{ApiError, ErrorCode};

macro_rules! files {
    ($($tag:literal)*) => {
        [$(Sentences::new($tag, include_str!(concat!("../../locales/", $tag, ".ftl"))),)*]
    };
}

static LANGUAGES: [Sentences; 39] = files![
    "ar" "bg" "cs" "da" "de" "el" "en" "es" "et" "fa" "fi" "fr" "he" "hi" "hr" "hu" "id" "it" "ja"
    "ko" "lt" "nb" "nl" "pl" "pt" "pt-BR" "ro" "ru" "sk" "sl" "sr" "sr-Latn" "sv" "th" "tr" "uk"
    "vi" "zh-Hans" "zh-Hant"
];

fn find(tag: &str) -> Option<&'static Sentences> {
    LANGUAGES.iter().find(|language| language.tag() == tag)
}

/// The sentences of one language, about one application.
#[derive(Clone, Debug)]
pub(super) struct Words {
    locale: Locale,
    app: String,
}

impl Words {
    /// In the language of who asks, else of the tenant, else of the configuration, else in English.
    pub(super) fn of(texts: &Texts, tenant_id: Uuid, asked: &Asked, app: &str) -> Self {
        let spoken = texts.spoken(tenant_id, asked, built_in());
        let english = || built_in().iter().find(|locale| locale.to_string() == "en");
        let locale = spoken.or_else(english).or(built_in().first()).cloned();
        #[expect(clippy::expect_used, reason = "a test finds a file of each language, English too")]
        let locale = locale.expect("there are languages");
        Self { locale, app: app.to_owned() }
    }

    pub(super) fn app(&self) -> &str {
        &self.app
    }

    /// BCP 47.
    pub(super) fn language(&self) -> String {
        self.locale.to_string()
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.locale.is_right_to_left() { "rtl" } else { "ltr" }
    }

    pub(super) fn say(&self, id: &str) -> String {
        self.say_with(id, "", "")
    }

    /// With a value that the sentence names.
    pub(super) fn say_with<'a>(
        &'a self,
        id: &str,
        name: &'a str,
        value: impl Into<FluentValue<'a>>,
    ) -> String {
        let mut values = FluentArgs::new();
        values.set("app", Cow::Borrowed(self.app.as_str()));
        values.set(name, value);
        let language = find(&self.locale.to_string()).or_else(|| find("en"));
        language.and_then(|language| language.say(id, &values)).unwrap_or_default()
    }

    pub(super) fn way(&self, channel: Channel) -> String {
        self.say(channel.as_str())
    }

    /// That a code is on its way to this masked address.
    pub(super) fn sent(&self, channel: Channel, to: &str) -> String {
        self.say_with(&format!("sent-{}", channel.as_str()), "to", to.to_owned())
    }

    /// The error with a sentence for whoever sits in front of the page, as `said`, and without those for
    /// whoever runs the service.
    pub(super) fn explain(&self, error: ApiError) -> ApiError {
        let said = self.trouble(&error);
        error.for_strangers().with("said", said)
    }

    pub(super) fn trouble(&self, error: &ApiError) -> String {
        use ErrorCode as E;
        let is_by_email = error.extra("channel").is_some_and(|name| name == "email");
        let wait = || clock(error.wait_secs().unwrap_or(1));
        let id = match error.code() {
            E::RecipientInvalid | E::InvalidField if is_by_email => "wrong-address",
            E::RecipientInvalid | E::InvalidField => "wrong-number",
            E::CountryNotAllowed => "wrong-country",
            E::CodeMalformed => "no-digits",
            E::CodeIncorrect => {
                let left = error.extra("guesses_left").and_then(serde_json::Value::as_i64);
                return match left.unwrap_or_default() {
                    0 => self.say("used-up"),
                    left => self.say_with("wrong-code", "left", left),
                };
            }
            E::VerificationLocked => "used-up",
            E::VerificationExpired | E::VerificationCanceled | E::VerificationNotFound => "expired",
            E::VerificationFailed => "undelivered",
            E::RateLimited | E::ResendTooEarly | E::GuessBudgetSpent | E::DailyCapReached => {
                return self.say_with("too-often", "time", wait());
            }
            E::PageNotFound | E::PageExpired | E::PageUsed | E::AlreadyVerified => "over",
            other => {
                tracing::warn!(error.code = other.as_str(), "the hosted page failed somebody");
                "failed"
            }
        };
        self.say(id)
    }
}

/// As clocks show a span: minutes and seconds, with hours in front when there are some.
fn clock(secs: i64) -> String {
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{secs:02}")
    } else {
        format!("{minutes}:{secs:02}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fluent_bundle::FluentResource;

    use super::*;

    fn ids(text: &str) -> BTreeSet<&str> {
        let heads = text.lines().filter(|line| !line.starts_with(['#', ' ', '}']));
        heads.filter_map(|line| Some(line.split_once(" =")?.0)).collect()
    }

    fn words(tag: &str) -> Words {
        Words { locale: Locale::parse(tag).expect("a language"), app: "Otpost".to_owned() }
    }

    #[test]
    fn every_language_that_codes_have_has_every_sentence() {
        let tags: BTreeSet<String> =
            LANGUAGES.iter().map(|language| language.tag().to_owned()).collect();
        let those_of_codes = built_in().iter().map(ToString::to_string).collect();
        assert_eq!(tags, those_of_codes);
        let english = ids(find("en").expect("English").file());
        assert!(english.len() > 35, "{}", english.len());
        for language in &LANGUAGES {
            let (tag, text) = (language.tag(), language.file());
            let read = FluentResource::try_new(text.to_owned());
            assert!(read.is_ok(), "{tag}: {:?}", read.err().map(|(_, errors)| errors));
            assert_eq!(ids(text), english, "{tag}");
        }
    }

    #[test]
    fn what_a_sentence_names_is_said() {
        for tag in LANGUAGES.iter().map(Sentences::tag) {
            let words = words(tag);
            for (id, name) in [
                ("sent-sms", "to"),
                ("sent-voice", "to"),
                ("sent-whatsapp", "to"),
                ("sent-email", "to"),
                ("again-in", "time"),
                ("too-often", "time"),
            ] {
                let said = words.say_with(id, name, "VALUE");
                assert_eq!(said.matches("VALUE").count(), 1, "{tag} {id}: {said}");
            }
            for id in ["intro", "leave", "over"] {
                assert_eq!(words.say(id).matches("Otpost").count(), 1, "{tag} {id}");
            }
            for left in [1, 2, 3, 4, 5, 9] {
                let said = words.say_with("wrong-code", "left", left);
                assert!(left <= 2 || said.contains(&left.to_string()), "{tag}: {said}");
                assert!(!said.contains(['{', '}', '$']), "{tag}: {said}");
            }
            for id in ids(LANGUAGES[0].file()) {
                let said = words.say_with(id, "to", "x");
                assert!(!said.is_empty() && !said.contains(".."), "{tag} {id}: {said}");
            }
        }
    }

    #[test]
    fn those_who_read_from_the_right_do() {
        let tags = LANGUAGES.iter().map(Sentences::tag);
        let from_the_right: Vec<&str> =
            tags.filter(|tag| words(tag).direction() == "rtl").collect();
        assert_eq!(from_the_right, ["ar", "fa", "he"]);
    }

    #[test]
    fn spans_read_as_on_a_clock() {
        assert_eq!([clock(7), clock(61), clock(3_725)], ["0:07", "1:01", "1:02:05"]);
    }
}
