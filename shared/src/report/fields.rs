//! Names and values of a form, a query or a flat JSON object, in the order in which they came.

use serde_json::{Map, Value};

use super::{Call, NotHeard};

/// The pairs; a name may stand there more than once.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `name=value&…`, percent-decoded.
    pub(crate) fn of_form(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Reads an object whose values are texts, numbers or booleans; others are left out.
    pub(crate) fn of_json(bytes: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let plain = object.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(_) | Value::Bool(_) => Some((name, value.to_string())),
            _ => None,
        });
        Some(Self(plain.collect()))
    }

    /// Reads what comes in the address, as a form or as a JSON object, by the account's settings.
    pub(crate) fn of_call(call: &Call<'_>) -> Result<Self, NotHeard> {
        if call.body.is_empty() {
            return Ok(Self::of_form(call.query().as_bytes()));
        }
        let kind = call.header("content-type").unwrap_or_default();
        if kind.starts_with("application/json") {
            return Self::of_json(call.body).ok_or(NotHeard::Malformed("the body is not JSON"));
        }
        Ok(Self::of_form(call.body))
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sorted by name, then by value.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut pairs: Vec<(&str, &str)> =
            self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.sort_unstable();
        pairs
    }
}
