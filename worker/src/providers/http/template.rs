//! Texts with placeholders, and how a value is escaped for the place it is put into.

use otpost_shared::config::ConfigError;

use crate::providers::{mistake, spelling::unknown_word};

/// What may stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    To,
    ToDigits,
    Text,
    Title,
    Html,
    Code,
    Language,
    From,
    MessageId,
    ValiditySecs,
    ReportUrl,
    ReportReference,
}

const NAMES: [(&str, Slot); 12] = [
    ("to", Slot::To),
    ("to_digits", Slot::ToDigits),
    ("text", Slot::Text),
    ("title", Slot::Title),
    ("html", Slot::Html),
    ("code", Slot::Code),
    ("language", Slot::Language),
    ("from", Slot::From),
    ("message_id", Slot::MessageId),
    ("validity_secs", Slot::ValiditySecs),
    ("report_url", Slot::ReportUrl),
    ("report_reference", Slot::ReportReference),
];

/// The values of one message.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) to: &'a str,
    pub(super) to_digits: &'a str,
    pub(super) text: &'a str,
    pub(super) title: &'a str,
    pub(super) html: &'a str,
    pub(super) code: &'a str,
    pub(super) language: &'a str,
    pub(super) from: &'a str,
    pub(super) message_id: &'a str,
    pub(super) validity_secs: &'a str,
    pub(super) report_url: &'a str,
    pub(super) report_reference: &'a str,
}

impl Values<'static> {
    /// Plausible values, with which a template is tried out when the process starts.
    pub(super) fn sample() -> Self {
        Values {
            to: "+15551234567",
            to_digits: "15551234567",
            text: "Your \"code\":\n1 & 2 < 3",
            title: "Your \"code\"",
            html: "<p lang=\"en\">1 &amp; 2 &lt; 3</p>",
            code: "012345",
            language: "en-GB",
            from: "Otpost",
            message_id: "0190a1b2-0000-7000-8000-000000000000",
            validity_secs: "300",
            report_url: "https://codes.example/v1/inbound/gateway/reports?of=AZChsgAAcACAAAAAAAAAAAAB",
            report_reference: "AZChsgAAcACAAAAAAAAAAAAB",
        }
    }
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> &str {
        match slot {
            Slot::To => self.to,
            Slot::ToDigits => self.to_digits,
            Slot::Text => self.text,
            Slot::Title => self.title,
            Slot::Html => self.html,
            Slot::Code => self.code,
            Slot::Language => self.language,
            Slot::From => self.from,
            Slot::MessageId => self.message_id,
            Slot::ValiditySecs => self.validity_secs,
            Slot::ReportUrl => self.report_url,
            Slot::ReportReference => self.report_reference,
        }
    }
}

/// How values are written; the template's own words stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    /// Percent-encoding, good for paths, queries and forms alike.
    Url,
    /// The inside of a JSON string.
    Json,
    /// Text or attribute of XML.
    Xml,
}

enum Piece {
    Words(String),
    Slot(Slot),
}

/// A parsed template.
pub(super) struct Template(Vec<Piece>);

impl Template {
    /// Reads `{name}` as a placeholder wherever a word of lower-case letters and underscores
    /// stands alone in braces; all other braces, as JSON has them, are words.
    pub(super) fn parse(name: &str, key: &str, text: &str) -> Result<Self, ConfigError> {
        let mut pieces = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            words.push_str(before);
            if let Some((word, after)) = placeholder(braced) {
                let slot = slot(word).ok_or_else(|| unknown_slot(name, key, word))?;
                pieces.push(Piece::Words(std::mem::take(&mut words)));
                pieces.push(Piece::Slot(slot));
                rest = after;
            } else {
                words.push('{');
                rest = &braced[1..];
            }
        }
        words.push_str(rest);
        pieces.push(Piece::Words(words));
        Ok(Self(pieces))
    }

    pub(super) fn uses(&self, wanted: Slot) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Slot(slot) if *slot == wanted))
    }

    /// The words before the first placeholder.
    pub(super) fn opening(&self) -> &str {
        match self.0.first() {
            Some(Piece::Words(words)) => words,
            _ => "",
        }
    }

    pub(super) fn fill(&self, escape: Escape, values: &Values<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => filled.push_str(words),
                Piece::Slot(slot) => escape.write(values.get(*slot), &mut filled),
            }
        }
        filled
    }
}

