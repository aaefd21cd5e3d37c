//! Policies as they are read and written.

use std::collections::BTreeMap;

use otpost_shared::{
    clock::rfc3339,
    policy::{Body, Shown, Version},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The keys of a policy, named as in the configuration, where each is explained: for the reference.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyKeys {
    /// Digits of a code, 6 to 10; from 4 if the configuration allows that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 6)]
    code_length: Option<u32>,
    /// How long a code counts, 30 to 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 300)]
    lifetime_secs: Option<u32>,
    /// The same of calls; 0 for `lifetime_secs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_lifetime_secs: Option<u32>,
    /// The same by WhatsApp; 0 for `lifetime_secs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    whatsapp_lifetime_secs: Option<u32>,
    /// The same by e-mail, 60 to 86400.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_lifetime_secs: Option<u32>,
    /// Guesses per verification, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    guesses: Option<u32>,
    /// How long a person waits before asking for the code again.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_after_secs: Option<u32>,
    /// `same` digits, or `rotate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "same")]
    resend: Option<String>,
    /// How often one verification is sent again at most: count/window; empty for as often as the limits allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "5/10m")]
    resends: Option<String>,
    /// Whether the right code counts again until it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    reusable: Option<bool>,
    /// Whether a request may bring a code of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_codes: Option<bool>,
    /// What follows to the same address where a request does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Vec<PolicyStep>>,
    /// Countries that numbers may be of, among those of the configuration; empty for all of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    countries: Option<Vec<String>>,
    /// The host of the page that codes by SMS are for, for a last line that browsers read; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "login.example.org")]
    sms_web_host: Option<String>,
    /// The eleven characters that name the Android app that codes by SMS are for; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_app_hash: Option<String>,
}

/// A step that follows to the same address.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyStep {
    /// `sms`, `email`, `voice` or `whatsapp`.
    #[schema(example = "voice")]
    channel: String,
    /// Seconds after the step before, at least 10.
    #[schema(example = 60)]
    after_secs: u32,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePolicy {
    /// All that is to differ from what is below. A key that is left out is as it is below.
    #[schema(value_type = PolicyKeys)]
    pub(super) changes: Map<String, Value>,
    /// The version that you looked at, 0 if there was none: `409` when another change came between.
    pub(super) version: Option<i32>,
}

/// What is to differ, as it came: the policy's own rules tell all that is wrong with it. `null` is left out.
pub(super) fn body_of(mut changes: Map<String, Value>) -> Body {
    changes.retain(|_, value| !value.is_null());
    changes.into()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyView {
    purpose: String,
    /// All keys, as they count.
    #[schema(value_type = PolicyKeys)]
    policy: Map<String, Value>,
    /// The uppermost that says something: `configuration`, `everyone` (changed for all tenants) or `tenant`.
    source: &'static str,
    /// Of each key that does not come from the configuration.
    sources: BTreeMap<String, String>,
    /// Of your own changes; 0 if there were none.
    version: i32,
    /// What your own last change says; left out if there is none, or it took everything back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyKeys>)]
    changes: Option<Map<String, Value>>,
    /// The API key's id, or `cli`.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    /// Changes that no longer fit the configuration and therefore do not count, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passed_over: Vec<String>,
}

impl From<Shown> for PolicyView {
    fn from(shown: Shown) -> Self {
        let sources = shown.sources.iter();
        let passed_over = shown.troubles.iter();
        Self {
            source: shown.source().as_str(),
            sources: sources.map(|(key, from)| (key.clone(), from.as_str().to_owned())).collect(),
            version: shown.version(),
            changes: shown.own.as_ref().and_then(said),
            changed_by: shown.own.as_ref().map(|own| own.changed_by.clone()),
            changed_at: shown.own.as_ref().map(|own| rfc3339(own.changed_at)),
            passed_over: passed_over
                .map(|(layer, mistake)| format!("{}: {mistake}", layer.as_str()))
                .collect(),
            purpose: shown.purpose,
            policy: shown.policy.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedPolicies {
    pub(super) policies: Vec<PolicyView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyVersion {
    version: i32,
    /// What it said; left out of one that took everything back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyKeys>)]
    changes: Option<Map<String, Value>>,
    /// The API key's id, or `cli`.
    changed_by: String,
    changed_at: String,
}

impl From<Version> for PolicyVersion {
    fn from(version: Version) -> Self {
        Self {
            version: version.version,
            changes: said(&version),
            changed_by: version.changed_by,
            changed_at: rfc3339(version.changed_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedVersions {
    /// The newest first.
    pub(super) versions: Vec<PolicyVersion>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<i32>,
}

fn said(version: &Version) -> Option<Map<String, Value>> {
    version.body().ok().flatten().map(Map::from)
}
