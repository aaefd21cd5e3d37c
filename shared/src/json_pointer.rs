//! A place in a JSON text (RFC 6901), and the short text that stands there.

use serde_json::Value;

/// Names a place inside a JSON text.
#[derive(Clone, Debug)]
pub struct Pointer(String);

impl Pointer {
    /// None when the text does not begin with a slash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.starts_with('/').then(|| Self(text.to_owned()))
    }

    /// What stands at the place.
    #[must_use]
    pub fn value_in<'a>(&self, json: &'a Value) -> Option<&'a Value> {
        json.pointer(&self.0)
    }

    /// Texts and numbers as they are read by people; nothing for what has no short text.
    #[must_use]
    pub fn text_in(&self, json: &Value) -> Option<String> {
        match self.value_in(json)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts() {
        let json = serde_json::json!({"a": [{"b/c": "x"}, 7, true, null, {}], "": "e"});
        for (place, text) in [
            ("/a/0/b~1c", Some("x")),
            ("/a/1", Some("7")),
            ("/a/2", Some("true")),
            ("/a/3", None),
            ("/a/4", None),
            ("/a", None),
            ("/a/9", None),
            ("/", Some("e")),
        ] {
            let found = Pointer::parse(place).and_then(|pointer| pointer.text_in(&json));
            assert_eq!(found.as_deref(), text, "{place}");
        }
        assert!(Pointer::parse("a").is_none() && Pointer::parse("").is_none());
    }
}
