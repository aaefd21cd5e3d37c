//! What a request brought: parameters of a form, or of an address.

use std::{collections::BTreeMap, ops::RangeInclusive};

use axum::{extract::Request, http::HeaderMap};
use serde_json::{Map, Value};

use super::fault::Fault;
use crate::{MAX_BODY_BYTES, body};

const KIND: &str = "application/x-www-form-urlencoded";

/// Parameters by name. Unknown ones are not looked at: newer libraries send more.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body; one without anything need not say what it is.
    pub(super) async fn read(request: Request) -> Result<Self, Fault> {
        let is_form = is_form(request.headers());
        let bytes = body::read(request, MAX_BODY_BYTES).await?;
        if !is_form && !bytes.is_empty() {
            return Err(Fault::not_a_form());
        }
        Ok(Self::parse(&bytes))
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Of several with one name the last counts; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name).ok_or_else(|| Fault::parameter(name, "it is missing"))
    }

    /// A text of at most so many characters, in one line.
    pub(super) fn line(&self, name: &str, most: usize) -> Result<Option<&str>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if !is_line(text, most) {
            return Err(Fault::parameter(name, format!("at most {most} characters, in one line")));
        }
        Ok(Some(text))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(Fault::parameter(name, "send true or false")),
        }
    }

    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Fault::parameter(name, format!("send a number from {least} to {most}"))
        })
    }

    /// A JSON object whose members are texts, numbers or truths, as texts.
    pub(super) fn map(&self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        let object = self.object(name)?;
        let pairs = object.into_iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            Value::Number(_) | Value::Bool(_) => Ok((key, value.to_string())),
            _ => Err(Fault::parameter(name, format!("{key:?} is no text"))),
        });
        pairs.collect()
    }

    /// A JSON object; an empty one when it is missing.
    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>, Fault> {
        let Some(text) = self.text(name) else { return Ok(Map::new()) };
        serde_json::from_str(text).map_err(|_| Fault::parameter(name, "send a JSON object"))
    }
}

pub(super) fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

fn is_form(headers: &HeaderMap) -> bool {
    body::is_of_kind(headers, KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_counts_and_what_is_empty_is_missing() {
        let form =
            Form::parse(b"To=%2B1&To=%2B2&Code=&Flag=TRUE&Other=yes&Map={\"a\":1,\"b\":\"c\"}");
        assert_eq!(form.text("To"), Some("+2"));
        assert!(form.text("Code").is_none() && form.required("Code").is_err());
        assert_eq!(form.flag("Flag").expect("a truth"), Some(true));
        assert!(form.flag("Other").is_err() && form.number("Other", 0..=9).is_err());
        let map = form.map("Map").expect("an object");
        assert_eq!(map.into_values().collect::<Vec<_>>(), ["1", "c"]);
        assert!(form.map("Other").is_err() && form.map("None").expect("nothing").is_empty());
    }
}
