//! A field's text or number, or what is wrong with it, in the words of Django REST framework.

use otpost_shared::{Home, recipient::Recipient};
use serde_json::{Map, Value};

use super::answer::Answer;

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
const NO_TEXT: &str = "Not a valid string.";
const NO_NUMBER: &str = "Enter a valid phone number.";
const NUL: &str = "Null characters are not allowed.";

/// What an extension begins with, as address books and `tel:` links have it.
const EXTENSIONS: [&str; 6] = [";ext=", "extension", "extn", "ext", "x", "#"];
/// Digits of an extension.
const LONGEST_EXTENSION: usize = 9;

/// What a request brought, and what is wrong with what was read of it so far.
#[derive(Debug)]
pub(super) struct Form {
    given: Map<String, Value>,
    errors: Vec<(&'static str, String)>,
}

impl Form {
    pub(super) fn new(given: Map<String, Value>) -> Self {
        Self { given, errors: Vec::new() }
    }

    /// A number that can be sent to, or one of the test numbers.
    pub(super) fn phone(&mut self, home: &Home) -> Option<Recipient> {
        let name = "phone_number";
        let region = home.config.compat.django.default_region.as_str();
        let region = (!region.is_empty()).then_some(region);
        let read = text(self.given.get(name), NO_NUMBER).and_then(|text| {
            home.parse_recipient(bare_number(&text), region).map_err(|_| NO_NUMBER)
        });
        self.note(name, read)
    }

    /// A text, without the blanks around it.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let read = text(self.given.get(name), NO_TEXT)
            .and_then(|text| if text.contains('\0') { Err(NUL) } else { Ok(text) });
        self.note(name, read)
    }

    fn note<T>(&mut self, name: &'static str, read: Result<T, &'static str>) -> Option<T> {
        read.map_err(|said| self.errors.push((name, said.to_owned()))).ok()
    }

    /// Everything that was wrong.
    pub(super) fn refusal(self) -> Answer {
        Answer::fields(self.errors)
    }
}

/// A value as text; `otherwise` is said of one that is none.
fn text(value: Option<&Value>, otherwise: &'static str) -> Result<String, &'static str> {
    let text = match value {
        None => return Err(REQUIRED),
        Some(Value::Null) => return Err(NULL),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return Err(otherwise),
        Some(Value::String(text)) => trim(text).to_owned(),
        Some(Value::Number(number)) => number.to_string(),
    };
    if text.is_empty() { Err(BLANK) } else { Ok(text) }
}

/// As Python does, which takes four separators for blanks that Unicode does not.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

/// Neither the scheme of a link nor an extension is part of what is sent to.
fn bare_number(text: &str) -> &str {
    let text = match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => text,
    };
    let lower = text.to_ascii_lowercase();
    let begins = EXTENSIONS.iter().filter_map(|mark| {
        let at = lower.rfind(mark)?;
        lower.get(at + mark.len()..).filter(|rest| is_extension(rest)).map(|_| at)
    });
    let end = begins.min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end_matches([' ', '\t', ',', ';', '\u{a0}'])
}

fn is_extension(rest: &str) -> bool {
    let digits = rest.trim_start_matches([' ', '\t', '.', ':', '-', '\u{a0}']);
    let digits = digits.strip_suffix('#').unwrap_or(digits);
    (1..=LONGEST_EXTENSION).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_text_or_says_why_not() {
        for (value, said) in [
            (json!(null), NULL),
            (json!(""), BLANK),
            (json!(" \u{a0}\u{1f}\n"), BLANK),
            (json!([]), NO_TEXT),
            (json!({}), NO_TEXT),
            (json!(true), NO_TEXT),
        ] {
            assert_eq!(text(Some(&value), NO_TEXT), Err(said), "{value}");
        }
        assert_eq!(text(None, NO_TEXT), Err(REQUIRED));
        assert_eq!(text(Some(&json!(" 012 ")), NO_TEXT).as_deref(), Ok("012"));
        assert_eq!(text(Some(&json!(12)), NO_TEXT).as_deref(), Ok("12"));
    }

    #[test]
    fn what_stands_around_a_number_is_taken_off() {
        let number = "+1 (202) 555-0123";
        for around in [
            "tel:+1 (202) 555-0123",
            "TEL:+1 (202) 555-0123;ext=5",
            "+1 (202) 555-0123 ext. 5",
            "+1 (202) 555-0123, extension 12",
            "+1 (202) 555-0123x7",
            "+1 (202) 555-0123 Extn:77#",
            "+1 (202) 555-0123 #9",
            number,
        ] {
            assert_eq!(bare_number(around), number, "{around}");
        }
        assert_eq!(bare_number("tel:"), "");
        for whole in
            ["ext", "x", "t\u{e9}l:1", "+1 x", "extension ext 12345678901", "+1 x1 x 12345678901"]
        {
            assert_eq!(bare_number(whole), whole);
        }
    }
}