/// Splits `{word}rest` into the word and the rest.
fn placeholder(braced: &str) -> Option<(&str, &str)> {
    let (word, after) = braced.strip_prefix('{')?.split_once('}')?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!word.is_empty() && word.bytes().all(is_word)).then_some((word, after))
}

fn slot(word: &str) -> Option<Slot> {
    NAMES.iter().find(|(known, _)| *known == word).map(|(_, slot)| *slot)
}

fn unknown_slot(name: &str, key: &str, word: &str) -> ConfigError {
    let known = NAMES.map(|(known, _)| known);
    let sentence = unknown_word("placeholder", word, &known);
    mistake(name, key, sentence)
}

impl Escape {
    fn write(self, value: &str, into: &mut String) {
        match self {
            Self::None => into.push_str(value),
            Self::Url => percent_encode(value, into),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                into.push_str(&quoted[1..quoted.len() - 1]);
            }
            Self::Xml => xml_escape(value, into),
        }
    }
}

/// Keeps the unreserved characters of RFC 3986, 2.3.
fn percent_encode(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Leaves out what XML 1.0 cannot hold at all.
fn xml_escape(value: &str, into: &mut String) {
    for character in value.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&apos;"),
            '\t' | '\n' | '\r' => into.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => into.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Escape, Slot, Template, Values};

    fn filled(template: &str, escape: Escape, text: &str) -> String {
        let values = Values { text, ..Values::sample() };
        Template::parse("sms", "body", template).unwrap().fill(escape, &values)
    }

    #[test]
    fn escapes() {
        let text = "a\"\\\n&<é 👍+{to}";
        assert_eq!(filled("<{text}>", Escape::None, text), format!("<{text}>"));
        assert_eq!(
            filled("?t={text}&x", Escape::Url, text),
            "?t=a%22%5C%0A%26%3C%C3%A9%20%F0%9F%91%8D%2B%7Bto%7D&x"
        );
        let json: serde_json::Value =
            serde_json::from_str(&filled(r#"{"t":"{text}"}"#, Escape::Json, text)).unwrap();
        assert_eq!(json["t"], text);
        assert_eq!(
            filled("<t a='{text}'/>", Escape::Xml, "a'\"&<>\u{1}\u{b}\n"),
            "<t a='a&apos;&quot;&amp;&lt;&gt;\n'/>"
        );
    }

    #[test]
    fn every_placeholder_is_filled() {
        let all = "{to} {to_digits} {code} {language} {from} {message_id} {validity_secs} \
            {report_reference}";
        assert_eq!(
            filled(all, Escape::None, ""),
            "+15551234567 15551234567 012345 en-GB Otpost 0190a1b2-0000-7000-8000-000000000000 \
             300 AZChsgAAcACAAAAAAAAAAAAB"
        );
        assert_eq!(
            filled("&dlr={report_url}%26s%3D%25d", Escape::Url, ""),
            "&dlr=https%3A%2F%2Fcodes.example%2Fv1%2Finbound%2Fgateway%2Freports%3Fof%3D\
             AZChsgAAcACAAAAAAAAAAAAB%26s%3D%25d"
        );
    }

    #[test]
    fn a_code_and_its_language_are_escaped_like_any_value() {
        let values = Values { code: "00&1", language: "a\"b", ..Values::sample() };
        let template = Template::parse("sms", "body", "{code}/{language}").unwrap();
        for (escape, filled) in [
            (Escape::None, "00&1/a\"b"),
            (Escape::Url, "00%261/a%22b"),
            (Escape::Json, "00&1/a\\\"b"),
            (Escape::Xml, "00&amp;1/a&quot;b"),
        ] {
            assert_eq!(template.fill(escape, &values), filled, "{escape:?}");
        }
    }

    #[test]
    fn other_braces_are_words() {
        for text in ["{}", "{\"a\":{}}", "{ to }", "{to", "}{", "{{", "{To}"] {
            assert_eq!(filled(text, Escape::None, ""), text);
        }
        assert_eq!(filled("{{to_digits}}", Escape::None, ""), "{15551234567}");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        let error = Template::parse("sms", "body", "{message_ids}").err();
        let sentence = error.unwrap().to_string();
        assert!(sentence.contains("did you mean \"message_id\"?"), "{sentence}");
    }

    #[test]
    fn knows_its_placeholders() {
        let template = Template::parse("sms", "url", "http://h/{to}").unwrap();
        assert!(template.uses(Slot::To) && !template.uses(Slot::Text));
        assert_eq!(template.opening(), "http://h/");
    }
}
