//! What a change says of a policy: the keys that differ from what is below, by their names in the
//! configuration.

use serde_json::{Map, Value};

use super::check;
use crate::{
    config::{Config, Purpose, nearest, without_value},
    mistake::Mistake,
};

/// Keys of a purpose that are none of its policy.
const TEXTS: [&str; 4] = ["template", "email_subject", "email_template", "voice_template"];

/// Keys of which it is told at once what is wrong.
const MOST_TOLD: usize = 20;

/// Keys and their values. What they are worth is told by [`merge`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body(Map<String, Value>);

impl From<Map<String, Value>> for Body {
    fn from(keys: Map<String, Value>) -> Self {
        Self(keys)
    }
}

impl From<Body> for Map<String, Value> {
    fn from(body: Body) -> Self {
        body.0
    }
}

impl Body {
    /// All keys of a policy, without its texts.
    pub(super) fn of(purpose: &Purpose) -> Self {
        let mut keys = keys_of(purpose);
        keys.retain(|key, _| !TEXTS.contains(&key.as_str()));
        Self(keys)
    }

    /// Reads what [`Body::to_text`] writes.
    pub(super) fn read(text: &str) -> Result<Self, Mistake> {
        let keys = serde_json::from_str(text);
        keys.map(Self).map_err(|error| Mistake::of("body", format!("is not readable: {error}")))
    }

    pub(super) fn to_text(&self) -> String {
        Value::from(self.0.clone()).to_string()
    }

    /// The names of what it says.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What it says of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    /// Says nothing of this key any more; false when it did not.
    pub fn unset(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn keys_of(purpose: &Purpose) -> Map<String, Value> {
    match serde_json::to_value(purpose) {
        Ok(Value::Object(keys)) => keys,
        // A purpose is a struct of texts, numbers and lists.
        _ => Map::new(),
    }
}

/// Lays a change over what is below, and checks the whole.
///
/// # Errors
/// All that is wrong with its keys, or else all that is wrong with the whole.
pub(crate) fn merge(config: &Config, below: &Purpose, body: &Body) -> Result<Purpose, Mistake> {
    let below = keys_of(below);
    let merged = laid_over(&below, body.0.iter());
    if merged.is_err() || body.keys().any(|key| wrong_name(&below, key).is_some()) {
        // Reading ends at the first mistake: each key by itself, on what is good, finds the others.
        let alone = body.0.iter().filter_map(|one| {
            let read = || laid_over(&below, std::iter::once(one)).err();
            wrong_name(&below, one.0).or_else(read)
        });
        Mistake::together(alone.take(MOST_TOLD).collect())?;
    }
    let merged = merged?;
    check(config, &merged)?;
    Ok(merged)
}

/// Why a policy has no such key.
fn wrong_name(keys: &Map<String, Value>, key: &str) -> Option<Mistake> {
    if TEXTS.contains(&key) {
        let said = "is a text, and no part of the policy; save one with `otpost template set` \
                    or PUT /v1/templates";
        return Some(Mistake::of(key, said));
    }
    if keys.contains_key(key) {
        return None;
    }
    let known = keys.keys().filter(|name| !TEXTS.contains(&name.as_str()));
    let nearest = nearest(key, &known.cloned().collect::<Vec<_>>());
    Some(Mistake::of(key, format!("there is no such key{nearest}")))
}

fn laid_over<'a>(
    below: &Map<String, Value>,
    changes: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<Purpose, Mistake> {
    let mut keys = below.clone();
    keys.extend(changes.map(|(key, value)| (key.clone(), value.clone())));
    serde_path_to_error::deserialize(Value::from(keys)).map_err(|error| {
        let said = without_value(&error.inner().to_string());
        Mistake::of(error.path().to_string(), said)
    })
}
