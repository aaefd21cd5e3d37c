//! What a request brought: one JSON object, or a form.

use std::str::Utf8Error;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
};
use serde_json::{Map, Value};

use super::{answer::Answer, json_mistake, multipart};
use crate::{MAX_BODY_BYTES, body};

/// The kinds of body that are taken.
pub(super) const KINDS: [&str; 3] = [JSON, FORM, MULTIPART];
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Reads the body. An empty one brings nothing, whatever it calls itself.
pub(super) async fn read(request: Request) -> Result<Map<String, Value>, Answer> {
    let kind = content_type(request.headers());
    let bytes = body::read(request, MAX_BODY_BYTES).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        JSON => json(&bytes),
        FORM => Ok(form(&bytes)),
        MULTIPART => multipart(&bytes, &kind),
        _ => Err(Answer::media_type(&kind)),
    }
}

/// As the header has it, byte by byte: it need not be ASCII, and is repeated when it is refused.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    value.iter().map(|byte| char::from(*byte)).collect()
}

fn json(bytes: &[u8]) -> Result<Map<String, Value>, Answer> {
    let wrong = |said: String| Answer::unreadable(format!("JSON parse error - {said}"));
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(not_utf8(bytes, error)))?;
    match serde_json::from_str::<Value>(text)
        .map_err(|error| wrong(json_mistake::said(text, &error)))?
    {
        Value::Object(fields) => Ok(fields),
        Value::Null => Err(Answer::refused("No data provided")),
        other => {
            let kind = name_of_kind(&other);
            let said = format!("Invalid data. Expected a dictionary, but got {kind}.");
            Err(Answer::refused(said))
        }
    }
}

/// As Python names it.
fn name_of_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Which byte is in the way, and why.
fn not_utf8(bytes: &[u8], error: Utf8Error) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    let reason = match (error.error_len(), byte) {
        (None, _) => "unexpected end of data",
        (_, 0x80..=0xc1 | 0xf5..=0xff) => "invalid start byte",
        _ => "invalid continuation byte",
    };
    format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: {reason}")
}

/// Of several fields with one name the last counts.
fn form(bytes: &[u8]) -> Map<String, Value> {
    let pairs = form_urlencoded::parse(bytes);
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

fn multipart(bytes: &[u8], kind: &str) -> Result<Map<String, Value>, Answer> {
    let boundary = multipart::parameter(kind, "boundary").filter(|text| !text.is_empty());
    match boundary {
        Some(boundary) => Ok(multipart::fields(bytes, &boundary)),
        None => Err(Answer::unreadable(
            "Multipart form parse error - Invalid boundary in multipart: None",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_is_said_by_its_place() {
        let said = |bytes: &[u8]| {
            let error = std::str::from_utf8(bytes).expect_err("not UTF-8");
            not_utf8(bytes, error)
        };
        let start = "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte";
        assert_eq!(said(b"{\"\xff"), start);
        let inside =
            "'utf-8' codec can't decode byte 0xc3 in position 1: invalid continuation byte";
        assert_eq!(said(b"a\xc3("), inside);
    }

    #[test]
    fn the_last_of_several_fields_counts() {
        let read = form(b"a=1&b=%2B2&a=3");
        assert_eq!(read["a"], "3");
        assert_eq!(read["b"], "+2");
    }
}
