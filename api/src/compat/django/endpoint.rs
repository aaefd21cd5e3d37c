//! Which methods the endpoints take, and what they say of themselves when asked with OPTIONS.

use axum::{extract::Request, http::Method};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{answer::Answer, data};

/// The methods, as the header names them.
pub(super) const ALLOWED: &str = "POST, OPTIONS";

/// One endpoint: its name and its fields, with their labels.
#[derive(Debug)]
pub(super) struct Endpoint {
    name: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

pub(super) const REGISTER: Endpoint =
    Endpoint { name: "Register", fields: &[("phone_number", "Phone number")] };

pub(super) const VERIFY: Endpoint = Endpoint {
    name: "Verify",
    fields: &[
        ("phone_number", "Phone number"),
        ("session_token", "Session token"),
        ("security_code", "Security code"),
    ],
};

impl Endpoint {
    /// What a POST brought, by field; anything else is answered at once.
    pub(super) async fn open(&self, request: Request) -> Result<Map<String, Value>, Answer> {
        match request.method().clone() {
            Method::POST => data::read(request).await,
            Method::OPTIONS => Err(Answer::described(self.about())),
            other => Err(Answer::method(other.as_str())),
        }
    }

    fn about(&self) -> About {
        About {
            name: self.name,
            description: "",
            renders: ["application/json"],
            parses: data::KINDS,
            actions: Actions { post: Fields(self.fields) },
        }
    }
}

/// What an endpoint says of itself.
#[derive(Debug, Serialize)]
pub(super) struct About {
    name: &'static str,
    description: &'static str,
    renders: [&'static str; 1],
    parses: [&'static str; 3],
    actions: Actions,
}

#[derive(Debug, Serialize)]
struct Actions {
    #[serde(rename = "POST")]
    post: Fields,
}

#[derive(Debug)]
struct Fields(&'static [(&'static str, &'static str)]);

#[derive(Debug, Serialize)]
struct Described {
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    read_only: bool,
    label: &'static str,
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let describe =
            |label| Described { kind: "string", required: true, read_only: false, label };
        serializer.collect_map(self.0.iter().map(|(name, label)| (name, describe(*label))))
    }
}
